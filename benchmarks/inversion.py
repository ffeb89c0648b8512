"""What did it look like? Pictures recovered from their protected releases, without learning and with it.

Forty people of AT&T/ORL, 92x112; two pictures of each are attacked, with half of the people as the attacker's own for the other half. SSIM is that
of the recovered picture with the secret, the mean over people. The blind guess is the mean picture of other people. Gain is what the best inverter
adds to the better of the release as it is and the guess, person by person. The last column searches the recovered pictures among clear ones.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.mcpherson_orl import faces
from benchmarks.page import Row, table, write
from velatura.attacks.attack import Outcomes, Photo
from velatura.attacks.deconvolution import Deconvolve
from velatura.attacks.intervals import estimate
from velatura.attacks.reconstruction import Reconstruct
from velatura.audit.obfuscation import plain_arm, protected_arm
from velatura.findings import Claim, Estimate, judge

SEED = 1
UNET_BUDGET_S = float(os.environ.get("VELATURA_UNET_BUDGET_S", "180"))
"""Wall-clock seconds that the network may take on one arm; 0: it is not run."""

PLAIN = "original"
BLURS = [f"blur:{sigma}" for sigma in (2, 3, 5, 8, 10)]
CELLS = [f"pixelate:{cell}px" for cell in (4, 8, 12, 16)]
STRONG = ["fill", "seal", *(f"dp-pixelate:cells=6,m=roi,epsilon={epsilon}" for epsilon in (1, 10, 50))]
WEAK = [f"dp-pixelate:cells=6,m={m},epsilon={epsilon}" for m, epsilon in (("roi", 500), ("16", 1), ("16", 5))]
LEARNT = [PLAIN, "blur:5", "pixelate:16px", "fill", "dp-pixelate:cells=6,m=roi,epsilon=50"]
INVERTERS = ("wiener", "landweber", "back-projection")


@dataclass(frozen=True, slots=True)
class Tried:
    """One attack on one method."""

    method: str
    found: Outcomes
    cpu_s: float

    @property
    def estimate(self) -> Estimate:
        return estimate(self.found, findings=len(STRONG))

    @property
    def likeness(self) -> dict[str, float]:
        return dict(zip(self.found.attackers, self.found.success.mean(1).tolist(), strict=True))

    @property
    def gain(self) -> float:
        return float(self.found.notes["gain over the release"].split()[0])

    @property
    def psnr(self) -> str:
        return self.found.notes["PSNR"].split(" (")[0].removesuffix(" dB")

    @property
    def searched(self) -> str:
        return self.found.notes["re-identification of the recovered pictures"].split(" %")[0]

    def judged(self, plain: Estimate) -> str:
        e = self.estimate
        return f"{e.value:.3f} [{e.low:.3f}, {e.high:.3f}] {judge(e, plain, Claim())}"

    def json(self) -> dict[str, Any]:
        e = self.estimate
        notes = {name: note for name, note in self.found.notes.items() if name not in self.likeness}
        ends = {"value": e.value, "low": e.low, "high": e.high, "chance": e.chance}
        return {"ssim": self.likeness, **ends, "gain": self.gain, "cpu_s": self.cpu_s, "cut": self.found.cut, "notes": notes}


def tried(method: str, photos: Sequence[Photo], attack: Deconvolve | Reconstruct, budget_s: float) -> Tried:
    arm = plain_arm() if method == PLAIN else protected_arm(method)
    began = time.process_time()
    found = attack.play(arm, photos, np.random.default_rng(SEED), budget_s=budget_s)
    done = Tried(method, found, time.process_time() - began)
    print(method, done.likeness, f"gain {done.gain:+.3f}, {done.cpu_s:.1f} s", flush=True)
    return done


def closed_form(done: Sequence[Tried]) -> str:
    plain = done[0].estimate
    head = ["method", "release", *INVERTERS, "gain", "PSNR, dB", "strongest, against guessing", "found again, %", "CPU, s"]
    cells = [
        [
            t.method,
            *(f"{t.likeness[name]:.3f}" for name in ("look", *INVERTERS)),
            f"{t.gain:+.3f}",
            t.psnr,
            t.judged(plain),
            t.searched,
            f"{t.cpu_s:.1f}",
        ]
        for t in done
    ]
    return table(head, cells)


def learnt(done: Sequence[Tried]) -> str:
    plain = done[0].estimate
    head = ["method", "release", "u-net", "gain", "PSNR, dB", "strongest, against guessing", "found again, %", "training", "CPU, s"]
    cells = [
        [
            *(t.method, f"{t.likeness['look']:.3f}", f"{t.likeness['u-net']:.3f}", f"{t.gain:+.3f}", t.psnr, t.judged(plain), t.searched),
            t.found.notes["training"].split(" on ")[0] + (", cut" if t.found.cut else ""),
            f"{t.cpu_s:.0f}",
        ]
        for t in done
    ]
    return table(head, cells)


def targets(done: Sequence[Tried]) -> list[Row]:
    of = {t.method: t for t in done}
    blurs, cells, strong = ([of[name].gain for name in names] for names in (BLURS, CELLS, STRONG))
    slowest = max(t.cpu_s for t in done)
    return [
        Row("deconvolution of a Gaussian, sigma 2, 3, 5, 8, 10: SSIM gain", ">= .06 each", listed(blurs), min(blurs) >= 0.06),
        Row("deconvolution of cells of 4, 8, 12, 16 px: SSIM gain", "> 0 each: cosmetic", listed(cells), min(cells) > 0),
        Row("deconvolution of fill, seal, dp-pixelate m=roi, epsilon 1, 10, 50: SSIM gain", "<= .02 each", listed(strong), max(strong) <= 0.02),
        Row("deconvolution of 80 faces of 40 people, CPU an arm", "<= 3 s", f"{slowest:.1f} s at most", slowest <= 3),
    ]


def listed(gains: Sequence[float]) -> str:
    return ", ".join(f"{gain:+.3f}" for gain in gains)


def main() -> None:
    photos = faces()
    done = [tried(method, photos, Deconvolve(), 600) for method in (PLAIN, *BLURS, *CELLS, *STRONG, *WEAK)]
    chance = done[0].found.chance
    body = f"{__doc__}\nA blind guess has SSIM {chance:.3f}; the unprotected release has 1.\n\n## Without learning\n{closed_form(done)}\n"
    body += (
        "\n`dp-pixelate` with a large epsilon, or with m=16, keeps what it promises (a bound on epsilon) and hides no look: it is inverted as cells "
        "are, through its noise.\n"
    )
    network = [tried(method, photos, Reconstruct(), UNET_BUDGET_S) for method in LEARNT] if UNET_BUDGET_S else []
    if network:
        body += f"\n## With learning\nA U-Net, {UNET_BUDGET_S:.0f} s of wall clock an arm at most, two trainings in that time.\n\n{learnt(network)}\n"
    figures = {"without": {t.method: t.json() for t in done}, "with": {t.method: t.json() for t in network}}
    write("inversion", "Inversion: what a recovered picture shows", body, figures, targets(done))


if __name__ == "__main__":
    main()
