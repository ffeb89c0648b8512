"""From what vision says to what leaves: one record a tick, of a few values each, charged whole before it goes.

Vision is taken for hostile. Of all that it writes only the last message of the right width before a tick counts, so that when, how often, how long
and in which order it writes carries nothing. Flows are differences of its totals, cut to the field; states are cut; slots of tracks are sorted.
Whether a record is withheld depends on the bucket and the ticks alone, and "nothing new" is told as a record too, with no flows, the states of before
and health "no-frames": it lies in the alphabet, and is charged with it.
With `epsilon` the counts of a record carry discrete Laplace noise, drawn here: each record is epsilon-differentially private for what one track adds
to it, as long as vision is honest; a person who comes back is another track, and records add up. The published bound does not count on the noise.
The ticks of a camera are the gateway's; those of a file are the clip's own (`ClipEgress`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from velatura.dp.mechanisms import laplace_many
from velatura.edge.bucket import Bucket
from velatura.edge.policy import Camera, capacity
from velatura.edge.schema import HEALTH, Field, Schema, schema_of
from velatura.edge.tally import Tally, read

__all__ = ["ClipEgress", "Egress", "Record", "sensitivity"]

NO_FRAMES, RESTARTED = HEALTH.index("no-frames"), HEALTH.index("restarted")
AHEAD = 4096  # ticks after the last one that messages are kept for: vision may be ahead of what ingest has said, and no memory is without end
ROUNDING = 1e-9  # of a tick: 3 * 0.1 is not 0.3
_WORD = 1 << 32


@dataclass(frozen=True, slots=True)
class Record:
    """One tick. values: by field; None: withheld."""

    tick: int
    values: Mapping[str, int] | None


@dataclass(slots=True)
class Egress:
    """Of one camera.

    Args:
        level: bits in the bucket at the start: its capacity for a chain that begins, 0 after a restart.
        entropy: `entropy(n)`, n random bytes of a CSPRNG, for the noise.

    Attributes:
        dropped: messages of another width.
        silence: number of `HEALTH` of a window without news, as the camera's own state has it (nothing of vision's).
    """

    camera: Camera
    level: float
    entropy: Callable[[int], bytes]
    dropped: int = 0
    silence: Callable[[], int] = lambda: NO_FRAMES
    tick: int = 0
    schema: Schema = field(init=False)
    bucket: Bucket = field(init=False)
    _last: Tally | None = None
    _before: tuple[int, ...] | None = None
    _fresh: bool = False
    _restarts: int = 0

    def __post_init__(self) -> None:
        self.schema = schema_of(self.camera)
        self.bucket = Bucket(self.camera.egress.bits_per_hour, capacity(self.camera), self.level, 0.0)

    def take(self, raw: bytes) -> None:
        """Anything that vision wrote."""
        tally = read(raw, self.schema)
        if tally is None:
            self.dropped += 1
        else:
            self._last, self._fresh = tally, True

    def restarted(self) -> None:
        """Vision is another one: its totals begin anew."""
        self._before, self._last, self._fresh = None, None, False
        self._restarts += 1

    def close_window(self) -> Record:
        """The next tick. Its time is the number of ticks, so that no delay of anybody moves the bucket."""
        self.tick += 1
        now_s = self.tick * self.camera.egress.tick_s
        allowed = self.bucket.take(self.schema.bits, now_s)
        values = self._values()
        return Record(self.tick, values if allowed else None)

    def _values(self) -> dict[str, int]:
        """Of the window that ends; begins the next one."""
        last = self._last.values if self._last is not None else tuple(0 for _ in self.schema.fields)
        before = self._before or tuple(0 for _ in self.schema.fields)
        told = {one.name: _told(one, new, old) for one, new, old in zip(self.schema.fields, last, before, strict=True)}
        told["health"] = max(min(told["health"], len(HEALTH) - 1) if self._fresh else self.silence(), RESTARTED if self._restarts else 0)
        if not self._fresh:
            told.update({one.name: 0 for one in self.schema.fields if one.kind == "flow"})
        self._before, self._fresh, self._restarts = last, False, 0
        if self.camera.egress.epsilon is not None:
            told = self._noisy(told, self.camera.egress.epsilon)
        return _suppressed(_sorted(told, self.schema.fields), self.schema.fields, self.camera.egress.k)

    def _noisy(self, told: dict[str, int], epsilon: float) -> dict[str, int]:
        counts = [one for one in self.schema.fields if one.kind in ("flow", "state")]
        noise = laplace_many(Fraction(sensitivity(self.camera)) / Fraction(epsilon), len(counts), self.entropy)
        return {**told, **{one.name: min(max(told[one.name] + drawn, 0), one.size - 1) for one, drawn in zip(counts, noise, strict=True)}}


def sensitivity(camera: Camera) -> int:
    """By how much one track may change the counts of a record, all together.

    That is `per_track` for each way over a line, one for each count of who is there, and for the seconds in a zone a whole window.
    """
    egress, total = camera.egress, 0
    for one in schema_of(camera).fields:
        if one.name.endswith("dwell"):
            total += min(math.ceil(egress.tick_s), egress.most)
        elif one.kind == "flow":
            total += 1 if one.name == "seen" else egress.per_track
        elif one.kind == "state":
            total += 1
    return total


@dataclass(slots=True)
class ClipEgress:
    """Of a file: a message belongs to the tick that its stamp lies in. Ticks are ingest's, which says how many seconds it has read.

    Stamps are numbers that vision chose: they make no tick and bring no bits. One that runs backwards, or `AHEAD` ticks ahead, is dropped.
    Limit: lines of a file are written at vision's pace; the bound is of what is in them.
    """

    inner: Egress
    _held: dict[int, bytes] = field(default_factory=dict)
    _at_s: float = 0.0

    def take(self, raw: bytes) -> None:
        """Anything that vision wrote; kept until its tick is over."""
        tally = read(raw, self.inner.schema)
        last_s = (self.inner.tick + AHEAD) * self.inner.camera.egress.tick_s
        if tally is None or not self._at_s <= tally.stamp_s < last_s:  # NaN neither
            self.inner.dropped += 1
            return
        self._at_s = tally.stamp_s
        self._held[self._over(tally.stamp_s) + 1] = raw

    def until(self, read_s: float) -> Iterator[Record]:
        """Records of the ticks that are over, of so many seconds that ingest has read, where vision has got so far too."""
        yield from self._close(self._over(min(read_s, self._at_s)))

    def finish(self, read_s: float) -> Iterator[Record]:
        """Records of all ticks of a file that is over after so many seconds; the last one may be short."""
        yield from self._close(math.ceil(read_s / self.inner.camera.egress.tick_s - ROUNDING))

    def _over(self, time_s: float) -> int:
        return int(time_s / self.inner.camera.egress.tick_s + ROUNDING)

    def _close(self, last: int) -> Iterator[Record]:
        while self.inner.tick < last:
            raw = self._held.pop(self.inner.tick + 1, None)
            if raw is not None:
                self.inner.take(raw)
            yield self.inner.close_window()


def _told(one: Field, new: int, old: int) -> int:
    value = (new - old) % _WORD if one.kind == "flow" else new
    return min(value, one.size - 1)


def _sorted(told: dict[str, int], fields: Sequence[Field]) -> dict[str, int]:
    """Slots of tracks by what stands in them: their order carries nothing. Empty ones (label 0) are all 0, and last."""
    slots: dict[str, dict[str, int]] = {}
    for one in fields:
        if one.kind == "slot":
            number, _, name = one.name.partition(".")
            slots.setdefault(number, {})[name] = told[one.name]
    full = sorted((tuple(slot.items()) for slot in slots.values() if slot["label"]), reverse=True)
    for number, names in slots.items():
        values = dict(full[int(number)]) if int(number) < len(full) else dict.fromkeys(names, 0)
        told.update({f"{number}.{name}": value for name, value in values.items()})
    return told


def _suppressed(told: dict[str, int], fields: Sequence[Field], k: int) -> dict[str, int]:
    """Counts below k as 0."""
    counts = {one.name for one in fields if one.kind in ("flow", "state")}
    return {name: 0 if name in counts and value < k else value for name, value in told.items()}
