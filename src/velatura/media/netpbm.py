"""The head of a Netpbm picture (PBM, PGM, PPM): sizes, where the samples begin, and whether anything is written between the numbers.

The samples themselves are read by Pillow. Source: the Netpbm project's pages pbm(5), pgm(5), ppm(5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["HEAD_BYTES", "NetpbmHead", "netpbm_head", "starts_netpbm"]

HEAD_BYTES = 1 << 20
"""How much of a file is searched for its head, comments included."""

_GAP = rb"(?:[ \t-\r]|#[^\r\n]*[\r\n])++"
_NUMBER = _GAP + rb"(\d{1,10})"
_HEAD = re.compile(rb"P(?:[14]%b|[2356]%b)[ \t-\r]" % (_NUMBER * 2, _NUMBER * 3))
_START = re.compile(rb"P[1-6][ \t-\r]+[\d#]")


@dataclass(frozen=True, slots=True)
class NetpbmHead:
    """What stands before the samples.

    Attributes:
        plain: samples are written as decimal numbers (P1, P2, P3).
        bitmap: black and white, eight pixels a byte where they are not plain (P1, P4).
        width, height, channels: 1 or 3 channels.
        peak: the largest sample.
        start: where the samples begin, in bytes.
        comments: somebody wrote something there.
    """

    plain: bool
    bitmap: bool
    width: int
    height: int
    channels: int
    peak: int
    start: int
    comments: bool

    @property
    def samples(self) -> int:
        return self.width * self.height * self.channels

    @property
    def end(self) -> int:
        """Where the samples of a binary file end, in bytes."""
        row = (self.width + 7) // 8 if self.bitmap else self.width * self.channels * (1 if self.peak < 256 else 2)
        return self.start + row * self.height


def netpbm_head(raw: bytes) -> NetpbmHead | None:
    """The head in the first bytes of a file (`HEAD_BYTES` or fewer); None where there is none."""
    found = _HEAD.match(raw)
    if found is None:
        return None
    kind, numbers = raw[1] - ord("0"), [int(number) for number in found.groups() if number is not None]
    width, height, peak = (*numbers, 1)[:3]
    return NetpbmHead(kind <= 3, kind in (1, 4), width, height, 3 if kind in (3, 6) else 1, peak, found.end(), b"#" in found[0])


def starts_netpbm(head: bytes) -> bool:
    """Whether a file begins as one: the letter and digit, white space, and a number or a comment."""
    return _START.match(head) is not None
