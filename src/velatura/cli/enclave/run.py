"""`velatura enclave run`: a job from start to end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from velatura.cli.enclave.app import app
from velatura.cli.options import Json, Quiet

if TYPE_CHECKING:
    from velatura.enclave.exchange import KeyHolder
    from velatura.enclave.job import Job
    from velatura.enclave.policy import Policy
    from velatura.enclave.session import Ran

__all__ = ["run"]

EXAMPLE = "Example: velatura enclave run job.toml --key digits.sealed.key -o run; see examples/enclave/train_digits"


@app.command("run", epilog=EXAMPLE)
def run(
    job: Annotated[Path, typer.Argument(metavar="JOB.toml", help="what is run, on what, and what may leave (docs/how-to/enclave.md)")],
    out: Annotated[Path, typer.Option("--output", "-o", metavar="RUN", help="a new folder: the declared outputs, and run.json")],
    key: Annotated[list[Path] | None, typer.Option(metavar="KEY", help="of a sealed data set; may be repeated")] = None,
    policy: Annotated[Path | None, typer.Option(metavar="P.toml", help="for inputs that are not sealed; a sealed one brings its own")] = None,
    given: Annotated[list[str] | None, typer.Option("--input", metavar="NAME=FILE", help="an input that lies elsewhere than the job says")] = None,
    state: Annotated[
        Path | None, typer.Option(metavar="FILE", help="what the job keeps from run to run, sealed; made where it is not, replaced where it is")
    ] = None,
    broker: Annotated[str | None, typer.Option(metavar="URL", help="who holds keys that --key does not bring (`velatura enclave broker`)")] = None,
    token_file: Annotated[Path | None, typer.Option(metavar="FILE", help="the broker's token (0600)")] = None,
    ca: Annotated[Path | None, typer.Option(metavar="CA.crt", help="who signed the broker's certificate  [default: the system's]")] = None,
    backend: Annotated[str, typer.Option(metavar="NAME", help="where it runs; auto: the strongest that works here")] = "auto",
    allow_degraded: Annotated[
        list[str] | None, typer.Option(metavar="LAYER", help="run without a layer; the evidence says so; may be repeated")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run a job where its operator cannot look: verify the enclave, encrypt to its attested key, run, let out what is declared. All or nothing."""
    from velatura.cli.output import emit as told
    from velatura.cli.progress import progress
    from velatura.enclave.backends.doctor import swap, swap_warning
    from velatura.enclave.counters import FILE_ALONE, NOT_DETECTED
    from velatura.enclave.job import load_job
    from velatura.enclave.run_record import RECORD
    from velatura.errors import BadSpec
    from velatura.files import atomic_output, private_folder

    if out.exists() or out.is_symlink():
        raise BadSpec("files.exists", f"{out}: is already there", hint="choose another name: a run is kept as it was")
    if not out.parent.is_dir():
        raise BadSpec("files.no-folder", f"{out.parent}: there is no such folder", hint="make it first, or choose another output")
    loaded = load_job(job, places=_places(given or []))
    remote = _remote(broker, token_file, ca)
    bar = progress(quiet=quiet)
    with private_folder(out.parent) as folder:
        ran, name, by_file = _run(
            loaded, folder, key or [], _policy(policy, loaded, job), state, remote, backend, frozenset(allow_degraded or []), bar
        )
        record = _write(loaded, ran, name, folder / "run", by_file=by_file)
        if state is not None and ran.state is not None:
            with atomic_output(state, force=True) as part:
                part.write_bytes(ran.state)
        (folder / "run").rename(out)
    rollback = [NOT_DETECTED] if ran.counted is None else [FILE_ALONE] if by_file else []
    warnings = [*(rollback if state is not None else []), *swap_warning(swap())]
    told("enclave run", {"folder": str(out), **record}, json=json, text=_text(out, record, RECORD), warnings=warnings)


def _run(
    job: Job,
    folder: Path,
    keys: list[Path],
    policy: Policy | None,
    state: Path | None,
    remote: KeyHolder | None,
    backend: str,
    degraded: frozenset[str],
    progress: object,
) -> tuple[Ran, str, bool]:
    """What ran, by which backend, and whether a file here counts its states."""
    import os
    import time
    from contextlib import ExitStack
    from datetime import UTC, datetime

    from velatura.enclave.backends.choice import backend as chosen
    from velatura.enclave.challenges import Challenges
    from velatura.enclave.counters import SigningCounters
    from velatura.enclave.dataset_key import load_dataset_key
    from velatura.enclave.holder import Holder
    from velatura.enclave.run_sources import counters_beside, one_run, sources_of, state_source
    from velatura.enclave.session import run_job
    from velatura.enclave.tpm_counter import device
    from velatura.progress import Progress

    bar: Progress = progress  # type: ignore[assignment]
    held, readable = one_run(job, policy, folder, entropy=os.urandom) if policy is not None else ([], {})
    held += [load_dataset_key(path) for path in keys]
    with ExitStack() as stack:
        counters = stack.enter_context(counters_beside(held, tpm=device(), entropy=os.urandom))
        here = Holder(held, Challenges(os.urandom, time.monotonic), now=lambda: datetime.now(UTC), counters=counters)
        known = list(here.datasets)
        sources = sources_of(job, here, known, readable, {"": remote} if remote is not None else {})
        kept = state_source(job, state, here, known, remote) if state is not None else None
        place = chosen(backend, allow_degraded=degraded)
        ran = run_job(job, place, sources, state=kept, allow_degraded=degraded, progress=bar)
        return ran, place.name, isinstance(counters, SigningCounters)


def _write(job: Job, ran: Ran, backend: str, folder: Path, *, by_file: bool) -> dict[str, object]:
    from datetime import UTC, datetime

    from velatura.enclave.run_record import record, write_run

    folder.mkdir(mode=0o755)
    told = record(job, ran, backend=backend, by_file=by_file, at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    write_run(job, ran, told, folder)
    return told


def _policy(path: Path | None, job: Job, where: Path) -> Policy | None:
    """For readable inputs; nothing is believed without one."""
    from velatura.enclave.dataset_key import with_whole_paths
    from velatura.enclave.policy import load_policy
    from velatura.errors import BadSpec

    readable = [name for name, one in job.inputs.items() if not one.sealed]
    if path is None and readable:
        hint = "--policy P.toml; make one: velatura enclave evidence -o e.json, then velatura enclave policy e.json -o P.toml"
        raise BadSpec("enclave.no-policy", f"{where}: the input {readable[0]!r} is not sealed, and no policy says who may have it", hint=hint)
    if path is None or not readable:
        return None
    return with_whole_paths(load_policy(path), path.parent)


def _places(given: list[str]) -> dict[str, Path]:
    from velatura.errors import BadSpec

    found: dict[str, Path] = {}
    for word in given:
        name, equals, path = word.partition("=")
        if not equals or not path or name in found:
            raise BadSpec("enclave.job", f"--input {word}: is no NAME=FILE, or is given twice")
        found[name] = Path(path)
    return found


def _remote(url: str | None, token_file: Path | None, ca: Path | None) -> KeyHolder | None:
    from velatura.crypto.token_file import load_token
    from velatura.enclave.broker_client import RemoteBroker
    from velatura.errors import BadSpec

    if url is None:
        return None
    if token_file is None:
        raise BadSpec("enclave.no-token", "a broker wants its token", hint="--token-file FILE")
    return RemoteBroker(url, token=load_token(token_file), ca=ca)


def _text(out: Path, record: dict[str, object], name: str) -> str:
    inputs: dict[str, dict[str, object]] = record["inputs"]  # type: ignore[assignment]
    outputs: dict[str, dict[str, object]] = record["outputs"]  # type: ignore[assignment]
    lines = [f"{out}: ran by {record['backend']}, assurance {record['assurance']}; {name} says all"]
    lines += [f"  in   {key}: {one['verdict']}; use {one['use']} to {one['purpose']!r}" for key, one in inputs.items()]
    lines += [f"  out  {one['file']}: {one['type']}, {one['leave']}, {one['bytes']} bytes{_private(one)}" for one in outputs.values()]
    return "\n".join([*lines, str(record["limits"])])


def _private(output: dict[str, object]) -> str:
    privacy = output.get("privacy")
    if isinstance(privacy, dict):
        return f", epsilon {privacy['epsilon']:.3g} at delta {privacy['delta']:g}"
    return ", without differential privacy" if output["type"] == "model" and output["leave"] == "released" else ""
