"""Artefacts' arrays: what was written is read, and no size is believed."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as numbers

from velatura.errors import BadInput
from velatura.homomorphic.packed_arrays import dump_arrays, load_arrays

ARRAYS = numbers.arrays(np.int32, numbers.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=6)) | numbers.arrays(
    np.float64, numbers.array_shapes(min_dims=1, max_dims=2, max_side=20), elements=st.floats(-1e300, 1e300)
)


@given(st.dictionaries(st.text(max_size=5), ARRAYS, max_size=4))
def test_what_was_written_is_read(arrays: dict[str, np.ndarray]) -> None:
    about, found = load_arrays(dump_arrays({"a": 1.5}, arrays), dict[str, float])
    assert about == {"a": 1.5}
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def packed(table: list[dict[str, Any]], rest: bytes) -> bytes:
    head = msgspec.json.encode({"about": {}, "arrays": table})
    return struct.pack("<I", len(head)) + head + rest


def one(**changed: Any) -> dict[str, Any]:
    return {"name": "a", "dtype": "<i4", "shape": [2], "stored": 8, "zlib": False} | changed


BOMB = zlib.compress(bytes(1 << 20))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\1\0\0",
        struct.pack("<I", 2**31) + b"{}",
        packed([one(dtype="<O8")], bytes(8)),
        packed([one(dtype="|O")], bytes(8)),
        packed([one(shape=[3])], bytes(8)),
        packed([one(shape=[-2])], bytes(8)),
        packed([one(shape=[2**40, 2**40])], bytes(8)),
        packed([one(shape=[1] * 9, stored=4)], bytes(4)),
        packed([one(stored=9)], bytes(8)),
        packed([one(stored=-1)], bytes(8)),
        packed([one()], bytes(9)),
        packed([one(), one()], bytes(16)),
        packed([one(more=1)], bytes(8)),
        packed([one(zlib=True)], bytes(8)),
        packed([one(zlib=True, stored=len(BOMB))], BOMB),
        packed([one(zlib=True, stored=len(BOMB), shape=[1 << 19])], BOMB),
        packed([one(zlib=True, stored=len(BOMB) - 9, shape=[1 << 18])], BOMB[:-9]),
        packed([one(dtype="<f8", shape=[1])], struct.pack("<d", float("nan"))),
        packed([one(dtype="<f8", shape=[1])], struct.pack("<d", float("inf"))),
    ],
)
def test_what_is_not_what_it_says_is_refused(raw: bytes) -> None:
    with pytest.raises(BadInput) as caught:
        load_arrays(raw, dict[str, float])
    assert caught.value.code == "he.artefact"


def test_a_vector_with_a_period_is_kept_small() -> None:
    assert len(dump_arrays({}, {"v": np.tile(np.random.default_rng(0).normal(size=64), 64)})) < 2000
