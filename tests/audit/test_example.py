"""CONTRIBUTING shows an attack in ten lines: they are those of the example, and it runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "examples" / "attacks" / "brightness.py"


def test_the_ten_lines_of_the_guide_are_those_of_the_example() -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    block = guide[guide.index("    class Brightness") :].split("\n\n[")[0]
    lines = [line for line in dedent(block).strip().splitlines() if line]
    assert len(lines) <= 10
    assert "\n".join(lines) in "\n".join(line for line in EXAMPLE.read_text("utf-8").splitlines() if line)


def test_the_example_is_held_by_fill_and_breaks_pixelation() -> None:
    done = subprocess.run([sys.executable, str(EXAMPLE)], capture_output=True, text=True, check=True, timeout=280)
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == ["held", "broken"]
