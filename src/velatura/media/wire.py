"""What parent and decoder's child say to each other, as types; both ends decode strictly.

    parent                                   child
      Open                          ->
                                    <-       Read (as often as it needs bytes of the file)
      b"D" + bytes                  ->
                                    <-       Opened (what the file is; where the planes will lie)
                                    <-       Shown (planes lie in slot n, tightly packed, in the order of the form)
      b"F" + n (copied, slot free)  ->
                                    <-       Heard (samples of the sound track)
                                    <-       Leaks (answer to want="scan")
                                    <-       End or Refused

JSON, one message a frame of the pipe. The child may have been taken over by the file: every number that it sends is bounded here or in
`velatura.media.remote` before it is used, and a sentence of its own is shown with unprintable signs replaced.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Literal

import msgspec

from velatura.errors import BadInput, Unsupported, one_line
from velatura.media.frame import PixelForm

__all__ = [
    "CREDIT",
    "DATA",
    "MESSAGE_LIMIT",
    "READ_LIMIT",
    "Answer",
    "End",
    "Form",
    "Heard",
    "Leak",
    "Leaks",
    "Open",
    "Opened",
    "Ratio",
    "Read",
    "Refused",
    "Shown",
    "decode_answer",
    "encode",
    "fraction",
    "ratio",
    "refusal",
]

READ_LIMIT = 1 << 20
"""Bytes of the file in one answer."""
MESSAGE_LIMIT = 4 << 20
"""Bytes of one message of the child."""
DATA, CREDIT = b"D", b"F"

Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]
Side = Annotated[int, msgspec.Meta(ge=1, le=1 << 20)]
Word = Annotated[str, msgspec.Meta(max_length=64)]
Sentence = Annotated[str, msgspec.Meta(max_length=400)]
Ratio = tuple[Annotated[int, msgspec.Meta(ge=-(1 << 62), le=1 << 62)], Annotated[int, msgspec.Meta(ge=1, le=1 << 62)]]
"""Numerator and denominator."""


class _Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    pass


class Open(_Message, frozen=True, tag="open"):
    """The one request. Limits are those of `velatura.media.reader.Limits`; `audio`: send the sound track too."""

    size: Count
    pixels: Count
    frames: Count
    pages: Count
    picture_bytes: Count
    want: Literal["frames", "scan"] = "frames"
    audio: bool = False


class Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A `PixelForm` on its way."""

    colour: Literal["yuv", "rgb", "grey"]
    bits: Annotated[int, msgspec.Meta(ge=8, le=16)] = 8
    shift_x: Annotated[int, msgspec.Meta(ge=0, le=2)] = 0
    shift_y: Annotated[int, msgspec.Meta(ge=0, le=2)] = 0
    full_range: bool = True
    matrix: Literal["bt601", "bt709", "bt2020"] = "bt601"
    alpha: bool = False

    @classmethod
    def of(cls, form: PixelForm) -> Form:
        return cls(form.colour, form.bits, form.shift_x, form.shift_y, form.full_range, form.matrix, form.alpha)

    def pixel_form(self) -> PixelForm:
        return PixelForm(self.colour, self.bits, self.shift_x, self.shift_y, self.full_range, self.matrix, self.alpha)


class Read(_Message, frozen=True, tag="read"):
    offset: Count
    count: Annotated[int, msgspec.Meta(ge=1, le=READ_LIMIT)]


class Opened(_Message, frozen=True, tag="opened"):
    """`Facts` on their way (see there), and `slots` of `slot_bytes` each from the start of the mapping."""

    what: Literal["picture", "pages", "animation", "clip"]
    container: Word
    width: Side
    height: Side
    form: Form
    slots: Annotated[int, msgspec.Meta(ge=1, le=64)]
    slot_bytes: Annotated[int, msgspec.Meta(ge=1, le=1 << 40)]
    codec: Word = ""
    orientation: Annotated[int, msgspec.Meta(ge=1, le=8)] = 1
    frames: Count | None = None
    rate: float | None = None
    duration_s: float | None = None
    time_base: Ratio = (1, 90_000)
    sample_aspect: Ratio = (1, 1)
    colour: tuple[Count, Count, Count] = (2, 2, 2)
    loop: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 0
    audio: Word = ""
    sound_rate: Annotated[int, msgspec.Meta(ge=0, le=768_000)] = 0
    sound_channels: Annotated[int, msgspec.Meta(ge=0, le=2)] = 0
    dropped: Annotated[tuple[Sentence, ...], msgspec.Meta(max_length=500)] = ()


class Shown(_Message, frozen=True, tag="shown"):
    """A frame lies in `slot`; width and height are those of the stored planes."""

    slot: Annotated[int, msgspec.Meta(ge=0, le=63)]
    width: Side
    height: Side
    form: Form
    time: Ratio = (0, 1)
    duration: Ratio | None = None
    orientation: Annotated[int, msgspec.Meta(ge=1, le=8)] = 1
    corrupt: bool = False
    shot_starts: bool = False


class Heard(_Message, frozen=True, tag="heard"):
    """Interleaved int16 little-endian samples (base64 in JSON); `time`: of the first, seconds since the clip's start."""

    time: Ratio
    samples: bytes


class Leak(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that a file tells beside its pixels; never the value itself."""

    case: Word
    where: Sentence
    what: Sentence


class Leaks(_Message, frozen=True, tag="leaks"):
    found: Annotated[tuple[Leak, ...], msgspec.Meta(max_length=5_000)]


class End(_Message, frozen=True, tag="end"):
    """Nothing follows. `notes`: what a person should know of the file now that all of it was seen."""

    notes: Annotated[tuple[Sentence, ...], msgspec.Meta(max_length=100)] = ()


class Refused(_Message, frozen=True, tag="refused"):
    code: Word
    sentence: Annotated[str, msgspec.Meta(max_length=4_000)]


Answer = Read | Opened | Shown | Heard | Leaks | End | Refused

_HINTS = {
    "media.empty": "the file holds nothing; copy it again from where it came",
    "media.truncated": "the file ends too early; copy it again from where it came",
    "media.malformed": "the file is damaged; open it in the program that made it and save it again",
    "media.too-large": "make it smaller first, or split it",
    "media.no-frames": "there is nothing to show in it",
    "media.unknown-type": "JPEG, PNG, WebP, AVIF, HEIC, BMP, TIFF, GIF, Netpbm and the usual clips are read",
    "media.encrypted": "take the protection off first",
    "media.size-changed": "split the clip where its size changes",
    "media.no-decoder": "convert it to H.264 first",
    "media.no-picture": "the file holds sound or data alone",
    "media.unsupported": "convert it to PNG or MP4 first",
}
_UNSUPPORTED = frozenset({"media.unknown-type", "media.encrypted", "media.size-changed", "media.no-decoder", "media.no-picture", "media.unsupported"})

_answer = msgspec.json.Decoder(Answer)


def encode(message: _Message) -> bytes:
    """A message as it goes through the pipe."""
    return msgspec.json.encode(message)


def decode_answer(raw: bytes) -> Answer:
    """Raises msgspec.DecodeError (of which ValidationError is one)."""
    answer: Answer = _answer.decode(raw)
    return answer


def ratio(value: Fraction) -> Ratio:
    return value.numerator, value.denominator


def fraction(value: Ratio) -> Fraction:
    return Fraction(*value)


def refusal(refused: Refused, name: str) -> BadInput:
    """The error that the child reported, about the file `name`; a code that we do not know becomes `media.malformed`."""
    code = refused.code if refused.code in _HINTS else "media.malformed"
    kind = Unsupported if code in _UNSUPPORTED else BadInput
    return kind(code, f"{name}: {one_line(refused.sentence, 300)}", hint=_HINTS[code])
