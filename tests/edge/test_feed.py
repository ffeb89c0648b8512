"""The wire between ingest and vision: what goes in comes out, whole; nothing else does."""

from __future__ import annotations

import os
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.edge.feed import CODECS, MOST_PACKET, End, Feed, Header, Packet, pack, unpack

ticks = st.none() | st.integers(-(2**62), 2**62)
packets = st.builds(Packet, st.floats(0, 1e9), st.floats(0, 1e9), st.booleans(), st.binary(min_size=1, max_size=300), ticks, ticks)
headers = st.builds(
    Header,
    st.sampled_from(CODECS),
    st.integers(0, 65535),
    st.integers(0, 65535),
    st.tuples(st.integers(1, 2**32 - 1), st.integers(1, 2**32 - 1)),
    st.binary(max_size=200),
)


@given(packets | headers | st.just(End()))
def test_a_message_comes_back(message: Packet | Header | End) -> None:
    assert unpack(pack(message)) == message


@given(st.binary(max_size=200))
def test_bytes_are_a_message_or_none(raw: bytes) -> None:
    message = unpack(raw)
    assert message is None or isinstance(message, Packet | Header | End)


def test_what_is_too_large_or_unknown_is_not_sent() -> None:
    for message in (Packet(0, 0, True, b""), Packet(0, 0, True, bytes(MOST_PACKET + 1)), Header("gif"), Header("h264", extradata=bytes(70_000))):
        with pytest.raises(ValueError, match=r"a packet has|a header names"):
            pack(message)


def test_a_full_pipe_never_tears_a_message() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    feed = Feed(writer)
    sent, got, number = [], [], 0
    while len(got) < 30:
        number += 1
        if feed.offer(Packet(number, number, False, struct.pack("<I", number) * 5000)):
            sent.append(number)
            continue
        raw = os.read(reader, 4)  # the reader takes one message; the writer goes on
        size, body = struct.unpack("<I", raw)[0], b""
        while len(body) < size:
            if _readable(reader):
                body += os.read(reader, size - len(body))
            else:
                feed.flush()
        message = unpack(body)
        assert isinstance(message, Packet) and message.data == struct.pack("<I", int(message.came_s)) * 5000
        got.append(int(message.came_s))
    assert got == sent[: len(got)]
    assert len(sent) < number, "the pipe was full at times"
    os.close(writer)
    os.close(reader)


def test_a_reader_that_has_gone_is_noticed() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        Feed(writer).offer(End())
    os.close(writer)


def _readable(descriptor: int) -> bool:
    import select

    return bool(select.select([descriptor], [], [], 0)[0])
