"""Samples from numpy's files: `.npz` with `x` (and `y`, the labels), or `.npy`. Nothing is unpickled; sizes are known before they are read."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from velatura.errors import BadInput
from velatura.files import open_regular
from velatura.homomorphic.sharing import Answer

__all__ = ["Samples", "load_samples", "save_answer"]

MOST_BYTES = 8 << 30


@dataclass(frozen=True, slots=True)
class Samples:
    """`x`: as the file has it. `labels`: (samples,) whole numbers, or None."""

    x: NDArray[Any]
    labels: NDArray[np.int64] | None


def load_samples(path: Path) -> Samples:
    """
    Raises:
        BadInput: `he.samples`.
    """
    with _explained(path), open_regular(path) as stream:
        if stream.read(6) == b"\x93NUMPY":
            stream.seek(0)
            return Samples(_array(stream, path), None)
        stream.seek(0)
        with zipfile.ZipFile(stream) as archive:
            names = set(archive.namelist())
            if "x.npy" not in names:
                raise _refused(path, f"holds no array `x` but {', '.join(sorted(names)[:5]) or 'nothing'}")
            with archive.open("x.npy") as member:
                x = _array(member, path)
            if "y.npy" not in names:
                return Samples(x, None)
            with archive.open("y.npy") as member:
                y = _array(member, path)
    if y.dtype.kind not in "iu" or y.ndim != 1 or x.ndim < 2 or len(y) != len(x):
        raise _refused(path, f"`y` is of shape {y.shape} and type {y.dtype}: a whole number for each of {len(x) if x.ndim else 0} samples is wanted")
    return Samples(x, y.astype(np.int64))


def save_answer(answer: Answer, path: Path) -> None:
    """An answer as `.npz`: `labels`, and `scores` where there are any."""
    arrays: dict[str, Any] = {"labels": answer.labels} | ({} if answer.scores is None else {"scores": answer.scores})
    with path.open("wb") as stream:
        np.savez(stream, **arrays)


def _array(stream: IO[bytes], path: Path) -> NDArray[Any]:
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    if dtype.hasobject or dtype.kind not in "fiu":
        raise _refused(path, f"an array is of type {dtype}: real numbers are wanted")
    size = prod(shape) * dtype.itemsize
    if size > MOST_BYTES:
        raise _refused(path, f"an array of {size} bytes is too large")
    raw = stream.read(size)
    if len(raw) != size:
        raise _refused(path, "an array ends before it is whole")
    return np.frombuffer(raw, dtype).reshape(shape, order="F" if fortran else "C")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadInput("he.samples", f"{path}: cannot be read: {error.strerror or error}", hint="check the name") from error
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
        raise _refused(path, "is no file of numpy's") from error


def _refused(path: Path, why: str) -> BadInput:
    return BadInput("he.samples", f"{path}: {why}", hint="numpy.savez(FILE, x=samples) or, with labels, numpy.savez(FILE, x=samples, y=labels)")
