"""The writer that an output's name asks for.

The name decides, the source's facts only limit: a clip is never written as one picture, nor pages as an animation.
"""

from __future__ import annotations

from pathlib import Path, PurePath

from velatura.errors import BadSpec
from velatura.media.clip_encoding import SUFFIXES as CLIPS
from velatura.media.clip_encoding import losses as clip_losses
from velatura.media.picture_formats import OUTPUTS, format_for, losses, not_lossless, unknown
from velatura.media.reader import Facts, Writer
from velatura.media.sound import SoundQueue

__all__ = ["check_name", "create", "notes_for"]


def create(
    path: Path,
    facts: Facts,
    *,
    name: str = "",
    lossless: bool = False,
    preset: str = "veryfast",
    quality: int = 23,
    sound: SoundQueue | None = None,
) -> Writer:
    """Begin the file `path`.

    Args:
        path: is emptied; usually the temporary file of `files.atomic_output`.
        facts: of the source.
        name: the final one, where `path` has a temporary one.
        lossless: every sample as given; only formats that can.
        preset, quality, sound: of clips; see `clip_writer.ClipWriter`.

    Raises:
        BadSpec: `media.unknown-output`, `media.wrong-output`, `media.not-lossless`.
        Unsupported: `media.would-drop-frames`, `media.too-wide`, `media.no-encoder`.
    """
    name = name or path.name
    wanted = PurePath(name).suffix.lower()
    if wanted in CLIPS:
        if facts.kind != "clip":
            raise BadSpec("media.wrong-output", f"{name}: a picture is not written as a clip", hint="name it .png, .jpg, .webp, .tif or .gif")
        from velatura.media.clip_writer import ClipWriter

        return ClipWriter(path, facts, suffix=wanted, lossless=lossless, preset=preset, quality=quality, sound=sound)
    if facts.kind == "clip" and wanted not in OUTPUTS:
        raise unknown(name, "clip", CLIPS)
    from velatura.media.picture_writer import PictureWriter

    return PictureWriter(path, facts, name=name, lossless=lossless)


def check_name(name: str, *, lossless: bool = False) -> None:
    """Refuse an output's name that no input can have, before any is read.

    Raises:
        BadSpec: `media.unknown-output`, `media.not-lossless`.
    """
    suffix = PurePath(name).suffix.lower()
    if suffix in CLIPS:
        return
    if suffix not in OUTPUTS:
        raise unknown(name, "picture or clip", OUTPUTS.keys() | CLIPS.keys())
    if lossless and OUTPUTS[suffix].lossless is None:
        raise not_lossless(name)


def notes_for(facts: Facts, name: str) -> tuple[str, ...]:
    """What the format of an output's name cannot hold of the source, in words. Raises as `create` does."""
    suffix = PurePath(name).suffix.lower()
    if suffix in CLIPS:
        return clip_losses(facts, suffix)
    return losses(facts, format_for(name, facts))
