"""Tracks into numbers: confirmed ones alone, windows by the gateway, no more per track than promised."""

from __future__ import annotations

import pytest

from velatura.detect.region import Region
from velatura.edge.analytics import CONFIRMED, Analytics
from velatura.edge.policy import Camera, Egress, Line, Zone
from velatura.edge.schema import schema_of

LINE = Line("gate", (0.5, 0.1), (0.5, 0.9))
ZONE = Zone("desk", ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)))
SIZE = (200, 100)


def region(x: float, track: int | None, *, label: str = "face", y: float = 0.5, score: float = 0.9) -> Region:
    """With its foot at (x, y), shares."""
    px, py = x * SIZE[0], y * SIZE[1]
    return Region((px - 5, py - 20, px + 5, py), label, score, track=track)


def seen(
    analytics: Analytics, camera: Camera, places: list[float], *, track: int | None = 1, start: float = 0.0, label: str = "face"
) -> dict[str, int]:
    values: tuple[int, ...] = ()
    for k, x in enumerate(places):
        values = analytics.see([region(x, track, label=label)], 0.1 * k)
    return dict(zip((field.name for field in schema_of(camera).fields), values, strict=True))


def test_level_3_sums_lines_and_zones() -> None:
    camera = Camera("door", lines=(LINE,), zones=(ZONE,))
    told = seen(Analytics(camera, SIZE), camera, [0.9, 0.8, 0.7, 0.4, 0.3])
    assert told == {"in": 1, "out": 0, "inside": 1, "health": 0}


def test_without_lines_and_zones_the_picture_counts() -> None:
    camera = Camera("door")
    analytics = Analytics(camera, SIZE)
    told = seen(analytics, camera, [0.5] * 5)
    assert told == {"seen": 1, "inside": 1, "health": 0}
    values = analytics.see([], 5.0, health=2)
    assert values == (1, 0, 2)


def test_level_2_tells_each_place() -> None:
    camera = Camera("door", lines=(LINE,), zones=(ZONE,), egress=Egress(level=2))
    told = seen(Analytics(camera, SIZE), camera, [0.9, 0.8, 0.7, *[0.3] * 21])
    assert told == {"gate.in": 1, "gate.out": 0, "desk.inside": 1, "desk.dwell": 2, "health": 0}


def test_level_1_quantises_the_surest() -> None:
    camera = Camera("door", labels=("face", "person"), egress=Egress(level=1, most_tracks=2))
    analytics = Analytics(camera, SIZE)
    values: tuple[int, ...] = ()
    for k in range(4):
        values = analytics.see([region(0.1, 1, score=0.5), region(0.5, 2, label="person", score=0.9), region(0.9, 3, score=0.8)], 0.1 * k)
    assert values == (2, 16, 12, 0, 1, 1, 28, 12, 0, 1, 0)


@pytest.mark.parametrize(("track", "label"), [(None, "face"), (1, "plate")])
def test_what_no_tracker_named_or_nobody_asked_for_is_not_counted(track: int | None, label: str) -> None:
    camera = Camera("door", lines=(LINE,))
    told = seen(Analytics(camera, SIZE), camera, [0.9, 0.8, 0.7, 0.4, 0.3], track=track, label=label)
    assert told == {"in": 0, "out": 0, "inside": 0, "health": 0}


def test_ids_that_come_and_go_are_never_confirmed() -> None:
    camera = Camera("door", lines=(LINE,))
    analytics = Analytics(camera, SIZE)
    for k in range(40):
        values = analytics.see([region((0.9, 0.1)[k // 2 % 2], k // (CONFIRMED - 1))], 0.04 * k)
    assert values[:3] == (0, 0, 0)


def test_one_track_adds_no_more_to_a_window_than_was_promised() -> None:
    for cap, right in ((1, 2), (3, 6)):
        camera = Camera("door", lines=(LINE,), egress=Egress(tick_s=10, per_track=cap))
        told = seen(Analytics(camera, SIZE), camera, [0.9, 0.9, 0.9, *[(0.1, 0.9)[k // 2 % 2] for k in range(150)]])
        assert told["in"] == right, "15 seconds: two windows"


def test_a_change_of_size_moves_no_line() -> None:
    camera = Camera("door", lines=(LINE,))
    analytics = Analytics(camera, SIZE)
    for k, x in enumerate([0.9, 0.8, 0.7]):
        analytics.see([region(x, 1)], 0.1 * k)
    analytics.resize((400, 200))
    box = region(0.4, 1).box
    values = analytics.see([Region(tuple(2 * side for side in box), "face", 0.9, track=1)], 0.4)  # type: ignore[arg-type]
    assert values[:2] == (1, 0)


def test_memory_does_not_grow_with_time() -> None:
    camera = Camera("door", lines=(LINE,), zones=(ZONE,), egress=Egress(tick_s=5))
    analytics = Analytics(camera, SIZE)
    for k in range(3000):
        analytics.see([region(0.9 - 0.8 * (k % 10) / 9, k // 10)], 0.1 * k)
    assert len(analytics._hits) < 30 and len(analytics._crossed) < 120 and len(analytics._lines["gate"]._ways) < 30
