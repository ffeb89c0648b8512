"""A checkpoint comes back bit by bit, or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from velatura.errors import BadInput, VelaturaError
from velatura.federated.checkpoint import Checkpoint, read, write

MODEL = {"w": np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32), "n": np.array(3)}
STATE = Checkpoint(3, {"seed": 1}, MODEL, {"m_t/w": np.ones(3)}, {"eta": 0.1}, ({"number": 1},))


def test_it_comes_back(tmp_path: Path) -> None:
    write(tmp_path / "c", STATE)
    back = read(tmp_path / "c")
    assert (back.number, back.job, back.numbers, back.history) == (STATE.number, STATE.job, STATE.numbers, STATE.history)
    for kept, came in ((STATE.model, back.model), (STATE.strategy, back.strategy)):
        assert kept.keys() == came.keys()
        assert all(np.array_equal(kept[name], came[name]) and kept[name].dtype == came[name].dtype for name in kept)


def test_damage_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "c", STATE)
    raw = (tmp_path / "c").read_bytes()
    rng = np.random.default_rng(1)
    for at in rng.integers(0, len(raw), 60):
        (tmp_path / "d").write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        with pytest.raises(BadInput) as caught:
            read(tmp_path / "d")
        assert caught.value.code == "federated.checkpoint"
    for cut in (0, 10, len(raw) // 2, len(raw) - 1):
        (tmp_path / "d").write_bytes(raw[:cut])
        with pytest.raises(BadInput):
            read(tmp_path / "d")


def test_where_it_cannot_be_written_the_one_before_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import velatura.files

    write(tmp_path / "c", STATE)
    before = (tmp_path / "c").read_bytes()

    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(velatura.files, "sync", full)
    with pytest.raises(VelaturaError) as caught:
        write(tmp_path / "c", Checkpoint(4, {}, {"w": np.zeros(3)}))
    assert caught.value.code == "files.disk-full" and (tmp_path / "c").read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["c"]
