"""One file: surveyed, painted, searched again, and painted again more widely, until the check is silent or the fallback covers what is left.

The output grows under a temporary name; it gets its own after the last check. Every pass reads the source anew: frames are never kept. What is in
doubt (a background that was never seen, a frame that cannot be brought to it, what three wider rounds still show) goes to the fallback, which covers
it or withholds the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from velatura.detect.detection import Search
from velatura.errors import BadInput, BadSpec, Missing, Withheld
from velatura.files import atomic_output
from velatura.media.frame import Box, Frame
from velatura.media.reader import Facts
from velatura.media.remote import Remote
from velatura.media.sink import create, notes_for
from velatura.media.source import Decoder
from velatura.progress import Progress
from velatura.removal.checking import Check, check
from velatura.removal.given_masks import GivenMasks, MaskFolder
from velatura.removal.moving import Moving
from velatura.removal.painted import Painted, Painter, Wider
from velatura.removal.places import Places
from velatura.removal.planes import Mask
from velatura.removal.shot import Shot
from velatura.removal.shown import Shown
from velatura.removal.standing import Standing
from velatura.removal.still_survey import pictures
from velatura.removal.stills import Stills
from velatura.removal.survey import survey
from velatura.removal.upright import boxed, stored_mask, upright_mask
from velatura.removal.wanted import Wanted
from velatura.removal.withholding import in_doubt, nothing_left, still_shown

__all__ = ["MOST_ROUNDS", "Passes", "Written"]

MOST_ROUNDS = 4
"""The first, and three wider ones."""
MOST_COVERED = 0.9
"""Share of all frames; who gets a picture of which a tenth is left was not helped, and should hear it."""


@dataclass(slots=True)
class Written:
    """A pass that came to its end.

    Attributes:
        masked, invented: pixels; of the last, those that no other frame showed.
        area: pixels of all frames.
        most: the largest share of a frame that was replaced.
        boxes: upright, that the fallback covered, by frame; `places`: the same, told.
        still_shown: what three wider rounds did not end, and the fallback covered.
    """

    facts: Facts
    rounds: int
    frames: int = 0
    touched: int = 0
    area: int = 0
    masked: int = 0
    invented: int = 0
    most: float = 0.0
    notes: tuple[str, ...] = ()
    shots: Sequence[Shot] = ()
    check: Check | None = None
    shown: Shown = field(default_factory=Shown)
    boxes: dict[int, Sequence[Box]] = field(default_factory=dict)
    places: Places = field(default_factory=Places)
    black_frames: set[int] = field(default_factory=set)
    still_shown: Check | None = None

    def count(self, painted: Painted, boxes: Sequence[Box]) -> None:
        pixels, area = int(painted.mask.sum()), painted.mask.size
        self.frames += 1
        self.area += area
        self.touched += pixels > 0
        self.masked += pixels
        self.invented += painted.invented
        self.most = max(self.most, pixels / area)
        if painted.frame.corrupt:
            self.black_frames.add(painted.frame.index)
        elif boxes:
            self.boxes[painted.frame.index] = boxes
            self.places.add(painted.frame, boxes)


class Passes:
    """See the module.

    Args:
        search: None: nothing is searched for.
        warn: told what a person should know while it runs.
    """

    def __init__(
        self,
        source: Path,
        out: Path,
        wanted: Wanted,
        *,
        decoder: Decoder,
        search: Search | None,
        progress: Progress,
        warn: Callable[[str], None],
    ) -> None:
        self.source, self.out, self.wanted, self.search = source, out, wanted, search
        self._decoder, self._progress, self._warn = decoder, progress, warn

    def run(self) -> Written:
        """The caller closes what is `shown`. Raises BadInput, BadSpec, Missing `remove.no-detector`, Withheld: then no output is there."""
        with ExitStack() as stack:
            part = stack.enter_context(atomic_output(self.out, force=self.wanted.force))
            folder = stack.enter_context(MaskFolder(self.wanted.masks_out, force=self.wanted.force)) if self.wanted.masks_out else None
            shots = self._survey()
            for shot in shots:
                if shot.ground is not None:
                    stack.callback(shot.ground.close)
            written = self._until_silent(part, shots, folder)
            if folder is not None:
                folder.finish()
            return written

    def _survey(self) -> list[Shot]:
        with self._decoder.open(self.source) as reader:
            notes_for(reader.facts, self.out.name)  # refuses a name that the output cannot have before minutes have gone into it
            self._progress.start(f"{self.source.name}, survey", reader.facts.frames, "frames")
            with self._masks(reader.facts) as masks:
                if reader.facts.kind in ("picture", "pages"):
                    if self.wanted.from_s is not None or self.wanted.to_s is not None:
                        raise BadSpec("remove.span", f"{self.source}: a picture has no seconds", hint="without --from and --to")
                    shots = pictures(self._counted(reader), self.wanted, self.search)
                else:
                    shots = survey(self._counted(reader), self.wanted, self.search, masks, warn=self._warn)
        self._progress.finish()
        if shots and not self._searched and all(shot.kind == "short" for shot in shots):
            sentence = f"{self.source}: too few frames to see what moves, and no detector says what goes"
            raise Missing("remove.no-detector", sentence, hint="velatura models pull fastestdet, or --mask")
        return shots

    @property
    def _searched(self) -> bool:
        """Detectors or given masks say what goes."""
        return self.search is not None or self.wanted.mask is not None

    def _until_silent(self, part: Path, shots: list[Shot], folder: MaskFolder | None) -> Written:
        wider, written = Wider(), self._write(part, shots, Wider(), {}, 1, folder)
        while self.wanted.recheck:
            written.check = found = self._check(part, written)
            if not found.failures:
                return written
            if written.still_shown is not None:
                raise still_shown(self.source, found, self.wanted)
            written.shown.close()  # the round that follows shows anew
            if written.rounds < MOST_ROUNDS:
                wider = found.wider(written.rounds, before=wider)
                written = self._write(part, shots, wider, {}, written.rounds + 1, folder)
            else:
                written = self._write(part, shots, wider, found.to_cover(), written.rounds + 1, folder)
                written.still_shown = found
        return written

    def _write(self, part: Path, shots: list[Shot], wider: Wider, leftover: dict[int, list[Box]], number: int, folder: MaskFolder | None) -> Written:
        with self._decoder.open(self.source, audio=self.wanted.keep_audio) as reader, self._masks(reader.facts) as masks:
            written = Written(reader.facts, number, shots=shots)
            what = self.source.name if number == 1 else f"{self.source.name}, round {number}"
            self._progress.start(what, reader.facts.frames, "frames")
            if folder is not None:
                folder.restart()
            with create(part, reader.facts, name=self.out.name, preset=self.wanted.preset, sound=reader.sound) as writer:
                for painted in self._painted(reader, masks, shots, wider, written):
                    boxes = [*painted.doubt, *leftover.get(painted.frame.index, ())]
                    if painted.frame.corrupt:
                        painted.frame.blacken()
                    elif boxes:
                        self._cover(painted.frame, boxes, shots)
                    written.count(painted, boxes)
                    if folder is not None:
                        replaced = painted.mask | boxed(boxes, painted.frame) if boxes else painted.mask
                        folder.add(upright_mask(replaced, painted.frame.orientation))
                    writer.write(painted.frame)
                    self._progress.advance()
                writer.finish()
            written.notes = reader.notes
        self._progress.finish()
        if written.frames == len(written.black_frames):
            raise BadInput("remove.all-damaged", f"{self.source}: all {written.frames} frames are damaged", hint="a whole copy of it")
        if written.places.pixels > MOST_COVERED * written.area:
            raise nothing_left(self.source, written.places.pixels / written.area)
        return written

    def _cover(self, frame: Frame, boxes: Sequence[Box], shots: Iterable[Shot]) -> None:
        try:
            self.wanted.fallback(frame, boxes)
        except Withheld as refused:
            shot = next(shot for shot in shots if frame.index <= shot.last)
            raise in_doubt(self.source, refused, frame.index, boxes, shot, self.wanted) from None

    def _painted(self, reader: Remote, masks: GivenMasks, shots: list[Shot], wider: Wider, written: Written) -> Iterator[Painted]:
        pairs = _paired(reader, masks)
        for shot in shots:
            rng = np.random.default_rng([self.wanted.seed, shot.first, written.rounds])
            yield from self._painter(shot, rng, wider, written).paint(islice(pairs, shot.frames))

    def _painter(self, shot: Shot, rng: np.random.Generator, wider: Wider, written: Written) -> Painter:
        if shot.kind == "short":
            return Stills(shot, self.wanted, rng, wider, searched=self._searched)
        if shot.kind == "moving":
            return Moving(shot, self.wanted, rng, wider, written.shown, searched=self._searched)
        return Standing(shot, self.wanted, rng, wider)

    def _check(self, part: Path, written: Written) -> Check:
        with self._decoder.open(part) as reader, self._masks(written.facts) as masks:
            self._progress.start(f"{self.source.name}, check", written.frames, "frames")
            pairs = _paired(self._counted(reader), masks)
            done = check(pairs, written.shots, self.wanted, self.search, written.shown, written.boxes, written.black_frames)
        self._progress.finish()
        return done

    def _masks(self, facts: Facts) -> GivenMasks:
        return GivenMasks(self.wanted.mask, self._decoder, (facts.width, facts.height), warn=self._warn)

    def _counted(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        for frame in frames:
            yield frame
            self._progress.advance()


def _paired(frames: Iterable[Frame], masks: GivenMasks) -> Iterator[tuple[Frame, Mask | None]]:
    """Frames with the mask that a person gave, stored; None where nobody gave one."""
    given = iter(masks) if masks.given else None
    for frame in frames:
        yield frame, None if given is None else stored_mask(next(given), frame.orientation)
    if given is not None:
        masks.check_end(given)
