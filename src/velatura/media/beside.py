"""What lies beside a file in its folder and tells of it: side files of cameras and editors, rests of runs that were killed."""

from __future__ import annotations

from pathlib import Path

from velatura.media.batch import SIDECARS
from velatura.media.wire import Leak

__all__ = ["beside"]

_WHAT = {
    ".xmp": "an editor's side file: names, places, history",
    ".aae": "a phone's side file: edits that can be undone",
    ".thm": "a camera's thumbnail of the clear picture",
    ".lrv": "a camera's small copy of the clear clip",
    ".srt": "subtitles or positions of the recording",
}


def beside(path: Path) -> list[Leak]:
    """Side files (L37) and half-written files (L38) of `path`; a folder that cannot be listed has none to tell of."""
    try:
        names = sorted(entry.name for entry in path.parent.iterdir())
    except OSError:
        return []
    stems = _stems(path)
    found = []
    for name in names:
        suffix = Path(name).suffix.lower()
        if suffix in SIDECARS and name != path.name and Path(name).stem.lower() in stems:
            found.append(Leak("L37", f"beside the file: {suffix}", _WHAT[suffix]))
        elif name.startswith(f".{path.name[:100]}.") and name.endswith(".part"):
            found.append(Leak("L38", "beside the file: .part", "the rest of a run that was killed"))
    return found


def _stems(path: Path) -> set[str]:
    """Names under which side files are kept: `IMG_1`, `IMG_1.JPG`, and GoPro's GL010001.LRV for GX010001.MP4."""
    stem = path.stem.lower()
    return {stem, path.name.lower(), *({f"gl{stem[2:]}"} if stem.startswith(("gx", "gh")) else set())}
