"""An attack of one's own: does a protected picture still tell bright people from dark ones? Run: python examples/attacks/brightness.py

The attack is the class below; it is handed an arm and knows no method. `trial` plays both arms, estimates and judges.
"""

from __future__ import annotations

import numpy as np

from velatura.attacks import Outcomes, Photo
from velatura.audit.obfuscation import plain_arm, protected_arm
from velatura.audit.trial import trial
from velatura.findings import Claim


class Brightness:
    name = "brightness"
    knowledge = "sees the protected picture, knows that half of the people are bright"

    def play(self, arm, secrets, rng, *, budget_s):
        levels = np.array([arm(photo, rng).mean() + rng.normal(0, 1e-6) for photo in secrets])  # ties fall at random
        bright = np.array([photo.person % 2 == 1 for photo in secrets])
        right = (levels > np.median(levels)) == bright
        return Outcomes(right[None].astype(float), ("threshold",), chance=0.5, per="people", unit="hit rate")


def main() -> None:
    rng = np.random.default_rng(0)
    people = [Photo(rng.integers(90 * (p % 2), 90 * (p % 2) + 120, (32, 32), dtype=np.uint8), p) for p in range(1200)]
    for method in ("fill", "pixelate:4"):
        tried = trial(
            Brightness(), method, plain=plain_arm(), protected=protected_arm(method), claim=Claim(), secrets=people, seed=1, budget_s=60, findings=2
        )
        print(f"{tried.finding.verdict}: {method}. {tried.finding.why}")


if __name__ == "__main__":
    main()
