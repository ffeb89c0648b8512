"""Who is on it? The AT&T/ORL row of McPherson, Shokri and Shmatikov, "Defeating Image Obfuscation with Deep Learning", arXiv 1609.00408.

Forty people, ten pictures each, 92x112. The paper measures *identification*: a network learns whose the obfuscated pictures are. It does not bring
pixels back, though it is often cited as if it did. The protocol is theirs, the attackers are those of `velatura attack reidentify`, and the figures
are ours: none of the paper's is quoted.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import Generator
from PIL import Image
from scipy.ndimage import uniform_filter

from benchmarks.bars import Bar, draw
from benchmarks.material import shared
from benchmarks.page import DOCS, Row, table, write
from velatura.attacks.attack import Outcomes, Photo, Picture
from velatura.attacks.intervals import estimate
from velatura.attacks.reidentification import Reidentify
from velatura.audit.obfuscation import plain_arm, protected_arm
from velatura.findings import Claim, Estimate, Verdict, judge

SEEDS = (1, 2, 3, 4, 5)
CNN_BUDGET_S = float(os.environ.get("VELATURA_CNN_BUDGET_S", "300"))
"""Wall-clock seconds that the network may take on one arm; 0: it is not run."""

FACE, HEAD = (18, 28, 74, 100), (4, 2, 88, 112)
GREY, BOX = "mean grey around the head (control)", "box blur over half the picture (control)"
ALONE, AROUND = "the region alone", "with what stands around it"
Arm = Callable[[Photo, Generator], Picture]


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table.

    Attributes:
        box: what is covered, (x0, y0, x1, y1); None: all of it.
        alone: the attacker sees what is covered and nothing else.
        cnn: the network attacks it, too.
    """

    words: str
    arm: Arm
    box: tuple[int, int, int, int] | None = None
    alone: bool = True
    cnn: bool = False

    @property
    def label(self) -> str:
        return self.words if self.box is None else f"{self.words}, {ALONE if self.alone else AROUND}"

    @property
    def claim(self) -> Claim | None:
        """No better than chance on what is covered; nothing on what is not."""
        return Claim() if self.alone else None


def box_blur(photo: Photo, rng: Generator, /) -> Picture:
    """A mean over half the picture's height and width: what deface 1.5.0 lays over a face by default, without its ellipse. A control."""
    height, width = photo.picture.shape
    return np.rint(uniform_filter(photo.picture.astype(float), (height // 2, width // 2))).astype(np.uint8)


def grey_around(photo: Photo, rng: Generator, /) -> Picture:
    """One grey level: the mean of what stands around the head. A control."""
    x0, y0, x1, y1 = HEAD
    around = np.ones(photo.picture.shape, bool)
    around[y0:y1, x0:x1] = False
    return np.full_like(photo.picture, round(float(photo.picture[around].mean())))


def lines() -> list[Line]:
    made = [Line("original", plain_arm(), cnn=True)]
    made += [Line(f"pixelate:{cell}px", protected_arm(f"pixelate:{cell}px"), cnn=cell == 16) for cell in (2, 4, 8, 16)]
    made += [Line(f"blur:{sigma}", protected_arm(f"blur:{sigma}"), cnn=sigma == 20) for sigma in (5, 10, 20)]
    made += [Line(BOX, box_blur, cnn=True)]
    for words, box in (("fill over the face", FACE), ("fill over the head", HEAD)):
        made += [Line(words, protected_arm("fill"), box, alone, cnn=box == HEAD) for alone in (True, False)]
    made += [Line("seal over the head", protected_arm("seal"), HEAD, alone) for alone in (True, False)]
    made += [Line(GREY, grey_around, alone=False)]
    for m, epsilons in (("16", ("0.1", "0.5", "1", "5")), ("roi", ("1", "5", "50", "500"))):
        names = [f"dp-pixelate:cells=6,m={m},epsilon={epsilon}" for epsilon in epsilons]
        made += [Line(name, protected_arm(name), cnn=name.endswith(("m=16,epsilon=1", "m=roi,epsilon=50"))) for name in names]
    return made


def faces() -> list[Photo]:
    """The four hundred (the copy that we have holds a stranger beside them)."""
    folder = shared() / "data" / "orl"
    return [Photo(np.asarray(Image.open(folder / f"s{who}" / f"{at}.pgm")), person=who) for who in range(1, 41) for at in range(1, 11)]


def secrets(photos: Sequence[Photo], line: Line) -> list[Photo]:
    if line.box is None:
        return list(photos)
    if not line.alone:
        return [replace(photo, box=line.box) for photo in photos]
    x0, y0, x1, y1 = line.box
    return [replace(photo, picture=photo.picture[y0:y1, x0:x1]) for photo in photos]


@dataclass(frozen=True, slots=True)
class Played:
    """Plays of one arm, one a seed."""

    plays: list[Outcomes]
    cpu_s: float

    def mean(self) -> Outcomes:
        """All seeds together: more splits of the same people, no more people."""
        assert self.plays[0].guesses is not None, "identification keeps its guesses"
        success = np.mean([play.success for play in self.plays], 0)
        return replace(self.plays[0], success=success, guesses=np.mean([play.guesses for play in self.plays], 0))

    def rank_5(self) -> float:
        return float(np.mean([float(play.notes["rank-5 rate"].split(" %")[0]) for play in self.plays]))


def play(arm: Arm, photos: Sequence[Photo], attack: Reidentify, seeds: Sequence[int], budget_s: float) -> Played:
    began = time.process_time()
    plays = [attack.play(arm, photos, np.random.default_rng(seed), budget_s=budget_s) for seed in seeds]
    return Played(plays, time.process_time() - began)


@dataclass(frozen=True, slots=True)
class Tried:
    """A line, attacked."""

    line: Line
    played: Played
    found: Estimate
    verdict: Verdict
    alike: int
    cnn: Played | None

    def cells(self) -> list[str]:
        rates = self.played.mean().success.mean(1)
        held = f"{self.verdict} ({self.alike} of {len(SEEDS)})" if self.line.claim else str(self.verdict)
        shown = f"{percent(self.found.value)} [{percent(self.found.low)}, {percent(self.found.high)}]"
        return [self.line.label, *map(percent, rates), told(self.cnn), f"**{shown}**", f"{self.played.rank_5():.1f}", held]

    def json(self) -> dict[str, Any]:
        outcomes = self.played.mean()
        rates = dict(zip(outcomes.attackers, outcomes.success.mean(1).tolist(), strict=True))
        network = None if self.cnn is None else {"rank_1": rate(self.cnn), "cpu_s": self.cnn.cpu_s, "done": self.cnn.plays[0].notes.get("cnn", "")}
        ends = {"value": self.found.value, "low": self.found.low, "high": self.found.high}
        return {
            "rank_1": rates,
            **ends,
            "rank_5": self.played.rank_5() / 100,
            "verdict": str(self.verdict),
            "cnn": network,
            "cpu_s": self.played.cpu_s,
        }


def percent(share: float) -> str:
    return f"{100 * share:.1f}"


def rate(cnn: Played) -> float:
    play = cnn.plays[0]
    return float(play.success[play.attackers.index("cnn")].mean()) if "cnn" in play.attackers else float("nan")


def told(cnn: Played | None) -> str:
    if cnn is None:
        return ""
    if "cnn" not in cnn.plays[0].attackers:
        return "no split in time"
    return f"{percent(rate(cnn))} ({cnn.plays[0].notes['cnn']}{', cut' if cnn.plays[0].cut else ''}; {cnn.cpu_s:.0f} s CPU)"


def tried(line: Line, photos: Sequence[Photo], plain: Played, findings: int) -> Tried:
    hidden = secrets(photos, line)
    played = play(line.arm, hidden, Reidentify(), SEEDS, 60)

    def judged(found: Outcomes, base: Outcomes) -> Verdict:
        return judge(estimate(found, findings=findings), estimate(base, findings=findings), line.claim)

    verdict = judged(played.mean(), plain.mean())
    alike = sum(judged(found, base) is verdict for found, base in zip(played.plays, plain.plays, strict=True))
    cnn = play(line.arm, hidden, Reidentify(("cnn",)), SEEDS[:1], CNN_BUDGET_S) if line.cnn and CNN_BUDGET_S else None
    done = Tried(line, played, estimate(played.mean(), findings=findings), verdict, alike, cnn)
    print(" | ".join(done.cells()), flush=True)
    return done


def run() -> list[Tried]:
    photos, chosen = faces(), lines()
    findings = sum(line.claim is not None for line in chosen)
    plain: dict[object, Played] = {}
    found = []
    for line in chosen:
        key = (line.box, line.alone) if line.alone else None  # what stands around a region: the whole picture's unprotected arm
        if key not in plain:
            plain[key] = play(plain_arm(), secrets(photos, line), Reidentify(), SEEDS, 60)
        found.append(tried(line, photos, plain[key], findings))
    return found


def targets(found: Mapping[str, Tried]) -> list[Row]:
    rows = []
    for label, words, least in (
        ("pixelate:16px", "strongest attacker, mosaic of 16-pixel cells", 0.95),
        (BOX, "strongest attacker, box blur over half the picture", 0.93),
    ):
        value = found[label].found.value
        rows.append(Row(f"{words}, rank-1", f">= {100 * least:.0f} %", f"{percent(value)} %", value >= least))
    silent = [f"{words}, {ALONE}" for words in ("fill over the face", "fill over the head", "seal over the head")]
    silent += [f"dp-pixelate:cells=6,m=roi,epsilon={epsilon}" for epsilon in ("1", "5", "50")]
    held = [label for label in silent if found[label].verdict is Verdict.HELD]
    worst = max(found[label].found.high for label in silent)
    measured = f"{len(held)} of {len(silent)} held; the largest upper end is {percent(worst)} %"
    rows.append(Row("the region alone under fill, seal, dp-pixelate m=roi, epsilon <= 50", "held", measured, len(held) == len(silent)))
    around, grey = found[f"fill over the head, {AROUND}"], found[GREY]
    measured = f"{percent(around.found.value)} %; the mean grey of what is left gives {percent(grey.found.value)} % by itself"
    rows.append(Row("a filled head with what stands around it", "reported, with the reason", measured, True))
    network = [one for one in found.values() if one.cnn is not None]
    if network:
        cut = sum(one.cnn.plays[0].cut for one in network if one.cnn)
        measured = f"{len(network)} of {len(found)} rows with one seed of five halves, at most {CNN_BUDGET_S:.0f} s each, {cut} cut; not five seeds"
        rows.append(Row("with the CNN, five seeds", "reported, bounded by the budget", measured, False))
    return rows


TEXT = """
{doc}

![Rank-1 of the strongest attacker, row by row](reidentification.svg)

{targets}

## Table
Rank-1 in per cent, the mean of {seeds} seeds of 5 random halves (5 gallery pictures and 5 probes of each person; the attacker puts his gallery
through the same method). Guessing gives 2.5, and 12.5 of rank-5. *Strongest*: of the closed forms and the blind guess, with its interval over 40
people at the error of a report of {findings} findings; rank-5 is of the strongest. In brackets: in how many of the {seeds} seeds alone the verdict
is the same. `stated`: nothing is promised on what stands around a region. The network is beside the table: it has no
part in *strongest* nor in the verdicts.

{table}

`cells=6` are 6x7 cells of about 15x16 pixels. A control is no method of ours.

## What it says
- No network is needed: three closed forms ({row_s:.2f} s of CPU a row and seed in the median, protecting included) identify behind mosaics and
  blurs of up to 10 pixels as well as without them.
- Filling the head is not enough where what stands around it is seen: {around} % are identified by a rim of background and shoulders, 2 pixels above
  and 4 at the sides. Pictures of one sitting share light and background: the mean grey level of that rim, a single number a picture, identifies
  {grey} % by itself. The rest can only come from how that grey is spread and from the outline of hair and shoulders; which of them was not taken
  apart. The region alone, which is what the method covers, gives chance.
- `dp-pixelate` with m=16 identifies from epsilon .5 on: sixteen pixels are no face. With m=roi and epsilon up to 50 nothing is left to see for
  viewers, and no attacker here is surely above guessing.
{network}
Data: the AT&T (ORL) Database of Faces, AT&T Laboratories Cambridge; used for evaluation only, no picture of it is shown.
"""


def network_words(found: Sequence[Tried]) -> str:
    pairs = [(one.cnn, one.played.plays[0].success.mean(1).max()) for one in found if one.cnn is not None and "cnn" in one.cnn.plays[0].attackers]
    if not pairs:
        return "- The network was not run, or had no time for a split.\n"
    ahead = [rate(cnn) - float(strongest) for cnn, strongest in pairs]
    all_min = np.mean([cnn.cpu_s for cnn, _ in pairs]) * len(found) * len(SEEDS) / 60
    return (
        f"- The network ({len(pairs)} rows, one seed, five halves, at most {CNN_BUDGET_S:.0f} s a row: `VELATURA_CNN_BUDGET_S`) lies between\n"
        f"  {100 * min(ahead):+.1f} and {100 * max(ahead):+.1f} points from the strongest closed form on the same halves.\n"
        f"  All rows and {len(SEEDS)} seeds would take {all_min:.0f} minutes of CPU.\n"
    )


def page(found: Sequence[Tried]) -> None:
    by = {one.line.label: one for one in found}
    rows = targets(by)
    head = ["", *found[0].played.mean().attackers, "cnn", "strongest [interval]", "rank-5", "verdict"]
    body = TEXT.format(
        doc=__doc__,
        targets=table(["what", "target", "measured", ""], [row.cells for row in rows]),
        table=table(head, [one.cells() for one in found]),
        seeds=len(SEEDS),
        findings=sum(one.line.claim is not None for one in found),
        row_s=float(np.median([one.played.cpu_s / len(SEEDS) for one in found])),
        around=percent(by[f"fill over the head, {AROUND}"].found.value),
        grey=percent(by[GREY].found.value),
        network=network_words(found),
    )
    bars = [Bar(one.line.label, one.found.value, one.found.low, one.found.high, str(one.verdict)) for one in found]
    draw(DOCS / "reidentification.svg", "ORL, 40 people: rank-1 of the strongest attacker", bars, chance=1 / 40)
    figures = {one.line.label: one.json() for one in found}
    write("reidentification", "Re-identification: the ORL row", body, figures, rows, room="mcpherson_orl")


def main() -> None:
    page(run())


if __name__ == "__main__":
    main()
