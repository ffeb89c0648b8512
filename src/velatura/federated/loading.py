"""Tables by their word: npz, CSV, folders of pictures by class, MNIST's IDX files, and scikit-learn's two that come with it.

Everything is hostile until it is a `Table`: no pickle, no mixed sizes, no missing cell; a message names file and row.
"""

from __future__ import annotations

import gzip
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from velatura.errors import BadInput, BadSpec, Missing, nearest
from velatura.federated.picture_folders import pictures
from velatura.federated.table import MOST_CLASSES, Table
from velatura.federated.text_table import text_table

__all__ = ["BUILT_IN", "brought_test", "load"]

MOST_BYTES = 4 << 30


def load(source: str, *, base: Path, classes: int = 0, label: str = "") -> Table:
    """A table by its word.

    Args:
        source: "digits", "breast-cancer", or a path: .npz (`x`, `y`), .csv (a header, and a column of labels), a folder with a folder of pictures
            for each class, or one with MNIST's IDX files (train).
        base: what a relative path is relative to.
        classes: number of labels; 0: as many as there are.
        label: the column of a .csv that holds them; "": `text_table.LABEL`.

    Raises:
        BadSpec: `federated.source`. BadInput: `federated.data`. Missing: `extra.train`.
    """
    if source in BUILT_IN:
        return BUILT_IN[source]()
    path = base / source
    if not path.is_dir() and not path.is_file():
        raise BadSpec("federated.source", f"{path}: there is no such file or folder", hint=nearest(source, BUILT_IN))
    try:
        return _read(path, classes, label)
    except OSError as error:
        raise BadInput("federated.data", f"{path}: cannot be read: {error.strerror}") from error


def _read(path: Path, classes: int, label: str) -> Table:
    if path.is_dir():
        return _idx(path, "train") if _has_idx(path) else pictures(path, classes)
    if path.stat().st_size > MOST_BYTES:
        raise BadInput("federated.data", f"{path}: larger than {MOST_BYTES >> 30} GiB")
    kind = path.suffix.lower()
    if kind == ".npz":
        return _npz(path, classes)
    if kind == ".csv":
        return text_table(path, label=label, classes=classes)
    raise BadSpec("federated.source", f"{path}: {path.suffix or 'no ending'} is not read", hint=".npz, .csv, or a folder of pictures by class")


def brought_test(source: str, *, base: Path) -> Table | None:
    """The test set that a source brings itself; None: none."""
    path = base / source
    return _idx(path, "t10k") if path.is_dir() and _has_idx(path) else None


@cache  # server and sites of a simulation read it, and nobody writes into it; it parses 28 ms
def _digits() -> Table:
    rows = _of_sklearn("digits.csv.gz")
    return Table((rows[:, :-1] / 16).reshape(-1, 1, 8, 8).astype(np.float32), rows[:, -1].astype(np.int64), 10, "digits")


@cache
def _breast_cancer() -> Table:
    rows = _of_sklearn("breast_cancer.csv", head=1)
    x = rows[:, :-1]
    return Table(((x - x.mean(0)) / x.std(0)).astype(np.float32), rows[:, -1].astype(np.int64), 2, "breast-cancer")


BUILT_IN: dict[str, Callable[[], Table]] = {"digits": _digits, "breast-cancer": _breast_cancer}


def _of_sklearn(name: str, *, head: int = 0) -> NDArray[np.float64]:
    """A table among scikit-learn's files. `load_digits` and its like read the same, and load scipy and all of sklearn (1.3 s) for it."""
    found = find_spec("sklearn")
    path = Path(found.origin).parent / "datasets" / "data" / name if found and found.origin else None
    if path is None or not path.is_file():
        raise Missing("extra.train", f"scikit-learn is not installed, and its {name} comes with it", hint="pip install 'velatura[train]'")
    return np.loadtxt(path, delimiter=",", skiprows=head)


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
    if y.max(initial=0) >= MOST_CLASSES:
        sentence = f"{path}: label {y.max()}, and at most {MOST_CLASSES} classes are learned"
        raise BadInput("federated.data", sentence, hint="labels are numbers of classes, from 0: is y what you mean?")
    return y.astype(np.int64)


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
