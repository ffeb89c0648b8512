"""From what a person named to pairs of input and output.

A file, a folder or a pattern may be named, or several of them. A folder stands for the pictures and clips that lie directly in it; `folder/**/*.jpg`
reaches deeper. One file goes to a file, everything else to a folder, under its own name; formats that are not written get the suffix of one that
is, behind the whole old name where another input becomes that (`a.HEIC.jpg` beside `a.jpg`). Two inputs that would still share an output are
refused, whatever the case of their names. Sidecars are never copied; they are named.
"""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path, PurePath

from velatura.errors import BadInput, BadSpec
from velatura.files import refuse_same
from velatura.media.clip_encoding import SUFFIXES as CLIPS
from velatura.media.kinds import is_clip_name, is_picture_name
from velatura.media.picture_formats import OUTPUTS

__all__ = ["SIDECARS", "Batch", "Job", "plan", "sources"]

SIDECARS = frozenset({".xmp", ".thm", ".lrv", ".srt", ".aae"})
"""Files that cameras and editors put beside a picture or clip; they hold previews, positions, texts."""

_WRITTEN_AS = {
    ".heic": ".jpg",
    ".heif": ".jpg",
    ".hif": ".jpg",
    ".heics": ".jpg",
    ".heifs": ".jpg",
    ".mpo": ".jpg",
    ".avifs": ".avif",
    ".dib": ".bmp",
    ".pgm": ".png",
    ".ppm": ".png",
    ".pbm": ".png",
    ".pnm": ".png",
}


@dataclass(frozen=True, slots=True)
class Job:
    source: Path
    target: Path


@dataclass(frozen=True, slots=True)
class Batch:
    """What is to be done.

    Attributes:
        folder: that the outputs go to; None where one file goes to one file.
        left: files and folders beside the inputs that are neither treated nor copied.
    """

    jobs: tuple[Job, ...]
    folder: Path | None
    left: tuple[Path, ...] = ()


def plan(inputs: Sequence[str | Path], out: Path) -> Batch:
    """Pair inputs with outputs; makes the folder `out` where one is meant.

    Raises:
        BadSpec: `media.no-input`, `media.same-output`, `media.out-not-folder`, `files.same`, `files.no-folder`.
        BadInput: `media.missing` (a pattern that fits nothing), `media.no-media` (nothing in a folder that is picture or clip), `media.unreadable`.
    """
    sources, left, several = _sources(inputs)
    if not several and not (out.is_dir() or str(out).endswith(os.sep)):
        folder, jobs = None, [Job(sources[0], out)]
    else:
        folder = _folder(out)
        jobs = [Job(source, folder / name) for source, name in zip(sources, _names(sources), strict=True)]
    _refuse_shared(jobs)
    _refuse_inputs(jobs)
    left += [path for path in _sidecars(sources) if path not in left]
    return Batch(tuple(jobs), folder, tuple(left))


def sources(inputs: Sequence[str | Path]) -> tuple[list[Path], list[Path]]:
    """Files to read where nothing is written, and what lies in named folders that is neither picture nor clip. Raises as `plan` does."""
    found, left, _ = _sources(inputs)
    return found, left


def _sources(inputs: Sequence[str | Path]) -> tuple[list[Path], list[Path], bool]:
    """Files to treat, what is left out, and whether more than one may be meant."""
    taken: dict[Path, Path] = {}
    left: list[Path] = []
    several = len(inputs) > 1
    for given in inputs:
        path = Path(given)
        if not str(given):  # an empty variable of a shell; Path would make it the current folder
            raise BadSpec("media.no-input", "one of the inputs has an empty name", hint="name a file, a folder or a pattern")
        if path.is_dir():
            found, several = _split(_inside(path), left), True
            if not found:
                raise BadInput(
                    "media.no-media", f"{path}: there is neither picture nor clip in it", hint="name a folder that holds some, or the files"
                )
        elif has_magic(str(given)) and not path.exists():
            fitting = sorted(glob(str(given), recursive=True))  # noqa: PTH207  # Path.glob takes no absolute pattern
            found, several = _split(_without_entered(map(Path, fitting), str(given)), left), True
            if not found:
                raise BadInput("media.missing", f"{given}: no picture or clip fits this pattern", hint="check the pattern, and quote it")
        else:
            found = [path]
        for source in found:
            taken.setdefault(Path(os.path.realpath(source)), source)
    if not taken:
        raise BadSpec("media.no-input", "nothing to do: no input was named", hint="name a file, a folder or a pattern")
    return list(taken.values()), left, several


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise BadInput("media.unreadable", f"{folder}: may not be read: {error.strerror}", hint="check its permissions") from error


def _without_entered(paths: Iterable[Path], pattern: str) -> list[Path]:
    """Without the folders that `**` has gone into by itself; those that it could not read stay, to be named."""
    return [path for path in paths if "**" not in pattern or not path.is_dir() or not os.access(path, os.R_OK | os.X_OK)]


def _split(paths: Iterable[Path], left: list[Path]) -> list[Path]:
    """Pictures and clips by name; the others are put into `left`, and so are hidden ones; other hidden files are nobody's business."""
    found = []
    for path in paths:
        hidden = path.name.startswith(".")
        wanted = is_picture_name(path.name) or is_clip_name(path.name)
        if wanted and not hidden and path.suffix.lower() not in SIDECARS and not path.is_dir():
            found.append(path)
        elif wanted or not hidden:
            left.append(path)
    return found


def _folder(out: Path) -> Path:
    if out.exists() and not out.is_dir():
        raise BadSpec("media.out-not-folder", f"{out}: is a file, and several inputs need a folder", hint="name a folder")
    if not out.exists() and out.suffix.lower() in OUTPUTS.keys() | CLIPS.keys():
        raise BadSpec("media.out-not-folder", f"{out}: is the name of a file, and several inputs need a folder", hint="name a folder")
    if not out.parent.is_dir():
        raise BadSpec("files.no-folder", f"{out.parent}: there is no such folder", hint="make it first, or choose another output")
    out.mkdir(exist_ok=True)
    return out


def _names(sources: Sequence[Path]) -> list[str]:
    """Names of the outputs. Where several inputs would take one, those whose suffix changes keep their whole old name before the new suffix."""
    names = [_name(source) for source in sources]
    taken = Counter(map(_key, names))
    return [
        source.name + PurePath(name).suffix if name != source.name and taken[_key(name)] > 1 else name
        for source, name in zip(sources, names, strict=True)
    ]


def _key(name: str) -> str:
    """Alike for names that one file system or another takes for the same."""
    return unicodedata.normalize("NFC", name).casefold()


def _name(source: Path) -> str:
    suffix = source.suffix.lower()
    if suffix in OUTPUTS or suffix in CLIPS:
        return source.name
    other = _WRITTEN_AS.get(suffix) or (".mp4" if is_clip_name(source.name) else "")
    return source.stem + other if other else source.name


def _refuse_shared(jobs: Sequence[Job]) -> None:
    seen: dict[str, Path] = {}
    for job in jobs:
        other = seen.setdefault(_key(str(job.target)), job.source)
        if other is not job.source:
            sentence = f"{other} and {job.source} would both become {job.target.name}"
            raise BadSpec("media.same-output", sentence, hint="treat them one after the other, into different folders")


def _refuse_inputs(jobs: Sequence[Job]) -> None:
    sources = {os.path.realpath(job.source): job.source for job in jobs}
    for job in jobs:
        refuse_same(job.source, job.target)
        taken = sources.get(os.path.realpath(job.target))
        if taken is not None:
            raise BadSpec("files.same", f"{job.target}: is an input of the same run", hint="write the outputs into another folder")


def _sidecars(sources: Iterable[Path]) -> list[Path]:
    stems: dict[Path, set[str]] = {}
    for source in sources:
        stems.setdefault(source.parent, set()).update((source.stem.lower(), source.name.lower()))
    return [
        path
        for folder, names in stems.items()
        if folder.is_dir()
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in SIDECARS and path.stem.lower() in names
    ]
