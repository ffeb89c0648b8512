"""Tables from files: npz, CSV, folders of pictures by class, MNIST's IDX files, and scikit-learn's two that come with it.

Everything is hostile until it is a `Table`: no pickle, no mixed sizes, no missing cell; a message names file and row.
"""

from __future__ import annotations

import csv
import gzip
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from velatura.errors import BadInput, BadSpec, Missing, nearest
from velatura.federated.table import Table
from velatura.files import open_regular

__all__ = ["BUILT_IN", "brought_test", "load"]

MOST_BYTES = 4 << 30
MOST_PIXELS = 1 << 24
MOST_CLASSES = 1 << 20
PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".pgm", ".ppm"}


def load(source: str, *, base: Path, classes: int = 0) -> Table:
    """A table by its word.

    Args:
        source: "digits", "breast-cancer", or a path: .npz (`x`, `y`), .csv (a header; the column `label`, or the last one), a folder with a folder of
            pictures for each class, or one with MNIST's IDX files (train).
        base: what a relative path is relative to.
        classes: number of labels; 0: as many as there are.

    Raises:
        BadSpec: `federated.source`. BadInput: `federated.data`. Missing: `extra.train`.
    """
    if source in BUILT_IN:
        return BUILT_IN[source]()
    path = base / source
    if path.is_dir():
        return _idx(path, "train") if _has_idx(path) else _pictures(path)
    if not path.is_file():
        raise BadSpec("federated.source", f"{path}: there is no such file or folder", hint=nearest(source, BUILT_IN))
    if path.stat().st_size > MOST_BYTES:
        raise BadInput("federated.data", f"{path}: larger than {MOST_BYTES >> 30} GiB")
    if path.suffix == ".npz":
        return _npz(path, classes)
    if path.suffix == ".csv":
        return _csv(path, classes)
    raise BadSpec("federated.source", f"{path}: {path.suffix or 'no ending'} is not read", hint=".npz, .csv, or a folder of pictures by class")


def brought_test(source: str, *, base: Path) -> Table | None:
    """The test set that a source brings itself; None: none."""
    path = base / source
    return _idx(path, "t10k") if path.is_dir() and _has_idx(path) else None


def _digits() -> Table:
    bunch = _sklearn().load_digits()
    return Table((bunch.data / 16).reshape(-1, 1, 8, 8).astype(np.float32), bunch.target.astype(np.int64), 10, "digits")


def _breast_cancer() -> Table:
    bunch = _sklearn().load_breast_cancer()
    x = (bunch.data - bunch.data.mean(0)) / bunch.data.std(0)
    return Table(x.astype(np.float32), bunch.target.astype(np.int64), 2, "breast-cancer")


BUILT_IN: dict[str, Callable[[], Table]] = {"digits": _digits, "breast-cancer": _breast_cancer}


def _sklearn() -> Any:
    try:
        import sklearn.datasets
    except ImportError as error:
        raise Missing("extra.train", "scikit-learn is not installed, and its tables come with it", hint="pip install 'velatura[train]'") from error
    return sklearn.datasets


def _npz(path: Path, classes: int) -> Table:
    try:
        with np.load(path, allow_pickle=False) as read:
            if {"x", "y"} - set(read.files):
                raise BadInput("federated.data", f"{path}: has no arrays x and y", hint=f"it has {', '.join(read.files[:9])}")
            x, y = read["x"], read["y"]
        if not (isinstance(x, np.ndarray) and isinstance(y, np.ndarray)):
            raise ValueError("a member that is no array")
    except (ValueError, OSError, zipfile.BadZipFile, EOFError, MemoryError, zlib.error) as error:
        raise BadInput("federated.data", f"{path}: no npz of plain arrays", hint="np.savez(path, x=..., y=...), without objects") from error
    return Table(_floats(x, path), _labels(y, path), classes or int(y.max(initial=-1)) + 1, str(path))


def _floats(x: NDArray[np.generic], path: Path) -> NDArray[np.float32]:
    if x.dtype.kind not in "fiub":
        raise BadInput("federated.data", f"{path}: x is {x.dtype}, which is no number")
    with np.errstate(over="ignore"):  # what is beyond float32 is refused as no finite number
        return x.astype(np.float32) / np.float32(255) if x.dtype == np.uint8 else x.astype(np.float32)


def _labels(y: NDArray[np.generic], path: Path) -> NDArray[np.int64]:
    if y.dtype.kind not in "iu":
        raise BadInput("federated.data", f"{path}: labels are {y.dtype}, not whole numbers")
    if y.max(initial=0) > MOST_CLASSES:
        raise BadInput("federated.data", f"{path}: label {y.max()} is beyond {MOST_CLASSES}")
    return y.astype(np.int64)


def _csv(path: Path, classes: int) -> Table:
    with open_regular(path) as stream:
        text = stream.read().decode("utf-8-sig", errors="strict") if _is_text(path) else ""
    try:
        lines = list(csv.reader(text.splitlines(), delimiter=";" if text[:4096].count(";") > text[:4096].count(",") else ","))
    except csv.Error as error:
        raise BadInput("federated.data", f"{path}: no table: {error}") from error
    if len(lines) < 2 or len(lines[0]) < 2:
        raise BadInput("federated.data", f"{path}: no table: a header and rows with commas are needed")
    head, width = [name.strip() for name in lines[0]], len(lines[0])
    if twice := next((name for name in head if head.count(name) > 1), None):
        raise BadInput("federated.data", f"{path}: two columns are called {twice!r}")
    at = head.index("label") if "label" in head else width - 1
    values = np.empty((len(lines) - 1, width), np.float64)
    for number, line in enumerate(lines[1:], 2):
        if len(line) != width:
            raise BadInput("federated.data", f"{path}: line {number} has {len(line)} cells, and the header {width}")
        for column, cell in enumerate(line):
            try:
                values[number - 2, column] = float(cell)
            except ValueError as error:
                told = "is missing" if not cell.strip() else "is no number"
                raise BadInput("federated.data", f"{path}: line {number}, column {head[column]!r} {told}") from error
    y = values[:, at]
    if not np.isfinite(y).all() or not np.array_equal(y, np.floor(y)) or np.abs(y).max() > MOST_CLASSES:
        raise BadInput("federated.data", f"{path}: labels in column {head[at]!r} are not whole numbers")
    with np.errstate(over="ignore"):
        x = np.delete(values, at, axis=1).astype(np.float32)
    return Table(x, y.astype(np.int64), classes or int(y.max()) + 1, str(path))


def _is_text(path: Path) -> bool:
    try:
        path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput("federated.data", f"{path}: not UTF-8 text") from error
    return True


def _pictures(path: Path) -> Table:
    from PIL import Image

    names = sorted(one.name for one in path.iterdir() if one.is_dir() and not one.name.startswith("."))
    if len(names) < 2:
        raise BadInput("federated.data", f"{path}: no folders by class", hint="a folder for each class, with its pictures")
    rows: list[NDArray[np.float32]] = []
    labels: list[int] = []
    for label, name in enumerate(names):
        for file in sorted(one for one in (path / name).iterdir() if one.suffix.lower() in PICTURES):
            try:
                with Image.open(file) as picture:
                    if picture.width * picture.height > MOST_PIXELS:
                        raise BadInput("federated.data", f"{file}: larger than {MOST_PIXELS >> 20} megapixels")
                    planes = np.asarray(picture.convert("L" if picture.mode in ("L", "1", "I;16") else "RGB"), np.float32) / np.float32(255)
            except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
                raise BadInput("federated.data", f"{file}: no picture that can be read") from error
            planes = planes[None] if planes.ndim == 2 else planes.transpose(2, 0, 1)
            if rows and planes.shape != rows[0].shape:
                raise BadInput("federated.data", f"{file}: {planes.shape} values, and those before have {rows[0].shape}", hint="one size, one colour")
            rows.append(planes)
            labels.append(label)
    if not rows:
        raise BadInput("federated.data", f"{path}: no pictures", hint=", ".join(sorted(PICTURES)))
    return Table(np.stack(rows), np.array(labels, np.int64), len(names), str(path))


def _idx_file(path: Path, kind: str, what: str) -> Path | None:
    found = [path / f"{kind}-{what}-{end}" for end in ("idx3-ubyte", "idx3-ubyte.gz", "idx1-ubyte", "idx1-ubyte.gz")]
    return next((one for one in found if one.is_file()), None)


def _has_idx(path: Path) -> bool:
    return all(_idx_file(path, "train", what) for what in ("images", "labels"))


def _idx(path: Path, kind: str) -> Table:
    """MNIST's own files."""
    images, labels = _idx_file(path, kind, "images"), _idx_file(path, kind, "labels")
    if images is None or labels is None:
        raise BadInput("federated.data", f"{path}: {kind} images or labels are missing")
    x, y = _idx_array(images, 3), _idx_array(labels, 1)
    if len(x) != len(y):
        raise BadInput("federated.data", f"{path}: {len(x)} images and {len(y)} labels")
    return Table(x[:, None].astype(np.float32) / np.float32(255), y.astype(np.int64), 10, str(path))


def _idx_array(path: Path, dimensions: int) -> NDArray[np.uint8]:
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as stream:
            zero, kind, count, *shape = struct.unpack(f">HBB{dimensions}I", stream.read(4 + 4 * dimensions))
            if (zero, kind, count) != (0, 8, dimensions) or np.prod(shape, dtype=np.int64) > MOST_BYTES:
                raise ValueError
            raw = stream.read(int(np.prod(shape, dtype=np.int64)) + 1)
        return np.frombuffer(raw, np.uint8).reshape(shape)
    except (OSError, ValueError, struct.error, EOFError) as error:
        raise BadInput("federated.data", f"{path}: no IDX file of bytes") from error
