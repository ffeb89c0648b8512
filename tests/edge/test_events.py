"""Events: what is written is read back; nothing that was changed, moved or written in another way is."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.edge.chains import CAMERA, SIGNER, STRANGER, chain_of, lines_of

from velatura.edge.events import MOST_LINE, Event, Link, digest, follow, parse
from velatura.errors import Withheld

LINES = lines_of(12, level=0.0)


def followed(lines: list[bytes]) -> list[Event]:
    at, events = Link(), []
    for line in lines:
        event, at = follow(line, at, SIGNER.verifier)
        events.append(event)
    return events


def test_a_chain_is_read_back() -> None:
    events = followed(LINES)
    assert [event.seq for event in events] == list(range(13))
    assert [event.kind for event in events] == ["policy"] + 12 * ["record"]
    assert any(event.withheld for event in events) and any(event.record for event in events)
    assert {event.device for event in events} == {SIGNER.verifier.id}


def test_the_same_events_give_the_same_bytes() -> None:
    """A signature that varied would be a channel of its own."""
    assert lines_of(12, level=0.0) == LINES


@given(st.integers(0, len(LINES) - 1), st.data())
def test_no_bit_can_be_flipped(number: int, data: st.DataObject) -> None:
    line = bytearray(LINES[number])
    at = data.draw(st.integers(0, 8 * len(line) - 1))
    line[at // 8] ^= 1 << at % 8
    with pytest.raises(Withheld):
        followed([*LINES[:number], bytes(line), *LINES[number + 1 :]])


@given(st.integers(0, len(LINES) - 1), st.integers(0, len(LINES) - 1))
def test_no_line_can_be_moved_left_out_or_repeated(a: int, b: int) -> None:
    left_out = LINES[:a] + LINES[a + 1 :]
    if a < len(LINES) - 1:
        with pytest.raises(Withheld):
            followed(left_out)
    with pytest.raises(Withheld):
        followed([*LINES[: b + 1], LINES[b], *LINES[b + 1 :]])
    if a != b:
        swapped = list(LINES)
        swapped[a], swapped[b] = swapped[b], swapped[a]
        with pytest.raises(Withheld):
            followed(swapped)


def test_a_strangers_event_is_refused() -> None:
    theirs = lines_of(3, chain=chain_of(signer=STRANGER))
    with pytest.raises(Withheld, match=r"edge\.signature"):
        followed(theirs)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[1]",
        b"\xff\xfe",
        LINES[1] + b" ",
        LINES[1].replace(b'"v":1', b'"v":2'),
        LINES[1].replace(b'"kind":"record"', b'"kind":"note"'),
        LINES[1].replace(b'"tick":1', b'"tick":-1'),
        LINES[1].replace(b'{"v"', b'{"x":1,"v"', 1),
        b"{" * 100_000,
        b" " * (MOST_LINE + 1),
    ],
)
def test_what_is_no_event_is_refused(line: bytes) -> None:
    with pytest.raises(Withheld, match=r"edge\.event"):
        parse(line)


def test_one_event_has_one_way_to_be_written() -> None:
    tree = msgspec.json.decode(LINES[1])
    with pytest.raises(Withheld, match=r"edge\.event"):
        parse(msgspec.json.encode(dict(reversed(tree.items()))))


@given(st.integers(1, 10), st.integers(2, 11))
def test_an_aggregate_stands_for_its_records(first: int, length: int) -> None:
    run = LINES[first : first + length]
    whole = chain_of().aggregate(run, ["in", "out"])
    events = followed([*LINES[:first], whole, *LINES[first + len(run) :]])
    told = [event.record for event in (parse(line) for line in run) if event.record]
    made = events[first]
    assert (made.first, made.seq, made.records, made.head) == (first, first + len(run) - 1, len(told), digest(run[-1]))
    if told:
        assert made.record is not None
        assert made.record["in"] == sum(one["in"] for one in told)
        assert made.record["inside"] == told[-1]["inside"]


def test_aggregates_of_aggregates_sum_alike() -> None:
    chain = chain_of()
    at_once = chain.aggregate(LINES[1:9], ["in", "out"])
    by_parts = chain.aggregate([chain.aggregate(LINES[1:5], ["in", "out"]), LINES[5], chain.aggregate(LINES[6:9], ["in", "out"])], ["in", "out"])
    assert at_once == by_parts


def test_a_degraded_confinement_stands_in_every_event() -> None:
    lines = lines_of(3, chain=chain_of(degraded=["namespaces"]))
    assert {parse(line).degraded for line in lines} == {("namespaces",)}
    assert CAMERA.name == parse(lines[0]).camera
