"""What a taken-over vision gets out of the edge room, in bits, against what was published: by numbers, beside them, and by forbidden ways.

The same hostile post-processor runs free and confined, with faces of the ORL set (credit AT&T Laboratories Cambridge) at 16 x 16 pixels. Nothing of
the faces is written to the documents. Numbers go out in the camera's own time (a clip whose frames are apart); the other codes against the clock,
with ticks of a quarter of a second and a rate that is quickened alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image

from benchmarks.edge_int8 import Part
from benchmarks.material import shared
from benchmarks.page import Row, table
from velatura.attacks.attack import Outcomes, Photo
from velatura.attacks.exfiltration import AllowedOutput, ForbiddenWays
from velatura.attacks.smuggler import LIVE
from velatura.attacks.ways_out import WAYS
from velatura.audit.edge.arms import CameraArm
from velatura.audit.edge.cases import PATH_FACES, offered, ticks_of
from velatura.edge.policy import Camera, Egress, Line, Zone
from velatura.edge.schema import schema_of

__all__ = ["Measured", "measure", "part", "rows", "tables"]

LINES = (Line("gate", (0.2, 0.5), (0.8, 0.5)),)
ZONES = (Zone("desk", ((0.1, 0.1), (0.5, 0.1), (0.5, 0.5))),)
LEVELS = {
    3: Camera("door", lines=LINES, egress=Egress(level=3)),
    2: Camera("door", lines=LINES, zones=ZONES, egress=Egress(level=2)),
    1: Camera("door", egress=Egress(level=1)),
}
RATES = (1024.0, 256.0, 64.0)
HOURS = {3: (1.0, 24.0), 2: (1.0,), 1: (1.0,)}
PERIODS = 80
SEED = 1
LEAST_RATIO = 100.0


@dataclass(frozen=True, slots=True)
class Measured:
    """paths: way -> (free, confined), words. numbers: (level, bit/h, hours) -> (free, confined), over the bound; told: its words.
    live: way -> (free, confined), words; together: (free, confined), all at once over the bound, of level 3 at 1,024 bit/h."""

    paths: Mapping[str, tuple[str, str]]
    numbers: Mapping[tuple[int, float, float], tuple[float, float]]
    told: Mapping[tuple[int, float, float], str]
    live: Mapping[str, tuple[str, str]]
    together: tuple[float, float]


def faces() -> list[Photo]:
    """One of each person."""
    files = sorted((shared() / "data" / "orl").rglob("1.pgm"))
    return [Photo(np.asarray(Image.open(file).convert("L"))) for file in files]


def camera_of(level: int, rate: float) -> Camera:
    camera = LEVELS[level]
    return msgspec.structs.replace(camera, egress=msgspec.structs.replace(camera.egress, bits_per_hour=rate))


def both(attack: AllowedOutput | ForbiddenWays, camera: Camera, pictures: Sequence[Photo], ticks: int) -> tuple[Outcomes, Outcomes]:
    """Free, confined."""
    arms = (CameraArm(confined, camera, ticks=ticks, periods=PERIODS) for confined in (False, True))
    free, confined = (attack.play(arm, pictures, np.random.default_rng(SEED), budget_s=3600) for arm in arms)
    return free, confined


def measure() -> Measured:
    """Ten minutes, most of them waiting for ticks."""
    own, numbers, told = faces(), {}, {}
    for level, hours in HOURS.items():
        for rate in RATES:
            for hour in hours:
                camera, key = camera_of(level, rate), (level, rate, hour)
                ticks = ticks_of(camera, hour)
                free, confined = both(AllowedOutput(ways=()), camera, offered(camera, ticks, own, SEED), ticks)
                numbers[key], told[key] = (float(free.success[0, 0]), float(confined.success[0, 0])), confined.notes["values"]
                print(key, numbers[key], told[key], flush=True)
    camera = camera_of(3, RATES[0])
    ticks = ticks_of(camera, 1.0)
    free, confined = both(AllowedOutput(), camera, offered(camera, ticks, own, SEED), ticks)
    live = {way: (free.notes[way], confined.notes[way]) for way in LIVE}
    shut = both(ForbiddenWays(), camera, own[:PATH_FACES], ticks)
    paths = {way: (shut[0].notes[f"bits by {way}"], shut[1].notes[f"bits by {way}"]) for way in WAYS}
    return Measured(paths, numbers, told, live, (float(free.success[-1, 0]), float(confined.success[-1, 0])))


def rows(found: Measured) -> list[Row]:
    """The targets."""
    worst = max(confined for _, confined in [*found.numbers.values(), found.together])
    least = min(free for free, _ in [*found.numbers.values(), found.together])
    shut = sum(confined.startswith("0 of") for _, confined in found.paths.values())
    opened = sum(not free.startswith("0 of") for free, _ in found.paths.values())
    return [
        Row("exfiltration: bits by what is allowed, over the published bound", "<= 1", f"{worst:.3f} at most", worst <= 1),
        Row("the same sender without confinement", f"> {LEAST_RATIO:.0f}", f"{least:,.0f} at least", least > LEAST_RATIO),
        Row(
            "forbidden ways that let a bit through (free / confined)",
            f"{len(WAYS)} / 0",
            f"{opened} / {len(WAYS) - shut}",
            opened == len(WAYS) == shut,
        ),
    ]


def tables(found: Measured) -> str:
    """What a person reads."""
    lines = []
    for (level, rate, hours), (free, confined) in found.numbers.items():
        record = schema_of(camera_of(level, rate)).bits
        words = found.told[level, rate, hours].partition(" in ")[0]
        lines.append([level, f"{record:.2f}", f"{rate:,.0f}", f"{hours:.0f}", words.rstrip(","), f"{confined:.3f}", f"{free:,.0f}"])
    head = ["level", "bits a record", "bit/h", "hours", "confined: bits that came through", "over the bound", "free, over the bound"]
    live = [[way, *cells] for way, cells in found.live.items()]
    paths = [[way, *cells] for way, cells in found.paths.items()]
    return "\n\n".join(
        [
            "By numbers:",
            table(head, lines),
            f"Against the clock, {PERIODS} periods, level 3 at 1,024 bit/h (what is read out of a record's numbers is inside the bound):",
            table(["code", "free", "confined"], live),
            "By ways that no policy names, bits that arrived:",
            table(["way", "free", "confined"], paths),
        ]
    )


def part(folder: Path) -> Part:
    """Measured, as a page takes it over. folder: nothing is put there."""
    found = measure()
    figures = {
        "numbers": {f"level {level}, {rate:g} bit/h, {hours:g} h": pair for (level, rate, hours), pair in found.numbers.items()},
        "live": dict(found.live),
        "paths": dict(found.paths),
        "together": found.together,
    }
    return Part(f"{(__doc__ or '').strip()}\n\n{tables(found)}", figures, rows(found))
