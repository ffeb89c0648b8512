"""Measuring a machine, and keeping what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from velatura.errors import BadSpec

pytest.importorskip("tenseal", reason="tenseal is not installed")

from velatura.homomorphic.calibration import calibrate, kept, remembered


def test_a_machine_is_measured_and_remembered(tmp_path: Path) -> None:
    factors = calibrate()
    assert [one.n for one in factors] == [8192, 16384]
    for one in factors:
        assert one.switch + one.switch_square > one.weigh > one.encode_number > 0
    kept(factors, tmp_path / "machine.json")
    assert remembered(tmp_path / "machine.json") == factors


def test_a_file_that_is_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "machine.json").write_text('{"factors": [{"n": 8192}]}')
    with pytest.raises(BadSpec):
        remembered(tmp_path / "machine.json")
