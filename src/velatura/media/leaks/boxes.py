"""Boxes of ISO base media files: walking them, and the few that more than one reader needs.

Source: ISO/IEC 14496-12:2022 section 4.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from velatura.errors import BadInput
from velatura.media.leaks.span import Damaged, Span

__all__ = ["Box", "boxes", "child", "full"]

_MOST = 200_000


@dataclass(frozen=True, slots=True)
class Box:
    """A box: its name and what it holds; `at` is where its header begins."""

    name: bytes
    body: Span
    at: int


def boxes(span: Span, at: int = 0) -> Iterator[Box]:
    """Boxes one after the other; up to seven bytes that are left over are padding of QuickTime.

    Raises:
        Damaged: a box is shorter than its header, or reaches over the end.
    """
    for _ in range(_MOST):
        if len(span) - at < 8:
            return
        head = span.some(at, 16)
        size, name, header = int.from_bytes(head[:4], "big"), head[4:8], 8
        if size == 1 and len(head) == 16:
            size, header = int.from_bytes(head[8:], "big"), 16
        elif size == 0:
            if name == b"\0\0\0\0":  # the four bytes that end a QuickTime list
                return
            size = len(span) - at
        if size < header:
            raise Damaged("media.malformed", "a box is shorter than its own header")
        yield Box(name, span.part(at + header, size - header), at)
        at += size
    raise BadInput("media.too-large", "the file has more boxes than any honest one")


def child(span: Span, *path: bytes) -> Span | None:
    """What the first box of a path of names holds; None where there is none."""
    inside: Span | None = span
    for name in path:
        inside = next((box.body for box in boxes(inside) if box.name == name), None) if inside is not None else None
    return inside


def full(body: Span) -> tuple[int, int, Span]:
    """Version, flags and the rest of a box that has them."""
    return body.number(0, 1), body.number(1, 3), body.part(4)
