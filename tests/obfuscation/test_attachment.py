"""A sidecar at the end of its public file: found, skipped by players, and not to be tampered with."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from tests.obfuscation.sealing import ALICE, sealed_world

from velatura.errors import Withheld
from velatura.media.frame import PixelForm
from velatura.obfuscation.attachment import attach, find
from velatura.obfuscation.sidecar import SealReader

KINDS = {
    "jpeg": b"\xff\xd8\xff\xe0 picture \xff\xd9",
    "mp4": struct.pack(">I4s8s", 16, b"ftyp", b"isom\0\0\0\0") + struct.pack(">I4s", 12, b"mdat") + b"clip",
    "mkv": b"\x1a\x45\xdf\xa3\x80" + b"\x18\x53\x80\x67\x84clip",
}


@pytest.fixture(params=KINDS)
def carried(request, tmp_path):
    """A public file, its bytes, the sidecar's bytes, and what `attach` said; the sidecar is in the file."""
    content = KINDS[request.param]
    _, _, raw = sealed_world(np.random.default_rng(0), PixelForm("rgb"), (20, 20), [[(1, (0, 0, 4, 4))]])
    public, sidecar = tmp_path / "public", tmp_path / "sidecar"
    public.write_bytes(content)
    sidecar.write_bytes(raw)
    return public, content, raw, attach(public, sidecar)


def test_what_is_attached_is_found_and_the_public_file_is_its_unchanged_beginning(carried):
    public, content, raw, said = carried
    with public.open("rb") as stream:
        assert find(stream) == said
        assert said.public_bytes == len(content)
        stream.seek(said.sidecar_at)
        reader = SealReader(stream, ALICE, end=said.sidecar_at + said.sidecar_bytes)
        assert reader.records == 1
    whole = public.read_bytes()
    assert whole.startswith(content) and whole[said.sidecar_at :][: len(raw)] == raw


def test_every_changed_byte_of_the_end_is_refused_or_no_longer_taken_for_a_sidecar(carried):
    public, content, _, said = carried
    whole = public.read_bytes()
    for place in [*range(len(content), said.sidecar_at), *range(len(whole) - 16, len(whole))]:
        changed = io.BytesIO(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        if place >= len(whole) - 8:
            assert find(changed) is None
        else:
            try:
                found = find(changed)
            except Withheld:
                continue
            assert found is not None and found.public_bytes != said.public_bytes, "only a picture's length has no wrapping to contradict it"
            changed.seek(found.sidecar_at)
            with pytest.raises(Withheld):
                SealReader(changed, ALICE, end=found.sidecar_at + found.sidecar_bytes)


@pytest.mark.parametrize("content", [b"", b"x", b"VLSEALED", bytes(8) + b"VLSEAL\0\1", *KINDS.values()])
def test_a_file_without_a_sidecar_carries_none(content):
    assert find(io.BytesIO(content)) is None


@pytest.mark.parametrize("claim", [0, 5, 1 << 63, (1 << 64) - 1])
def test_a_footer_that_points_nowhere_is_refused(claim):
    with pytest.raises(Withheld, match=r"seal\.refused"):
        find(io.BytesIO(b"tiny" + struct.pack(">Q8s", claim, b"VLSEALED")))


def test_an_mp4_with_a_sidecar_is_still_a_list_of_whole_boxes(tmp_path):
    public, sidecar = tmp_path / "p.mp4", tmp_path / "s"
    public.write_bytes(KINDS["mp4"])
    sidecar.write_bytes(b"VLSEAL\0\1" + bytes(100))
    attach(public, sidecar)
    raw, place, kinds = public.read_bytes(), 0, []
    while place < len(raw):
        size, kind = struct.unpack_from(">I4s", raw, place)
        if size == 1:
            (size,) = struct.unpack_from(">Q", raw, place + 8)
        kinds.append(kind)
        place += size
    assert (kinds, place) == ([b"ftyp", b"mdat", b"uuid"], len(raw))
