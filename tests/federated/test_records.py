"""Weights as Flower carries them: our packing and reading against Flower's own, and against bytes of a stranger."""

from __future__ import annotations

import io
import math
import pickle

import numpy as np
import pytest

pytest.importorskip("flwr", reason="flwr is not installed")

from flwr.app import Array, ArrayRecord, ConfigRecord, Message, RecordDict
from numpy.lib import format as npy

from velatura.federated.flower_task import task
from velatura.federated.records import only, packed, read_quickly, round_of, unpacked

RNG = np.random.default_rng(0)
ARRAYS = {
    "matrix": RNG.standard_normal((3, 5)).astype(np.float32),
    "by columns": np.asfortranarray(RNG.standard_normal((3, 5))),
    "every second": RNG.standard_normal(10)[::2],
    "a number": np.array(7, np.int64),
    "nothing": np.zeros((0, 4), np.float32),
    "halves": RNG.standard_normal(4).astype(np.float16),
    "big end first": np.arange(4, dtype=">i4"),
    "yes or no": np.array([True, False]),
    "words": np.arange(5, dtype=np.uint32),
    "four sides": RNG.standard_normal((2, 3, 1, 4)),
}


def saved(value: np.ndarray, version: tuple[int, int] | None = None) -> bytes:
    stream = io.BytesIO()
    npy.write_array(stream, value, version, allow_pickle=False)
    return stream.getvalue()


def carried(raw: bytes, stype: str = "numpy.ndarray") -> ArrayRecord:
    return ArrayRecord({"w": Array("float32", (1,), stype, raw)})


def head(shape: str, descr: str = "'<f4'") -> bytes:
    words = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    return npy.magic(1, 0) + len(words).to_bytes(2, "little") + words


@pytest.mark.parametrize("name", ARRAYS)
def test_bytes_are_those_that_flower_makes(name: str) -> None:
    value = ARRAYS[name]
    mine, theirs = packed({"w": value})["w"], Array(np.asarray(value, order="C"))
    assert type(mine) is Array and (mine.dtype, mine.shape, mine.stype, mine.data) == (theirs.dtype, theirs.shape, theirs.stype, theirs.data)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("name", ARRAYS)
def test_what_comes_is_read_as_numpy_reads_it(name: str, version: tuple[int, int]) -> None:
    raw = saved(ARRAYS[name], version)
    found, theirs = unpacked(carried(raw))["w"], np.load(io.BytesIO(raw), allow_pickle=False)
    assert (found.dtype, found.shape, found.tobytes()) == (theirs.dtype, theirs.shape, theirs.tobytes())


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x93NUMPY",
        saved(ARRAYS["matrix"])[:-1],
        saved(ARRAYS["matrix"]) + b"\0",
        saved(ARRAYS["matrix"])[:40],
        head("(1099511627776, 1099511627776)"),
        head("(-2, -2)") + bytes(16),
        head("(-1,)") + bytes(4),
        head("(True,)") + bytes(4),
        head("('2',)") + bytes(8),
        head("(1,)", "'|O'") + pickle.dumps([math.pi]),
        head("(1,)", "__import__('os').getpid()") + bytes(4),
    ],
)  # fmt: skip
def test_bytes_that_are_no_array_are_an_error_and_nothing_else(raw: bytes) -> None:
    with pytest.raises((ValueError, TypeError, EOFError)):
        unpacked(carried(raw))


def test_another_format_is_refused() -> None:
    with pytest.raises(TypeError):
        unpacked(carried(saved(ARRAYS["matrix"]), "pickle"))


def test_numbers_that_were_received_cannot_be_written_over() -> None:
    record = packed({"w": ARRAYS["matrix"]})
    with pytest.raises(ValueError, match="read-only"):
        unpacked(record)["w"][0, 0] = 1.0


def test_a_strategy_gets_arrays_of_its_own() -> None:
    task()
    message = Message(RecordDict({"arrays": packed(ARRAYS), "config": ConfigRecord({"server-round": 3})}), 1, "train")
    read_quickly([message])
    first = only(message)["matrix"].numpy()
    assert np.array_equal(first, ARRAYS["matrix"])
    first[:] = 0
    assert np.array_equal(only(message)["matrix"].numpy(), ARRAYS["matrix"]) and round_of(message) == 3
