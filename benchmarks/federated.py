"""Federated learning as `velatura fl run` does it: cost, accuracy, faults, secure aggregation, privacy, attacks.

    python -m benchmarks.federated                 measure all, write the page
    python -m benchmarks.federated local ray       measure these again, write the page
    python -m benchmarks.federated --page          write the page from the results that are kept

Each step's result is a file in docs/benchmarks/federated, with the day and the machine it was taken on. A step that is ended goes on with its last
whole round when it is called again (`niid` takes 47 minutes of one core, `to99` 19, `mnist` 10). CPU is user and system time; one thread.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from benchmarks.federated_kept import Kept, keep, kept
from benchmarks.federated_rows import rows
from benchmarks.page import Row, table, write

STEPS: dict[str, tuple[str, str]] = {
    "local": ("federated_cost", "local"),
    "wrapper": ("federated_cost", "wrapper"),
    "first": ("federated_cost", "first"),
    "ray": ("federated_cost", "ray"),
    "superlink": ("federated_cost", "superlink"),
    "digits": ("federated_accuracy", "digits"),
    "secagg": ("federated_secagg", "measured"),
    "lost": ("federated_lost", "measured"),
    "robust": ("federated_robust", "all_measured"),
    "mnist": ("federated_accuracy", "mnist"),
    "to99": ("federated_accuracy", "to99"),
    "niid": ("federated_accuracy", "niid"),
}
"""Step -> module and function; quick ones first."""

PARTS = ("federated_privacy", "federated_canaries", "federated_inversion")
"""Modules with rows of their own: `measured() -> figures`, `rows(figures) -> list[Row]`, both of what JSON can carry."""


def main(words: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.federated", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("steps", nargs="*", metavar="STEP", help=", ".join([*STEPS, *(part.removeprefix("federated_") for part in PARTS)]))
    parser.add_argument("--page", action="store_true", help="measure nothing")
    given = parser.parse_args(words)
    known = {**{name: _of(*where) for name, where in STEPS.items()}, **_parts()}
    if unknown := [name for name in given.steps if name not in known]:
        parser.error(f"there is no step {unknown[0]!r}; there are: {', '.join(known)}")
    for name in [] if given.page else given.steps or known:
        keep(name, known[name])
    found = {name: kept(name) for name in known}
    told = [*rows(found), *_rows_of_parts(found)]
    figures = {name: one.figures for name, one in found.items() if one is not None}
    write("federated", "Federated learning", page(found, told), figures, told)


def page(found: Mapping[str, Kept | None], told: Sequence[Row]) -> str:
    """The body, as Markdown."""
    what = (__doc__ or "").strip().partition("\n\n")[0]
    modules = dict.fromkeys(module for module, _ in STEPS.values())
    how = [f"**{name.removeprefix('federated_')}** {_how(name)}" for name in modules]
    sections = [what, table(["what", "asked", "measured", ""], [row.cells for row in told]), *_apart(found), "## How", *how, _taken(found)]
    return "\n\n".join(sections)


def _apart(found: Mapping[str, Kept | None]) -> list[str]:
    """What was asked to be told apart, without an aim."""
    said = []
    if (link := found.get("superlink")) is not None and link.figures:
        one = link.figures
        costs = f"{one['round_cpu_s']:.1f} s CPU and {one['round_wall_s']:.1f} s by the clock"
        said.append(
            f"**Flower's own processes** (`--engine superlink`, two sites and the server here): a round costs {costs} beyond its training, "
            f"as Flower starts a process for each message, which imports torch; a whole run of one round {one['first_wall_s']:.0f} s by the clock."
        )
    return said


def _how(module: str) -> str:
    """A module's first words without its command lines."""
    paragraphs = (import_module(f"benchmarks.{module}").__doc__ or "").split("\n\n")
    return " ".join(" ".join(one.split()) for one in paragraphs if not one.startswith("    "))


def _taken(found: Mapping[str, Kept | None]) -> str:
    days = [f"{name} {one.day}" for name, one in found.items() if one is not None]
    return f"Taken: {', '.join(days)}; the machine of each stands in docs/benchmarks/federated/STEP.json."


def _of(module: str, function: str) -> Callable[[], Any]:
    return lambda: getattr(import_module(f"benchmarks.{module}"), function)()


def _parts() -> dict[str, Callable[[], Any]]:
    return {part.removeprefix("federated_"): _of(part, "measured") for part in PARTS if find_spec(f"benchmarks.{part}")}


def _rows_of_parts(found: Mapping[str, Kept | None]) -> list[Row]:
    """A part that is not there, or was not measured, is told so."""
    made = []
    for part in PARTS:
        name = part.removeprefix("federated_")
        one = found.get(name)
        if one is not None and not one.failed:
            made += import_module(f"benchmarks.{part}").rows(one.figures)
            continue
        why = (
            f"failed: {one.failed}" if one is not None else "not measured" + ("" if find_spec(f"benchmarks.{part}") else f": no benchmarks/{part}.py")
        )
        made.append(Row(name, "see the issue", why, False))
    return made


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
