"""`--review SHEET.html`: one page on which a person decides, before release, who is covered and who is not.

Every track stands there with a picture of it from the original, so the page is as secret as the original (mode 0600; it says so). It works
without a network and hands back the regions, edited, as the document that `--regions` takes. Names of files are hostile: everything goes
through autoescape, data through JSON without `<`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import resources
from math import ceil, floor
from pathlib import Path

import msgspec
from markupsafe import Markup

from velatura.detect.document import SCHEMA, Item, RegionsDocument, Result, Row
from velatura.detect.region import Region
from velatura.errors import one_line
from velatura.media.frame import Box, Frame
from velatura.obfuscation.record import Record
from velatura.obfuscation.report import Protected, Track
from velatura.obfuscation.thumbnails import Thumbnails

__all__ = ["Reviewed", "Sheet"]

MOST_ROWS = 300_000  # of all files: about 40 MB of page


@dataclass(slots=True)
class Reviewed:
    """One file on its way to the sheet: the gallery that `passes` shows its frames to."""

    thumbnails: Thumbnails = field(default_factory=Thumbnails)
    rows: list[Row] | None = None

    def begin(self) -> None:
        self.thumbnails = Thumbnails()

    def see(self, frame: Frame, regions: list[Region]) -> None:
        self.thumbnails.see(frame, regions)

    def keep(self, record: Record) -> None:
        if record.regions <= MOST_ROWS:
            self.rows = [_row(region, covered.frame) for covered in record for region in covered.regions]


@dataclass(slots=True)
class _Section:
    done: Protected
    thumbnails: dict[int, str]
    rows: list[Row] | None

    @property
    def name(self) -> str:
        return one_line(str(self.done.file))


class Sheet:
    """Gathers files, then writes the page."""

    def __init__(self) -> None:
        self._sections: list[_Section] = []

    def add(self, done: Protected, reviewed: Reviewed) -> None:
        self._sections.append(_Section(done, reviewed.thumbnails.pictures, reviewed.rows))

    def write(self, path: Path) -> None:
        """Into an empty file that is private already (`files.private_output`)."""
        path.write_text(self.html(), encoding="utf-8", errors="replace")

    def html(self) -> str:
        from jinja2 import Environment

        source = resources.files("velatura.obfuscation").joinpath("review.html.jinja").read_text(encoding="utf-8")
        template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(source)
        return template.render(sections=self._sections, document=self._document(), state=_state)

    def _document(self) -> Markup | None:
        """The regions of all files, for the script; None if they are too many for a page."""
        if any(section.rows is None for section in self._sections) or sum(len(section.rows or ()) for section in self._sections) > MOST_ROWS:
            return None
        items = tuple(_item(section) for section in self._sections)
        raw = msgspec.json.encode(RegionsDocument(SCHEMA, Result(items)))
        text = raw.decode("utf-8", "replace").replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
        return Markup(text)  # noqa: S704  # JSON without a "<" cannot leave its script element


def _item(section: _Section) -> Item:
    file = str(section.done.file).encode("utf-8", "replace").decode("utf-8")
    return Item(file, section.done.width, section.done.height, tuple(section.rows or ()))


def _row(region: Region, frame: int) -> Row:
    return Row(_outwards(region.box), region.label, round(region.score, 3), region.track, round(region.time_s, 6), frame, region.clear)


def _outwards(box: Box) -> Box:
    """To a tenth of a pixel, so that rounding uncovers nothing."""
    x0, y0, x1, y1 = box
    return (floor(x0 * 10) / 10, floor(y0 * 10) / 10, ceil(x1 * 10) / 10, ceil(y1 * 10) / 10)


def _state(track: Track) -> str:
    if track.clear:
        return "left as it is"
    if track.residual:
        return "found in the output only, then covered"
    return "doubtful" if track.doubtful else "found"
