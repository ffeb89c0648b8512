"""The consumer: any order, any repeats, in the end everything once; forks and strangers never."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.edge.chains import CAMERA, SIGNER, STRANGER, chain_of, lines_of, values_of

from velatura.edge.events import parse
from velatura.edge.receive import MOST_EARLY, Receiver
from velatura.errors import Withheld

LINES = lines_of(30)


@given(st.randoms(use_true_random=False), st.lists(st.integers(0, 30)))
def test_any_order_with_repeats_gives_everything_once(rng: random.Random, repeats: list[int]) -> None:
    order = [*range(len(LINES)), *repeats]
    rng.shuffle(order)
    receiver = Receiver(SIGNER.verifier, CAMERA.name)
    seen = [event.seq for number in order for event in receiver.take(LINES[number])]
    assert seen == list(range(len(LINES)))
    assert receiver.receipt == 30 and receiver.early == 0


def test_the_receipt_stops_where_one_is_missing() -> None:
    receiver = Receiver(SIGNER.verifier, CAMERA.name)
    for line in LINES[:5] + LINES[6:]:
        receiver.take(line)
    assert (receiver.receipt, receiver.early) == (4, 25)
    assert len(receiver.take(LINES[5])) == 26


def test_it_remembers(tmp_path: Path) -> None:
    state = tmp_path / "receiver.json"
    first = Receiver(SIGNER.verifier, CAMERA.name, state=state)
    for line in LINES[:10]:
        first.take(line)
    first.remember()
    again = Receiver(SIGNER.verifier, CAMERA.name, state=state)
    assert again.receipt == 9
    assert again.take(LINES[4]) == [] and again.repeated == 1
    assert [event.seq for event in again.take(LINES[10])] == [10]
    for other in (Receiver, lambda *a, **k: Receiver(STRANGER.verifier, CAMERA.name, **k)):
        with pytest.raises(Withheld, match=r"edge\.receiver"):
            other(SIGNER.verifier, "window", state=state)


def test_forks_strangers_and_other_cameras_are_refused() -> None:
    receiver = Receiver(SIGNER.verifier, CAMERA.name)
    for line in LINES[:3]:
        receiver.take(line)
    fork = chain_of()
    fork.at = type(fork.at)(2, parse(LINES[2]).prev)
    forked = fork.record(2, values_of(CAMERA, 9))
    with pytest.raises(Withheld, match="fork"):
        receiver.take(forked)
    ahead = chain_of()
    ahead.at = type(ahead.at)(3, "ab" * 32)
    with pytest.raises(Withheld, match=r"edge\.fork"):
        receiver.take(ahead.record(3, None))
    with pytest.raises(Withheld, match=r"edge\.signature"):
        receiver.take(lines_of(1, chain=chain_of(signer=STRANGER))[0])
    assert [event.seq for event in receiver.take(LINES[3])] == [3], "what was refused leaves no trace"


def test_a_fork_is_seen_however_far_back_and_over_a_restart(tmp_path: Path) -> None:
    receiver = Receiver(SIGNER.verifier, CAMERA.name, state=tmp_path / "state.json")
    for line in LINES[:10]:
        receiver.take(line)
    fork = chain_of()
    fork.at = type(fork.at)(5, parse(LINES[5]).prev)
    with pytest.raises(Withheld, match=r"edge\.fork"):
        receiver.take(fork.record(5, values_of(CAMERA, 9)))
    receiver.remember()
    again = Receiver(SIGNER.verifier, CAMERA.name, state=tmp_path / "state.json")
    fork.at = type(fork.at)(9, parse(LINES[9]).prev)
    with pytest.raises(Withheld, match=r"edge\.fork"):
        again.take(fork.record(9, values_of(CAMERA, 1)))
    assert again.take(LINES[9]) == [], "word for word is no fork"


def test_a_signed_gap_ends_the_waiting_for_what_the_device_lost() -> None:
    receiver, chain = Receiver(SIGNER.verifier, CAMERA.name), chain_of()
    for line in LINES[:3]:
        receiver.take(line)
    receiver.take(LINES[4])
    assert (receiver.receipt, receiver.early) == (2, 1)
    chain.at = type(chain.at)(7, "ab" * 32)
    gap = chain.gap()
    assert [event.kind for event in receiver.take(gap)] == ["gap"]
    assert (receiver.lost, receiver.early, receiver.receipt) == (4, 0, 7)
    with pytest.raises(Withheld, match=r"edge\.signature"):
        Receiver(STRANGER.verifier, CAMERA.name).take(gap)


def test_early_messages_are_bounded() -> None:
    lines = lines_of(MOST_EARLY + 50)
    receiver = Receiver(SIGNER.verifier, CAMERA.name)
    for line in reversed(lines[1:]):
        receiver.take(line)
    assert receiver.early == MOST_EARLY
    receiver.take(lines[0])
    assert receiver.receipt == MOST_EARLY
    for line in lines:
        receiver.take(line)
    assert receiver.receipt == len(lines) - 1


def test_an_aggregate_after_some_of_its_events(tmp_path: Path) -> None:
    receiver = Receiver(SIGNER.verifier, CAMERA.name)
    for line in LINES[:8]:
        receiver.take(line)
    merged = chain_of().aggregate(LINES[5:20], ["in", "out"])
    assert [event.kind for event in receiver.take(merged)] == ["aggregate"]
    assert receiver.receipt == 19
    assert [event.seq for event in receiver.take(LINES[20])] == [20]
