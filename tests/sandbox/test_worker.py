"""Request and answer: when a child is replaced, and what its successor knows."""

from __future__ import annotations

import pytest
from tests.sandbox.cells import GUESTS, LEAST, linux

from velatura.errors import BadInput
from velatura.sandbox import Confinement, Worker

pytestmark = linux


def worker(**more) -> Worker:
    return Worker("sandbox_guests:Odd", {}, Confinement(required=LEAST), path=[GUESTS], **more)


def ask(of: Worker, request: bytes) -> bytes:
    return of.ask(request, deadline_s=30, limit=1000)


def test_a_child_answers_so_many_requests_and_no_more() -> None:
    with worker(reuse=2) as odd:
        assert [ask(odd, b"count") for _ in range(5)] == [b"1", b"2", b"1", b"2", b"1"]


def test_setup_is_replayed_to_every_fresh_child() -> None:
    with worker(reuse=2, setup=[b"keep key"]) as odd:
        assert [ask(odd, b"tell") for _ in range(5)] == [b"key"] * 5
        assert ask(odd, b"count") == b"3"  # setup counts for the guest and not for the reuse
        with pytest.raises(BadInput, match="ended"):
            ask(odd, b"crash")
        assert ask(odd, b"tell") == b"key"


@pytest.mark.parametrize(("request_", "code"), [(b"crash", "sandbox.crashed"), (b"spin", "sandbox.hung"), (b"flood", "sandbox.too-large")])
def test_a_failed_request_is_an_error_and_the_next_one_is_answered(request_: bytes, code: str) -> None:
    with worker(reuse=100) as odd:
        ask(odd, b"count")
        with pytest.raises(BadInput) as refusal:
            odd.ask(request_, deadline_s=0.3, limit=1000)
        assert refusal.value.code == code
        assert ask(odd, b"count") == b"1"
        assert odd.held.confined is None


def test_a_setup_that_fails_is_the_owners_error() -> None:
    with worker(reuse=1, setup=[b"crash"]) as odd, pytest.raises(BadInput, match="ended"):
        ask(odd, b"count")
