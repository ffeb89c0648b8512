"""The sidecar: what goes in comes out, and not one byte can be changed, cut, moved or taken from another file."""

from __future__ import annotations

import io
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.obfuscation.sealing import ALICE, BOB, DIGEST, sealed_world

from velatura.errors import Withheld
from velatura.media.frame import PixelForm
from velatura.obfuscation.sidecar import BOX_BYTES, MAGIC, SealReader, SealWriter

BOXES = st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(1, 9), st.integers(1, 9)).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))


def written(records, *, entropy=os.urandom, digest: bytes = DIGEST) -> bytes:
    stream = io.BytesIO()
    writer, begun = SealWriter(stream, ALICE.recipient, entropy=entropy), set()
    for track, frame, box, payload in records:
        if track not in begun:
            writer.begin_track(track)
            begun.add(track)
        writer.record(track, frame, box, payload)
    writer.finish(digest)
    return stream.getvalue()


def read(raw: bytes, identity=ALICE):
    reader = SealReader(io.BytesIO(raw), identity)
    return [(r.track, r.frame, r.box, reader.payload(r)) for _, group in reader.frames() for r in group]


SMALL = [(7, 0, (0, 0, 2, 2), b"abc"), (9, 0, (1, 1, 3, 3), b"de"), (7, 4, (0, 0, 2, 2), b"xyz")]


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 50), BOXES, st.binary(max_size=8)), max_size=12))
def test_records_come_back_in_their_order(records):
    records = sorted(records, key=lambda r: r[1])
    raw = written(records)
    assert read(raw) == records
    reader = SealReader(io.BytesIO(raw), ALICE)
    assert reader.public_sha256 == DIGEST
    assert set(reader.tracks) == {r[0] for r in records}
    assert [index for index, _ in reader.frames()] == sorted({r[1] for r in records})


def test_every_changed_byte_is_refused_in_the_same_words():
    raw = written(SMALL)
    said = set()
    for place in range(len(raw)):
        for flip in (0x01, 0x80, 0xFF):
            changed = raw[:place] + bytes([raw[place] ^ flip]) + raw[place + 1 :]
            with pytest.raises(Withheld) as told:
                read(changed)
            said.add((str(told.value), told.value.hint))
    with pytest.raises(Withheld) as told:
        read(raw, BOB)
    assert said == {(str(told.value), told.value.hint)}


def test_every_cut_and_every_addition_is_refused():
    raw = written(SMALL)
    for changed in [raw[:n] for n in range(len(raw))] + [raw + b"\0", raw + raw, b"\0" + raw]:
        with pytest.raises(Withheld, match=r"seal\.refused"):
            read(changed)


def test_removed_moved_and_repeated_records_are_refused():
    raw = written(SMALL)
    start = len(MAGIC) + 16 + BOX_BYTES
    t, r = 1 + 4 + BOX_BYTES, 1 + 32 + 16
    sizes = [t, r + 3, t, r + 2, r + 3]
    parts = [raw[start + sum(sizes[:i]) : start + sum(sizes[: i + 1])] for i in range(5)]
    assert [p[:1] for p in parts] == [b"T", b"R", b"T", b"R", b"R"]
    tail = raw[start + sum(sizes) :]
    for order in ([0, 1, 2, 3], [0, 2, 1, 3, 4], [0, 1, 2, 3, 4, 4], [0, 1, 1, 2, 3, 4], [2, 3, 0, 1, 4], []):
        with pytest.raises(Withheld):
            read(raw[:start] + b"".join(parts[i] for i in order) + tail)


def test_parts_of_another_sidecar_to_the_same_recipient_do_not_fit():
    one, other = written(SMALL), written(SMALL)
    start = len(MAGIC) + 16 + BOX_BYTES
    for cut in (len(MAGIC) + 16, start, start + 85, len(one) - 32, len(one) - 81):
        with pytest.raises(Withheld):
            read(one[:cut] + other[cut:])


def test_a_sealer_who_breaks_the_form_is_refused_although_the_mac_is_right():
    """The recipient does not trust the sender either: frames backward, a track begun twice, counts that lie."""

    def forged(attack) -> bytes:
        stream = io.BytesIO()
        writer = SealWriter(stream, ALICE.recipient, entropy=os.urandom)
        writer.begin_track(1)
        writer.record(1, 5, (0, 0, 1, 1), b"x")
        attack(writer)
        writer.finish(DIGEST)
        return stream.getvalue()

    def backward(writer):
        writer._frame = 0
        writer.record(1, 2, (0, 0, 1, 1), b"x")

    def twice(writer):
        del writer._ciphers[1]
        writer.begin_track(1)

    def miscounted(writer):
        writer._records += 1

    def endless(writer):
        writer._put(b"R" + (1).to_bytes(4, "big") + bytes(20) + (1 << 63).to_bytes(8, "big"))

    def unknown_entry(writer):
        writer._put(b"X" * 40)

    read(forged(lambda writer: None))
    for attack in (backward, twice, miscounted, endless, unknown_entry):
        with pytest.raises(Withheld, match=r"seal\.refused"):
            read(forged(attack))


def test_a_sidecar_without_its_end_is_refused():
    stream = io.BytesIO()
    writer = SealWriter(stream, ALICE.recipient, entropy=os.urandom)
    writer.begin_track(1)
    writer.record(1, 0, (0, 0, 9, 9), b"x" * 200)
    with pytest.raises(Withheld):
        read(stream.getvalue())


def test_misuse_of_the_writer_is_refused():
    writer = SealWriter(io.BytesIO(), ALICE.recipient, entropy=os.urandom)
    writer.begin_track(1)
    writer.record(1, 3, (0, 0, 1, 1), b"x")
    for wrong in (lambda: writer.begin_track(1), lambda: writer.record(1, 2, (0, 0, 1, 1), b"x"), lambda: writer.record(1, 3, (0, 0, 0, 1), b"x")):
        with pytest.raises(ValueError, match=r"key already|records come"):
            wrong()
    with pytest.raises(ValueError, match="records come"):
        writer.record(1, 3, (0, 0, 1, 1), bytes(1000))
    with pytest.raises(KeyError):
        writer.record(2, 3, (0, 0, 1, 1), b"x")
    writer.finish(DIGEST)
    for late in (lambda: writer.finish(DIGEST), lambda: writer.record(1, 3, (0, 0, 1, 1), b"x")):
        with pytest.raises(ValueError, match=r"once|before the end"):
            late()


def test_nothing_of_what_is_hidden_stands_in_the_sidecar_and_its_length_depends_on_the_boxes_only():
    plan, form, size = [[(1, (8, 8, 24, 24))], [(1, (10, 8, 26, 24)), (2, (0, 0, 8, 8))]], PixelForm("rgb"), (40, 30)
    lengths = set()
    for seed in range(5):
        original, _, raw = sealed_world(np.random.default_rng(seed), form, size, plan)
        lengths.add(len(raw))
        row = original[0].planes[0][8, 8:24].tobytes()
        assert row not in raw
    flat = sealed_world(np.random.default_rng(9), form, size, plan)
    assert {len(flat[2])} == lengths


def test_no_nonce_is_used_twice_under_one_key():
    """Two equal records of one track have different ciphertexts, and a new file has new keys."""
    same = [(1, 0, (0, 0, 2, 2), b"abcd"), (1, 0, (0, 0, 2, 2), b"abcd")]
    raw = written(same)
    assert raw[-81 - 20 : -81] != raw[-81 - 20 - 53 : -81 - 53]
    assert written(same)[-150:] != raw[-150:]


def test_keys_come_from_the_given_entropy_alone_but_boxes_are_fresh():
    taken = []

    def entropy(n):
        taken.append(n)
        return bytes([len(taken)]) * n

    raw = written(SMALL, entropy=entropy)
    assert taken == [16, 32, 32, 32]
    assert raw[8:24] == b"\x01" * 16
    assert read(raw) == SMALL
