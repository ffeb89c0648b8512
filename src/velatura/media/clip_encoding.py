"""Which coder a clip's name and form ask for, and its options.

| name | lossy | lossless |
|---|---|---|
| .mp4 .m4v .mov | H.264 (8 and 10 bits), H.265 (12 bits) | the same at quantiser 0 |
| .mkv | the same | FFV1 |
| .webm | VP9 (8 bits) | VP9 lossless |

H.264 and H.265 cannot crop 4:2:0 to an odd side. There the chroma samples are repeated to 4:4:4: no sample is changed and the size holds, but
some players (QuickTime, televisions) do not show it; VP9 in .webm does it natively.
"veryfast" at quality 23: two fifths of the CPU time of "medium" (32 against 85 ms a frame of 1080p, hand-held walk, one thread) and a file
of about the same size.
The coders' own signatures are kept out: x264 writes its name and options into a SEI message of the first frame, which a filter removes.
Source: ITU-T H.264 annex D (SEI); x264 `--fullhelp`; libvpx's guide to VP9 settings.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from velatura.errors import BadSpec, Unsupported
from velatura.media.frame import PixelForm
from velatura.media.pixel_formats import name_of
from velatura.media.reader import Facts

__all__ = ["PRESETS", "SUFFIXES", "Encoding", "encoding_for", "losses"]

PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo")
"""Of x264."""
SUFFIXES = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
"""Names of clips that can be written, and FFmpeg's muxers for them."""

# With x264's macroblock tree the same frames gave other bytes now and then (62x46: 8 of 24 runs); without it 400 of 400 runs on four small sizes
# were alike. Why was not traced; a public file that could depend on anything but the public samples is not worth the decibel that the tree gives.
_STEADY_264 = "mbtree=0"
_NO_SEI_264 = "filter_units=remove_types=6"
_NO_SEI_265 = "filter_units=remove_types=39|40"
_QUIET_265 = "info=0:log-level=none:pools=none:frame-threads=1"


@dataclass(frozen=True, slots=True)
class Encoding:
    """A coder with all that it is told.

    Attributes:
        muxer, codec, pixel_format: FFmpeg's names.
        form: of the planes that the coder is given.
        options: of the coder.
        strip: a bitstream filter for its packets, or "".
    """

    muxer: str
    codec: str
    pixel_format: str
    form: PixelForm
    options: dict[str, str] = field(default_factory=dict)
    strip: str = ""


def encoding_for(suffix: str, form: PixelForm, size: tuple[int, int], *, lossless: bool, preset: str, quality: int) -> Encoding:
    """The encoding of a clip of stored `size` with frames of `form` in a file with that suffix.

    Raises:
        BadSpec: `media.unknown-output`.
        Unsupported: `media.no-encoder`.
    """
    muxer = SUFFIXES.get(suffix.lower())
    if muxer is None:
        raise BadSpec("media.unknown-output", f"{suffix or 'no suffix'}: no clip is written so", hint=f"one of {', '.join(SUFFIXES)}")
    codec = _codec(muxer, form.bits, lossless=lossless)
    given = _given_form(form, size, codec)
    pixel_format = name_of(given)
    if pixel_format is None or (codec == "libvpx-vp9" and form.bits > 8):
        hint = ".mp4 and .mkv keep 8, 10 and 12 bits" if form.bits in (8, 10, 12) else "give it another format first"
        raise Unsupported("media.no-encoder", f"no coder for {suffix} takes {form.colour} with {form.bits} bits", hint=hint)
    sliced = _can_be_sliced(given, size)
    options, strip = _options(codec, sliced=sliced, lossless=lossless, preset=preset, quality=quality)
    return Encoding(muxer, codec, pixel_format, given, options, strip)


def losses(facts: Facts, suffix: str) -> tuple[str, ...]:
    """What a clip of that suffix cannot hold of its source, in words; beside what a lossy coder changes."""
    muxer = SUFFIXES.get(suffix.lower(), "")
    names = []
    if muxer in ("matroska", "webm") and (1000 * facts.time_base).denominator != 1:
        names.append("times finer than a millisecond")
    subsampled = (facts.width, facts.height) if facts.orientation < 5 else (facts.height, facts.width)
    if muxer in ("mp4", "mov", "matroska") and _is_odd(facts.form, subsampled):
        names.append("reduced chroma, as H.264 has none for odd sizes (it is repeated to full size, which some players do not show)")
    return tuple(names)


def _codec(muxer: str, bits: int, *, lossless: bool) -> str:
    if muxer == "webm":
        return "libvpx-vp9"
    if muxer == "matroska" and lossless:
        return "ffv1"
    return "libx264" if bits <= 10 else "libx265"


def _given_form(form: PixelForm, size: tuple[int, int], codec: str) -> PixelForm:
    if form.colour == "grey" and codec != "ffv1":
        # Few players show H.264 without chroma; constant chroma costs next to nothing.
        form = replace(form, colour="yuv", shift_x=1, shift_y=1, full_range=True)
    return replace(form, shift_x=0, shift_y=0) if _is_odd(form, size) and codec in ("libx264", "libx265") else form


def _is_odd(form: PixelForm, size: tuple[int, int]) -> bool:
    return (size[0] % (1 << form.shift_x), size[1] % (1 << form.shift_y)) != (0, 0)


def _can_be_sliced(form: PixelForm, size: tuple[int, int]) -> bool:
    """Whether FFV1 can cut the picture into 2 x 2 slices, each with a checksum: every cut must lie between two chroma samples."""
    return min(size) >= 16 and not any(
        side % (1 << shift) and -(-side // 2) % (1 << shift) == 0 for side, shift in zip(size, (form.shift_x, form.shift_y), strict=True)
    )


def _options(codec: str, *, sliced: bool, lossless: bool, preset: str, quality: int) -> tuple[dict[str, str], str]:
    if codec == "libx264":
        return {"preset": preset, "x264-params": _STEADY_264, **({"qp": "0"} if lossless else {"crf": str(quality)})}, _NO_SEI_264
    if codec == "libx265":
        how = f"{_QUIET_265}:lossless=1" if lossless else _QUIET_265
        return {"preset": preset, "crf": str(quality), "x265-params": how}, _NO_SEI_265
    if codec == "ffv1":
        return {"g": "1"} | ({"level": "3", "slicecrc": "1", "slices": "4"} if sliced else {"level": "1"}), ""
    steady = {"deadline": "realtime", "cpu-used": "6", "lag-in-frames": "0"}
    return steady | ({"lossless": "1"} if lossless else {"crf": str(quality + 10), "b": "0"}), ""
