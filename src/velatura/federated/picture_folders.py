"""A table from a folder with a folder of pictures for each class, named in the order of their names.

No file is left out without a word: what is in a class's folder is read as a picture, or refused by its name. Values lie in [0, 1], whatever the
depth: 16-bit grey is divided by 65,535. A picture that was taken with the camera on its side is turned as its EXIF says.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from velatura.errors import BadInput
from velatura.federated.table import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

__all__ = ["pictures"]

MOST_PIXELS = 1 << 24
READ = (".png", ".jpg", ".jpeg", ".bmp", ".pgm", ".ppm", ".tif", ".tiff", ".webp")
LITTER = ("thumbs.db", "desktop.ini")  # that a file manager leaves behind, beside names that begin with a dot
DEEP = ("I;16", "I;16B", "I;16L", "I;16N")
DEEP_AS_32 = ("PNG", "PPM")  # formats in which Pillow gives 16 bits as 32


def pictures(folder: Path, classes: int = 0) -> Table:
    """Read them all.

    Args:
        classes: how many folders there must be; then one may be empty, at a site that has nothing of that class. 0: as many as there are, none empty.

    Raises:
        BadInput: `federated.data`: names the folder or the file.
    """
    names = sorted(one.name for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))
    _classes_fit(folder, names, classes)
    rows: list[NDArray[np.float32]] = []
    labels: list[int] = []
    first = folder
    for label, name in enumerate(names):
        count = len(rows)
        for file in _files(folder / name):
            planes = _planes(file)
            if rows and planes.shape != rows[0].shape:
                sentence = f"{file}: is {_form(planes)}, and {first} is {_form(rows[0])}"
                raise BadInput("federated.data", sentence, hint="one size, and all in grey or all in colour")
            first = first if rows else file
            rows.append(planes)
            labels.append(label)
        if len(rows) == count and not classes:
            hint = f"remove the folder; or data.classes = {len(names)} in the job, if this site has nothing of that class"
            raise BadInput("federated.data", f"{folder / name}: no pictures", hint=hint)
    if not rows:
        raise BadInput("federated.data", f"{folder}: no pictures", hint=", ".join(READ))
    return Table(np.stack(rows), np.array(labels, np.int64), len(names), str(folder), tuple(names))


def _classes_fit(folder: Path, names: list[str], classes: int) -> None:
    if len(names) < 2:
        raise BadInput("federated.data", f"{folder}: no folders by class", hint="a folder for each class, with its pictures")
    if classes and len(names) != classes:
        sentence = f"{folder}: {len(names)} folders, and the job has {classes} classes"
        raise BadInput("federated.data", sentence, hint="the same folders at each site; one of a class that is not here stays empty")
    if stray := next((one for one in sorted(folder.iterdir()) if one.is_file() and one.suffix.lower() in READ), None):
        raise BadInput("federated.data", f"{stray}: lies in no class's folder", hint="move it into one, or away")


def _files(folder: Path) -> Iterator[Path]:
    for one in sorted(folder.iterdir()):
        if one.name.startswith(".") or one.name.lower() in LITTER:
            continue
        if not one.is_file() or one.suffix.lower() not in READ:
            what = "a folder in a class's folder" if one.is_dir() else f"{one.suffix or 'a file without an ending'} is not read as a picture"
            raise BadInput("federated.data", f"{one}: {what}", hint=f"move it away, or make it one of {', '.join(READ)}")
        yield one


def _planes(file: Path) -> NDArray[np.float32]:
    """(1 or 3, height, width), in [0, 1]."""
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise BadInput("federated.data", f"{file}: larger than {MOST_PIXELS >> 20} megapixels")
            if (frames := getattr(picture, "n_frames", 1)) > 1:
                raise BadInput("federated.data", f"{file}: {frames} pictures in one file", hint="a file for each")
            form = picture.format or ""
            planes = _scaled(file, ImageOps.exif_transpose(picture), form)
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise BadInput("federated.data", f"{file}: no picture that can be read") from error
    return planes[None] if planes.ndim == 2 else np.ascontiguousarray(planes.transpose(2, 0, 1))


def _scaled(file: Path, picture: Image.Image, form: str) -> NDArray[np.float32]:
    """(height, width) of a grey picture, (height, width, 3) of any other."""
    if picture.mode in DEEP or (picture.mode == "I" and form in DEEP_AS_32):
        return np.asarray(picture, np.float32) / np.float32(65535)
    if picture.mode in ("I", "F"):
        raise BadInput("federated.data", f"{file}: values of 32 bits, whose range nobody tells", hint="16 or 8 bits; or an .npz with x and y")
    if picture.has_transparency_data and picture.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        raise BadInput("federated.data", f"{file}: parts of it are transparent, and have no colour", hint="put it on a background first")
    return np.asarray(picture.convert("L" if picture.mode in ("1", "L", "LA") else "RGB"), np.float32) / np.float32(255)


def _form(planes: NDArray[np.float32]) -> str:
    return f"{planes.shape[2]} x {planes.shape[1]} in {'grey' if len(planes) == 1 else 'colour'}"
