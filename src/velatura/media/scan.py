"""Says what a picture or clip gives away beside its pixels: forty cases, by name and place, never by value.

The bytes are read in the confined decoder's child by `velatura.media.leaks`; the file's name and its folder are looked at here. What hides
inside coded pixels (steganography, a face that a mask missed) is not seen; `velatura detect` looks at pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from velatura.errors import BadInput
from velatura.files import existing_file
from velatura.media.beside import beside
from velatura.media.kinds import CLIP, kind_of, lies
from velatura.media.source import Decoder
from velatura.media.wire import Leak
from velatura.progress import SILENT, Progress

__all__ = ["Leak", "Scanned", "scan", "scan_each"]


@dataclass(frozen=True, slots=True)
class Scanned:
    """One file of a batch: what was found, or why it could not be read."""

    file: Path
    findings: tuple[Leak, ...] = ()
    error: BadInput | None = None


def scan(path: str | Path, *, decoder: Decoder | None = None) -> tuple[Leak, ...]:
    """What one file tells, in the order of the file; nothing for a file that is only its pixels.

    Further frames, pages and a sound track are told of although they may be meant: a tool that treats the first frame alone leaves the others.

    Args:
        decoder: one that is warmed; with None, one is made for this file.

    Raises:
        BadInput: `media.missing`, `media.not-a-file`, `media.unreadable`, `media.empty`, `media.truncated`, `media.malformed`, `media.too-large`.
        Unsupported: `media.unknown-type`, `media.unsupported`.
    """
    if decoder is None:
        with Decoder() as own:
            return scan(path, decoder=own)
    path = existing_file(Path(path))
    inside = decoder.scan(path)
    return (*_lie(path), *inside, *beside(path))


def scan_each(paths: Sequence[Path], *, progress: Progress = SILENT) -> Iterator[Scanned]:
    """Scan several files with one decoder; a file that cannot be read does not stop the others."""
    progress.start("scan", len(paths), "files")
    with Decoder() as decoder:
        for path in paths:
            try:
                yield Scanned(path, scan(path, decoder=decoder))
            except BadInput as error:
                yield Scanned(path, error=error)
            progress.advance()
    progress.finish()


def _lie(path: Path) -> list[Leak]:
    with path.open("rb") as file:
        kind = kind_of(file.read(512))
    sentence = lies(path.name, kind or CLIP)
    return [Leak("L23", "name of the file", sentence)] if sentence else []
