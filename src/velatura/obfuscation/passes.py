"""One file: written, searched again, and written again with what still showed, until nothing does or the policy ends it.

The output grows under a temporary name; it gets its own after the last second look. With the policy `closed` a frame that the decoder calls
corrupt is black; what shows in an output is covered in the next pass, twice; then, in a fourth, frames of a clip that still show something are
black. What shows after that is not released. Every pass reads the source anew: frames are never kept. Pixels of the regions reach coder and disk only
sealed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from velatura.detect.detection import Search, found_in
from velatura.detect.document import Sheet
from velatura.detect.region import Region
from velatura.errors import BadSpec, Withheld
from velatura.files import atomic_output, private_folder, private_output
from velatura.media.frame import Frame
from velatura.media.reader import Facts
from velatura.media.remote import Remote
from velatura.media.sink import create
from velatura.media.source import Decoder
from velatura.obfuscation.record import Covered, Record
from velatura.obfuscation.report import Tracks
from velatura.obfuscation.second_look import SecondLook, look_again
from velatura.obfuscation.steps import Step, again, given
from velatura.obfuscation.treat import Treatments
from velatura.obfuscation.wanted import Wanted
from velatura.progress import Progress

if TYPE_CHECKING:
    from velatura.obfuscation.sidecar import SealWriter

__all__ = ["COVERING_PASSES", "MOST_PASSES", "Gallery", "Nothing", "Passes", "Written", "sidecar_of"]

COVERING_PASSES = 3
MOST_PASSES = COVERING_PASSES + 1  # the last with black frames, of all but a single picture


class Gallery(Protocol):
    """Sees every frame before its regions go, and the record of the last pass."""

    def begin(self) -> None: ...
    def see(self, frame: Frame, regions: list[Region]) -> None: ...
    def keep(self, record: Record) -> None: ...


class Nothing:
    """A gallery that keeps nothing."""

    def begin(self) -> None: ...
    def see(self, frame: Frame, regions: list[Region]) -> None: ...
    def keep(self, record: Record) -> None: ...


@dataclass(slots=True)
class Written:
    """A pass that came to its end.

    Attributes:
        black: frames that are black altogether; `corrupt`: those that the decoder called so.
        notes: what the reader had to say at the end.
    """

    facts: Facts
    record: Record
    tracks: Tracks
    sealed: SealWriter | None
    passes: int
    black: int = 0
    corrupt: int = 0
    notes: tuple[str, ...] = ()
    look: SecondLook | None = None


def sidecar_of(out: Path) -> Path:
    """Where what is sealed goes."""
    return out.with_name(out.name + ".vseal")


class Passes:
    """See the module.

    Args:
        search: None only where regions are given and the finished file is not searched again.
        sheet: regions that a person gave for this file.
        warn: told what a person should know while it runs.

    Attributes:
        given: there are such regions.
    """

    def __init__(
        self,
        source: Path,
        out: Path,
        wanted: Wanted,
        *,
        decoder: Decoder,
        search: Search | None,
        sheet: Sheet | None,
        gallery: Gallery,
        progress: Progress,
        warn: Callable[[str], None],
    ) -> None:
        self.source, self.out, self.wanted, self.given = source, out, wanted, sheet is not None
        self._decoder, self._search, self._sheet = decoder, search, sheet
        self._gallery, self._progress, self._warn = gallery, progress, warn

    def run(self) -> Written:
        """Raises BadInput, BadSpec, Withheld `obfuscate.residual`; then no output is there."""
        with ExitStack() as stack:
            part = stack.enter_context(atomic_output(self.out, force=self.wanted.force))
            side = self._side(stack)
            written = self._until_nothing_shows(part, stack.enter_context(side.open("wb")) if side else None, stack)
            self._gallery.keep(written.record)
            if written.sealed is not None and side is not None:
                written.sealed.finish(_sha256(part))
                if self.wanted.attach:
                    from velatura.obfuscation.attachment import attach

                    attach(part, side)
            return written

    def _side(self, stack: ExitStack) -> Path | None:
        """Where the sidecar grows; one that will be attached never gets a name of its own."""
        if self.wanted.recipient is None:
            return None
        if self.wanted.attach:
            return stack.enter_context(private_folder(self.out.parent)) / "sidecar"
        return stack.enter_context(private_output(sidecar_of(self.out), force=self.wanted.force))

    def _until_nothing_shows(self, part: Path, sidecar: BinaryIO | None, stack: ExitStack) -> Written:
        written: Written | None = None
        while written is None or self._goes_on(written):
            written = self._write(part, sidecar, written, stack.enter_context(Record()))
            if not self.wanted.recheck:
                return written
            written.look = self._look(part, written)
            if not (written.look.doubted and self.wanted.closed):
                return written
        raise _withheld(self.source, written)

    def _goes_on(self, written: Written) -> bool:
        """A picture that is all black serves nobody: it is withheld instead."""
        return written.passes < (COVERING_PASSES if written.facts.kind == "picture" else MOST_PASSES)

    def _write(self, part: Path, sidecar: BinaryIO | None, before: Written | None, record: Record) -> Written:
        self._gallery.begin()
        with self._decoder.open(self.source, audio=self.wanted.keep_audio) as reader:
            facts, sealed = reader.facts, self._sealed(sidecar)
            self._check_size(facts)
            written = Written(facts, record, self._tracks(before), sealed, 1 if before is None else before.passes + 1)
            treatments = Treatments(self.wanted.method, self.wanted.covering, entropy=self.wanted.entropy, sealed=sealed)
            what = self.source.name if before is None else f"{self.source.name}, pass {written.passes}"
            self._progress.start(what, facts.frames, "frames")
            with create(part, facts, name=self.out.name, preset=self.wanted.preset, sound=reader.sound) as writer:
                black = self._black(before)
                for frame, regions in self._steps(reader, before):
                    self._treat(frame, list(regions), frame.index in black, written, treatments)
                    writer.write(frame)
                    self._progress.advance()
                writer.finish()
            written.notes = reader.notes
        self._progress.finish()
        return written

    def _check_size(self, facts: Facts) -> None:
        """Boxes are pixels: those of another size would lie elsewhere."""
        if self._sheet is None or (self._sheet.item.width, self._sheet.item.height) == (facts.width, facts.height):
            return
        item = self._sheet.item
        sentence = f"{self.source}: is {facts.width}x{facts.height}, the regions document speaks of {item.width}x{item.height}"
        raise BadSpec("regions.other-size", sentence, hint="run `detect --json` on this very file")

    def _steps(self, reader: Remote, before: Written | None) -> Iterator[Step]:
        if before is not None and before.look is not None:
            return again(reader, reader.facts, before.record, before.look, before.tracks.scores, first_id=before.tracks.next_id)
        if self._sheet is not None:
            return given(reader, self._sheet)
        assert self._search is not None, "where no regions are given there is a search"
        return found_in(reader, reader.facts, self._search, every=self.wanted.every, warn=self._warn)

    def _tracks(self, before: Written | None) -> Tracks:
        scores = self._search.scores if self._search else {}
        if before is None:
            return Tracks(scores)
        known = before.tracks.residual_from
        return Tracks(scores, before.tracks.next_id if known is None else known)

    def _treat(self, frame: Frame, regions: list[Region], black: bool, written: Written, treatments: Treatments) -> None:
        self._gallery.see(frame, regions)
        black = black or (frame.corrupt and self.wanted.closed)
        if not frame.corrupt or not black:  # what a seal keeps must be there for its key holder on a black frame, too
            treatments.cover(frame, (region for region in regions if not region.clear))
        if black:
            frame.blacken()
        written.record.add(Covered(frame.index, tuple(regions), black))
        written.tracks.add(regions, float(frame.time))
        written.black += black
        written.corrupt += frame.corrupt

    def _black(self, before: Written | None) -> set[int]:
        """In the last pass, the frames that showed something in all before it."""
        if before is None or before.look is None or before.passes < COVERING_PASSES:
            return set()
        return before.look.black(before.record.frames)

    def _look(self, part: Path, written: Written) -> SecondLook:
        assert self._search is not None, "a second look needs a search"
        every = self.wanted.every if written.facts.kind in ("clip", "animation") else 1
        with self._decoder.open(part) as reader:
            self._progress.start(f"{self.source.name}, second look", written.record.frames, "frames")
            look = look_again(_counted(reader, self._progress), written.record, self._search, self.wanted.covering, every=every)
        self._progress.finish()
        return look

    def _sealed(self, sidecar: BinaryIO | None) -> SealWriter | None:
        """The sidecar from its beginning: what an earlier pass sealed goes."""
        if sidecar is None or self.wanted.recipient is None:
            return None
        from velatura.obfuscation.sidecar import SealWriter

        sidecar.seek(0)
        sidecar.truncate()
        return SealWriter(sidecar, self.wanted.recipient, entropy=self.wanted.entropy)


def _counted(frames: Remote, progress: Progress) -> Iterator[Frame]:
    for frame in frames:
        yield frame
        progress.advance()


def _withheld(source: Path, written: Written) -> Withheld:
    shows = written.look.shows if written.look else []
    sentence = f"{source}: after {written.passes} passes {len(shows)} regions still show, the first a {shows[0].label} at {shows[0].time_s:.2f} s"
    return Withheld("obfuscate.residual", sentence, hint="look at it: --policy open --review SHEET.html, then cover or clear it with --regions")


def _sha256(path: Path) -> bytes:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()
