"""The one way out: whatever is written, no more than the bound leaves, and nothing leaves by how it was written."""

from __future__ import annotations

import math
import os
import struct

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.edge.bucket import Bucket
from velatura.edge.egress import AHEAD, ClipEgress, Egress, Record, sensitivity
from velatura.edge.policy import Camera, Line, Zone, capacity
from velatura.edge.policy import Egress as Rules
from velatura.edge.schema import HEALTH, schema_of
from velatura.edge.tally import Tally, pack, width

LINE = Line("gate", (0.2, 0.5), (0.8, 0.5))
CAMERAS = [
    Camera("door", lines=(LINE,), egress=Rules(tick_s=60, bits_per_hour=600, most=15)),
    Camera("hall", zones=(Zone("desk", ((0.1, 0.1), (0.5, 0.1), (0.5, 0.5))),), egress=Rules(level=2, tick_s=10, bits_per_hour=4000, most=30, k=3)),
    Camera("yard", labels=("person", "vehicle"), egress=Rules(level=1, tick_s=1, bits_per_hour=90_000, most_tracks=3)),
]
DOOR = CAMERAS[0]


def egress(camera: Camera = DOOR, level: float | None = None) -> Egress:
    return Egress(camera, capacity(camera) if level is None else level, os.urandom)


def message(camera: Camera, *values: int, stamp: float = 0.0) -> bytes:
    fields = schema_of(camera).fields
    return pack(Tally(stamp, 1, (*values, *([0] * (len(fields) - len(values))))), schema_of(camera))


@given(st.lists(st.tuples(st.floats(0, 5000), st.floats(-10, 5000)), max_size=60), st.floats(1, 1e5), st.floats(0, 1e4))
def test_no_more_leaves_a_bucket_than_rate_and_capacity_allow(asked: list[tuple[float, float]], rate: float, held: float) -> None:
    bucket = Bucket(rate, held, held, 0.0)
    out, latest = 0.0, 0.0
    for bits, now in asked:
        latest = max(latest, now)
        out += bits * bucket.take(bits, now)
        assert out <= rate * latest / 3600 + held + 1e-6


def test_a_clock_that_jumps_brings_nothing_beyond_the_capacity() -> None:
    bucket = Bucket(3600, 10, 0.0, 0.0)
    assert not bucket.take(1, -50) and not bucket.take(1, 0.5)
    assert bucket.take(10, 1e9) and not bucket.take(1, 1e9)
    assert not bucket.take(1, 5.0), "time that runs backwards fills nothing"
    assert bucket.take(1, 1e9 + 1)


@given(st.lists(st.one_of(st.none(), st.binary(max_size=60), st.integers(0, 2**32 - 1)), max_size=80), st.sampled_from(CAMERAS))
def test_any_sender_stays_within_alphabet_and_bound(written: list[bytes | int | None], camera: Camera) -> None:
    """None: a tick. Bytes: anything; a number: a message full of it."""
    gate, schema = egress(camera), schema_of(camera)
    records: list[Record] = []
    for one in written:
        if one is None:
            records.append(gate.close_window())
        else:
            gate.take(one if isinstance(one, bytes) else message(camera, *[one] * len(schema.fields)))
    told = [record.values for record in records if record.values is not None]
    for values in told:
        assert list(values) == [one.name for one in schema.fields] or set(values) == {one.name for one in schema.fields}
        assert all(0 <= values[one.name] < one.size for one in schema.fields)
    hours = len(records) * camera.egress.tick_s / 3600
    assert len(told) * schema.bits <= camera.egress.bits_per_hour * hours + capacity(camera) + 1e-6
    assert [record.tick for record in records] == list(range(1, len(records) + 1))


def test_flows_are_differences_and_states_are_what_is() -> None:
    gate = egress()
    seen = []
    for told in [(3, 1, 2), (3, 1, 0), (20, 1, 99), (20, 5, 1)]:
        gate.take(message(DOOR, *told))
        values = gate.close_window().values
        assert values is not None
        seen.append((values["in"], values["out"], values["inside"]))
    assert seen == [(3, 1, 2), (0, 0, 0), (15, 0, 15), (0, 4, 1)]


def test_totals_that_wrap_around_and_a_vision_that_begins_anew() -> None:
    gate = egress()
    gate.take(message(DOOR, 2**32 - 2))
    gate.close_window()
    gate.take(message(DOOR, 3))
    assert gate.close_window().values["in"] == 5  # type: ignore[index]
    gate.restarted()
    gate.take(message(DOOR, 4))
    values = gate.close_window().values
    assert values is not None and values["in"] == 4 and values["health"] == HEALTH.index("restarted")


def test_silence_is_told_and_counts_nothing_twice() -> None:
    gate = egress()
    gate.take(message(DOOR, 5, 0, 3))
    gate.close_window()
    values = gate.close_window().values
    assert values == {"in": 0, "out": 0, "inside": 3, "health": HEALTH.index("no-frames")}


def test_the_health_of_a_message_is_not_told_again_when_nothing_came() -> None:
    gate = egress()
    gate.take(message(DOOR, 0, 0, 0, HEALTH.index("corrupt")))
    first, second = (gate.close_window().values for _ in range(2))
    assert first is not None and first["health"] == HEALTH.index("corrupt")
    assert second is not None and second["health"] == HEALTH.index("no-frames")


def outputs(writes: list[list[bytes]]) -> list[Record]:
    gate, found = egress(), []
    for between_ticks in writes:
        for raw in between_ticks:
            gate.take(raw)
        found.append(gate.close_window())
    return found


def test_when_how_often_and_how_long_one_writes_carries_nothing() -> None:
    """Two secrets, told by the number, the order and the lengths of writes: one output."""
    rng = np.random.default_rng(1)
    told = []
    for _ in range(2):
        bits = rng.integers(0, 2, 40)
        once = message(DOOR, 1, 1, 1)
        told.append(outputs([[once] * (1 + 1000 * int(bit)) + [once + b"x", once[: 3 + int(bit)], once] for bit in bits]))
    assert told[0] == told[1]


def test_whether_a_record_is_withheld_depends_on_ticks_alone() -> None:
    rng = np.random.default_rng(2)
    patterns = []
    for _ in range(3):
        gate, pattern = egress(level=0.0), []
        for _ in range(100):
            if rng.random() < 0.7:
                gate.take(message(DOOR, *map(int, rng.integers(0, 2**32, 3))))
            if rng.random() < 0.05:
                gate.restarted()
            pattern.append(gate.close_window().values is None)
        patterns.append(pattern)
    assert patterns[0] == patterns[1] == patterns[2] and 0 < sum(patterns[0]) < 100


def test_the_order_of_tracks_carries_nothing_and_empty_slots_hold_nothing() -> None:
    yard = CAMERAS[2]
    slots = [(1, 5, 6, 2, 3), (2, 9, 9, 1, 1), (0, 7, 7, 7, 7)]
    told = set()
    for order in [(0, 1, 2), (2, 1, 0), (1, 2, 0)]:
        gate = egress(yard)
        gate.take(message(yard, *[value for at in order for value in slots[at]]))
        told.add(tuple(gate.close_window().values.items()))  # type: ignore[union-attr]
    assert len(told) == 1
    values = dict(next(iter(told)))
    assert [values[f"2.{name}"] for name in ("label", "x", "y", "w", "h")] == [0] * 5


def test_small_counts_are_told_as_none() -> None:
    hall = CAMERAS[1]
    gate = egress(hall)
    gate.take(message(hall, 2, 2, 7))
    values = gate.close_window().values
    assert values is not None
    assert [values[name] for name in ("seen", "desk.inside", "desk.dwell")] == [0, 0, 7]


def test_memory_does_not_grow_with_what_is_written() -> None:
    gate, raw = egress(), message(DOOR, 1)
    for _ in range(20_000):
        gate.take(raw)
        gate.take(b"?" * 1000)
    assert gate.dropped == 20_000
    assert gate.close_window().values is not None


def test_a_clip_is_told_by_its_own_ticks() -> None:
    clip = ClipEgress(egress())
    records: list[Record] = []
    for stamp in np.arange(0, 200, 0.5):
        clip.take(message(DOOR, int(stamp), stamp=float(stamp)))
        records += clip.until(240.0)
    assert len(records) == 3, "the last tick may still be told more"
    records += clip.finish(240.0)
    assert [record.tick for record in records] == [1, 2, 3, 4]
    assert [record.values["in"] for record in records if record.values] == [15, 15, 15, 15]


@pytest.mark.parametrize("stamp", [math.nan, math.inf, -math.inf, 1e300, -5.0])
def test_a_hostile_stamp_makes_no_tick(stamp: float) -> None:
    clip = ClipEgress(egress())
    clip.take(struct.pack("<dI", stamp, 1) + bytes(width(schema_of(DOOR)) - 12))
    assert clip.inner.dropped == 1 and not list(clip.until(600.0))
    assert [record.tick for record in clip.finish(130.0)] == [1, 2, 3]


def test_words_that_run_ahead_are_told_in_their_tick_and_bounded() -> None:
    clip, width_ = ClipEgress(egress()), width(schema_of(DOOR))
    for second in range(0, 400_000, 7):
        clip.take(struct.pack("<dI", float(second), 1) + bytes(width_ - 12))
    assert len(clip._held) <= AHEAD
    assert clip.inner.dropped > 0 and not list(clip.until(30.0))


def test_noise_has_the_scale_that_epsilon_asks_for() -> None:
    noisy = msgspec.structs.replace(DOOR, egress=Rules(tick_s=60, bits_per_hour=1e8, most=65_535, epsilon=0.5))
    assert sensitivity(noisy) == 3
    gate, drawn = egress(noisy), []
    for total in range(1, 1501):
        gate.take(message(noisy, 1000 * total, 0, 1000))
        values = gate.close_window().values
        assert values is not None
        drawn += [values["in"] - 1000, values["inside"] - 1000]
    scale = 3 / 0.5
    assert abs(np.mean(drawn)) < 0.6
    assert np.mean(np.abs(drawn)) == pytest.approx(scale, rel=0.1)
    assert sensitivity(CAMERAS[1]) == 1 + 1 + 10
