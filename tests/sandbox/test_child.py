"""One child: what it answers, and what becomes of one that spins, crashes, floods, speaks unasked or stops half way."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sandbox.cells import linux, warm

from velatura.errors import BadInput
from velatura.sandbox import Warm

pytestmark = linux


@pytest.fixture(scope="module")
def odd():
    with warm() as made:
        yield made


def ask(odd: Warm, request: bytes, *, deadline_s: float = 30, limit: int = 1 << 20) -> bytes:
    child, _ = odd.fork()
    with child:
        return child.ask(request, deadline_s=deadline_s, limit=limit)


def refusal(odd: Warm, request: bytes, **bounds: float) -> str:
    with pytest.raises(BadInput) as caught:
        ask(odd, request, **bounds)
    return caught.value.code


@settings(max_examples=25)
@given(st.binary(max_size=300_000))
def test_what_is_sent_comes_back(odd: Warm, message: bytes) -> None:
    assert ask(odd, b"echo " + message) == message


def test_messages_larger_than_any_pipe_pass_both_ways(odd: Warm) -> None:
    message = os.urandom(5_000_000)
    assert ask(odd, b"echo " + message, limit=5_000_000) == message


def test_a_child_that_spins_is_hung(odd: Warm) -> None:
    assert refusal(odd, b"spin", deadline_s=0.2) == "sandbox.hung"


def test_a_child_that_does_not_read_is_hung(odd: Warm) -> None:
    child, _ = odd.fork()
    with child:
        child.send(b"deaf")
        with pytest.raises(BadInput, match="in time"):
            child.send(bytes(1 << 20), deadline_s=0.2)


@pytest.mark.parametrize("request_", [b"crash", b"leave", b"half", b"short", b"no-such-word"])
def test_a_child_that_ends_has_crashed(odd: Warm, request_: bytes) -> None:
    assert refusal(odd, request_) == "sandbox.crashed"


def test_a_length_beyond_the_limit_takes_no_memory(odd: Warm) -> None:
    assert refusal(odd, b"flood") == "sandbox.too-large"
    assert refusal(odd, b"echo " + bytes(101), limit=100) == "sandbox.too-large"
    assert ask(odd, b"echo " + bytes(100), limit=100) == bytes(100)


def test_an_answer_before_the_question_is_an_error(odd: Warm) -> None:
    child, _ = odd.fork()
    with child:
        assert child.ask(b"twice", deadline_s=30, limit=100) == b"one"
        assert b"two" in bytes(child._come) or child._wait(1e9, write=False, read=True)  # it is on its way, or here
        with pytest.raises(BadInput, match="before it was asked") as refusal:
            child.ask(b"echo x", deadline_s=30, limit=100)
        assert refusal.value.code == "sandbox.crashed"


def test_a_message_that_nobody_asked_for_can_be_received() -> None:
    with warm(early=True) as early:
        child, _ = early.fork()
        with child:
            assert child.receive(deadline_s=30, limit=100) == b"nobody asked"


def test_an_error_is_the_childs_last_word(odd: Warm) -> None:
    child, _ = odd.fork()
    with child:
        with pytest.raises(BadInput, match="the limit is 1"):
            child.ask(b"echo four", deadline_s=30, limit=1)
        with pytest.raises(BadInput):
            child.ask(b"echo x", deadline_s=30, limit=100)
    with pytest.raises(BadInput):
        child.send(b"echo x")


def test_memory_beyond_the_grant_is_refused_and_within_it_is_given(odd: Warm) -> None:
    assert ask(odd, b"take 4096") == b"refused"
    assert ask(odd, b"take 64") == b"took %d" % (64 << 20)


def test_the_wait_status_tells_how_it_ended(odd: Warm) -> None:
    child, _ = odd.fork()
    child.send(b"crash")
    with pytest.raises(BadInput):
        child.receive(deadline_s=30, limit=100)
    assert child.close() & 0x7F == signal.SIGSEGV
    assert child.close() & 0x7F == signal.SIGSEGV  # twice is harmless


def test_messages_stream_in_both_directions(odd: Warm) -> None:
    child, _ = odd.fork()
    with child:
        for number in range(50):
            child.send(b"echo %d" % number)
        assert [child.receive(deadline_s=30, limit=100) for _ in range(50)] == [b"%d" % number for number in range(50)]
