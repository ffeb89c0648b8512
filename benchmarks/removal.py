"""Removal from file to file: people taken out of clips whose truth is known, by the installed command line with its defaults.

Scenes are made from seeds: cut-out people with a cast shadow on real footage (`benchmarks/removal_scenes.py`), coded at CRF 12; what is judged is the
finished file, against the clean clip coded alike (`benchmarks/removal_metrics.py`: all definitions). The detector is FastestDet. Peers get the true
masks, grown by a pixel, and are coded as ours is (`benchmarks/removal_peers.py`). Textured: indoor and plaza; flat: roadtop (asphalt). A frame leaks
when more than 5 % of the object's visible pixels show. What the fallback covers (black) is no leak and no success: covered frames and their area have
a column of their own, and hole PSNR takes covers as they look. CPU is user and system time of the whole process tree, its start included, one thread.
Rows with given masks stand apart and never for the others. Three things no output shows, and they are asked of the same code in this process
(`benchmarks/removal_inside.py`): the background, the fill before any coder, and the check of outputs into which people were put back.
Footage: "Intel, sample-videos" (CC BY 4.0), OpenCV's vtest, bgslibrary, GoPro's gpmf-parser.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product, zip_longest
from pathlib import Path

from benchmarks.overview import rows_of
from benchmarks.page import Row, table, write
from benchmarks.removal_beside import Bench, back, cost, drop, raw
from benchmarks.removal_costs import COSTS
from benchmarks.removal_inside import searching
from benchmarks.removal_page import line, plain, sections
from benchmarks.removal_rows import FLAT, TEXTURED, rows
from benchmarks.removal_runs import Measure, Way, detecting, tried
from benchmarks.removal_scenes import Scene, moving, static

STANDS = (0.7, 0.2, 0.45)
MOVING = (Way("moving"), Way("moving, masks given", mask=True))
REFUSING = (Way("never", ("--fallback", "fail")),)
Step = tuple[str, Callable[[Bench], None]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run; `quick`: one scene of each kind."""

    seeds: tuple[int, ...]
    count: int
    quick: bool = False

    @property
    def plates(self) -> tuple[str, ...]:
        return ("indoor",) if self.quick else (TEXTURED[0], *FLAT, *TEXTURED[1:])

    @property
    def textured(self) -> tuple[str, ...]:
        return tuple(plate for plate in self.plates if plate in TEXTURED)


def steps(plan: Plan) -> list[Step]:
    """Everything, one of each kind in turn, so that a run that is short of time leaves out repetitions and no row."""
    kinds, clips, stands = (("walk",), ("walk",), STANDS[:1]) if plan.quick else (("walk", "stopgo", "crowd"), ("walk", "pan"), STANDS)
    found: list[Step] = []
    for seed in plan.seeds:
        queues = [
            [_static(plate, kind, plan, seed) for kind, plate in product(kinds, plan.plates)],
            [_moving(clip, kind, plan, seed) for kind, clip in product(kinds[:2], clips)],
            [_frozen(plate, stand, plan, seed) for stand, plate in product(stands, plan.plates)],
            [_never(plate, plan, seed) for plate in plan.plates],
            [_swaying(plate, plan, seed) for plate in plan.textured],
            *(_beside(plan) if seed == plan.seeds[0] else ()),
        ]
        found += [step for turn in zip_longest(*queues) for step in turn if step is not None]
    return found


def main(words: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.removal")
    parser.add_argument("--quick", action="store_true", help="one scene of each kind; the page is printed, not written")
    parser.add_argument("--seed", type=int, action="append", metavar="N", help="of the scenes; may be given several times  [default: 1]")
    parser.add_argument("--frames", type=int, metavar="N", help="of each scene  [default: 60; quick: 40]")
    parser.add_argument("--minutes", type=float, metavar="N", help="begin nothing new after; what is left out is named  [default: all is run]")
    given = parser.parse_args(words)
    plan = Plan(tuple(given.seed or (1,)), given.frames or (40 if given.quick else 60), given.quick)
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary) / "home"
        env = detecting(home)
        bench = Bench(Path(temporary), env, searching(home))
        left = measure(steps(plan), bench, given.minutes)
    bench.beside.memory += rows_of("removal_memory")
    told = rows(bench.results, bench.beside)
    body = page(plan, bench, told, left)
    if given.quick:
        print(body)
    else:
        write("removal", "Removal of moving objects", body, plain({"scenes": bench.results, "beside": bench.beside, "left_out": left}), told)


def measure(planned: Sequence[Step], bench: Bench, minutes: float | None) -> list[str]:
    """Take the steps in turn; the names of those for which no time was left."""
    start, left = time.monotonic(), []
    for name, step in planned:
        if minutes is not None and time.monotonic() - start > 60 * minutes:
            left.append(name)
            continue
        print(f"{(time.monotonic() - start) / 60:.1f} min: {name}", flush=True)
        step(bench)
    return left


def page(plan: Plan, bench: Bench, told: Sequence[Row], left: Sequence[str]) -> str:
    """The body, as Markdown."""
    seeds = ", ".join(map(str, plan.seeds))
    about = f"Seeds: {seeds}; {plan.count} frames a scene; costs: one run a case. Memory: [a page of its own](removal_memory.md)."
    if left:
        about += f"\nLeft out in this run, which was short of time: {'; '.join(left)}."
    targets = table(["what", "target", "measured", ""], [row.cells for row in told])
    return "\n\n".join([f"{__doc__}\n{about}", targets, *sections(bench.results, bench.beside)])


def _static(plate: str, kind: str, plan: Plan, seed: int) -> Step:
    make = partial(static, plate, kind, count=plan.count, seed=seed)
    return _step(f"{plate} {kind}", make, (Way("static"),), Measure(peers=True, background=True))


def _frozen(plate: str, stand: float, plan: Plan, seed: int) -> Step:
    make = partial(static, plate, "frozen", count=plan.count, seed=seed, stand=stand)
    return _step(f"{plate} frozen {stand:.0%}", make, (Way("frozen"),), Measure(background=True, leak=True))


def _moving(clip: str, kind: str, plan: Plan, seed: int) -> Step:
    return _step(f"moving {clip} {kind}", partial(moving, clip, kind, count=plan.count, seed=seed), MOVING, Measure(peers=True))


def _never(plate: str, plan: Plan, seed: int) -> Step:
    return _step(f"{plate} never", partial(static, plate, "never", count=plan.count, seed=seed), REFUSING, Measure())


def _swaying(plate: str, plan: Plan, seed: int) -> Step:
    make = partial(static, plate, "walk", count=plan.count, seed=seed, sway_px=2, drift=0.06)
    return _step(f"{plate} sway", make, (Way("swaying camera"),), Measure())


def _step(name: str, make: Callable[[], Scene], ways: tuple[Way, ...], beside: Measure) -> Step:
    """Scenes are made when their turn comes: real footage is read for them."""

    def step(bench: Bench) -> None:
        found = tried(make(), bench.folder / "scene", ways, env=bench.env, search=bench.search, beside=beside)
        for group, run in found.items():
            print(" | ".join([group, *line(run)]), flush=True)
            bench.results.setdefault(group, []).append(run)

    return name, step


def _beside(plan: Plan) -> Iterator[list[Step]]:
    """What is measured beside the scenes, on those of the first seed."""
    seed, count = plan.seeds[0], plan.count
    walks = {plate: partial(static, plate, "walk", count=count, seed=seed) for plate in plan.plates}
    lengths = (2,) if plan.quick else (1, 2, 3, 4, 5)
    yield [(f"{plate} walk before any coder", raw(walks[plate])) for plate in plan.textured]
    yield from ([(f"cost: {case}", cost(case, count=40 if plan.quick else 250))] for case in COSTS)
    yield [(f"masks dropped for {length} frames", drop(walks["indoor"], length, seed)) for length in lengths]
    yield [(f"people put back: {plate}", back(make, seed)) for plate, make in walks.items()]
    yield [("people put back: moving pan", back(partial(moving, "pan", "walk", count=count, seed=seed), seed))]


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
