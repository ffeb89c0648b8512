"""Files by package: the same files measure the same, another byte measures otherwise."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy
import pytest

import velatura
from velatura.enclave.backends import measurement
from velatura.enclave.backends.loaded import loaded_files
from velatura.enclave.backends.measurement import measure
from velatura.errors import Missing
from velatura.sandbox import confinement

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="measurement: the linker is asked, which is Linux's")


def test_what_is_loaded_here_is_found() -> None:
    found = loaded_files()
    assert {numpy.__file__, confinement.__file__} <= set(found)
    assert any(path.endswith(".so") or ".so." in path for path in found)
    assert found == sorted(set(found))
    assert all(Path(path).is_file() for path in found if not path.startswith("/proc"))


def test_files_are_named_by_package_and_digested(tmp_path: Path) -> None:
    beside = tmp_path / "libother.so"
    beside.write_bytes(b"one")
    found = measure([numpy.__file__, velatura.__file__, str(beside)])
    assert [package.name for package in found.packages] == ["numpy", "system", "velatura"]
    assert found.packages[0].version == numpy.__version__
    assert found.files[f"system/{beside}"] == hashlib.sha256(b"one").hexdigest()
    assert "numpy/numpy/__init__.py" in found.files
    assert found.interpreter == hashlib.sha256(Path(sys.executable).resolve().read_bytes()).hexdigest()


def test_one_byte_changes_one_package_and_no_other(tmp_path: Path) -> None:
    beside = tmp_path / "libother.so"
    beside.write_bytes(b"one")
    before = measure([numpy.__file__, str(beside)])
    beside.write_bytes(b"two")
    after = measure([str(beside), numpy.__file__])
    assert before.packages[0] == after.packages[0]
    assert before.packages[1].sha256 != after.packages[1].sha256


def test_a_compiled_module_belongs_to_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measurement, "_roots", lambda: ((tmp_path, ""),))
    (tmp_path / "__pycache__").mkdir()
    single = tmp_path / "__pycache__" / "single.cpython-311.pyc"
    single.write_bytes(b"")
    assert [package.name for package in measure([str(single)]).packages] == ["single"]


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(Missing) as caught:
        measure([str(tmp_path / "gone.so")])
    assert caught.value.code == "enclave.measured"
