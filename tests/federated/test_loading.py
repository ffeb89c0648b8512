"""Tables from files, and files that are none: refused with file and row."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from velatura.errors import BadInput, BadSpec
from velatura.federated.loading import brought_test, load
from velatura.federated.table import Table


def test_npz_and_pictures_are_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.arange(12, dtype=np.uint8).reshape(3, 2, 2), y=np.array([0, 2, 1]))
    table = load("a.npz", base=tmp_path)
    assert (len(table), table.schema.shape, table.classes) == (3, (2, 2), 3) and table.x.max() == np.float32(11 / 255)
    for name, level in (("cats", 0), ("dogs", 255)):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        Image.new("L", (4, 3), level).save(tmp_path / "pictures" / name / "1.png")
    table = load("pictures", base=tmp_path)
    assert table.schema.shape == (1, 3, 4) and table.y.tolist() == [0, 1] and table.x[1].min() == 1


def test_scikit_learns_tables_come_with_it() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    assert load("digits", base=Path()).schema.shape == (1, 8, 8)
    assert load("breast-cancer", base=Path()).schema.shape == (30,)


def test_mnists_own_files_bring_their_test_set(tmp_path: Path) -> None:
    for kind, count in (("train", 5), ("t10k", 2)):
        (tmp_path / f"{kind}-images-idx3-ubyte").write_bytes(struct.pack(">HBBIII", 0, 8, 3, count, 2, 2) + bytes(range(4 * count)))
        (tmp_path / f"{kind}-labels-idx1-ubyte").write_bytes(struct.pack(">HBBI", 0, 8, 1, count) + bytes(count))
    assert load(".", base=tmp_path).schema.shape == (1, 2, 2)
    tested = brought_test(".", base=tmp_path)
    assert tested is not None and len(tested) == 2
    (tmp_path / "train-images-idx3-ubyte").write_bytes(struct.pack(">HBBIII", 0, 8, 3, 1 << 31, 1 << 31, 2))
    with pytest.raises(BadInput, match="no IDX"):
        load(".", base=tmp_path)


NPZ = {
    "objects.npz": {"x": np.array([[1], None], dtype=object), "y": np.array([0, 1])},
    "words.npz": {"x": np.array([["a"], ["b"]]), "y": np.array([0, 1])},
    "negative.npz": {"x": np.ones((2, 2)), "y": np.array([0, -1])},
    "fractions.npz": {"x": np.ones((2, 2)), "y": np.array([0.0, 0.5])},
    "nan.npz": {"x": np.array([[1.0], [np.nan]]), "y": np.array([0, 1])},
    "uneven.npz": {"x": np.ones((3, 2)), "y": np.array([0, 1])},
    "flat.npz": {"x": np.ones(3), "y": np.array([0, 1, 0])},
    "named.npz": {"a": np.ones((3, 2)), "b": np.array([0, 1, 0])},
}


@pytest.mark.parametrize("name", NPZ)
def test_arrays_that_are_no_table_are_refused(tmp_path: Path, name: str) -> None:
    np.savez(tmp_path / name, **NPZ[name])  # type: ignore[arg-type]
    with pytest.raises(BadInput) as caught:
        load(name, base=tmp_path)
    assert caught.value.code == "federated.data" and name in caught.value.sentence


def test_a_table_may_be_empty() -> None:
    """With `data.check = 0` a site keeps no rows back."""
    assert len(Table(np.zeros((0, 1, 8, 8), np.float32), np.zeros(0, np.int64), 10)) == 0


def test_hostile_bytes_are_refused(tmp_path: Path) -> None:
    for name in ("a.npz", "b.csv"):
        for raw in (b"", b"PK\x03\x04" + bytes(40), np.random.default_rng(0).bytes(500)):
            (tmp_path / name).write_bytes(raw)
            with pytest.raises(BadInput):
                load(name, base=tmp_path)
    for name in ("a", "b"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(tmp_path / "pictures" / name / "1.png")
    (tmp_path / "pictures" / "b" / "2.png").write_bytes((tmp_path / "pictures" / "b" / "1.png").read_bytes()[:20])
    with pytest.raises(BadInput, match=r"2\.png"):
        load("pictures", base=tmp_path)
    Image.new("RGB", (5, 4)).save(tmp_path / "pictures" / "b" / "2.png")
    with pytest.raises(BadInput, match=r"2\.png"):
        load("pictures", base=tmp_path)
    with pytest.raises(BadSpec) as caught:
        load("digit", base=tmp_path)
    assert "digits" in caught.value.hint
