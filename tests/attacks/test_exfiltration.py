"""A hostile post-processor with faces: it gets them out where nothing holds it, not through the real room, and through each gateway with a hole."""

from __future__ import annotations

import math
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.attacks.leaky_gateways import ChargesNews, ForwardsLengths, Hasty, TellsChange, TellsNews

from velatura.attacks.alphabet import Alphabet
from velatura.attacks.attack import Outcomes, Photo
from velatura.attacks.errand import FACE_BITS, Errand, Haul, Told, bits_of, whitened
from velatura.attacks.exfiltration import AllowedOutput, ForbiddenWays
from velatura.attacks.made_pictures import dead_leaves
from velatura.attacks.receiver import BESIDE, READINGS, codes, information, read
from velatura.attacks.smuggler import LIVE, status_bits
from velatura.attacks.ways_out import WAYS
from velatura.audit.edge.arms import CameraArm, quickened
from velatura.audit.edge.cases import offered, ticks_of
from velatura.audit.edge.hostile import fields_of
from velatura.edge.policy import Camera, Line, Zone, capacity
from velatura.edge.policy import Egress as Rules
from velatura.edge.schema import schema_of
from velatura.errors import BadInput

confined_here = pytest.mark.skipif(sys.platform != "linux", reason="vision is confined by Linux")

LINES = (Line("gate", (0.2, 0.5), (0.8, 0.5)),)
ZONES = (Zone("desk", ((0.1, 0.1), (0.5, 0.1), (0.5, 0.5))),)
DOOR = Camera("door", lines=LINES, egress=Rules(tick_s=60, bits_per_hour=1024))
HALL = Camera("hall", lines=LINES, zones=ZONES, egress=Rules(level=2, tick_s=60, bits_per_hour=256, most=31, k=3))
YARD = Camera("yard", egress=Rules(level=1, tick_s=60, bits_per_hour=1024))
CAMERAS = [DOOR, HALL, YARD]
BUSY_YARD = Camera("yard", egress=Rules(level=1, tick_s=60, bits_per_hour=10_000))
PERIODS, PERIOD_S = 40, 0.2


def faces(count: int) -> list[Photo]:
    return [Photo(picture[..., 0]) for picture in dead_leaves(count, (16, 16, 1), np.random.default_rng(3))]


def by_name(outcomes: Outcomes) -> dict[str, float]:
    return dict(zip(outcomes.attackers, outcomes.success[:, 0].tolist(), strict=True))


# What comes in is counted as information, and guesses are none.


def test_what_a_guesser_reaches_is_no_information() -> None:
    assert information(40, 20) == information(40, 13) == information(0, 0) == 0
    assert information(40, 0) == 40
    assert 0 < information(2048, 200) < 2048 * 0.6
    assert information(40, 40) == 0 and information(40, 40, tries=6) == 40 - math.log2(6), "the other way round, where that is known"


def test_guesses_of_thousand_receivers_count_nothing() -> None:
    rng = np.random.default_rng(1)
    assert not any(information(60, int(wrong), tries=6) for wrong in rng.binomial(60, 0.5, 1000))


@given(st.sampled_from(CAMERAS), st.data())
def test_numbers_and_records_are_each_others(camera: Camera, data: st.DataObject) -> None:
    alphabet = Alphabet(fields_of(schema_of(camera)), camera.egress.k)
    number = data.draw(st.integers(0, alphabet.size - 1))
    record = alphabet.record(number)
    assert alphabet.number(record) == number
    assert 0.75 * schema_of(camera).bits < alphabet.bits <= schema_of(camera).bits
    assert all(0 <= record[name] < size for name, size, _ in fields_of(schema_of(camera)))


def test_sorted_tracks_have_the_number_that_they_were_made_of() -> None:
    alphabet = Alphabet(fields_of(schema_of(YARD)))
    record = alphabet.record(alphabet.size // 3)
    slots = [[(name.partition(".")[2], value) for name, value in record.items() if name.startswith(f"{at}.")] for at in range(8)]
    turned = {f"{at}.{part}": value for at, slot in enumerate(reversed(slots)) for part, value in slot} | {"health": record["health"]}
    assert alphabet.number(turned) == alphabet.size // 3
    assert alphabet.number({**record, "0.label": 0}) is None


def test_the_whitening_is_undone_by_itself() -> None:
    face = bytes(range(256))
    assert whitened(whitened(face, "key", 4), "key", 4) == face != whitened(face, "key", 4)
    assert abs(bits_of(whitened(bytes(256), "key", 4)).mean() - 0.5) < 0.05


def made_haul(bits: np.ndarray, **how: Any) -> Haul:
    """One output a period; `how`: functions of a bit."""
    told = [
        Told(
            10 + at + how.get("late", lambda bit: 0.0)(bit), how.get("size", lambda bit: 100)(bit), how.get("values", lambda bit: {"health": 0})(bit)
        )
        for at, bit in enumerate(bits.tolist())
        if how.get("comes", lambda bit: True)(bit)
    ]
    return Haul(told=told, began_s=10.0, period_s=1.0)


SENT = bits_of(whitened(bytes(256), "key", 0))


@pytest.mark.parametrize(
    ("reading", "how"),
    [
        ("arrival", {"comes": bool}),
        ("lateness", {"late": lambda bit: 0.05 * bit}),
        ("jump", {}),
        ("size", {"size": lambda bit: 100 + bit}),
        ("health", {"values": lambda bit: {"health": 2 * bit}}),
        ("last count", {"values": lambda bit: {"inside": bit, "health": 0}}),
    ],
)
def test_a_reading_reads_its_channel_and_nothing_else(reading: str, how: dict[str, Any]) -> None:
    bits = SENT[:60]
    if reading != "jump":
        assert read(made_haul(bits, **how), SENT, reading).bits > 30
    assert read(made_haul(bits), SENT, reading).bits == 0


def test_an_exit_status_takes_eight_bits_along() -> None:
    exits = [(10.2 + at, int(np.packbits(status_bits(SENT, at))[0])) for at in (3, 8, 11)]
    assert codes(Haul(exits=exits, began_s=10.0, period_s=1.0), SENT).bits == 24
    assert codes(Haul(exits=[(at, 7) for at, _ in exits], began_s=10.0, period_s=1.0), SENT).bits == 0


def test_no_picture_is_told() -> None:
    with pytest.raises(BadInput, match=r"attack\.picture"):
        ForbiddenWays().play(lambda errand, rng: Haul(), [], np.random.default_rng(1), budget_s=1)


def test_a_policy_is_quickened_as_a_whole() -> None:
    fast = quickened(DOOR, 0.5).egress
    assert fast.bits_per_hour * fast.tick_s == pytest.approx(1024 * 60)
    assert capacity(quickened(DOOR, 0.5)) == capacity(DOOR)
    assert len(offered(DOOR, ticks_of(DOOR, 1.0), [], 1)) * FACE_BITS > 150 * 1280


# The real room.


@confined_here
def test_every_forbidden_way_is_open_without_confinement_and_shut_with_it() -> None:
    free, held = (ForbiddenWays().play(CameraArm(confined, DOOR), faces(4), np.random.default_rng(1), budget_s=60) for confined in (False, True))
    assert set(by_name(free)) == set(by_name(held)) == set(WAYS)
    assert {way for way, leaks in by_name(free).items() if not leaks} == set()
    assert {way for way, leaks in by_name(held).items() if leaks} == set()
    whole = {way for way in WAYS if free.notes[f"bits by {way}"] in ("8,192 of 8,192", "2,048 of 2,048")}
    assert len(set(WAYS) - whole) <= 2, "a name is held for 8 ms, twice, and datagrams are lost: a busy machine misses some"


@confined_here
@pytest.mark.parametrize("camera", CAMERAS, ids=lambda camera: f"level {camera.egress.level}")
def test_numbers_reach_the_bound_and_no_further_and_a_hundred_times_as_far_when_free(camera: Camera) -> None:
    ticks = 30
    pictures = offered(camera, ticks, [], 1)
    shares = []
    for confined in (False, True):
        arm = CameraArm(confined, camera, ticks=ticks)
        outcomes = AllowedOutput(ways=()).play(arm, pictures, np.random.default_rng(1), budget_s=600)
        shares.append(by_name(outcomes)["values"])
    assert shares[0] > 100
    assert 0.6 < shares[1] <= 1, "a tight bound: a sender gets near it, and not beyond"


def run(way: str, camera: Camera = DOOR, gateway: Any = None, *, confined: bool = True) -> dict[str, float]:
    """Reading -> bits. The key is the way's own: what another run does to the machine at the same time is no message of this one."""
    face = faces(1)[0].picture.tobytes()
    options = {"gateway": gateway} if gateway else {}
    haul = CameraArm(confined, camera, periods=PERIODS, period_s=PERIOD_S, **options)(Errand(way, (face,), way), np.random.default_rng(1))
    sent = bits_of(whitened(face, way, 0))
    return {reading: read(haul, sent, reading).bits for reading in READINGS} | {"exit statuses": codes(haul, sent).bits}


@confined_here
@pytest.mark.parametrize("ways", [("timing",), tuple(way for way in LIVE if way != "timing")], ids=["alone", "side by side"])
def test_beside_the_numbers_nothing_comes_through_the_real_gateway(ways: tuple[str, ...]) -> None:
    """Most of a run is waiting for its periods; `timing` is not played where others' load could hide what it does to the machine."""
    with ThreadPoolExecutor(len(ways)) as pool:
        bits = dict(zip(ways, pool.map(run, ways), strict=True))
    came = {way: {reading for reading in (*BESIDE, "exit statuses", "order of tracks") if bits[way][reading]} for way in ways}
    assert came == {way: set() for way in ways}


@confined_here
def test_sorted_tracks_have_no_order() -> None:
    assert not any(run("order", BUSY_YARD).values())


@confined_here
@pytest.mark.parametrize(
    ("way", "readings"),
    [
        ("presence", {"arrival"}),
        ("timing", {"number"}),
        *(
            pytest.param(way, read, marks=pytest.mark.slow)
            for way, read in (("lengths", {"size"}), ("order", {"first count"}), ("restarts", {"exit statuses"}))
        ),
    ],
)
def test_each_code_is_read_where_nothing_is_between(way: str, readings: set[str]) -> None:
    bits = run(way, confined=False)
    assert all(bits[reading] > 8 for reading in readings), bits


@confined_here
@pytest.mark.parametrize(
    ("way", "gateway", "reading"),
    [
        ("change", TellsChange, "arrival"),
        pytest.param("presence", TellsNews, "arrival", marks=pytest.mark.slow),
        pytest.param("presence", ChargesNews, "arrival", marks=pytest.mark.slow),
        pytest.param("lengths", ForwardsLengths, "size", marks=pytest.mark.slow),
    ],
)
def test_a_gateway_with_a_hole_is_seen_through(way: str, gateway: Any, reading: str) -> None:
    bits = run(way, gateway=gateway)
    assert bits[reading] > 8, bits


@confined_here
def test_a_gateway_that_keeps_the_order_of_tracks_is_seen_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("velatura.edge.egress._sorted", lambda told, fields: told)
    assert run("order", BUSY_YARD)["order of tracks"] > 8


@confined_here
def test_a_gateway_that_publishes_at_once_is_seen_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("velatura.edge.gateway.Live", Hasty)
    assert run("timing")["number"] > 8


def test_records_come_in_the_order_of_their_ticks() -> None:
    """`periods` is what all readings stand on."""
    haul = made_haul(SENT[:20])
    assert all(b[0] == a[0] + 1 for a, b in pairwise(haul.periods()))
