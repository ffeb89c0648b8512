"""What each method does not protect: the sentence of README, `--help` and report, written once. Imports nothing, so that help is quick."""

from __future__ import annotations

__all__ = ["BLUR", "DP_PIXELATE", "FILL", "PIXELATE", "SEAL", "SENTENCES"]

FILL = (
    "A fill leaves nothing of what it covers, but shows that somebody was there, where, how large and when; "
    "hair, shoulders, clothes, place and company outside of it still identify."
)
PIXELATE = (
    "Pixelation is cosmetic and reversible: a trained attacker recognises people from the cells' means about as well as from the original, "
    "and text is read from them; use fill or seal where somebody must not be recognised."
)
BLUR = (
    "Blur is cosmetic and reversible: a trained attacker recognises people in it about as well as in the original, and known filters can be "
    "undone but for rounding; use fill or seal where somebody must not be recognised."
)
DP_PIXELATE = (
    "Differentially private pixelation bounds by epsilon what the region's pixels tell, once a track; where, how large and when the region is "
    "stays outside of it, and so does everything around it."
)
SEAL = (
    "The public file shows that somebody was there, and where; whoever holds the recipient's key and the sidecar sees all that was covered, "
    "and a quantum computer of the future may open a sidecar that is kept today."
)

SENTENCES = {"fill": FILL, "pixelate": PIXELATE, "blur": BLUR, "dp-pixelate": DP_PIXELATE, "seal": SEAL}
