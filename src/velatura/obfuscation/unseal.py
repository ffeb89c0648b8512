"""Put back what was sealed: the public file, its sidecar and the recipient's identity give the picture or clip with the people in it.

Under the masks every sample is what was decoded when it was sealed, bit by bit; elsewhere it is what the public file shows. The output is
lossless (PNG, TIFF; FFV1 in Matroska) and private (mode 0600): it holds what was to be protected.

Limit: with `track`, only that track's samples come back. Where an earlier region of another track lies over it, they were black already when
they were sealed, and stay so (`Unsealed.still_black`); where a later one lies over it, a part of that other one shows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from velatura.crypto.keys import Identity
from velatura.errors import BadSpec
from velatura.files import existing_file, private_folder, private_output, refuse_same
from velatura.media.frame import Frame, PixelForm
from velatura.media.sink import check_name, create
from velatura.media.source import Decoder
from velatura.obfuscation.attachment import find
from velatura.obfuscation.reform import reform
from velatura.obfuscation.samples import form_of, put_back
from velatura.obfuscation.sidecar import Record, SealReader, refused
from velatura.progress import SILENT, Progress

__all__ = ["Unsealed", "restore", "unseal"]


@dataclass(frozen=True, slots=True)
class Unsealed:
    """What was put back.

    Attributes:
        out: the lossless file.
        frames: of the output.
        restored: regions put back, counted over all frames.
        tracks: whose regions they are.
        still_black: other tracks that still cover a part of them.
    """

    out: Path
    frames: int
    restored: int
    tracks: tuple[int, ...]
    still_black: tuple[int, ...] = ()


@dataclass(slots=True)
class Tally:
    """Counted while frames go by."""

    frames: int = 0
    restored: int = 0
    tracks: set[int] = field(default_factory=set)
    still_black: set[int] = field(default_factory=set)


def unseal(
    public: Path,
    sidecar: Path | None = None,
    *,
    identity: Identity,
    out: Path,
    track: int | None = None,
    force: bool = False,
    progress: Progress = SILENT,
    decoder: Decoder | None = None,
) -> Unsealed:
    """Restore `public` into the lossless file `out`, all of it or one track.

    Args:
        sidecar: None: the one that `public` carries at its end, else `NAME.vseal` beside it.
        decoder: one that is warmed already; None: one of its own.

    Raises:
        Withheld: `seal.refused`: wrong key, or a bit of either file is not as it was sealed.
        BadSpec: `seal.no-track`, `files.exists`, `files.same`; `media.not-lossless`: `out` is not named like a lossless file.
        BadInput: `media.missing` and what the decoder says.
    """
    refuse_same(existing_file(public), out)
    with _opened(public, sidecar, out) as (plain, stream, end):
        sealed = SealReader(stream, identity, end=end)
        if _sha256(plain) != sealed.public_sha256:
            raise refused()
        if track is not None and track not in sealed.tracks:
            raise BadSpec("seal.no-track", f"nothing is sealed under track {track}", hint=f"tracks: {', '.join(map(str, sealed.tracks)) or 'none'}")
        with private_output(out, force=force) as part:
            check_name(out.name, lossless=True)
            tally = _write(plain, sealed, part, out.name, track, progress, decoder)
    return Unsealed(out, tally.frames, tally.restored, tuple(sorted(tally.tracks)), tuple(sorted(tally.still_black)))


def restore(frames: Iterable[Frame], sealed: SealReader, *, track: int | None, form: PixelForm | None, tally: Tally) -> Iterator[Frame]:
    """Frames of the public file with what was sealed put back.

    Args:
        form: of every frame that goes out; None: each in the form in which its regions were sealed, or its own.

    Raises:
        Withheld: `seal.refused`: the public file lacks a frame that the sidecar speaks of.
    """
    groups = sealed.frames()
    ahead = next(groups, None)
    for frame in frames:
        here: list[Record] = []
        if ahead is not None and ahead[0] == frame.index:
            here, ahead = ahead[1], next(groups, None)
        wanted = form or (form_of(sealed.payload(here[0])) if here else frame.form)
        whole = reform(frame, wanted)
        _put_back(whole, sealed, here, track, tally)
        tally.frames += 1
        yield whole
    if ahead is not None:
        raise refused()


def _put_back(frame: Frame, sealed: SealReader, records: list[Record], track: int | None, tally: Tally) -> None:
    """Newest first: the oldest of two overlapping regions is the one that saw the original."""
    for place in reversed(range(len(records))):
        record = records[place]
        if track is not None and record.track != track:
            continue
        put_back(frame, record.box, sealed.payload(record))
        tally.restored += 1
        tally.tracks.add(record.track)
        if track is not None:
            tally.still_black |= {other.track for other in records[:place] if other.track != track and _overlap(other, record)}


def _overlap(a: Record, b: Record) -> bool:
    return a.box[0] < b.box[2] and b.box[0] < a.box[2] and a.box[1] < b.box[3] and b.box[1] < a.box[3]


@contextmanager
def _opened(public: Path, sidecar: Path | None, out: Path) -> Iterator[tuple[Path, BinaryIO, int | None]]:
    """The public file alone; its sidecar's stream, which stands at the first byte; where it ends, if not at the stream's end."""
    with public.open("rb") as stream:
        attached = find(stream) if sidecar is None else None
        if attached is not None:
            with private_folder(out.parent) as folder:
                plain = folder / f"public{public.suffix}"
                _copy_start(stream, attached.public_bytes, plain)
                stream.seek(attached.sidecar_at)
                yield plain, stream, attached.sidecar_at + attached.sidecar_bytes
            return
    sidecar = sidecar or public.with_name(public.name + ".vseal")
    refuse_same(existing_file(sidecar), out)
    with sidecar.open("rb") as stream:
        yield public, stream, None


def _copy_start(source: BinaryIO, size: int, to: Path) -> None:
    source.seek(0)
    with to.open("xb") as target:
        while size and (part := source.read(min(size, 1 << 20))):
            target.write(part)
            size -= len(part)


def _write(public: Path, sealed: SealReader, part: Path, name: str, track: int | None, progress: Progress, decoder: Decoder | None) -> Tally:
    tally = Tally()
    with nullcontext(decoder) if decoder else Decoder() as warmed, warmed.open(public) as reader:
        facts = reader.facts
        form = _one_form(sealed) if facts.kind in ("clip", "animation") else None
        progress.start(public.name, facts.frames, "frames")
        with create(part, replace(facts, form=form or facts.form), name=name, lossless=True) as writer:
            for frame in restore(reader, sealed, track=track, form=form, tally=tally):
                writer.write(frame)
                progress.advance()
            writer.finish()
        progress.finish()
    return tally


def _one_form(sealed: SealReader) -> PixelForm | None:
    """The form of a clip's frames: all regions were sealed in it."""
    first = next(sealed.frames(), None)
    return form_of(sealed.payload(first[1][0])) if first else None


def _sha256(path: Path) -> bytes:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()
