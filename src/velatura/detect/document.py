"""Regions as a document: what `detect --json` prints and what `--regions` takes, edited or not.

    {"schema": "velatura/1", "result": {"items": [
        {"file": "street.mp4", "width": 1280, "height": 720, "clear": [3], "regions": [
            {"box": [10.0, 20.0, 60.5, 80.0], "label": "face", "score": 0.93, "track": 0, "time": 1.28, "frame": 32}]}]}}

Boxes are pixels of the upright picture. `frame` (index in presentation order; of a TIFF, the page) says where a row applies; without it `time`
does, in seconds; with neither it applies to every frame. `"clear": true` in a row, or a track's number in its file's `clear`, leaves someone as
he is. A row that meets no frame is not forgotten: `Sheet.unmet` names it, and whoever uses the document must refuse it.
Boxes are the regions themselves, grown where a track was not seen, without the margin that `--dilate` adds.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from math import isfinite
from pathlib import Path

from velatura.detect.region import Region
from velatura.errors import BadSpec
from velatura.media.frame import Frame
from velatura.specs import Spec, load_spec

__all__ = ["FailedItem", "Item", "RegionsDocument", "Result", "Row", "Sheet", "read_regions", "rows", "sheet_for"]

SCHEMA = "velatura/1"
LIMIT_BYTES = 256 << 20  # an hour of clip with ten faces on each frame is 140 MB
SAME_S = 1e-6
SIDE = 1_000_000.0


class Row(Spec, frozen=True):
    """One region of one frame."""

    box: tuple[float, float, float, float]
    label: str = "face"
    score: float = 1.0
    track: int | None = None
    time: float | None = None
    frame: int | None = None
    clear: bool = False


class Item(Spec, frozen=True, omit_defaults=True):
    """The regions of one file. `clear`: tracks that stay as they are."""

    file: str
    width: int
    height: int
    regions: tuple[Row, ...]
    clear: tuple[int, ...] = ()


class FailedItem(Spec, frozen=True):
    """A file that could not be searched, why, and the exit status that this has."""

    file: str
    code: str
    sentence: str
    exit: int = 1


class Result(Spec, frozen=True, omit_defaults=True):
    """What `detect` found."""

    items: tuple[Item, ...]
    failed: tuple[FailedItem, ...] = ()


class RegionsDocument(Spec, frozen=True):
    """The whole document; only `schema` and `result` are needed."""

    schema: str
    result: Result
    command: str = "detect"
    version: str = ""
    warnings: tuple[str, ...] = ()


def rows(regions: Iterable[Region], frame: Frame) -> list[Row]:
    """Regions of one frame as rows; their time is the frame's, to the last bit."""
    time_s = float(frame.time)
    return [Row(region.box, region.label, round(region.score, 4), region.track, time_s, frame.index, region.clear) for region in regions]


def read_regions(path: Path) -> RegionsDocument:
    """Read and check a document.

    Raises:
        BadSpec: `regions.schema`, `regions.box`, and those of `load_spec`.
        BadInput: `spec.too-large`.
    """
    document = load_spec(path, RegionsDocument, limit=LIMIT_BYTES)
    if document.schema != SCHEMA:
        raise BadSpec("regions.schema", f"{path}: schema {document.schema!r} is not known", hint=f"this version reads {SCHEMA!r}")
    for item in document.result.items:
        for number, row in enumerate(item.regions):
            _check(row, f"{path}: {item.file}: region {number}")
    return document


def _check(row: Row, where: str) -> None:
    x0, y0, x1, y1 = row.box
    if not all(isfinite(side) and abs(side) <= SIDE for side in row.box) or x1 <= x0 or y1 <= y0:
        raise BadSpec(
            "regions.box", f"{where}: {list(row.box)} is not a box", hint="[left, top, right, bottom] in pixels, right > left, bottom > top"
        )
    if not row.label or not isfinite(row.score) or (row.time is not None and not isfinite(row.time)) or (row.frame is not None and row.frame < 0):
        raise BadSpec("regions.row", f"{where}: label, score, time or frame is not usable", hint="leave out what you do not need")


def sheet_for(document: RegionsDocument, path: Path, inputs: Sequence[Path] = ()) -> Sheet | None:
    """The rows of one file: those of its very path, else of the only item with its name; None if there is none.

    A name alone says little: it counts only where the item's own path leads nowhere here, and no other of the `inputs` has it.

    Raises:
        BadSpec: `regions.twice`: two items, or two inputs, could be meant.
    """
    items = [item for item in document.result.items if os.path.realpath(item.file) == os.path.realpath(path)]
    if not items:
        items = [item for item in document.result.items if Path(item.file).name == path.name and not Path(item.file).exists()]
        namesakes = {os.path.realpath(other) for other in (*inputs, path) if other.name == path.name}
        if len(namesakes) > 1:
            bare = [item for item in items if not Path(item.file).parent.name and not Path(item.file).is_absolute()]
            if bare:
                sentence = f"{path}: the regions document has {path.name!r}, and several inputs are called so"
                raise BadSpec("regions.twice", sentence, hint="write each path in full")
            return None
    if len(items) > 1:
        raise BadSpec("regions.twice", f"{path}: the regions document lists {len(items)} files of this name", hint="write each path in full")
    return Sheet(items[0]) if items else None


class Sheet:
    """The rows of one file, asked frame by frame, in order."""

    def __init__(self, item: Item) -> None:
        self.item = item
        cleared = set(item.clear)
        self._always: list[Region] = []
        self._of_frame: dict[int, list[Region]] = {}
        self._timed: list[tuple[float, Region]] = []
        for row in item.regions:
            region = Region(row.box, row.label, row.score, row.time or 0.0, row.track, row.clear or row.track in cleared)
            if row.frame is not None:
                self._of_frame.setdefault(row.frame, []).append(region)
            elif row.time is not None:
                self._timed.append((row.time, region))
            else:
                self._always.append(region)
        self._timed.sort(key=lambda pair: pair[0])
        self._next, self._missed = 0, list[Region]()
        self._step_s = 0.0
        self._last_s: float | None = None

    def at(self, frame: Frame) -> Sequence[Region]:
        """The regions of a frame. A time meets the frame that is shown then: from its own time until it ends.

        Where a frame does not know its duration, that of the frame before is taken.
        """
        time_s = float(frame.time)
        if self._last_s is not None:
            self._step_s = time_s - self._last_s
        self._last_s = time_s
        shown_s = float(frame.duration) if frame.duration else self._step_s
        while self._waits(time_s - SAME_S):
            self._missed.append(self._timed[self._next][1])
            self._next += 1
        now = []
        while self._waits(max(time_s + shown_s - SAME_S, time_s + SAME_S)):
            now.append(self._timed[self._next][1])
            self._next += 1
        return [*self._of_frame.pop(frame.index, ()), *now, *self._always]

    def unmet(self) -> Sequence[Region]:
        """Rows that met no frame so far; after the last frame they must be refused (`regions.unmet`), or someone stays visible."""
        return [
            *(region for regions in self._of_frame.values() for region in regions),
            *self._missed,
            *(region for _, region in self._timed[self._next :]),
        ]

    def _waits(self, before_s: float) -> bool:
        return self._next < len(self._timed) and self._timed[self._next][0] < before_s
