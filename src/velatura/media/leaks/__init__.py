"""What a file tells beside its pixels: one reader a container, in plain Python, bounded, for hostile bytes."""

from velatura.media.leaks.cases import CASES, Case
from velatura.media.leaks.search import search

__all__ = ["CASES", "Case", "search"]
