"""What removal does not protect: the sentence of README, `--help` and report, written once. Imports nothing, so that help is quick."""

from __future__ import annotations

__all__ = ["REMOVAL"]

REMOVAL = (
    "Removal leaves nothing of what it takes out, but not the fact that something was there: a filled place can be noticed, shadows and reflections "
    "that were not found stay, and so do the sound, when somebody came and went, and everything that was not taken out; "
    "what no detector and no motion shows is not removed."
)
