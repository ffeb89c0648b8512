"""The sidecar of a sealed file: what was under the masks, encrypted to one recipient, bound to one public file.

    magic 8 | file id 16 | box 80: the file key                                  "VLSEAL", version 1
    "T" | u32 track | box 80: the track's key                                    before the track's first record
    "R" | u32 track | u32 frame | u32 x0 y0 x1 y1 | u64 n | n bytes: AES-256-GCM
    "E" | u64 tracks | u64 records | SHA-256 of the public file | HMAC-SHA256    the end

Boxes are HPKE; their `info` names the file id, and the track. A record's nonce is its number within its track (96 bits, one key a track);
its associated data are the file id and its own head. The MAC, under the file key, covers every byte before it: nothing can be changed,
moved, removed or added, and no sidecar goes with another public file. Frames never go backward, so that both sides stream.

Order within a frame matters: of two overlapping regions the later one already sees the first one's black. Records stand in the order in which
the regions were overwritten; to restore all, they are put back in reverse.

Limits: its length shows how many regions of which sizes there were, as the public file does. HPKE's base mode does not say who sealed.
Source: RFC 9180; NIST SP 800-38D section 8.2.1 (deterministic nonces).
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from velatura.crypto.hpke import OVERHEAD, open_sealed, seal
from velatura.crypto.keys import Entropy, Identity, Recipient
from velatura.crypto.secret import Secret
from velatura.errors import Withheld

__all__ = ["Record", "SealReader", "SealWriter", "refused"]

Box = tuple[int, int, int, int]

MAGIC = b"VLSEAL\x00\x01"
KEY_BYTES, ID_BYTES, MAC_BYTES, TAG_BYTES = 32, 16, 32, 16
BOX_BYTES = KEY_BYTES + OVERHEAD
TRACK = struct.Struct(f">I{BOX_BYTES}s")
RECORD = struct.Struct(">IIIIIIQ")
END = struct.Struct(">QQ32s")
MAX_SIDE, MAX_AREA = 1 << 16, 1 << 28
BYTES_A_PIXEL = 8  # four planes of 16 bits
PAYLOAD_SPARE = 64
SLICE = 1 << 20


@dataclass(frozen=True, slots=True)
class Record:
    """Where one region of one frame was overwritten; `SealReader.payload` gives what was there."""

    track: int
    frame: int
    box: Box
    head: bytes
    number: int
    offset: int
    size: int


class SealWriter:
    """Writes a sidecar as the regions are overwritten, in that order.

    Args:
        stream: an empty private file (mode 0600).
        recipient: the only one who can open it.
        entropy: gives the file's id and the keys.
    """

    def __init__(self, stream: BinaryIO, recipient: Recipient, *, entropy: Entropy) -> None:
        self._stream, self._recipient, self._entropy = stream, recipient, entropy
        self._id, self._key = entropy(ID_BYTES), Secret(entropy(KEY_BYTES))
        self._hash = hashlib.sha256()
        self._ciphers: dict[int, AESGCM] = {}
        self._numbers: dict[int, int] = {}
        self._records, self._frame, self._finished = 0, 0, False
        self._put(MAGIC + self._id + seal(self._key.reveal(), recipient, info=_file_info(self._id)))

    def begin_track(self, track: int) -> None:
        """Make the track's key. Once a track: a second call is an error of the caller."""
        if track in self._ciphers:
            raise ValueError(f"track {track} has its key already")
        key = Secret(self._entropy(KEY_BYTES))
        self._put(b"T" + TRACK.pack(track, seal(key.reveal(), self._recipient, info=_track_info(self._id, track))))
        self._ciphers[track], self._numbers[track] = AESGCM(key.reveal()), 0

    def record(self, track: int, frame: int, box: Box, payload: bytes) -> None:
        """Encrypt what was under `box`, in pixels of the stored picture. Its length must depend on the box and the form of the samples only."""
        if self._finished or frame < self._frame or not _is_sound(box, len(payload)):
            raise ValueError("records come in the order of frames, before the end, with a box that holds them")
        head = RECORD.pack(track, frame, *box, len(payload) + TAG_BYTES)
        number = self._numbers[track]
        self._put(b"R" + head)
        self._put(self._ciphers[track].encrypt(_nonce(number), payload, _associated(self._id, head)))
        self._numbers[track] = number + 1
        self._records, self._frame = self._records + 1, frame

    def finish(self, public_file_sha256: bytes) -> None:
        """Bind the sidecar to the finished public file. Without this nothing of it can be opened."""
        if self._finished or len(public_file_sha256) != 32:
            raise ValueError("a sidecar is finished once, with the 32 bytes of a SHA-256")
        self._put(b"E" + END.pack(len(self._ciphers), self._records, public_file_sha256))
        self._stream.write(_mac(self._key, self._hash.digest()))
        self._stream.flush()
        self._finished = True

    def _put(self, part: bytes) -> None:
        self._hash.update(part)
        self._stream.write(part)


class SealReader:
    """Opens a sidecar. When the constructor returns, every byte of it is verified and every record has been decrypted once.

    Args:
        stream: can seek; read from where it stands to its end, or to `end`.
        identity: the recipient's.

    Attributes:
        public_sha256: of the public file that belongs to it.
        tracks: their numbers, in the order in which they began.
        records: how many there are.

    Raises:
        Withheld: `seal.refused`: wrong key, or anything changed; which of them is not told.
    """

    def __init__(self, stream: BinaryIO, identity: Identity, *, end: int | None = None) -> None:
        self._stream = stream
        start = stream.tell()
        self._end = stream.seek(0, 2) if end is None else end
        stream.seek(start)
        head = self._read(len(MAGIC) + ID_BYTES + BOX_BYTES)
        self._id = head[len(MAGIC) : len(MAGIC) + ID_BYTES]
        self._first = stream.tell()
        if head[: len(MAGIC)] != MAGIC:
            raise refused()
        self._key = _open(head[len(MAGIC) + ID_BYTES :], identity, _file_info(self._id))
        self._ciphers: dict[int, AESGCM] = {}
        self._check_mac(start)
        self._check_entries(identity)
        self.tracks = tuple(self._ciphers)

    def frames(self) -> Iterator[tuple[int, list[Record]]]:
        """Frames that hold sealed regions, in order, each with its records in the order in which they were overwritten."""
        group: list[Record] = []
        for record in self._walk(None):
            if group and group[0].frame != record.frame:
                yield group[0].frame, group
                group = []
            group.append(record)
        if group:
            yield group[0].frame, group

    def payload(self, record: Record) -> bytes:
        """Decrypt a record. Raises Withheld `seal.refused`."""
        place = self._stream.tell()
        self._stream.seek(record.offset)
        sealed = self._read(record.size)
        self._stream.seek(place)
        try:
            return self._ciphers[record.track].decrypt(_nonce(record.number), sealed, _associated(self._id, record.head))
        except InvalidTag as error:
            raise refused() from error

    def _check_mac(self, start: int) -> None:
        if self._end - self._first < 1 + END.size + MAC_BYTES:
            raise refused()
        self._stream.seek(start)
        digest, left = hashlib.sha256(), self._end - MAC_BYTES - start
        while left:
            part = self._read(min(SLICE, left))
            digest.update(part)
            left -= len(part)
        if not hmac.compare_digest(_mac(self._key, digest.digest()), self._read(MAC_BYTES)):
            raise refused()

    def _check_entries(self, identity: Identity) -> None:
        """What the MAC cannot tell: that the sealer itself kept the form."""
        self.records, frame = 0, 0
        for record in self._walk(identity):
            if record.frame < frame:
                raise refused()
            self.payload(record)
            self.records, frame = self.records + 1, record.frame
        tracks, records, self.public_sha256 = END.unpack(self._read(END.size))
        if (tracks, records) != (len(self._ciphers), self.records) or self._stream.tell() + MAC_BYTES != self._end:
            raise refused()

    def _walk(self, identity: Identity | None) -> Iterator[Record]:
        """Records from first to last; the stream stands behind the "E" at the end. With `identity`, tracks get their keys on the way."""
        numbers: dict[int, int] = {}
        offset = self._first
        while True:
            self._stream.seek(offset)
            kind = self._read(1)
            if kind == b"E":
                return
            if kind == b"T":
                self._take_track(TRACK.unpack(self._read(TRACK.size)), identity)
                offset = self._stream.tell()
            elif kind == b"R":
                record = self._take_record(numbers)
                offset = record.offset + record.size
                yield record
            else:
                raise refused()

    def _take_track(self, fields: tuple[int, bytes], identity: Identity | None) -> None:
        track, box = fields
        if identity is None:
            return
        if track in self._ciphers:
            raise refused()
        self._ciphers[track] = AESGCM(_open(box, identity, _track_info(self._id, track)).reveal())

    def _take_record(self, numbers: dict[int, int]) -> Record:
        head = self._read(RECORD.size)
        track, frame, x0, y0, x1, y1, size = RECORD.unpack(head)
        offset = self._stream.tell()
        box = (x0, y0, x1, y1)
        if track not in self._ciphers or size < TAG_BYTES or size > self._end - offset or not _is_sound(box, size - TAG_BYTES):
            raise refused()
        number = numbers.get(track, 0)
        numbers[track] = number + 1
        return Record(track, frame, box, head, number, offset, size)

    def _read(self, size: int) -> bytes:
        part = self._stream.read(size)
        if len(part) != size:
            raise refused()
        return part


def refused() -> Withheld:
    """One sentence for every way of not opening: what was wrong is not told."""
    hint = "take the public file and its sidecar as they were made, and the identity that they were sealed to"
    return Withheld("seal.refused", "it does not open: another key, or the public file or the sidecar is not as it was sealed", hint=hint)


def _is_sound(box: Box, size: int) -> bool:
    x0, y0, x1, y1 = box
    area = (x1 - x0) * (y1 - y0)
    return 0 <= x0 < x1 <= MAX_SIDE and 0 <= y0 < y1 <= MAX_SIDE and area <= MAX_AREA and size <= BYTES_A_PIXEL * area + PAYLOAD_SPARE


def _open(box: bytes, identity: Identity, info: bytes) -> Secret:
    try:
        return Secret(open_sealed(box, identity, info=info))
    except Withheld as error:
        raise refused() from error


def _mac(key: Secret, transcript: bytes) -> bytes:
    return hmac.digest(key.reveal(), b"velatura seal trailer 1\x00" + transcript, "sha256")


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")


def _associated(file_id: bytes, head: bytes) -> bytes:
    return b"velatura seal record 1\x00" + file_id + head


def _file_info(file_id: bytes) -> bytes:
    return b"velatura seal file 1\x00" + file_id


def _track_info(file_id: bytes, track: int) -> bytes:
    return b"velatura seal track 1\x00" + file_id + struct.pack(">I", track)
