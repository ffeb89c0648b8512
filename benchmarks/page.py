"""A benchmark's page: docs/benchmarks/NAME.json (everything) and NAME.md (what a person reads), with machine, versions and command."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import machine

DOCS = Path(__file__).parent.parent / "docs" / "benchmarks"


@dataclass(frozen=True, slots=True)
class Row:
    """One target: what was asked, what was measured, and whether that is enough; collected by `benchmarks.overview`."""

    what: str
    target: str
    measured: str
    reached: bool

    @property
    def cells(self) -> list[str]:
        return [self.what, self.target, self.measured, "reached" if self.reached else "**missed**"]


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def write(name: str, title: str, body: str, figures: Mapping[str, Any], rows: Sequence[Row] = (), *, room: str = "") -> None:
    """Write both files; `body` is Markdown without the title and without the machine; `rows` are the targets of this page; `room`: the benchmark's
    name, where it is not the page's."""
    DOCS.mkdir(parents=True, exist_ok=True)
    where = machine()
    versions = ", ".join(f"{package} {number}" for package, number in where["versions"].items())
    place = f"Machine: {where['processor']}, {where['cores']} cores, {where['system']}, Python {where['python']}; {versions}."
    foot = f"{place}\nCommand: `python -m benchmarks {room or name}`."
    (DOCS / f"{name}.md").write_text(f"# {title}\n\n{body.strip()}\n\n{foot}\n", "utf-8")
    (DOCS / f"{name}.json").write_text(
        json.dumps({"machine": where, "figures": figures, "rows": [asdict(row) for row in rows]}, indent=1, sort_keys=True) + "\n", "utf-8"
    )
    print(body, flush=True)
