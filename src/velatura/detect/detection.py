"""From frames to looks, and the verb `detect`: where faces, plates, people, vehicles and text are, in pictures and over the time of clips.

Every K-th frame is searched, never less often than each fifth of a second; between looks the camera's motion and cuts are followed on small grey
pictures of every frame. Clips and animations then go through `cover`: what is listed is what `obfuscate` would hide, before its margin.
Limit: a face that no look finds and no track reaches is not listed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from velatura.detect.camera import WIDTH, Camera
from velatura.detect.cover import cover
from velatura.detect.document import FailedItem, Item, Result, Row, rows
from velatura.detect.finder import Finder
from velatura.detect.pace import Pace
from velatura.detect.region import Look, Region, Scores
from velatura.detect.settings import lookahead_for
from velatura.errors import VelaturaError
from velatura.media.batch import sources
from velatura.media.frame import Frame
from velatura.media.reader import Facts, Reader
from velatura.media.source import Decoder
from velatura.media.view import grey
from velatura.progress import SILENT, Progress

if TYPE_CHECKING:
    from velatura.models.store import ModelStore

__all__ = ["Search", "detect", "detect_each", "found_in", "looks"]

Paths = str | PathLike[str] | Sequence[str | PathLike[str]]


class Search(Protocol):
    """Detectors that work together; `finder.Finder` is one."""

    @property
    def scores(self) -> Mapping[str, Scores]: ...
    def __call__(self, frame: Frame, *, low: bool) -> Sequence[Region]:
        """Regions of a frame, down to the detectors' `low`, or to their `high`."""
        ...


def looks(
    frames: Iterable[Frame],
    find: Callable[[Frame], Sequence[Region]],
    *,
    every: int = 1,
    is_due: Callable[[Frame], bool] | None = None,
    warn: Callable[[str], None] | None = None,
) -> Iterator[Look]:
    """Frames of a clip as looks for `cover`.

    Args:
        find: regions of a frame, down to the detectors' `low`.
        every: search every K-th frame, at least each .2 s (else `warn` is told), and the first of each shot.
        is_due: instead of `every`, says whether a frame is searched.
        warn: told a sentence that the person should read.
    """
    camera, pace = Camera(), Pace(every, warn)
    for frame in frames:
        small = grey(frame, min(WIDTH, frame.size[0]))
        starts, shift_px = camera.see(small, scale=frame.size[0] / small.shape[1], shot_starts=frame.shot_starts)
        due = pace.is_due(float(frame.time), shot_starts=starts)
        if is_due is not None:
            due = is_due(frame)
        yield Look(frame, float(frame.time), find(frame) if due else None, starts, shift_px)


def found_in(
    frames: Iterable[Frame], facts: Facts, search: Search, *, every: int = 1, warn: Callable[[str], None] | None = None
) -> Iterator[tuple[Frame, Sequence[Region]]]:
    """Frames of any source with their regions; in time a track's, in pictures and pages each with a number of its own."""
    if facts.kind in ("clip", "animation"):
        seen = looks(frames, lambda frame: search(frame, low=True), every=every, warn=warn)
        yield from cover(seen, lookahead_s=lookahead_for(facts.rate, every=every), scores=search.scores, warn=warn)
        return
    numbers = count()
    for frame in frames:
        yield frame, [replace(region, track=next(numbers), time_s=float(frame.time)) for region in search(frame, low=False)]


def detect(
    paths: Paths,
    *,
    targets: Sequence[str] = ("face",),
    thorough: bool = False,
    every: int = 1,
    detectors: Sequence[str] = (),
    store: ModelStore | None = None,
    progress: Progress = SILENT,
) -> Result:
    """Where the targets are in pictures and clips.

    Args:
        paths: a file, folder or pattern, or several.
        targets: of face, plate, person, vehicle, text.
        thorough: several detectors, tiles and mirrored views: slower, finds more.
        every: search every K-th frame of a clip, at least each .2 s.
        detectors: names to use instead of the default ones, for the labels that they find.
        store: of the detectors' files; the user's by default.

    Returns:
        for each file its regions; boxes in pixels of the upright picture, time in seconds. `failed` lists what could not be read.

    Raises:
        BadSpec: `detect.target`, `detect.every`.
        Missing: `models.none`: a detector's file is not here.
        BadInput: of the only file, where there is one.
    """
    Pace(every)  # refuse a senseless number before anything is loaded
    named = [paths] if isinstance(paths, str | PathLike) else list(paths)
    files, _ = sources([fspath(path) for path in named])
    return detect_each(files, Finder.choose(targets, store=store, thorough=thorough, detectors=detectors), every=every, progress=progress)


def detect_each(files: Sequence[Path], search: Search, *, every: int = 1, progress: Progress = SILENT) -> Result:
    """`detect` with detectors that are loaded already; a file that cannot be read does not stop the others."""
    Pace(every)
    items, failed = [], []
    with Decoder() as decoder:
        for path in files:
            try:
                with decoder.open(path) as reader:
                    items.append(_item(path, reader, search, every, progress))
            except VelaturaError as error:
                if len(files) == 1:
                    raise
                failed.append(FailedItem(str(path), error.code, error.sentence, error.exit_status))
                progress.note(str(error))
    return Result(tuple(items), tuple(failed))


def _item(path: Path, reader: Reader, search: Search, every: int, progress: Progress) -> Item:
    facts = reader.facts
    progress.start(path.name, facts.frames, "frames")
    listed: list[Row] = []
    try:
        for frame, regions in found_in(reader, facts, search, every=every, warn=progress.note):
            listed += rows(regions, frame)
            progress.advance()
    finally:
        progress.finish()
    return Item(str(path), facts.width, facts.height, tuple(listed))
