"""What the server's process must know of a run and sites must not: where results go. And what it says back.

A bundle that travels to every site carries a ticket's name only; FOLDER/tickets/NAME stays on the server's machine.
    order     where to write, and how to run         progress  rounds done
    refusal   why the server's process gave up       replies   of a plain app: whose were left out
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from velatura import errors
from velatura.errors import BadInput, VelaturaError
from velatura.federated.guarded_grid import Refused
from velatura.files import atomic_output

__all__ = ["Order", "Ticket", "found", "issue"]


class Order(msgspec.Struct, frozen=True):
    """How a run goes.

    Attributes:
        folder: of the run; empty: a plain app, which writes what it writes.
        base: what relative paths in the job are relative to.
        nodes, deadline_s, seed, places: of a plain app; places: partition of each node by its id.
    """

    folder: str = ""
    base: str = ""
    resume: bool = False
    nodes: int = 1
    deadline_s: float | None = None
    seed: int = 0
    places: dict[int, int] = {}


class _Refusal(msgspec.Struct, frozen=True):
    kind: str
    code: str
    sentence: str
    hint: str


@dataclass(frozen=True, slots=True)
class Ticket:
    """A folder of its own."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def order(self) -> Order:
        return msgspec.json.decode((self.path / "order").read_bytes(), type=Order)

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Write down what the block raises."""
        try:
            yield
        except Exception as error:
            own = error if isinstance(error, VelaturaError) else VelaturaError("federated.app", f"its server raised {type(error).__name__}: {error}")
            self._put("refusal", _Refusal(type(own).__name__, own.code, own.sentence, own.hint))
            raise

    def raise_refusal(self) -> None:
        """Raises what the block in the other process raised, in this one; nothing where it raised nothing."""
        if not (self.path / "refusal").exists():
            return
        told = msgspec.json.decode((self.path / "refusal").read_bytes(), type=_Refusal)
        kinds = {kind.__name__: kind for kind in (errors.BadSpec, errors.Withheld, errors.Missing, errors.BadInput, errors.Unsupported)}
        raise kinds.get(told.kind, VelaturaError)(told.code, told.sentence, hint=told.hint)

    def tell_progress(self, done: float, words: str) -> None:
        self._put("progress", (done, words))

    def progress(self) -> tuple[float, str]:
        """(rounds done, how it stands); (0, ""): nobody said."""
        path = self.path / "progress"
        return msgspec.json.decode(path.read_bytes(), type=tuple[float, str]) if path.exists() else (0.0, "")

    def tell_replies(self, replies: list[Refused]) -> None:
        self._put("replies", replies)

    def replies(self) -> list[Refused]:
        path = self.path / "replies"
        return msgspec.json.decode(path.read_bytes(), type=list[Refused]) if path.exists() else []

    def _put(self, name: str, told: object) -> None:
        with atomic_output(self.path / name, force=True) as part:
            part.write_bytes(msgspec.json.encode(told))


def issue(tickets: Path, order: Order) -> Ticket:
    """A new one in a federation's folder."""
    path = tickets / secrets.token_hex(16)
    path.mkdir(mode=0o700)
    ticket = Ticket(path)
    ticket._put("order", order)
    return ticket


def found(tickets: Path, name: str) -> Ticket:
    """Raises BadInput `federated.ticket`: there is none of that name; it was of another server, or its run is over."""
    if not name.isalnum() or not (tickets / name / "order").is_file():
        raise BadInput("federated.ticket", "no such ticket here", hint="velatura fl run JOB.toml --engine superlink, on the server's machine")
    return Ticket(tickets / name)
