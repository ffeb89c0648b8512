from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from velatura.media.feed import Feed
from velatura.media.wire import READ_LIMIT

RAW = bytes(range(256)) * 9_000  # 2.2 MiB: more than one answer, more blocks than the smallest cache
STEPS = st.one_of(
    st.tuples(st.just("read"), st.integers(-1, len(RAW) + 10)),
    st.tuples(st.just("seek"), st.integers(0, len(RAW) + 10)),
    st.tuples(st.just("end"), st.integers(-len(RAW), 0)),
)


@given(st.lists(STEPS, max_size=12), st.integers(1, 6))
def test_a_feed_reads_like_a_file(steps: list[tuple[str, int]], blocks: int) -> None:
    asked: list[tuple[int, int]] = []

    def fetch(offset: int, count: int) -> bytes:
        asked.append((offset, count))
        return RAW[offset : offset + count]

    feed, file = Feed(fetch, len(RAW), blocks=blocks), io.BytesIO(RAW)
    for what, number in steps:
        if what == "read":
            assert feed.read(number) == file.read(number)
        else:
            whence = io.SEEK_SET if what == "seek" else io.SEEK_END
            assert feed.seek(number, whence) == file.seek(number, whence)
        assert feed.tell() == file.tell()
    assert all(0 < count <= READ_LIMIT and offset + count <= len(RAW) for offset, count in asked)


def test_what_was_read_is_not_asked_for_again() -> None:
    asked = []
    feed = Feed(lambda offset, count: asked.append(offset) or RAW[offset : offset + count], len(RAW))
    for at in range(0, 4_096, 64):
        feed.seek(at)
        feed.read(64)
    assert asked == [0]
