"""Plates behind pixelation and blur: how much of the text is read, for rendered plates and for photographs.

Rendered plates are 48 x 240 pixels with seven letters out of 33, in a font that the attacker has, at a place that he knows to six pixels.
Photographs are the plates of plates_openalpr, cut out as they are labelled (91 plates, 16 to 150 pixels high): he knows neither font nor size nor
place. `pixelate:N` lays N cells across a plate's height; `blur:N` has a sigma of N pixels, `blur:N%` of N hundredths of the height.
The character rate of rendered plates is the share of letters right at their place; that of photographs is 1 - edit distance / length. The blind guess
of photographs is, for each plate, what is most usual at each place of the other plates of the same shape. Run with OPENBLAS_NUM_THREADS=1, as the
command line runs: two threads that wait for each other took ten times the CPU on a busy machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from PIL import Image

from benchmarks import material
from benchmarks.page import Row, table, write
from velatura.attacks.attack import Photo
from velatura.attacks.lettering import rendered_plates
from velatura.attacks.text_template import ReadText
from velatura.audit.obfuscation import plain_arm, protected_arm
from velatura.audit.trial import Baselines, trial
from velatura.findings import Claim, Finding, Verdict

REGIONS = ("br", "eu", "us")
RENDERED = (
    "pixelate:8",
    "pixelate:4",
    "pixelate:3",
    "pixelate:2",
    "blur:8",
    "blur:12",
    "blur:16",
    "dp-pixelate:cells=8,m=16,epsilon=5",
    "dp-pixelate:cells=8,m=roi,epsilon=10",
    "fill",
)
REAL = ("pixelate:16", "pixelate:12", "pixelate:8", "blur:4%", "blur:8%", "blur:16%", "blur:8", "fill")
PLATES = 40
SEED = 3
BUDGET_S = 600


def photographed(folder: Path, regions: Sequence[str] = REGIONS) -> list[Photo]:
    """Every labelled plate of `folder`, cut out, grey; `person` is its number."""
    lines = [(path, path.read_text("utf-8").splitlines()[0].split("\t")) for region in regions for path in sorted((folder / region).glob("*.txt"))]
    return [_cut(path.parent / file, *map(int, box), text=text, number=at) for at, (path, (file, *box, text)) in enumerate(lines)]


def _cut(picture: Path, x: int, y: int, width: int, height: int, *, text: str, number: int) -> Photo:
    with Image.open(picture) as opened:
        return Photo(np.asarray(opened.convert("L").crop((x, y, x + width, y + height))), number, text)


def measured(attack: ReadText, plates: Sequence[Photo], methods: Sequence[str]) -> dict[str, tuple[Finding, float]]:
    """Method -> finding, and CPU seconds; the unprotected arm is played once, before."""
    baselines, found = Baselines(), {}
    for method in ("", *methods):
        started = process_time()
        protected = protected_arm(method) if method else plain_arm()
        finding = trial(
            attack,
            method or "unprotected",
            plain=plain_arm(),
            protected=protected,
            claim=Claim(),
            secrets=plates,
            seed=SEED,
            budget_s=BUDGET_S,
            findings=len(methods),
            baselines=baselines,
            key="plates",
        ).finding
        found[method or "unprotected"] = finding, process_time() - started
    return found


def lines(found: dict[str, tuple[Finding, float]]) -> str:
    rows = []
    for method, (finding, cpu_s) in found.items():
        e = finding.estimate
        assert e is not None, finding.why
        spread = f"{100 * e.value:.1f} % [{100 * e.low:.1f}, {100 * e.high:.1f}]"
        verdict = "-" if method == "unprotected" else finding.verdict
        rows.append([method, spread, f"{100 * e.chance:.1f} %", finding.evidence["whole plates read"], verdict, f"{cpu_s / e.n:.2f} s"])
    return table(["", "character rate", "guessing", "whole plates", "verdict against guessing", "CPU a plate"], rows)


def targets(rendered: dict[str, tuple[Finding, float]], real: dict[str, tuple[Finding, float]]) -> list[Row]:
    mosaic, cpu_s = rendered["pixelate:8"]
    fill = rendered["fill"][0]
    clear, pixelated = real["unprotected"][0], real["pixelate:8"][0]
    assert mosaic.estimate and fill.estimate and clear.estimate and pixelated.estimate
    value, each_s = mosaic.estimate.value, cpu_s / mosaic.estimate.n
    photographs = f"{100 * pixelated.estimate.value:.1f} % (clear {100 * clear.estimate.value:.1f} %, guessing {100 * clear.estimate.chance:.1f} %)"
    return [
        Row("plate text, rendered font, `pixelate:8`", ">= 90 % of characters", f"{100 * value:.1f} %", value >= 0.9),
        Row("plate text, rendered font, `fill`", "held (chance)", f"{fill.verdict}, {100 * fill.estimate.value:.1f} %", fill.verdict is Verdict.HELD),
        Row("plate text, photographs of plates_openalpr, `pixelate:8`", "reported", photographs, True),
        Row("reading a rendered plate under `pixelate:8`", "<= .5 s CPU", f"{each_s:.2f} s", each_s <= 0.5),
    ]


def figures(found: dict[str, tuple[Finding, float]]) -> dict[str, Any]:
    told = {}
    for method, (finding, cpu_s) in found.items():
        e = finding.estimate
        assert e is not None, finding.why
        told[method] = {
            "rate": e.value,
            "low": e.low,
            "high": e.high,
            "chance": e.chance,
            "plates": e.n,
            "verdict": str(finding.verdict),
            "whole": finding.evidence["whole plates read"],
            "cpu_s": cpu_s,
        }
    return told


def main() -> None:
    rendered = measured(ReadText(), rendered_plates(PLATES, np.random.default_rng(SEED)), RENDERED)
    folder = material.shared() / "data" / "plates_openalpr"
    real = measured(ReadText(photographed=True), photographed(folder), REAL)
    by_region = by_regions(folder)
    rows = targets(rendered, real)
    body = f"""{__doc__}
## Rendered plates
{PLATES} plates. He {ReadText().knowledge}.

{lines(rendered)}

## Photographs
He {ReadText(photographed=True).knowledge}.
Each plate is read by what was learnt from others; nothing is kept, and no picture of these is shown. His windows and their weights were chosen by
trying some twenty variants on the clear plates and on `pixelate:8` of this very set, so that both rates are somewhat too high for other plates.
What this parrot does not read, a better reader may: the rate on clear plates says how good a reader it is.

{lines(real)}

Each region alone, unprotected and under `pixelate:8`:

{table(["", "plates", "guessing", "unprotected", "`pixelate:8`"], by_region)}"""
    write("text", "Text under pixelation and blur", body, {"rendered": figures(rendered), "photographs": figures(real)}, rows)


def by_regions(folder: Path) -> list[list[str]]:
    """Character rates of each region's plates, attacked alone. Fewer than a dozen plates teach nothing, and are left out."""
    rows = []
    for region in REGIONS:
        plates = photographed(folder, (region,))
        if len(plates) < 12:
            continue
        play = ReadText(photographed=True).play
        clear, mosaic = (play(arm, plates, np.random.default_rng(SEED), budget_s=BUDGET_S) for arm in (plain_arm(), protected_arm("pixelate:8")))
        rates = [clear.chance, clear.success[0].mean(), mosaic.success[0].mean()]
        rows.append([region, str(len(plates)), *(f"{100 * rate:.1f} %" for rate in rates)])
    return rows


if __name__ == "__main__":
    main()
