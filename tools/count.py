"""Print the size of files and functions beside our aims (median file <= 160 lines, none over 500; function median <= 12, p90 <= 35, none over 70)."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

SRC = Path(__file__).parent.parent / "src"


def functions(path: Path) -> list[tuple[int, str]]:
    tree = ast.parse(path.read_text("utf-8"))
    nodes = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [((n.end_lineno or n.lineno) - n.lineno + 1, f"{path.relative_to(SRC)}:{n.lineno} {n.name}") for n in nodes]


def main() -> None:
    files = [(len(p.read_text("utf-8").splitlines()), p) for p in sorted(SRC.rglob("*.py"))]
    sizes = sorted(n for n, _ in files if n)
    lengths = sorted(item for _, p in files for item in functions(p))
    numbers = [n for n, _ in lengths]
    print(f"files {len(sizes)}, lines {sum(sizes)}, median {statistics.median(sizes):.0f} (aim 160), largest {max(sizes)} (aim 500)")
    p90 = numbers[int(0.9 * len(numbers))]
    print(f"functions {len(numbers)}, median {statistics.median(numbers):.0f} (aim 12), p90 {p90} (aim 35), longest {numbers[-1]} (aim 70)")
    for n, p in files:
        if n > 400:
            print(f"  long file: {p.relative_to(SRC)} {n}")
    for n, name in lengths:
        if n > 70:
            print(f"  long function: {name} {n}")


if __name__ == "__main__":
    main()
