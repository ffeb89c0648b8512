"""The forty leak cases as real files around one real face, and how to see whether the secret is still in an output."""

from benchmarks.leakcases import clips, jpegs, pictures, rest
from benchmarks.leakcases.case import LeakCase

__all__ = ["CASES", "LeakCase"]

CASES: list[LeakCase] = sorted([*jpegs.CASES, *pictures.CASES, *clips.CASES, *rest.CASES], key=lambda one: one.case)
