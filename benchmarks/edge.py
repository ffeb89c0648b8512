"""Edge inference as the installed command line does it: cost, age, memory, faults, and what gets out.

CPU is user and system time of all processes (ingest, vision, gateway), start subtracted by a clip and its beginning, one thread; ratios of medians of
interleaved rounds. The clip is made (`benchmarks/edge_clips.py`): a fixed camera, photographs, sensor noise, faces that pass; H.264, 25 frames/s. The
bare loop (`benchmarks/edge_bare.py`) has the same network, input size, head and tracker. Peers stand in an environment of their own.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks import edge_steps as steps
from benchmarks import material
from benchmarks.edge_figures import Figures, rows, step
from benchmarks.measure import Spread
from benchmarks.page import Row, table, write

STEPS: dict[str, Callable[[Figures], Any]] = {
    "pipeline": steps.pipeline,
    "sub-stream": steps.sub_stream,
    "lock": steps.lock,
    "peer": steps.peer,
    "suite": steps.suite,
    "memory": steps.memory,
    "first": steps.first,
    "age": steps.age,
    "stall": steps.stall,
    "broker": steps.broker,
    "escapes": steps.escapes,
    "undeclared": steps.undeclared,
}
PARTS = {"int8": "benchmarks.edge_int8", "exfiltration": "benchmarks.edge_exfiltration"}
"""Measured by files of their own, which bring rows and a section of the page."""


WHY = """## What is hard, and why

- **Against the bare loop.** Of 6.6 ms a frame of 1080p in one process 3.3 are decoding, 2.1 the network, .5 head and tracker: both sides pay them.
  What is saved is the full-size BGR picture; what it is saved for, areas averaged by swscale, costs .6 (a filter graph is no quicker)."""


def main(words: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.edge")
    parser.add_argument(
        "--only", action="append", metavar="STEP", choices=[*STEPS, *PARTS], help="measure this alone; the page is printed, not written"
    )
    given = parser.parse_args(words)
    chosen = given.only or [*STEPS, *PARTS]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ["VELATURA_HOME"] = str(material.models(folder))
        figures = Figures(folder, {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})
        for name, measure in STEPS.items():
            if name in chosen:
                step(figures, name, measure)
        for name, module in PARTS.items():
            if name in chosen:
                step(figures, name, lambda figures, module=module: import_module(module).part(figures.folder))  # type: ignore[misc]
    told = _rows(figures)
    body = page(figures, told)
    if given.only:
        print(body)
    else:
        write("edge", "Edge inference", body, _plain({**figures.found, "failed": figures.failed}), told)


def page(figures: Figures, told: Sequence[Row]) -> str:
    """The body, as Markdown."""
    sections = [__doc__ or "", table(["what", "asked", "measured", ""], [row.cells for row in told]), WHY]
    costs = [[f"{name}: {case}", str(spread)] for name in ("pipeline", "sub-stream", "peer") for case, spread in _costs(figures.found.get(name))]
    if costs:
        sections.append(f"CPU milliseconds a frame, median [min..max]:\n\n{table(['what', 'ms'], costs)}")
    if wrong := figures.found.get("suite", {}).get("wrong"):
        sections.append(f"Cases that the peer gets wrong: {'; '.join(wrong)}.")
    sections += [figures.found[name].body for name in PARTS if name in figures.found]
    return "\n\n".join(sections)


def _rows(figures: Figures) -> list[Row]:
    """Parts that ran bring their own rows in place of the one that stands for them."""
    places = {"int8": "int8 against", "exfiltration": "exfiltration:"}
    made = []
    for row in rows(figures):
        part = next((name for name, words in places.items() if row.what.startswith(words)), None)
        made += list(figures.found[part].rows) if part in figures.found else [row]
    return made


def _costs(found: Any) -> list[tuple[str, Spread]]:
    cases = {} if found is None else found.get("ms", found)
    return list(cases.items())


def _plain(value: Any) -> Any:
    """What JSON can carry."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if hasattr(value, "figures"):
        return _plain(dict(value.figures))
    return _plain(asdict(value)) if is_dataclass(value) and not isinstance(value, type) else value


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
