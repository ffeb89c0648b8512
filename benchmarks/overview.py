"""The table of targets: every row that the other benchmarks wrote, in one page (docs/benchmarks/obfuscation.md)."""

from __future__ import annotations

import json

from benchmarks.page import DOCS, Row, table

ROOMS = ("faces", "jobs", "memory", "timing", "leaks", "tracking", "startup")


def rows_of(room: str) -> list[Row]:
    path = DOCS / f"{room}.json"
    if not path.exists():
        return [Row(room, "-", f"not measured: python -m benchmarks {room}", False)]
    return [Row(**row) for row in json.loads(path.read_text("utf-8")).get("rows", [])]


def where(room: str) -> str:
    path = DOCS / f"{room}.json"
    if not path.exists():
        return "-"
    machine = json.loads(path.read_text("utf-8"))["machine"]
    return f"{machine['processor']}, {machine['cores']} cores, Python {machine['python']}, onnxruntime {machine['versions']['onnxruntime']}"


def main() -> None:
    found = {room: rows_of(room) for room in ROOMS}
    lines = [[*row.cells, f"[{room}]({room}.md)"] for room, rows in found.items() for row in rows]
    reached = sum(row.reached for rows in found.values() for row in rows)
    machines = sorted({where(room) for room in ROOMS if (DOCS / f"{room}.json").exists()})
    text = f"""# Obfuscation: targets and what was measured

{reached} of {len(lines)} reached. Each page says how it was measured, with spread, versions and command; what was missed stands here as missed.
CPU is user and system time of all processes; ratios come from interleaved runs. The peer is deface 1.5.0 in an environment of its own.

{table(["what", "target", "measured", "", "page"], lines)}

Machine: {"; ".join(machines)}.
Command: `python -m benchmarks overview` after the others; `make bench` runs all.
"""
    (DOCS / "obfuscation.md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
