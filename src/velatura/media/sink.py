"""The writer that an output's name asks for.

The name decides, the source's facts only limit: a clip is never written as one picture, nor pages as an animation.
"""

from __future__ import annotations

from pathlib import Path, PurePath

from velatura.errors import Unsupported, nearest
from velatura.media.clip_encoding import SUFFIXES as CLIPS
from velatura.media.clip_encoding import losses as clip_losses
from velatura.media.picture_formats import OUTPUTS, format_for, losses
from velatura.media.reader import Facts, Writer
from velatura.media.sound import SoundQueue

__all__ = ["create", "notes_for"]


def create(
    path: Path,
    facts: Facts,
    *,
    suffix: str = "",
    lossless: bool = False,
    preset: str = "veryfast",
    quality: int = 23,
    sound: SoundQueue | None = None,
) -> Writer:
    """Begin the file `path`.

    Args:
        path: is emptied; usually the temporary file of `files.atomic_output`.
        facts: of the source.
        suffix: of the final name, where `path` is a temporary one (".mp4").
        lossless: every sample as given; only formats that can.
        preset, quality, sound: of clips; see `clip_writer.ClipWriter`.

    Raises:
        Unsupported: `media.unknown-output`, `media.wrong-output`, `media.would-drop-frames`, `media.not-lossless`, `media.too-wide`,
            `media.no-encoder`.
    """
    wanted = (suffix or path.suffix).lower()
    if wanted in CLIPS:
        if facts.kind != "clip":
            raise Unsupported("media.wrong-output", f"{wanted}: a picture is not written as a clip", hint="name it .png, .jpg, .webp, .tif or .gif")
        from velatura.media.clip_writer import ClipWriter

        return ClipWriter(path, facts, suffix=wanted, lossless=lossless, preset=preset, quality=quality, sound=sound)
    if facts.kind == "clip" and wanted not in OUTPUTS:
        hint = nearest(wanted, CLIPS)
        raise Unsupported("media.unknown-output", f"{wanted or 'a name without suffix'}: no clip is written so", hint=hint)
    from velatura.media.picture_writer import PictureWriter

    return PictureWriter(path, facts, suffix=wanted, lossless=lossless)


def notes_for(facts: Facts, name: str) -> tuple[str, ...]:
    """What the format of an output's name cannot hold of the source, in words. Raises Unsupported as `create` does."""
    suffix = PurePath(name).suffix.lower()
    if suffix in CLIPS:
        return clip_losses(facts, suffix)
    return losses(facts, format_for(name, facts))
