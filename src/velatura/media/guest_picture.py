"""Decodes pictures in the decoder's child: every frame and page apart, upright, in planes that need no profile, palette or metadata."""

from __future__ import annotations

import contextlib
from fractions import Fraction

from PIL import Image

from velatura.errors import BadInput
from velatura.media.frame import PixelForm
from velatura.media.netpbm import HEAD_BYTES, NetpbmHead, netpbm_head
from velatura.media.outlet import Outlet
from velatura.media.picture_colours import Canvas, canvas
from velatura.media.picture_dropped import dropped, orientation
from velatura.media.picture_end import REST, goes_on
from velatura.media.picture_frames import Plan, each, plan
from velatura.media.picture_open import check_pixels, configure, open_picture, translated
from velatura.media.picture_samples import samples
from velatura.media.reader import Facts
from velatura.media.rehearsal import rehearse

__all__ = ["decode", "warm"]


def decode(outlet: Outlet, kind: str) -> None:
    """Answer one request for a picture of that kind (`kinds.kind_of`). Raises BadInput."""
    with translated():
        head = _netpbm(outlet, kind)
        depth = head.peak.bit_length() if head else _png_depth(outlet, kind)
        image = open_picture(outlet.file, kind, outlet.request)
        chosen = plan(image, kind, outlet.request)
        for number, (time, duration) in enumerate(each(image, kind, chosen)):
            check_pixels(image, outlet.request)
            drawn, lost = canvas(image, alpha=kind == "gif" and chosen.what == "animation")
            turn = 1 if kind == "heic" else orientation(image)  # HEIF turns by boxes of its own, and they have been followed
            if not number:
                lost += [*_deeper(image, depth, drawn.form), *_rest(outlet, kind), *(["comment"] if head and head.comments else [])]
                outlet.open(_facts(image, kind, chosen, drawn, turn, lost))
            _hand_over(outlet, drawn, turn, chosen, time, duration)
    outlet.end()


def _hand_over(outlet: Outlet, drawn: Canvas, turn: int, chosen: Plan, time: Fraction, duration: Fraction | None) -> None:
    space = outlet.space(drawn.form, *drawn.size(turn))
    drawn.paint(space.planes, turn)
    outlet.show(space, time=time, duration=duration, shot_starts=chosen.what == "pages")


def _facts(image: Image.Image, kind: str, chosen: Plan, drawn: Canvas, turn: int, lost: list[str]) -> Facts:
    width, height = drawn.size(turn)
    names = [*chosen.left, *dropped(image), *lost]
    return Facts(
        kind=chosen.what, container=kind, width=width, height=height, form=drawn.form, frames=chosen.count, loop=chosen.plays, dropped=tuple(names)
    )


def _png_depth(outlet: Outlet, kind: str) -> int:
    head = outlet.file.read(25)
    outlet.file.seek(0)
    return head[24] if kind == "png" and len(head) == 25 else 8


def _netpbm(outlet: Outlet, kind: str) -> NetpbmHead | None:
    return netpbm_head(outlet.file.again().read(HEAD_BYTES)) if kind == "netpbm" else None


def _deeper(image: Image.Image, depth: int, form: PixelForm) -> list[str]:
    """A word where samples had more bits than are kept."""
    tags = getattr(image, "tag_v2", {})
    told = [depth, image.info.get("bit_depth", 8), *tags.get(258, ())]
    return [f"samples beyond {form.bits} bits"] if any(isinstance(bits, int) and bits > form.bits for bits in told) else []


def _rest(outlet: Outlet, kind: str) -> list[str]:
    return [REST] if goes_on(outlet.file.again(), kind) else []


def warm(*, heic: bool = False) -> None:
    """Decode one sample of every kind, or of HEIC alone: what is not imported now cannot be later."""
    configure()
    for encoding in ("ascii", "latin-1", "utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "mac-roman"):
        "x".encode(encoding).decode(encoding)
    for kind, raw in (sample for sample in samples() if (sample[0] == "heic") is heic):
        rehearse(lambda outlet, kind=kind: decode(outlet, kind), raw, pixels=64 * 64)  # type: ignore[misc]
    with contextlib.suppress(BadInput):
        rehearse(lambda outlet: decode(outlet, "png"), b"\x89PNG\r\n\x1a\n" + b"\0" * 40)
