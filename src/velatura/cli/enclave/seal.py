"""`velatura enclave seal`: data for one purpose, a number of uses and a set of outputs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from velatura.cli.enclave.app import app
from velatura.cli.options import Force, Json, Quiet

if TYPE_CHECKING:
    from velatura.enclave.dataset_key import DatasetKey, TpmIndex

__all__ = ["seal"]

EXAMPLE = 'Example: velatura enclave seal digits.npz -o digits.sealed --policy p.toml --purpose "train a classifier" --uses 3 --outputs metrics,model'


@app.command("seal", epilog=EXAMPLE)
def seal(
    out: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="the sealed data set, which anyone may have; with --state the key")],
    policy: Annotated[Path, typer.Option(metavar="P.toml", help="what an enclave's evidence must meet before it gets the key")],
    purpose: Annotated[str, typer.Option(metavar="WORDS", help="a job must ask for the data with the same words")],
    outputs: Annotated[str, typer.Option(metavar="NAMES", help="what a job may put out: NAME, NAME:TYPE, NAME:TYPE:sealed, state:ID, by commas")],
    data: Annotated[
        list[Path] | None, typer.Argument(metavar="DATA...", help="a file; or several and folders, which a job finds by their names")
    ] = None,
    state: Annotated[bool, typer.Option("--state", help="no data: make a key for what a job keeps from run to run ([state] in its file)")] = False,
    counter: Annotated[str, typer.Option(metavar="file|tpm:INDEX", help="what counts a state: a file, or a TPM's index from 0x01800000")] = "file",
    uses: Annotated[int, typer.Option(min=1, metavar="N", help="how often the key is given to a job, at most")] = 1,
    recipient: Annotated[str | None, typer.Option(metavar="KEY.pub", help="whom sealed outputs must be for")] = None,
    code: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="code or network that may have the data; may be repeated  [default: any]")
    ] = None,
    key: Annotated[Path | None, typer.Option(metavar="KEY", help="where the key goes (0600); who has it has the data  [default: FILE.key]")] = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Seal data: encrypted in pieces, its key bound to policy, purpose, uses and outputs. The key stays with you, and so does the count of uses."""
    import os

    from velatura.cli.options import words
    from velatura.cli.output import emit as told
    from velatura.cli.progress import progress
    from velatura.crypto.keyfile import load_recipient
    from velatura.crypto.keytext import encode
    from velatura.enclave.dataset_key import DatasetKey, new_key, save_dataset_key, uses_beside, with_whole_paths
    from velatura.enclave.datasets import Terms, identity
    from velatura.enclave.datasets import seal as go
    from velatura.enclave.policy import load_policy
    from velatura.errors import BadSpec
    from velatura.files import atomic_output, refuse_same

    asked = with_whole_paths(load_policy(policy), policy.parent)
    terms = Terms(
        policy=asked.digest,
        purpose=purpose,
        uses=uses,
        outputs=tuple(words(outputs)),
        recipient=None if recipient is None else encode(load_recipient(recipient)),
        code=tuple(_digest(path) for path in code or []),
    )
    if state == bool(data):
        raise BadSpec("enclave.data", "there is nothing to seal" if not state else "--state makes a key, and seals no data", hint="DATA or --state")
    if state:
        terms.check()
        made = DatasetKey(os.urandom(32).hex(), new_key(os.urandom), terms, asked, uses_beside(out), True, _tpm(counter, out))
        return _state_key(out, made, json=json)
    for source in data or []:
        refuse_same(source, out)
    path, secret = key or out.with_name(out.name + ".key"), new_key(os.urandom)
    with atomic_output(out, force=force) as part:
        with part.open("wb") as sink:
            go(data or [], sink, terms, secret, entropy=os.urandom, progress=progress(quiet=quiet))
        with part.open("rb") as stream:
            dataset = identity(stream)
        save_dataset_key(DatasetKey(dataset, secret, terms, asked, uses_beside(path)), path)
    size = out.stat().st_size
    result = {"file": str(out), "key": str(path), "uses": str(uses_beside(path)), "dataset": dataset, "bytes": size, "policy": asked.digest}
    text = f"{out}: {size / 1e6:.1f} MB, for {uses} use{'s' if uses > 1 else ''} to {purpose!r}; outputs {', '.join(terms.outputs)}\n"
    text += f"{path}: its key, yours alone, with the policy {asked.digest[:16]}...; {uses_beside(path)} counts the uses: keep both"
    warnings = [] if code else ["any code with these outputs may have the data: --code FILE names the one that you read"]
    told("enclave seal", result, json=json, text=text, warnings=warnings)
    return None


def _tpm(counter: str, out: Path) -> TpmIndex | None:
    """A counter of this machine's TPM, made here; nothing is asked of it before the key's file can be written."""
    from velatura.enclave.dataset_key import TpmIndex
    from velatura.enclave.tpm_counter import define_counter, device
    from velatura.errors import BadSpec

    if counter == "file":
        return None
    kind, _, index = counter.partition(":")
    try:
        number = int(index, 0)
    except ValueError:
        kind, number = "", 0
    if kind != "tpm":
        raise BadSpec("enclave.counter", f"--counter {counter}: there is no such counter", hint="file, or tpm:0x01800000")
    if out.exists():
        raise BadSpec("files.exists", f"{out}: is already there", hint="choose another name")
    return TpmIndex(index=number, base=define_counter(device(), number))


def _state_key(path: Path, made: DatasetKey, *, json: bool) -> None:
    from velatura.cli.output import emit as told
    from velatura.enclave.dataset_key import counter_beside, save_dataset_key

    save_dataset_key(made, path)
    counter = str(counter_beside(made.uses)) if made.tpm is None else f"TPM index {made.tpm.index:#010x}"
    result = {"key": str(path), "id": made.dataset, "uses": str(made.uses), "counter": counter}
    text = f"{path}: the key, yours alone; {made.uses} counts its uses, {counter} its states: keep them\n"
    text += f'[state] in the job\'s file: id = "{made.dataset}"'
    told("enclave seal", result, json=json, text=text)


def _digest(path: Path) -> str:
    import hashlib

    from velatura.errors import BadInput
    from velatura.files import open_regular

    try:
        with open_regular(path) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise BadInput("enclave.data", f"{path}: cannot be read: {error.strerror or error}", hint="look at the name") from error
