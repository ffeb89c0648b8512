import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.media.clip_makers import make_clip

from velatura.media.boxes import Outline, outline

CLIPS = {"mp4": make_clip(), "matroska": make_clip("matroska"), "avi": make_clip("avi", "mpeg4")}


def read(data):
    return outline(io.BytesIO(data), len(data))


@pytest.mark.parametrize("kind", CLIPS)
def test_a_whole_clip_is_not_cut(kind):
    assert not read(CLIPS[kind]).cut


@pytest.mark.parametrize("kind", CLIPS)
@pytest.mark.parametrize("missing", [1, 100, 700])
def test_a_clip_without_its_end_is_cut(kind, missing):
    assert read(CLIPS[kind][:-missing]).cut


def test_a_fragmented_clip_is_measured_too():
    fragments = make_clip(muxing={"movflags": "frag_keyframe+empty_moov"}, options={"g": "3"})
    assert not read(fragments).cut
    assert read(fragments[: fragments.rindex(b"mdat") + 20]).cut


@pytest.mark.parametrize("tail", [b"second jpeg\xff\xd8\xff", b"\xff\xff\xff\xffjunk" + bytes(20), bytes(3), bytes(100)])
def test_bytes_after_the_last_box_are_told_and_are_no_cut(tail):
    found = read(CLIPS["mp4"] + tail)
    assert found.trailing
    assert not found.cut


def test_tracks_are_called_by_their_tag():
    assert read(CLIPS["mp4"]).tags == ("avc1",)
    assert read(CLIPS["matroska"]).tags == ()


def test_an_encrypted_track_is_told():
    locked = make_clip(muxing={"encryption_scheme": "cenc-aes-ctr", "encryption_key": "00" * 16, "encryption_kid": "11" * 16})
    assert read(locked).encrypted


def test_a_vendors_box_is_told():
    assert read(CLIPS["mp4"] + (24).to_bytes(4, "big") + b"uuid" + bytes(16)).private


@given(st.binary(max_size=200), st.sampled_from([b"\0\0\0\x10ftyp", b"\x1a\x45\xdf\xa3", b"RIFF\0\0\0\0AVI ", b""]))
def test_any_bytes_have_an_outline(tail, head):
    assert isinstance(read(head + tail), Outline)


@given(st.sampled_from(sorted(CLIPS)), st.integers(0, 10_000), st.binary(min_size=1, max_size=9))
def test_a_clip_with_changed_bytes_has_an_outline(kind, at, change):
    data = bytearray(CLIPS[kind])
    at %= len(data)
    data[at : at + len(change)] = change
    assert isinstance(read(bytes(data)), Outline)
