"""What an audit costs, and what it says: CPU of `velatura audit` on the 400 ORL pictures, protecting and both arms included, without the CNN, on
one core; and the verdict of every attack on every method, from one audit with every attack that ORL and rendered plates allow."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.material import models, shared
from benchmarks.measure import Spread, cpu_of
from benchmarks.page import Row, table, write
from benchmarks.startup import installed_wheel
from velatura.findings import Finding
from velatura.report.reading import read_report

TABLE = (
    "pixelate:2px",
    "pixelate:4px",
    "pixelate:8px",
    "pixelate:16px",
    "blur:5",
    "blur:10",
    "blur:20",
    "fill",
    "seal",
    "dp-pixelate:cells=6,m=16,epsilon=0.1",
    "dp-pixelate:cells=6,m=16,epsilon=0.5",
    "dp-pixelate:cells=6,m=16,epsilon=1",
    "dp-pixelate:cells=6,m=16,epsilon=5",
    "dp-pixelate:cells=6,m=roi,epsilon=1",
    "dp-pixelate:cells=6,m=roi,epsilon=5",
    "dp-pixelate:cells=6,m=roi,epsilon=50",
    "dp-pixelate:cells=6,m=roi,epsilon=500",
)
METHODS = (
    "fill",
    "seal",
    "dp-pixelate:cells=6,m=roi,epsilon=50",
    "dp-pixelate:cells=6,m=16,epsilon=1",
    "pixelate:8",
    "pixelate:16px",
    "blur:5",
    "blur:12%",
)
"""One of each kind that a person would choose; for the table of verdicts."""

RUNS = 3


def people(folder: Path) -> Path:
    """The forty people of ORL (the copy that we have holds a stranger beside them)."""
    place = folder / "orl"
    place.mkdir()
    for number in range(1, 41):
        (place / f"s{number}").symlink_to(shared() / "data" / "orl" / f"s{number}", target_is_directory=True)
    return place


def spec(folder: Path, name: str, methods: tuple[str, ...], attacks: tuple[str, ...]) -> Path:
    path = folder / f"{name}.toml"
    listed = ", ".join(f'"{method}"' for method in methods)
    chosen = ", ".join(f'"{attack}"' for attack in attacks)
    path.write_text(f'title = "{name}"\nroom = "obfuscation"\n[obfuscation]\nmethods = [{listed}]\npeople = "orl"\nattacks = [{chosen}]\n')
    return path


def verdicts(findings: Sequence[Finding]) -> str:
    """A table: a row a method, a column an attack."""
    attacks = list(dict.fromkeys(finding.attack for finding in findings))
    cells = {(finding.target.rpartition(", ")[0].partition(", pictures of")[0], finding.attack): told(finding) for finding in findings}
    return table(["method", *attacks], [[f"`{method}`", *(cells.get((method, attack), "") for attack in attacks)] for method in METHODS])


def told(finding: Finding) -> str:
    estimate = finding.estimate
    if estimate is None:
        return str(finding.verdict)
    rate, against = estimate.unit.endswith("rate"), estimate.chance if finding.claim is None or finding.claim.bound is None else finding.claim.bound
    value, limit = (f"{100 * v:.1f} %" if rate else f"{v:.3g}" for v in (estimate.value, against))
    return f"{finding.verdict} {value} ({limit})"


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        people(folder)
        bins = installed_wheel(folder)
        env = {**os.environ, "VELATURA_HOME": str(models(folder)), "OMP_NUM_THREADS": "1"}
        env = {key: value for key, value in env.items() if key not in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")}

        def audit(path: Path) -> float:
            out = folder / f"out{os.urandom(6).hex()}"
            return cpu_of(["taskset", "-c", "0", str(bins / "velatura"), "audit", str(path), "-o", str(out)], env=env, ok=(0, 3))

        one = Spread.of([audit(spec(folder, "one", ("pixelate:16px",), ("reidentify",))) for _ in range(RUNS)])
        every = Spread.of([audit(spec(folder, "every", ("pixelate:16px",), ())) for _ in range(RUNS)])
        whole = Spread.of([audit(spec(folder, "table", TABLE, ("reidentify",)))])
        asked = spec(folder, "verdicts", METHODS, ())
        asked.write_text(asked.read_text().replace("attacks = []", 'plates = "rendered:20"'))
        cpu_of([str(bins / "velatura"), "audit", str(asked), "-o", str(folder / "verdicts")], env=env, ok=(3,))
        findings = read_report(folder / "verdicts").findings
    rows = [
        ["one method, re-identification, five splits, three attackers and the blind guess", f"{one} s"],
        ["one method, every attack that the data allows but those that learn for minutes", f"{every} s"],
        [f"the paper's table: {len(TABLE)} methods, re-identification", f"{whole} s"],
    ]
    aims = [
        Row("audit of 400 pictures, one method, protecting included, no CNN", "<= 6 s CPU", f"{one.median:.1f} s", one.median <= 6),
        Row("the same, the paper's whole table", "<= 90 s CPU", f"{whole.median:.1f} s", whole.median <= 90),
    ]
    body = (
        "CPU of the whole command with all its children (400 confined decodings, both arms, the report with pictures), held on one core.\n\n"
        + table(["what", "CPU"], rows)
    )
    body += (
        "\n\n## Verdicts\nThe strongest attacker on the covered pixels alone (all of each picture), seed 1; guessing or the promise in brackets.\n"
        "A value a little above a promise is held as long as the lower end of its interval is not above it, and its upper end is below the limit.\n\n"
    )
    body += verdicts(findings)
    figures = {"one_s": one.median, "every_s": every.median, "table_s": whole.median}
    write("audit", "What an audit costs", body, figures, aims)


if __name__ == "__main__":
    main()
