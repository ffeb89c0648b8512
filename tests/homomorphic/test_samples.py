"""Samples from files: numpy's own, of numbers, as large as they say."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from velatura.errors import BadInput
from velatura.homomorphic.samples import load_samples, save_answer
from velatura.homomorphic.sharing import Answer

X = np.random.default_rng(0).normal(size=(5, 3, 2))


def refused(path: Path) -> str:
    with pytest.raises(BadInput) as caught:
        load_samples(path)
    assert caught.value.code == "he.samples"
    return caught.value.sentence


@pytest.mark.parametrize("x", [X, X.astype(np.float32), np.asfortranarray(X), (X * 100).astype(np.int16), X[:0]])
def test_arrays_come_as_they_are(tmp_path: Path, x: np.ndarray) -> None:
    np.savez(tmp_path / "a.npz", x=x)
    np.savez_compressed(tmp_path / "b.npz", x=x)
    np.save(tmp_path / "c.npy", x)
    for name in ("a.npz", "b.npz", "c.npy"):
        found = load_samples(tmp_path / name)
        assert found.labels is None
        assert found.x.dtype == x.dtype
        np.testing.assert_array_equal(found.x, x)


def test_truth_values_are_not_taken_for_numbers(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=X > 0)
    assert "type bool" in refused(tmp_path / "a.npz")


def test_labels_come_with_them(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=X, y=np.arange(5, dtype=np.uint8))
    assert load_samples(tmp_path / "a.npz").labels.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("y", [np.arange(4), np.arange(5.0), np.zeros((5, 1), int)])
def test_labels_that_do_not_fit_are_refused(tmp_path: Path, y: np.ndarray) -> None:
    np.savez(tmp_path / "a.npz", x=X, y=y)
    assert "`y`" in refused(tmp_path / "a.npz")


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return pytest.fail, ("it was unpickled",)

    np.save(tmp_path / "a.npy", np.array([Trap()], object))
    assert "type object" in refused(tmp_path / "a.npy")
    np.savez(tmp_path / "b.npz", x=np.array([Trap()], object))
    refused(tmp_path / "b.npz")


@pytest.mark.parametrize("raw", [b"", b"PK\x03\x04", b"\x93NUMPY", b"\x93NUMPY\x01\x00\x05\x00abcde", b"text\n", b"\x93NUMPY\x09\x00" + bytes(50)])
def test_what_is_no_file_of_numpys_is_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "a").write_bytes(raw)
    refused(tmp_path / "a")


def test_an_array_that_says_it_is_huge_or_ends_early_is_refused(tmp_path: Path) -> None:
    raw = io.BytesIO()
    np.lib.format.write_array_header_1_0(raw, {"descr": "<f8", "fortran_order": False, "shape": (1 << 40,)})
    (tmp_path / "a.npy").write_bytes(raw.getvalue())
    assert "too large" in refused(tmp_path / "a.npy")
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("x.npy", raw.getvalue())
    assert "too large" in refused(tmp_path / "b.npz")
    np.save(tmp_path / "c.npy", X)
    (tmp_path / "c.npy").write_bytes((tmp_path / "c.npy").read_bytes()[:-1])
    assert "whole" in refused(tmp_path / "c.npy")


def test_a_file_without_samples_says_what_it_holds(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", data=X)
    assert "data.npy" in refused(tmp_path / "a.npz")
    refused(tmp_path / "none.npz")
    refused(tmp_path)


def test_an_answer_is_read_by_numpy(tmp_path: Path) -> None:
    save_answer(Answer(np.array([[1], [2]]), np.ones((2, 3)), raw=True), tmp_path / "y")
    with np.load(tmp_path / "y") as read:
        assert sorted(read.files) == ["labels", "scores"]
    save_answer(Answer(np.array([[1]])), tmp_path / "z")
    with np.load(tmp_path / "z") as read:
        assert read.files == ["labels"]
