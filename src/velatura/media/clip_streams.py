"""What of a clip is kept, and the name of everything that is not.

One stream of pictures is kept (the first that is not a cover), and on request one of sound. The names of what is dropped say what a person
would look for ("data track (gpmd)", "GPS position") and never a value: the values are what must not leave the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from av.stream import Disposition

from velatura.media.boxes import Outline

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

__all__ = ["dropped", "picture_stream", "sound_stream"]

# What a container says of itself and of its make; nobody is found by it.
_HARMLESS = frozenset(
    {
        "major_brand",
        "minor_version",
        "compatible_brands",
        "handler_name",
        "language",
        "vendor_id",
        "duration",
        "rotate",
        "alpha_mode",
        "stereo_mode",
    }
)
_PLACE = re.compile(r"location|gps|geo|coordinates|©xyz", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z0-9._-]{1,40}")
_COVER = Disposition.attached_pic | Disposition.timed_thumbnails


def picture_stream(container: InputContainer) -> VideoStream | None:
    """The first stream of moving pictures."""
    return next((stream for stream in container.streams.video if not stream.disposition & _COVER and stream.codec_context), None)


def sound_stream(container: InputContainer) -> AudioStream | None:
    """The first sound track that a decoder exists for."""
    return next((stream for stream in container.streams.audio if stream.codec_context), None)


def dropped(container: InputContainer, kept: Sequence[Stream], outline: Outline) -> tuple[str, ...]:
    """What the output will not have, in words."""
    staying = {stream.index for stream in kept}
    names = [_track(stream, outline) for stream in container.streams if stream.index not in staying]
    if chapters := container.chapters():
        names.append(f"{len(chapters)} chapter marks")
    names += _metadata([container.metadata, *(stream.metadata for stream in container.streams)])
    if outline.private:
        names.append("a vendor's private box (uuid)")
    if outline.trailing:
        names.append("bytes after the end of the clip")
    if any(entry.is_discard for entry in kept[0].index_entries):
        names.append("hidden frames (cut off by an edit list)")
    return tuple(dict.fromkeys(names))


def _track(stream: Stream, outline: Outline) -> str:
    tag = outline.tags[stream.index] if stream.index < len(outline.tags) else ""
    codec = stream.codec_context.name if stream.codec_context else tag or getattr(stream, "name", None) or ""
    what = codec if _WORD.fullmatch(codec) else "unknown"
    if stream.type == "video":
        return f"cover picture ({what})" if stream.disposition & _COVER else f"another picture stream ({what})"
    kinds = {"audio": "sound track", "subtitle": "subtitles", "attachment": "attachment"}
    return f"{kinds.get(stream.type, 'data track')} ({what})"


def _metadata(stores: Iterable[dict[str, str]]) -> Iterator[str]:
    keys = sorted({key for store in stores for key, value in store.items() if not _harmless(key.lower(), value)})
    if any(_PLACE.search(key) for key in keys):
        yield "GPS position"
    words = [key for key in keys if not _PLACE.search(key) and _WORD.fullmatch(key)]
    if words:
        yield f"metadata ({', '.join(words[:12])}{', ...' if len(words) > 12 else ''})"


def _harmless(key: str, value: str) -> bool:
    return key in _HARMLESS or (key == "encoder" and value.startswith(("Lavf", "Lavc")))
