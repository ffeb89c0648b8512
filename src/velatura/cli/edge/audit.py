"""`velatura edge audit`: a stranger's look at the events."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from velatura.cli.edge.app import EPILOG, app
from velatura.cli.options import Json

if TYPE_CHECKING:
    from velatura.crypto.keys import Verifier
    from velatura.edge.chain_audit import Audited

__all__ = ["audit"]

UNPINNED = "the signer's key is the one that the file itself names: order and bounds are proven, not the sender"


@app.command("audit", epilog=EPILOG)
def audit(
    file: Annotated[
        Path, typer.Argument(metavar="FILE|FOLDER", help="events.jsonl, a capture of a broker's payloads, an outbox.sqlite, or a folder of .jsonl")
    ],
    verifier: Annotated[str, typer.Option(metavar="KEY.pub", help="whose events they must be  [default: whoever the first event names]")] = "",
    policy: Annotated[Path | None, typer.Option(metavar="POLICY.toml", help="the policy that every event must be made under")] = None,
    at_least: Annotated[str, typer.Option(metavar="SEQ:SHA256", help="an event seen before, which must still be in it")] = "",
    after: Annotated[str, typer.Option(metavar="SEQ:SHA256", help="the event before its first one, of a file that continues another one")] = "",
    json: Json = False,
) -> int:
    """Recompute chain, signatures, schema, ticks and bits per hour; anything that does not hold ends with exit status 3 and the line."""
    from velatura.cli.output import emit as told
    from velatura.crypto.keyfile import load_verifier
    from velatura.edge.chain_audit import audit as recompute
    from velatura.edge.policy import digest, load_policy
    from velatura.errors import BadSpec
    from velatura.files import is_folder

    wanted = [digest(camera) for camera in load_policy(policy).cameras] if policy is not None else None
    key, seen, before = load_verifier(verifier) if verifier else None, _seen(at_least, "--at-least"), _seen(after, "--after")
    if not is_folder(file):
        found = recompute(file, verifier=key, policy=wanted, at_least=seen, after=before)
        warnings = [*_changed(found), *([] if found.pinned else [UNPINNED])]
        told("edge audit", found, json=json, text=_audited(found), warnings=warnings)
        return 0
    if seen is not None or before is not None:
        raise BadSpec("edge.at-least", "--at-least and --after are of one camera's file", hint="name the file")
    return _folder(file, key, wanted, json=json)


def _folder(folder: Path, key: Verifier | None, wanted: list[str] | None, *, json: bool) -> int:
    """Each file of it; one that does not hold keeps no other from being looked at."""
    from velatura.cli.output import emit as told
    from velatura.cli.output import warn, worst
    from velatura.edge.chain_audit import audit as recompute
    from velatura.errors import VelaturaError

    done: list[dict[str, object]] = []
    statuses, texts, changes, pinned = [], [], list[str](), True
    for path in _files(folder):
        try:
            found = recompute(path, verifier=key, policy=wanted)
        except VelaturaError as error:
            warn(str(error))
            done.append({"file": str(path), "found": None, "error": str(error)})
            texts.append(f"{path}: does not hold")
            statuses.append(error.exit_status)
        else:
            done.append({"file": str(path), "found": found, "error": ""})
            texts.append(f"{path}: {_audited(found)}")
            changes += [f"{path}: {sentence}" for sentence in _changed(found)]
            pinned = pinned and found.pinned
    told("edge audit", {"files": done}, json=json, text="\n".join(texts), warnings=[*changes, *([] if pinned else [UNPINNED])])
    return worst(statuses)


def _files(folder: Path) -> list[Path]:
    from velatura.errors import BadInput

    try:
        found = sorted(path for path in folder.iterdir() if path.suffix == ".jsonl" and path.is_file())
    except OSError as error:
        raise BadInput("edge.unreadable", f"{folder}: cannot be read: {error.strerror}", hint="check its permissions") from error
    if not found:
        raise BadInput("edge.no-events", f"{folder}: holds no .jsonl file", hint="the folder of `edge run -o`")
    return found


def _changed(found: Audited) -> list[str]:
    """What another policy than the first allows; who looks at the sum alone would not see it."""
    if len(found.under) < 2:
        return []
    parts = [f"from event {one.seq} on level {one.level} at {one.bits_per_hour:,.0f} bit/h" for one in found.under]
    return [f"the policy was changed: {', '.join(parts)}; --policy POLICY.toml asks for one"]


def _seen(word: str, option: str) -> tuple[int, str] | None:
    import re

    from velatura.errors import BadSpec

    if not word:
        return None
    number, _, sha256 = word.partition(":")
    if not re.fullmatch("[0-9]{1,18}:[0-9a-f]{64}", word):
        raise BadSpec("edge.at-least", f"{option} is NUMBER:SHA256 of an event", hint="the retained status of a broker has both")
    return int(number), sha256


def _audited(found: Audited) -> str:
    parts = [
        f"camera {found.camera} of device {found.device}: {found.events} events hold",
        f"{found.records} records told, {found.withheld} withheld, in {found.hours:.2f} hours and {found.boots} starts",
        f"{found.bits:.0f} bits of {found.limit:.0f} that its {'policy allows' if len(found.policies) < 2 else 'policies allow'}",
    ]
    if found.begins:
        parts.append(f"it begins with event {found.begins}")
    if len(found.policies) > 1:
        parts.append(f"{len(found.policies)} policies")
    if found.degraded:
        parts.append(f"degraded: {', '.join(found.degraded)}")
    if found.gaps or found.aggregates:
        parts.append(f"{found.gaps} gaps, {found.lost} lost with them, {found.aggregates} summed up")
    return "; ".join(parts)
