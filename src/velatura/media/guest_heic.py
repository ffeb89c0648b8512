"""HEIC is decoded in a child of its own, so that the child of all other pictures holds no libav: fewer parsers, and forks that cost a third less."""

from __future__ import annotations

from velatura.media import guest_picture

__all__ = ["warm"]


def warm() -> None:
    """Decode one sample."""
    guest_picture.warm(heic=True)
