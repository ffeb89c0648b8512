"""What else is in the file? The attacker plants canaries into a copy of the input and looks for them in the output.

Each canary is looked for as it is, packed (zlib), as UTF-16 and in base64; thumbnails also by their looks among the pictures that begin somewhere in
the output; and `velatura scan` must not name a place that it does not name in the output of the same file without canaries.
Limit: places that nobody planted in, and what hides in coded pixels. A file is one path through a program: others are not promised by it.
"""

from __future__ import annotations

import base64
import contextlib
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from velatura.attacks.attack import Arm, Deadline, Outcomes, Picture
from velatura.attacks.pictures import Form, fitted
from velatura.attacks.planted import Canary, planted
from velatura.errors import BadInput, one_line
from velatura.files import private_folder
from velatura.media.kinds import CLIP, kind_of
from velatura.media.source import Decoder

__all__ = ["LeakPaths"]

ALIKE = 0.9
"""Correlation from which on a small picture is the thumbnail: recoded and scaled ones have .97 and more, other pictures below .7."""
LUMINANCE = (0.299, 0.587, 0.114)
MOST_PICTURES = 16
MOST_PACKED = 10_000
MOST_UNPACKED_BYTES = 1 << 20
_STARTS = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n")
_PACKED = re.compile(rb"\x78[\x01\x5e\x9c\xda]")


@dataclass(frozen=True, slots=True)
class LeakPaths:
    """An `Attack[Path, Path]`: the arm makes a file of a file. JPEG, PNG and MP4 are known.

    Attributes:
        decoder: one that is warmed; with None, one is made for each play.
    """

    decoder: Decoder | None = None
    name: ClassVar[str] = "leak-paths"
    knowledge: ClassVar[str] = (
        "has the finished file, and tools that look into every part of it; has planted the input, so that he knows what to look for"
    )

    def play(self, arm: Arm[Path, Path], secrets: Sequence[Path], rng: Generator, *, budget_s: float) -> Outcomes:
        """The share of a file's canaries that come through, in "canary rate"; see `Attack.play`.

        Raises:
            BadInput: `attack.no-files`; `media.*` of a file that cannot be read.
            Unsupported: `attack.file-kind`.
        """
        if not secrets:
            raise BadInput("attack.no-files", "there is no file to attack", hint="hand in pictures or clips")
        with contextlib.nullcontext(self.decoder) if self.decoder else Decoder() as decoder, private_folder() as folder:
            return _all(arm, secrets, decoder, folder, rng, Deadline(budget_s))


@dataclass(frozen=True, slots=True, eq=False)
class _Played:
    """One file: its canaries, and those that came through."""

    canaries: Sequence[Canary]
    through: Sequence[Canary]


def _all(arm: Arm[Path, Path], secrets: Sequence[Path], decoder: Decoder, folder: Path, rng: Generator, deadline: Deadline) -> Outcomes:
    # Seeds are drawn first: both arms of a trial get the same canaries, however much chance an arm draws.
    seeds, played = rng.integers(2**63, size=len(secrets)), list[_Played]()
    for number, (secret, seed) in enumerate(zip(secrets, seeds.tolist(), strict=True)):
        if played and deadline.passed():
            break
        played.append(_play(arm, secret, folder / str(number), decoder, np.random.default_rng(seed)))
    return _outcomes(played, cut=len(played) < len(secrets))


def _play(arm: Arm[Path, Path], secret: Path, stem: Path, decoder: Decoder, rng: Generator) -> _Played:
    raw = secret.read_bytes()
    told = kind_of(raw[:512])
    kind = "mp4" if told == CLIP and raw[4:8] == b"ftyp" else told
    copy, canaries = planted(raw, kind, _first(secret, decoder), rng)
    source = stem.with_suffix(secret.suffix)
    source.write_bytes(copy)
    released = arm(source, rng)
    through = _found(released, canaries, decoder, stem)
    places = _places(released, decoder)
    if places:  # the same without canaries: what is told of that too is the program's own
        source.write_bytes(raw)
        places -= _places(arm(source, rng), decoder)
    return _Played(canaries, [canary for canary in canaries if canary in through or canary.case in places])


def _first(file: Path, decoder: Decoder) -> Picture:
    """The first picture in grey, (height, width); of a clip as it is stored."""
    with decoder.open(file) as reader:
        frame = next(iter(reader))
    planes = [plane >> (frame.form.bits - 8) for plane in frame.planes]
    grey = np.tensordot(LUMINANCE, np.stack(planes[:3]), 1) if frame.form.colour == "rgb" else planes[0]
    return np.asarray(np.rint(grey), np.uint8)


def _places(file: Path, decoder: Decoder) -> set[str]:
    """Cases that a scan tells of; a file that it cannot read has none to tell."""
    with contextlib.suppress(BadInput):
        return {leak.case for leak in decoder.scan(file)}
    return set()


def _found(released: Path, canaries: Sequence[Canary], decoder: Decoder, stem: Path) -> list[Canary]:
    raw = released.read_bytes()
    found = {canary.where for stretch in chain([raw], _unpacked(raw)) for canary in canaries if any(form in stretch for form in _forms(canary))}
    if any(canary.picture is not None and canary.where not in found for canary in canaries):
        looks = list(_pictures_within(raw, decoder, stem))
        found |= {canary.where for canary in canaries if any(_alike(canary, picture) for picture in looks)}
    return [canary for canary in canaries if canary.where in found]


def _forms(canary: Canary) -> list[bytes]:
    """The token as it may be written."""
    if canary.picture is not None:
        return [canary.token]
    text = canary.token.decode("ascii")
    return [canary.token, text.encode("utf-16-le"), text.encode("utf-16-be"), *_in_base64(canary.token)]


def _in_base64(token: bytes) -> Iterator[bytes]:
    """Those signs that are the token's alone, at each of the three places in which it may begin."""
    for before in range(3):
        coded = base64.b64encode(bytes(before) + token)
        yield coded[4 if before else 0 : len(coded) - 4]


def _unpacked(raw: bytes) -> Iterator[bytes]:
    """What zlib streams within the file hold, the beginning of each."""
    view = memoryview(raw)
    for number, start in enumerate(_PACKED.finditer(raw)):
        if number >= MOST_PACKED:
            return
        with contextlib.suppress(zlib.error):
            yield zlib.decompressobj().decompress(view[start.start() : start.start() + MOST_UNPACKED_BYTES], MOST_UNPACKED_BYTES)


def _pictures_within(raw: bytes, decoder: Decoder, stem: Path) -> Iterator[Picture]:
    """Pictures that begin after the file's first byte, decoded apart and confined."""
    carved = stem.with_suffix(".carved")
    for number, start in enumerate(_STARTS.finditer(raw, 1)):
        if number >= MOST_PICTURES:
            return
        carved.write_bytes(raw[start.start() :])
        with contextlib.suppress(BadInput, StopIteration):
            yield _first(carved, decoder)


def _alike(canary: Canary, picture: Picture) -> bool:
    if canary.picture is None:
        return False
    small = fitted(picture, Form(*canary.picture.shape[:2])).astype(np.float64)
    known = canary.picture.astype(np.float64)
    small, known = small - small.mean(), known - known.mean()
    size = float(np.sqrt((small**2).sum() * (known**2).sum()))
    return size > 0 and float((small * known).sum()) / size >= ALIKE


def _outcomes(played: Sequence[_Played], *, cut: bool) -> Outcomes:
    success = np.array([[len(one.through) / len(one.canaries) for one in played]])
    through = Counter(canary.where for one in played for canary in one.through)
    places = list(dict.fromkeys(canary.where for one in played for canary in one.canaries))
    notes = {
        "planted": one_line(", ".join(places), 400),
        "came through": one_line(", ".join(f"{where} ({count} of {len(played)} files)" for where, count in through.items()), 400) or "nothing",
    }
    least = min(len(one.canaries) for one in played)
    return Outcomes(success, ("search",), 0.0, "files", "canary rate", probes=least, kind="proof", cut=cut, notes=notes)
