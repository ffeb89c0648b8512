"""The plain child of systems that cannot confine; it runs here too, so it is tested here too."""

from __future__ import annotations

import platform

import pytest
from tests.sandbox.cells import GUESTS, gone

from velatura.errors import BadInput, Missing
from velatura.sandbox import Confinement, Layer, SharedFrames
from velatura.sandbox.plain import PlainWarm

FREE = Confinement(required=frozenset())


def plain(may: Confinement = FREE, **settings) -> PlainWarm:
    return PlainWarm("sandbox_guests:Odd", settings, may, path=[GUESTS])


def test_it_says_that_nothing_confines_it() -> None:
    with plain() as odd:
        child, held = odd.fork()
        with child:
            assert set(held.absent) == set(Layer)
            assert held.confined == f"no confinement on this system ({platform.system()})"
            assert child.ask(b"echo x", deadline_s=30, limit=10) == b"x"


def test_a_required_layer_is_missing() -> None:
    with pytest.raises(Missing) as refusal:
        plain(Confinement(required=frozenset({Layer.SECCOMP})))
    assert refusal.value.code == "sandbox.no-seccomp"


def test_children_are_apart_and_have_frames_of_their_own() -> None:
    with plain() as odd, SharedFrames(4096) as first, SharedFrames(4096) as second:
        one, _ = odd.fork(first)
        two, _ = odd.fork(second)
        with one, two:
            one.ask(b"write secret", deadline_s=30, limit=100)
            assert two.ask(b"look 6", deadline_s=30, limit=100) == bytes(6)
            assert bytes(first.view[:6]) == b"secret"
            assert one.ask(b"count", deadline_s=30, limit=100) == two.ask(b"count", deadline_s=30, limit=100) == b"2"


@pytest.mark.parametrize(("request_", "code"), [(b"crash", "sandbox.crashed"), (b"spin", "sandbox.hung")])
def test_a_crash_or_a_hang_is_an_error_of_one_child(request_: bytes, code: str) -> None:
    with plain() as odd:
        child, _ = odd.fork()
        with child, pytest.raises(BadInput) as refusal:
            child.ask(request_, deadline_s=0.3, limit=10)
        assert refusal.value.code == code
        other, _ = odd.lock()
        with other:
            assert other.ask(b"count", deadline_s=30, limit=10) == b"1"
        with pytest.raises(Missing):
            odd.fork()


def test_closing_ends_every_child() -> None:
    odd = plain()
    child, _ = odd.fork()
    odd.close()
    assert gone(child.pid, 10)
    with pytest.raises(Missing):
        odd.fork()


def test_a_guest_that_cannot_be_made_ready_says_why() -> None:
    with pytest.raises(Missing, match="no such weights"):
        plain(fail="no such weights")
