"""Landlock by itself, without the layers that would hide a mistake in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.sandbox.cells import linux, run

from velatura.sandbox.layers import layers

pytestmark = linux


def test_what_is_granted_opens_and_nothing_else(tmp_path: Path) -> None:
    if why := layers()["landlock"]:
        pytest.skip(f"landlock: {why}")
    for name in ("read", "write"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").touch()
    for name in ("single", "other"):
        (tmp_path / name).touch()
    found = run("landlocked", str(tmp_path))
    done = {what for what, outcome in found["outcomes"].items() if outcome == "done"}
    assert done - {"tcp"} == {"read/a read", "single read", "write/a read", "write/a write"}
    assert ("tcp" in done) == (found["abi"] < 4)
    denied = {outcome for what, outcome in found["outcomes"].items() if what not in done and not what.endswith("make")}
    assert denied == {"EACCES"}
