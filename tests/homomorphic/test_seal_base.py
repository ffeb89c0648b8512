"""SEAL's ground: versions, evaluation keys in one, files that others cannot read."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.errors import BadInput, Missing
from velatura.homomorphic.parameters import parameters
from velatura.homomorphic.seal_base import Context, joined, parted, sealapi, translated


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    sealapi.cache_clear()
    yield
    sealapi.cache_clear()


def test_without_tenseal_the_next_step_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tenseal.sealapi", None)
    with pytest.raises(Missing, match=r"he\.tenseal") as refused:
        sealapi()
    assert "pip install" in refused.value.hint


@pytest.mark.parametrize("version", ["0.3.16", "0.2.99", "0.3.17"])
def test_a_tenseal_that_takes_nan_for_a_number_is_refused(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    pytest.importorskip("tenseal", reason="tenseal is not installed")
    old = ModuleType("tenseal.version")
    old.__version__ = version  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tenseal.version", old)
    with pytest.raises(Missing, match=rf"{version}.*0\.3\.18 is needed"):
        sealapi()


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_evaluation_keys_come_apart_as_they_were_joined(relinearisation: bytes, galois: bytes) -> None:
    assert tuple(map(bytes, parted(joined(relinearisation, galois)))) == (relinearisation, galois)


@given(st.binary(max_size=60))
def test_other_bytes_are_no_evaluation_keys(junk: bytes) -> None:
    if len(junk) < 16 or int.from_bytes(junk[:8], "little") + int.from_bytes(junk[8:16], "little") != len(junk) - 16:
        with pytest.raises(BadInput, match=r"he\.blob"):
            parted(junk)


def test_a_file_that_passes_through_is_the_owner_s_alone_and_goes(tmp_path: Path) -> None:
    pytest.importorskip("tenseal", reason="tenseal is not installed")
    modes = []

    class Secret:
        def save(self, path: str) -> None:
            with open(path, "wb") as stream:
                stream.write(b"secret")
            modes.append(Path(path).stat().st_mode & 0o777)

    assert Context(parameters(4096, [30], 30), tmp_path).dump(Secret()) == b"secret"
    assert modes == [0o600] and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("raised", "code"), [(MemoryError(), "he.memory"), (ValueError("scale mismatch"), "he.scales"), (RuntimeError("?"), "he.engine")]
)
def test_what_seal_raises_is_ours(raised: Exception, code: str) -> None:
    with pytest.raises(BadInput) as refused, translated():
        raise raised
    assert refused.value.code == code
