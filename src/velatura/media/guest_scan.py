"""Looks for leaks in the decoder's child: bytes of the file in, words from our own tables out."""

from __future__ import annotations

from velatura.media.feed import Feed
from velatura.media.leaks.alpha import hidden_pixels
from velatura.media.leaks.search import search
from velatura.media.leaks.trace import Trace
from velatura.media.outlet import Outlet
from velatura.media.picture_open import configure
from velatura.media.picture_samples import samples
from velatura.media.reader import Limits
from velatura.media.rehearsal import rehearse
from velatura.media.wire import Open

__all__ = ["limits_of", "scan_bytes", "warm"]


def scan_bytes(file: Feed, limits: Open | None = None) -> list[dict[str, str]]:
    """What the file tells beside its pixels, each with "case", "where" and "what"; never a value.

    Raises:
        BadInput: `media.empty`, `media.truncated`, `media.malformed`, `media.too-large`.
        Unsupported: `media.unknown-type`, `media.unsupported`.
    """
    trace = Trace()
    kind = search(file, file.size, trace)  # type: ignore[arg-type]  # Feed reads, seeks and tells; more is not used
    hidden_pixels(file, kind, trace, limits or limits_of(file.size))
    return [{"case": leak.case, "where": leak.where, "what": leak.what} for leak in trace.found()]


def limits_of(size: int) -> Open:
    """The request of a file of `size` bytes under the usual limits."""
    usual = Limits()
    return Open(size=size, pixels=usual.pixels, frames=usual.frames, pages=usual.pages, picture_bytes=usual.picture_bytes, want="scan")


def warm() -> None:
    """Look through one sample of every kind: what is not imported now cannot be later."""
    configure()
    for _, raw in samples():
        rehearse(_answer, raw, pixels=64 * 64)


def _answer(outlet: Outlet) -> None:
    outlet.leaks(scan_bytes(outlet.file, outlet.request))
