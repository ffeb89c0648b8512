"""The tables of targets: every row that the other benchmarks wrote, a page for each part of the house (docs/benchmarks/PAGE.md)."""

from __future__ import annotations

import json

from benchmarks.page import DOCS, Row, table

PAGES = {
    "obfuscation": (
        "Obfuscation",
        ("faces", "jobs", "memory", "timing", "leaks", "tracking", "startup"),
        "The peer is deface 1.5.0 in an environment of its own.",
    ),
    "attacks": (
        "Attacks, verdicts and reports",
        ("reidentification", "inversion", "text", "averaging", "residue", "verdicts", "audit"),
        "No peer attacks its own output, so there is none to compare with.",
    ),
    "removal_targets": (
        "Removal",
        ("removal",),
        "Peers get the true masks: Telea, Navier-Stokes, a temporal median and LaBGen-P.",
    ),
    "edge_targets": (
        "Edge inference",
        ("edge",),
        "Peers are a bare loop of OpenCV and ONNX Runtime, and supervision with trackers in an environment of its own.",
    ),
    "federated_targets": (
        "Federated learning",
        ("federated",),
        "Peers are a loop of plain torch, a plain Flower app on the same engine, and training on the pooled rows.",
    ),
    "homomorphic_targets": (
        "Homomorphic encryption",
        ("homomorphic",),
        "The peer is TenSEAL's own path on the same weights.",
    ),
    "enclave_targets": (
        "Secure enclaves",
        ("enclave",),
        "Targets are of our own: no peer verifies every format offline.",
    ),
}
"""Page -> its title, the benchmarks whose rows it collects, and a sentence on peers."""


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
    for page, (title, rooms, peers) in PAGES.items():
        text = text_of(title, rooms, peers)
        (DOCS / f"{page}.md").write_text(text, "utf-8")
        print(text)


def text_of(title: str, rooms: tuple[str, ...], peers: str) -> str:
    found = {room: rows_of(room) for room in rooms}
    lines = [[*row.cells, f"[{room}]({room}.md)"] for room, rows in found.items() for row in rows]
    reached = sum(row.reached for rows in found.values() for row in rows)
    machines = sorted({where(room) for room in rooms if (DOCS / f"{room}.json").exists()})
    return f"""# {title}: targets and what was measured

{reached} of {len(lines)} reached. Each page says how it was measured, with spread, versions and command; what was missed stands here as missed.
CPU is user and system time of all processes; ratios come from interleaved runs. {peers}

{table(["what", "target", "measured", "", "page"], lines)}

Machine: {"; ".join(machines)}.
Command: `python -m benchmarks overview` after the others; `make bench` runs all.
"""


if __name__ == "__main__":
    main()
