"""What may be asked for, and how it crosses to the child."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.errors import BadSpec
from velatura.sandbox import FILES, Confinement, Layer
from velatura.sandbox.confinement import NAMEABLE

confinements = st.builds(
    Confinement,
    reads=st.lists(st.sampled_from([Path("/usr"), Path("/etc/hosts"), Path("/a b")]), max_size=3).map(tuple),
    scratch_mb=st.integers(0, 4096),
    calls=st.frozensets(st.sampled_from(sorted(NAMEABLE - FILES))),
    memory_mb=st.integers(1, 1 << 20),
    threads=st.integers(1, 64),
    required=st.frozensets(st.sampled_from(list(Layer))),
)


@given(confinements)
def test_a_confinement_survives_its_way_to_the_child(may: Confinement) -> None:
    assert Confinement.from_json(may.to_json()) == may


@pytest.mark.parametrize("call", ["socket", "clone", "execve", "mprotect", "write", "opennat"])
def test_what_is_not_nameable_is_refused(call: str) -> None:
    with pytest.raises(BadSpec) as refusal:
        Confinement(calls=frozenset({call}))
    assert refusal.value.code == "sandbox.call"
    assert "openat" in refusal.value.hint


@pytest.mark.parametrize("calls", [{"openat"}, FILES - {"close"}])
def test_files_are_granted_whole_or_not_at_all(calls: set[str]) -> None:
    with pytest.raises(BadSpec, match="or not at all"):
        Confinement(calls=frozenset(calls), scratch_mb=1)


def test_files_need_a_folder() -> None:
    with pytest.raises(BadSpec):
        Confinement(calls=FILES)
    assert Confinement(calls=FILES, scratch_mb=1).keeps_files


@pytest.mark.parametrize("sizes", [{"scratch_mb": -1}, {"memory_mb": 0}, {"threads": 0}])
def test_sizes_that_mean_nothing_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(BadSpec):
        Confinement(**sizes)
