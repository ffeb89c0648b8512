"""`velatura enclave doctor`: what can run here, what is missing, what each layer gives, and the command that brings it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from velatura.cli.enclave.app import app
from velatura.cli.options import Json

if TYPE_CHECKING:
    from velatura.enclave.assurance import Assurance
    from velatura.enclave.backends.doctor import Found

__all__ = ["doctor"]


@app.command("doctor", epilog="Example: velatura enclave doctor --json")
def doctor(json: Json = False) -> int:
    """Try each backend and each layer of confinement, and say what is missing and what brings it.

    Exit status 4 if no backend but `simulated` works here.
    """
    from velatura.cli.output import emit
    from velatura.enclave.assurance import Assurance
    from velatura.enclave.backends.doctor import examine_backends, examine_layers, swap
    from velatura.enclave.limits import LIMITS

    backends, layers = examine_backends(), [*examine_layers(), swap()]
    auto, reached = next(((found.name, reached) for found, reached in backends if not found.absent), ("", Assurance.NONE))
    works = reached > Assurance.SIMULATED
    result = {
        "auto": auto if works else None,
        "assurance": reached.word if works else Assurance.NONE.word,
        "backends": [{**_told(found), "assurance": reached.word} for found, reached in backends],
        "layers": [_told(found) for found in layers],
    }
    limit = LIMITS[reached if works else Assurance.NONE]
    emit("enclave doctor", result, json=json, text=_text(backends, layers, auto if works else "", limit))
    return 0 if works else 4


def _told(found: Found) -> dict[str, Any]:
    return {
        "name": found.name,
        "works": not found.absent,
        "absent": found.absent,
        "gives": found.gives,
        "brings": found.brings if found.absent else "",
    }


def _text(backends: list[tuple[Found, Assurance]], layers: list[Found], auto: str, limit: str) -> str:
    lines = ["backends, the strongest first"]
    lines += [_line(found, f"{reached.word}: ") for found, reached in backends]
    lines += ["", "layers of a confined process"]
    lines += [_line(found, "") for found in layers]
    chosen = f"--backend auto takes {auto}. {limit}" if auto else "no backend works here but simulated, which auto never takes"
    return "\n".join([*lines, "", chosen])


def _line(found: Found, before: str) -> str:
    mark = "absent" if found.absent else "ok"
    why = f"\n{'':23s}{found.absent}" if found.absent else ""
    brings = f"\n{'':23s}-> {found.brings}" if found.absent and found.brings else ""
    return f"{mark:7s} {found.name:14s} {before}{found.gives}{why}{brings}"
