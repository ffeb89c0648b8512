"""The demo's third part: a person walks through a street, and is taken out by motion alone, so that it needs no detector."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from velatura.cli.demo.page import Shown
    from velatura.progress import Progress
    from velatura.removal.report import Removed

__all__ = ["SIZE", "make_passage", "show_removed", "take_out"]

SIZE = (640, 360)


def make_passage(portrait: Path, target: Path, *, progress: Progress | None = None) -> None:
    """Render somebody who walks through a street, with the head of a portrait, into the file `target`, an MP4."""
    from velatura.cli.demo.filming import film, heads
    from velatura.cli.demo.street import PASSAGE_FRAMES, passage
    from velatura.progress import SILENT

    film(passage(heads(portrait)), target, frames=PASSAGE_FRAMES, size=SIZE, progress=progress or SILENT)


def take_out(original: Path, *, force: bool, progress: Progress) -> Removed:
    """`velatura remove` with every default but one: no detector searches."""
    from velatura.compose.remove import remove

    empty = original.with_name(f"{original.stem}-empty{original.suffix}")
    return remove(original, empty, targets=("motion",), force=force, progress=progress).items[0]


def show_removed(done: Removed, out: Path) -> Shown:
    """The page's section on what was taken out, with a before/after sheet beside it."""
    from velatura.cli.demo.page import Shown
    from velatura.cli.demo.sheet import write_sheet
    from velatura.cli.demo.street import PASSAGE_FRAMES, RATE

    sheet = out / f"{done.file.stem}-before-after.jpg"
    write_sheet(done.file, done.out, sheet, second=PASSAGE_FRAMES / RATE / 2)
    return Shown(f"Taken out: {done.file.name}", sheet.name, done.file.name, done.out.name, True, tuple(_facts(done)), done.warnings)


def _facts(done: Removed) -> list[str]:
    place = f"{done.mask_share:.1%} of the picture, {done.mask_most:.1%} at most"
    left = f"{len(done.shows)} places differ from the background" if done.shows else "nothing differs from the background"
    return [
        f"what moves was taken out in {done.touched} of {done.frames} frames of {done.width}x{done.height} ({place})",
        f"{1 - done.invented:.0%} of what took its place was seen in other frames; {done.covered} frames in doubt",
        f"the finished file was searched again: {left}",
        "found by motion alone; no detector, no mask, no inpainting model",
    ]
