"""`velatura edge receive`, as a function: signed lines in, from a broker, a file or a pipe; whole, verified lines out, once each and in order.

The output is synced before a receipt is given, and the receiver's memory is written after it: a crash in between brings events again, and they are
dropped by their number. The memory lies beside the output, so that the output itself may be moved away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from velatura.crypto.keys import Verifier
from velatura.edge.certificates import certificates_of
from velatura.edge.destinations import ToMqtt
from velatura.edge.events import Event
from velatura.edge.login import login_of
from velatura.edge.receive import Receiver
from velatura.edge.sinks.jsonl import JsonLines
from velatura.edge.sinks.sink import Unreached
from velatura.errors import VelaturaError, Withheld

__all__ = ["Received", "from_broker", "from_lines"]

MOST_TOLD = 20


@dataclass(slots=True)
class Received:
    """What came.

    Attributes:
        events: whole, verified and written.
        repeated: that were here before.
        refused: that were not believed; reasons: codes and sentences of the first ones.
        lost: that the device itself says it lost (a gap).
        missing: whether later events wait for one that did not come.
        last: number of the last whole event; -1: none.
    """

    device: str
    camera: str
    events: int = 0
    repeated: int = 0
    refused: int = 0
    lost: int = 0
    missing: bool = False
    last: int = -1
    reasons: tuple[tuple[str, str], ...] = ()


class _Intake:
    """Writes what is whole; counts the rest."""

    def __init__(self, verifier: Verifier, camera: str, out: Path, *, force: bool, told: Callable[[Withheld], None]) -> None:
        self._file = JsonLines(out, device=verifier.id, camera=camera, force=force)
        self._told = told
        self.done = Received(verifier.id, camera)

    def take(self, line: bytes, event: Event) -> None:
        try:
            self._file.offer([(event.seq, line)])
        except Unreached as error:
            raise VelaturaError("files.disk-full", "an event could not be written, and gets no receipt", hint="make room, and start again") from error
        self.done.events += 1

    def refused(self, error: Withheld) -> None:
        self.done.refused += 1
        if len(self.done.reasons) < MOST_TOLD:
            self.done.reasons = (*self.done.reasons, (error.code, error.sentence))
            self._told(error)

    def close(self) -> None:
        self._file.close()

    def over(self, receiver: Receiver) -> Received:
        done = self.done
        done.repeated, done.lost, done.missing, done.last = receiver.repeated, receiver.lost, receiver.early > 0, receiver.receipt
        return done


def memory_of(out: Path) -> Path:
    """The receiver's memory beside its output."""
    return out.with_name(f"{out.name}.receiver.json")


def from_lines(lines: Iterable[bytes], verifier: Verifier, camera: str, out: Path, *, force: bool, told: Callable[[Withheld], None]) -> Received:
    """From a file or a pipe, to its end.

    Args:
        lines: without their ends.
        told: of each line that is not believed, the first `MOST_TOLD`.

    Raises:
        BadSpec: `files.exists`; Withheld: `edge.receiver`; VelaturaError: `files.disk-full`.
    """
    with ExitStack() as stack:
        intake = _Intake(verifier, camera, out, force=force, told=told)
        stack.callback(intake.close)
        receiver = Receiver(verifier, camera, state=_memory(out, force=force))
        for line in lines:
            try:
                for whole, event in receiver.take_lines(line):
                    intake.take(whole, event)
            except Withheld as error:
                intake.refused(error)
        receiver.remember()
        return intake.over(receiver)


def from_broker(
    broker: ToMqtt,
    verifier: Verifier,
    camera: str,
    out: Path,
    *,
    force: bool,
    told: Callable[[Withheld], None],
    ends: Callable[[], bool],
    pause: Callable[[float], object],
    unreached: Callable[[str], None],
) -> Received:
    """From a broker, until `ends`; receipts go back. unreached: told the state of each attempt that failed. Else as `from_lines`."""
    from velatura.edge.sinks.mqtt_receive import receive

    with ExitStack() as stack:
        intake = _Intake(verifier, camera, out, force=force, told=told)
        stack.callback(intake.close)
        receiver = receive(
            broker.url,
            verifier,
            camera,
            take=intake.take,
            refused=intake.refused,
            ends=ends,
            state=_memory(out, force=force),
            login=login_of(Path(broker.login)) if broker.login else None,
            ca=certificates_of(broker.ca) if broker.ca else None,
            prefix=broker.prefix,
            pause=pause,
            unreached=unreached,
        )
        return intake.over(receiver)


def _memory(out: Path, *, force: bool) -> Path:
    memory = memory_of(out)
    if force:
        memory.unlink(missing_ok=True)
    return memory
