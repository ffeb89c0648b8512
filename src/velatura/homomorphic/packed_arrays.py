"""Named arrays behind a JSON head: what artefacts are made of. No pickle; every size is known before memory is taken for it.

u32 length of the head | head: {"about": .., "arrays": [{name, dtype, shape, stored, zlib}]} | the arrays' bytes, one after the other
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from math import prod
from typing import Any, Literal, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from velatura.errors import BadInput
from velatura.specs import Spec

__all__ = ["MOST_BYTES", "dump_arrays", "load_arrays"]

MOST_BYTES = 4 << 30
"""Of an artefact's arrays, unpacked."""
_MOST_HEAD = 256 << 20
_MOST_DIMENSIONS = 8
_LENGTH = struct.Struct("<I")
T = TypeVar("T")


class _Array(Spec, frozen=True):
    name: str
    dtype: Literal["<f8", "<i4"]
    shape: tuple[int, ...]
    stored: int
    zlib: bool


class _Head(Spec, frozen=True):
    about: msgspec.Raw
    arrays: tuple[_Array, ...]


def dump_arrays(about: Any, arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """`about`: anything msgspec encodes. `arrays`: of float64 or int32; compressed where that makes them smaller."""
    table, parts = [], []
    for name, array in arrays.items():
        little = np.ascontiguousarray(array).astype("<f8" if array.dtype == np.float64 else "<i4", casting="equiv", copy=False)
        raw = little.tobytes()
        small = zlib.compress(raw, 6)
        packed = len(small) < 0.9 * len(raw)
        parts.append(small if packed else raw)
        table.append(_Array(name, "<f8" if array.dtype == np.float64 else "<i4", array.shape, len(parts[-1]), packed))
    head = msgspec.json.encode({"about": about, "arrays": table})
    return b"".join([_LENGTH.pack(len(head)), head, *parts])


def load_arrays(raw: bytes | memoryview, kind: type[T]) -> tuple[T, dict[str, NDArray[Any]]]:
    """What `dump_arrays` wrote. Floats are finite.

    Raises:
        BadInput: `he.artefact`.
    """
    view = memoryview(raw)
    (length,) = _LENGTH.unpack_from(view) if len(view) >= _LENGTH.size else (_MOST_HEAD + 1,)
    if length > min(_MOST_HEAD, len(view) - _LENGTH.size):
        raise refused("its head is longer than itself")
    try:
        head = msgspec.json.decode(view[_LENGTH.size : _LENGTH.size + length], type=_Head)
        about = msgspec.json.decode(head.about, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise refused(f"its head: {error}") from error
    at, left = _LENGTH.size + length, MOST_BYTES
    arrays: dict[str, NDArray[Any]] = {}
    for one in head.arrays:
        size = _size(one)
        if size > left or not 0 <= one.stored <= len(view) - at or one.name in arrays:
            raise refused(f"the array {one.name!r} is too large, ends outside, or is there twice")
        arrays[one.name] = _loaded(one, view[at : at + one.stored], size)
        at, left = at + one.stored, left - size
    if at != len(view):
        raise refused("bytes follow its last array")
    return about, arrays


def refused(why: str) -> BadInput:
    """An artefact that is not what the compiler writes."""
    return BadInput("he.artefact", f"the artefact is damaged or was not written by velatura: {why}", hint="compile the model again")


def _size(one: _Array) -> int:
    if len(one.shape) > _MOST_DIMENSIONS or any(side < 0 for side in one.shape):
        raise refused(f"the array {one.name!r} has no possible shape")
    return prod(one.shape) * int(one.dtype[-1])


def _loaded(one: _Array, stored: memoryview, size: int) -> NDArray[Any]:
    raw: bytes | memoryview = stored
    if one.zlib:
        unpacker = zlib.decompressobj()
        try:
            raw = unpacker.decompress(stored, size + 1)
        except zlib.error as error:
            raise refused(f"the array {one.name!r} does not unpack") from error
        if not unpacker.eof or unpacker.unused_data:
            raise refused(f"the array {one.name!r} is packed shorter or longer than it says")
    if len(raw) != size:
        raise refused(f"the array {one.name!r} has another size than it says")
    array = np.frombuffer(raw, one.dtype).reshape(one.shape).astype(one.dtype.replace("<", "="), copy=False)
    if one.dtype == "<f8" and not np.all(np.isfinite(array)):
        raise refused(f"the array {one.name!r} holds a number that is not finite")
    return array
