"""Long secrets in chunks: every way of rearranging or cutting the file must be refused."""

from __future__ import annotations

import io
import os

import pytest
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given
from hypothesis import strategies as st

from velatura.crypto.aead import HEAD, SALT_BYTES, ChunkedAead
from velatura.crypto.secret import Secret
from velatura.errors import BadInput, VelaturaError, Withheld

MASTER = Secret(bytes(range(32)))
CHUNK, TAG = 16, 16


def encrypt(
    plaintext: bytes, *, header: bytes = b"head", purpose: bytes = b"test", chunk: int = CHUNK, pieces: int = 7, salt: bytes | None = None
) -> bytes:
    sink = io.BytesIO()
    writer = ChunkedAead(MASTER, purpose, chunk).writer(sink, header=header, entropy=(lambda n: salt) if salt else os.urandom)
    for start in range(0, len(plaintext), pieces):
        writer.write(plaintext[start : start + pieces])
    writer.finish()
    return sink.getvalue()


def decrypt(sealed: bytes, *, master: Secret = MASTER, purpose: bytes = b"test") -> bytes:
    return ChunkedAead(master, purpose).reader(io.BytesIO(sealed)).read()


def split(sealed: bytes) -> tuple[bytes, list[bytes]]:
    start = HEAD.size + 4 + SALT_BYTES
    return sealed[:start], [sealed[i : i + CHUNK + TAG] for i in range(start, len(sealed), CHUNK + TAG)]


@given(st.binary(max_size=200), st.integers(1, 40), st.integers(1, 64), st.binary(max_size=20))
def test_what_goes_in_comes_out(plaintext, chunk, pieces, header):
    sealed = encrypt(plaintext, header=header, chunk=chunk, pieces=pieces)
    reader = ChunkedAead(MASTER, b"test").reader(io.BytesIO(sealed))
    assert reader.header == header
    assert reader.read() == plaintext
    assert len(sealed) == HEAD.size + len(header) + SALT_BYTES + len(plaintext) + TAG * max(1, -(-len(plaintext) // chunk))


def test_an_independent_reading_of_the_format_agrees():
    """HKDF from HMAC, nonce = prefix | counter | last."""
    sealed = encrypt(b"A" * 40)
    head, salt = sealed[: HEAD.size + 4], sealed[HEAD.size + 4 : HEAD.size + 4 + 32]
    mac = hmac.HMAC(salt, hashes.SHA256())
    mac.update(MASTER.reveal())
    info = b"".join(len(p).to_bytes(8, "big") + p for p in (b"velatura stream 1", b"test", head))
    keys = HKDFExpand(hashes.SHA256(), 39, info).derive(mac.finalize())
    chunks = split(sealed)[1]
    plain = [AESGCM(keys[:32]).decrypt(keys[32:] + i.to_bytes(4, "big") + bytes([i == 2]), c, None) for i, c in enumerate(chunks)]
    assert plain == [b"A" * 16, b"A" * 16, b"A" * 8]


def test_any_flipped_bit_is_refused():
    sealed = encrypt(b"0123456789" * 4)
    for bit in range(8 * len(sealed)):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(VelaturaError) as told:
            decrypt(bytes(changed))
        assert told.value.code in {"crypto.stream-refused", "crypto.not-a-stream"}


def test_cut_moved_repeated_added_and_foreign_chunks_are_refused():
    head, chunks = split(encrypt(bytes(range(64))))
    twin = split(encrypt(bytes(range(64))))[1]
    assert len(chunks) == 4
    attacks = [
        chunks[:-1], chunks[:1], [], chunks[1:], chunks[:2] + chunks[3:], [chunks[1], chunks[0], *chunks[2:]], [chunks[0], *chunks],
        [*chunks, chunks[-1]], [*chunks, b"\0"], [*chunks, bytes(32)], [twin[0], *chunks[1:]], [*chunks[:3], twin[3]], [*chunks[:3], chunks[3][:-1]],
    ]  # fmt: skip
    for attack in attacks:
        with pytest.raises(Withheld, match=r"crypto\.stream-refused"):
            decrypt(head + b"".join(attack))
    assert decrypt(head + b"".join(chunks)) == bytes(range(64))


def test_a_cut_at_every_byte_is_refused():
    sealed = encrypt(bytes(48))
    for length in range(len(sealed)):
        with pytest.raises(VelaturaError):
            decrypt(sealed[:length])


def test_another_key_or_purpose_is_refused_in_the_same_words():
    sealed = encrypt(b"x")
    said = set()
    for arguments in ({"master": Secret(bytes(32))}, {"purpose": b"other"}):
        with pytest.raises(Withheld) as told:
            decrypt(sealed, **arguments)
        said.add(str(told.value))
    assert len(said) == 1


def test_purpose_and_header_do_not_run_into_each_other():
    one = encrypt(b"x", purpose=b"ab", header=b"c", salt=bytes(32))
    other = encrypt(b"x", purpose=b"a", header=b"bc", salt=bytes(32))
    assert one[-17:] != other[-17:]


def test_an_unfinished_stream_is_refused():
    sink = io.BytesIO()
    writer = ChunkedAead(MASTER, b"test", CHUNK).writer(sink, entropy=os.urandom)
    writer.write(bytes(100))
    with pytest.raises(Withheld):
        decrypt(sink.getvalue())


@pytest.mark.parametrize("claimed", [(2, 16, 4), (1, 0, 4), (1, 1 << 31, 4), (1, 16, 1 << 31)])
def test_sizes_are_checked_before_memory_is_taken(claimed):
    version, chunk, header = claimed
    with pytest.raises(BadInput, match=r"crypto\.not-a-stream"):
        decrypt(HEAD.pack(b"VLSTREAM", version, chunk, header) + bytes(100))


def test_a_pipe_that_gives_little_at_a_time_is_read_whole():
    class Trickle(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 5))

    source = Trickle(encrypt(bytes(range(100))))
    assert ChunkedAead(MASTER, b"test").reader(source).read() == bytes(range(100))


def test_the_counter_never_wraps(monkeypatch):
    sink = io.BytesIO()
    writer = ChunkedAead(MASTER, b"test", 1).writer(sink, entropy=os.urandom)
    monkeypatch.setattr(writer._chunks, "_counter", (1 << 32) - 2)
    writer.write(b"abc"[:2])
    with pytest.raises(Withheld, match=r"crypto\.stream-too-long"):
        writer.write(b"c")


def test_misuse_is_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        ChunkedAead(Secret(bytes(16)), b"x")
    with pytest.raises(ValueError, match="entropy"):
        ChunkedAead(MASTER, b"x").writer(io.BytesIO(), entropy=lambda n: b"")
    writer = ChunkedAead(MASTER, b"x").writer(io.BytesIO(), entropy=os.urandom)
    writer.finish()
    for act in (lambda: writer.write(b"x"), writer.finish):
        with pytest.raises(ValueError, match="finished"):
            act()
