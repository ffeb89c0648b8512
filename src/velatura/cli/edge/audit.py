"""`velatura edge audit`: a stranger's look at the events."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from velatura.cli.edge.app import EPILOG, app
from velatura.cli.options import Json

if TYPE_CHECKING:
    from velatura.edge.chain_audit import Audited

__all__ = ["audit"]


@app.command("audit", epilog=EPILOG)
def audit(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="events.jsonl, a capture of a broker's payloads, or an outbox.sqlite")],
    verifier: Annotated[str, typer.Option(metavar="KEY.pub", help="whose events they must be  [default: whoever the first event names]")] = "",
    policy: Annotated[Path | None, typer.Option(metavar="POLICY.toml", help="the policy that every event must be made under (of one camera)")] = None,
    at_least: Annotated[str, typer.Option(metavar="SEQ:SHA256", help="an event seen before, which must still be in it")] = "",
    json: Json = False,
) -> None:
    """Recompute chain, signatures, schema, ticks and bits per hour; anything that does not hold ends with exit status 3 and the line."""
    from velatura.cli.output import emit as told
    from velatura.crypto.keyfile import load_verifier
    from velatura.edge.chain_audit import audit as recompute
    from velatura.edge.policy import digest, load_policy

    wanted = None
    if policy is not None:
        cameras = load_policy(policy).cameras
        wanted = digest(cameras[0]) if len(cameras) == 1 else None
    found = recompute(file, verifier=load_verifier(verifier) if verifier else None, policy=wanted, at_least=_seen(at_least))
    warnings = [] if found.pinned else ["the signer's key is the one that the file itself names: order and bounds are proven, not the sender"]
    told("edge audit", found, json=json, text=_audited(found), warnings=warnings)


def _seen(word: str) -> tuple[int, str] | None:
    from velatura.errors import BadSpec

    if not word:
        return None
    number, _, sha256 = word.partition(":")
    if not number.isdigit() or len(sha256) != 64:
        raise BadSpec("edge.at-least", "--at-least is NUMBER:SHA256 of an event", hint="the retained status of a broker has both")
    return int(number), sha256


def _audited(found: Audited) -> str:
    parts = [
        f"camera {found.camera} of device {found.device}: {found.events} events hold",
        f"{found.records} records told, {found.withheld} withheld, in {found.hours:.2f} hours and {found.boots} starts",
        f"{found.bits:.0f} bits of {found.limit:.0f} that its policy allows",
    ]
    if found.degraded:
        parts.append(f"degraded: {', '.join(found.degraded)}")
    if found.gaps or found.aggregates:
        parts.append(f"{found.gaps} gaps, {found.aggregates} summed up")
    return "; ".join(parts)
