"""What a scan says of bytes in memory, in this process; Pillow's settings, which the guest changes, are put back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from velatura.media import guest_scan
from velatura.media.feed import Feed


@contextmanager
def _limits_kept() -> Iterator[None]:
    before = Image.MAX_IMAGE_PIXELS
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def found(raw: bytes) -> list[dict[str, str]]:
    with _limits_kept():
        return guest_scan.scan_bytes(Feed(lambda at, count: raw[at : at + count], len(raw)))


def told(raw: bytes) -> list[tuple[str, str]]:
    """(case, what) of each finding."""
    return [(one["case"], one["what"]) for one in found(raw)]


def cases(raw: bytes) -> set[str]:
    return {one["case"] for one in found(raw)}
