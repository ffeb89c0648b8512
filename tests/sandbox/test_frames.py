"""The shared mapping: sealed, sparse, and one child's alone."""

from __future__ import annotations

import fcntl
import os
import sys

import numpy as np
import pytest
from tests.sandbox.cells import linux, warm

from velatura.errors import BadInput, BadSpec
from velatura.sandbox import SharedFrames


@linux
def test_two_children_do_not_see_each_others_frames() -> None:
    with warm() as odd, SharedFrames(1 << 16) as first, SharedFrames(1 << 16) as second:
        one, _ = odd.fork(first)
        two, _ = odd.fork(second)
        with one, two:
            assert one.ask(b"write secret", deadline_s=30, limit=100) == b"written"
            assert two.ask(b"look 6", deadline_s=30, limit=100) == bytes(6)
            assert bytes(first.view[:6]) == b"secret"
            assert bytes(second.view[:6]) == bytes(6)
            second.view[:5] = b"hello"
            assert two.ask(b"look 5", deadline_s=30, limit=100) == b"hello"


@linux
def test_a_child_without_frames_has_none() -> None:
    with warm() as odd:
        child, _ = odd.fork()
        with child, pytest.raises(BadInput, match="ended"):
            child.ask(b"write x", deadline_s=30, limit=100)


@linux
@pytest.mark.parametrize("size", [0, 1 << 20])
def test_nobody_changes_the_size(size: int) -> None:
    with SharedFrames(1 << 16) as frames, pytest.raises(PermissionError):
        os.ftruncate(frames.descriptor, size)


@pytest.mark.skipif(sys.platform != "linux", reason="seals: a memfd of Linux")
def test_the_seals_are_sealed() -> None:
    with SharedFrames(4096) as frames:
        assert fcntl.fcntl(frames.descriptor, 1034) & 7 == 7  # F_GET_SEALS: SEAL, SHRINK, GROW


def test_a_large_mapping_costs_what_is_written() -> None:
    with SharedFrames(1 << 30) as frames:
        frames.view[:4096] = b"x" * 4096
        assert os.fstat(frames.descriptor).st_blocks * 512 <= 4 << 20  # a huge page at most


def test_arrays_that_still_look_into_it_survive_its_closing() -> None:
    frames = SharedFrames(4096)
    array = np.frombuffer(frames.view, np.uint8)
    frames.close()
    frames.close()
    assert array.sum() == 0


def test_frames_of_no_bytes_are_refused() -> None:
    with pytest.raises(BadSpec):
        SharedFrames(0)
