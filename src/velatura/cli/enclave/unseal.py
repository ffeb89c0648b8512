"""`velatura enclave unseal`: a data set by its owner's key, or a sealed output of a job by its recipient's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from velatura.cli.enclave.app import app
from velatura.cli.options import Force, Json, Quiet

__all__ = ["unseal"]

EXAMPLE = "Example: velatura enclave unseal run/model.sealed --identity me.key -o model.npz"


@app.command("unseal", epilog=EXAMPLE)
def unseal(
    sealed: Annotated[Path, typer.Argument(metavar="FILE", help="of `velatura enclave seal`, or NAME.sealed of `velatura enclave run`")],
    out: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="a file; for a data set of several files a new folder")],
    key: Annotated[Path | None, typer.Option(metavar="KEY", help="of a data set, as `enclave seal` wrote it  [default: FILE.key]")] = None,
    identity: Annotated[Path | None, typer.Option(metavar="KEY", help="the recipient's, of a sealed output")] = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Open what was sealed: your own data set, or a job's output that is for you. Whole or not at all."""
    from velatura.cli.output import emit as told
    from velatura.cli.progress import progress
    from velatura.files import refuse_same

    refuse_same(sealed, out)
    if _is_output(sealed):
        result = _output(sealed, identity, out, force=force)
        text = f"{out}: {result['bytes']} bytes, output {result['name']!r} of the job {str(result['job'])[:16]}..."
    else:
        result = _dataset(sealed, key or sealed.with_name(sealed.name + ".key"), out, progress(quiet=quiet), force=force)
        text = f"{out}: {result['bytes']} bytes"
    told("enclave unseal", result, json=json, text=text)


def _is_output(path: Path) -> bool:
    from velatura.enclave.sealing import is_sealed_output
    from velatura.errors import BadInput
    from velatura.files import open_regular

    try:
        with open_regular(path) as stream:
            return is_sealed_output(stream.read(64))
    except OSError as error:
        raise BadInput("enclave.data", f"{path}: cannot be read: {error.strerror or error}", hint="look at the name") from error


def _output(path: Path, identity: Path | None, out: Path, *, force: bool) -> dict[str, object]:
    from velatura.crypto.keyfile import load_identity
    from velatura.enclave.sealing import open_output
    from velatura.errors import BadSpec
    from velatura.files import private_output

    if identity is None:
        raise BadSpec("enclave.no-key", f"{path}: is a job's sealed output", hint="--identity KEY: that of the recipient in the job's file")
    head, content = open_output(path.read_bytes(), load_identity(identity))
    with private_output(out, force=force) as part:
        part.write_bytes(content)
    return {"file": str(out), "name": head.name, "job": head.job, "bytes": len(content)}


def _dataset(path: Path, key: Path, out: Path, progress: object, *, force: bool) -> dict[str, object]:
    from velatura.enclave.dataset_key import load_dataset_key
    from velatura.enclave.datasets import header_of
    from velatura.enclave.datasets import unseal as go
    from velatura.errors import BadSpec
    from velatura.files import open_regular, private_folder, private_output
    from velatura.progress import Progress

    bar: Progress = progress  # type: ignore[assignment]
    with open_regular(path) as stream:
        archive = header_of(stream).archive
        stream.seek(0)
        held = load_dataset_key(key)
        if not archive:
            with private_output(out, force=force) as part:
                size = go(stream, part, held.terms, held.key, progress=bar)
        elif out.exists():
            raise BadSpec("files.exists", f"{out}: is already there", hint="a data set of several files goes into a new folder")
        else:
            with private_folder(out.parent) as folder:
                size = go(stream, folder / "data", held.terms, held.key, progress=bar)
                (folder / "data").rename(out)
    return {"file": str(out), "dataset": held.dataset, "bytes": size}
