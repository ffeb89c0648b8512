"""Owners' keys at a service: kept so long, and so many."""

from __future__ import annotations

import pytest

from velatura.errors import Missing
from velatura.homomorphic.key_shelf import KeyShelf

A, B, PROGRAM = b"a" * 16, b"b" * 16, b"p" * 32


class Shelf:
    """A shelf of 100 bytes and 10 seconds, its clock, and what it had forgotten."""

    def __init__(self) -> None:
        self.now, self.gone = 0.0, []
        self.shelf = KeyShelf(most=100, expire_s=10, clock=lambda: self.now, forget=lambda program, key: self.gone.append((program, key)))


def test_keys_expire_after_their_last_use() -> None:
    world = Shelf()
    world.shelf.reserve(A, PROGRAM, 10)
    world.shelf.reserve(B, PROGRAM, 10)
    world.now = 9
    world.shelf.use(A)
    world.now = 11
    world.shelf.sweep()
    assert world.gone == [(PROGRAM, B)]
    world.now = 19
    world.shelf.sweep()
    assert world.gone == [(PROGRAM, B), (PROGRAM, A)]


def test_a_full_shelf_takes_no_more_until_something_expires() -> None:
    world = Shelf()
    world.shelf.reserve(A, PROGRAM, 60)
    with pytest.raises(Missing) as caught:
        world.shelf.reserve(B, PROGRAM, 60)
    assert caught.value.code == "he.full"
    world.shelf.reserve(A, PROGRAM, 90)  # in place of the earlier ones
    world.now = 11
    world.shelf.reserve(B, PROGRAM, 60)
    assert (world.gone, len(world.shelf)) == ([(PROGRAM, A)], 1)


def test_an_id_that_comes_for_another_program_leaves_the_first() -> None:
    world = Shelf()
    world.shelf.reserve(A, PROGRAM, 10)
    world.shelf.reserve(A, b"q" * 32, 10)
    assert world.gone == [(PROGRAM, A)]


def test_what_is_dropped_is_forgotten_once() -> None:
    world = Shelf()
    world.shelf.reserve(A, PROGRAM, 10)
    assert world.shelf.drop(A)
    assert not world.shelf.drop(A)
    assert world.gone == [(PROGRAM, A)]
