"""L20, L23, L37 to L40: names, folders, the disk, the log, and the borders of the picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.leakcases import clips, look
from benchmarks.leakcases.case import LeakCase
from benchmarks.leakcases.face import FACE, MARK, portrait
from benchmarks.leakcases.jpegs import XMP, exif, jpeg, small

STALE = "a longer file that lies where the output goes"


def stale() -> bytes:
    """An older, longer output with a clear picture behind its first bytes."""
    return jpeg(portrait().resize((1024, 1024))) + b"\0" * 50_000 + small(320) + MARK


def _folder(path: Path) -> None:
    """A photograph with the side files that cameras and editors leave beside it."""
    path.mkdir()
    (path / "photo.jpg").write_bytes(jpeg())
    (path / "photo.xmp").write_bytes(XMP)
    (path / "photo.thm").write_bytes(small(160))


def _side_files(path: Path) -> str:
    """Of a folder: files beside the pictures, or the mark in any of them."""
    beside = [file.name for file in path.iterdir() if file.suffix.lower() in (".xmp", ".thm", ".lrv", ".srt", ".aae")]
    return ", ".join(sorted(beside))


def _lying_clip(path: Path) -> None:
    path.write_bytes(clips.plain())


def _long_clip(path: Path) -> None:
    """Long enough to be killed in the middle of it."""
    from fractions import Fraction

    import av

    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=24, options={"preset": "ultrafast", "threads": "1"})
        stream.width = stream.height = portrait().width
        stream.pix_fmt = "yuv420p"
        for number in range(600):
            frame = av.VideoFrame.from_ndarray(np.asarray(portrait(number % 60)), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def playable(path: Path) -> str:
    """What still opens of a file, or of all files in a folder, whatever they are called."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return look.first_of(*(f"{file.suffix} that plays" for file in files if next(look.frames(file), None) is not None))


def _at_the_edge(path: Path) -> None:
    """The face fills the lower right corner: its box reaches over the last row and column."""
    _cropped().save(path)


def _cropped() -> Image.Image:
    return portrait().crop((0, 0, FACE[2] - 16, FACE[3] - 12))


def edge(path: Path) -> str:
    """The structure of the face in the last row or column, as it was."""
    x0, y0 = FACE[:2]
    clear = np.asarray(_cropped(), np.float32)
    with Image.open(path) as picture:
        seen = np.asarray(picture.convert("RGB"), np.float32)
    if seen.shape != clear.shape:
        return ""
    lines = {"last column": (np.s_[y0 + 8 :, -1]), "last row": (np.s_[-1, x0 + 8 :])}
    return look.first_of(*(name for name, line in lines.items() if _alike(clear[line], seen[line]) > 0.7))


def _alike(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Correlation of the differences between neighbours along a line, (n, 3); 0 for an even one."""
    a, b = np.diff(one, axis=0).ravel(), np.diff(other, axis=0).ravel()
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0.1 and b.std() > 0.1 else 0.0


CASES = [
    LeakCase("L20", "L20_stale.jpg", "L20_stale.jpg", lambda path: _bytes(path, jpeg()), look.mark, found=False, run="stale"),
    LeakCase("L23", "L23_clip_named.jpg", "L23_clip.mp4", _lying_clip, look.face),
    LeakCase("L37", "L37_folder", "L37_folder", _folder, _side_files, run="folder"),
    LeakCase("L38", "L38_killed.mp4", "L38_killed.mp4", _long_clip, playable, found=False, run="kill"),
    LeakCase("L39", "L39_log.jpg", "L39_log.jpg", lambda path: _bytes(path, jpeg(exif=exif())), look.mark, found=False, run="log"),
    LeakCase("L40", "L40_edge.png", "L40_edge.png", _at_the_edge, edge, found=False, run="edge"),
]


def _bytes(path: Path, raw: bytes) -> None:
    path.write_bytes(raw)
