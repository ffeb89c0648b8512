"""A child that a file has taken over says whatever it likes; here it does."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from pathlib import Path

import msgspec
import numpy as np
import pytest
from tests.media.in_thread import SMALL, Mapping

from velatura.errors import BadInput
from velatura.media.frame import Frame
from velatura.media.reader import Limits
from velatura.media.remote import Remote
from velatura.media.wire import CREDIT, DATA, End, Form, Heard, Open, Opened, Read, Refused, Shown, encode

GREY = Form("grey")
OPENED = Opened("animation", "gif", 4, 2, GREY, slots=2, slot_bytes=64)


class Puppet:
    """`ChildLike` that says a list of messages; an error in the list is raised."""

    def __init__(self, *said: object) -> None:
        self.said, self.heard, self.closed = deque(said), [], False

    def send(self, message: bytes) -> None:
        self.heard.append(message)

    def receive(self, *, deadline_s: float, limit: int) -> bytes:
        message = self.said.popleft() if self.said else BadInput("sandbox.crashed", "gone")
        if isinstance(message, Exception):
            raise message
        return message if isinstance(message, bytes) else encode(message)

    def close(self) -> int:
        self.closed = True
        return 0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "input.gif"
    path.write_bytes(bytes(range(100)))
    return path


def play(path: Path, *said: object, mapping: Mapping | None = None, **options: bool) -> tuple[list[Frame], Puppet]:
    puppet = Puppet(*said)
    with Remote(path, path.open("rb"), puppet, mapping or Mapping(128), SMALL, **options) as remote:
        return list(remote), puppet


def shown(**other: object) -> Shown:
    return Shown(**{"slot": 0, "width": 4, "height": 2, "form": GREY, **other})


def test_an_honest_child_is_heard(path: Path) -> None:
    frames, puppet = play(path, OPENED, Read(10, 5), shown(), shown(slot=1, time=(1, 2), corrupt=True), End(("one note",)))
    assert [frame.index for frame in frames] == [0, 1] and frames[1].time == Fraction(1, 2) and frames[1].corrupt
    assert msgspec.json.decode(puppet.heard[0], type=Open).size == 100
    assert puppet.heard[1:] == [DATA + bytes(range(10, 15)), CREDIT + b"\0", CREDIT + b"\1"]
    assert puppet.closed


@pytest.mark.parametrize(
    "said",
    [
        [shown()],
        [End()],
        [OPENED, OPENED],
        [b"{}"],
        [b"[" * 5_000],
        [b"\xff\xfe"],
        [b'{"kind":"read","offset":0,"count":5,"more":1}'],
        [b'{"kind":"read","offset":0,"count":99999999}'],
        [b'{"kind":"read","offset":-1,"count":9}'],
        [Read(99, 2)],
        [Read(1 << 61, 1)],
        [Opened("animation", "gif", 1 << 20, 1 << 20, GREY, slots=1, slot_bytes=64)],
        [Opened("animation", "gif", 4, 2, GREY, slots=3, slot_bytes=64)],
        [Opened("animation", "gif", 4, 2, GREY, slots=1, slot_bytes=64, rate=-1.0)],
        [Opened("clip", "gif", 4, 2, GREY, slots=1, slot_bytes=64, time_base=(0, 1))],
        [Opened("clip", "gif", 4, 2, Form("rgb", alpha=True), slots=1, slot_bytes=64)],
        [OPENED, shown(slot=2)],
        [OPENED, shown(width=40)],
        [OPENED, shown(width=2)],
        [OPENED, shown(form=Form("grey", bits=16))],
        [OPENED, shown(form=Form("rgb", bits=16))],
        [OPENED, shown(orientation=3)],
        [OPENED, shown(time=(-1, 1))],
        [OPENED, shown(time=(2, 1)), shown(time=(1, 1))],
        [OPENED, shown(duration=(-1, 1))],
        [OPENED, Heard((0, 1), b"\0\0")],
        [Opened("picture", "png", 4, 2, GREY, slots=1, slot_bytes=64), shown(), shown()],
        [Opened("pages", "tiff", 4, 2, GREY, slots=1, slot_bytes=128), shown(width=5)],
        [Opened("pages", "tiff", 4, 2, GREY, slots=1, slot_bytes=128), shown(), shown(width=1 << 11, height=1 << 12)],
    ],
)
def test_what_no_honest_decoder_says_ends_the_child(path: Path, said: list) -> None:
    puppet = Puppet(*said)
    with Remote(path, path.open("rb"), puppet, Mapping(128), SMALL) as remote:
        with pytest.raises(BadInput) as caught:
            list(remote)
        assert puppet.closed
    assert caught.value.code == "media.decoder-crashed" and "input.gif" in caught.value.sentence
    assert "and was ended" in caught.value.sentence


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (BadInput("sandbox.crashed", ""), "media.decoder-crashed"),
        (BadInput("sandbox.too-large", ""), "media.decoder-crashed"),
        (BadInput("sandbox.hung", ""), "media.decoder-hung"),
        (Refused("media.truncated", "ends \x1b[31mearly\nand \ud800 badly".encode("utf-8", "replace").decode()), "media.truncated"),
        (Refused("keys.wrong", "a code of another room"), "media.malformed"),
        (End(), "media.no-frames"),
    ],
)
def test_each_end_is_an_error_of_this_file(path: Path, failure: object, code: str) -> None:
    with pytest.raises(BadInput) as caught:
        play(path, OPENED, failure)
    assert caught.value.code == code and "input.gif" in caught.value.sentence and caught.value.sentence.isprintable()


def test_planes_are_ours_when_the_child_goes_on_writing(path: Path) -> None:
    mapping = Mapping(128)
    mapping.view[:8] = bytes(range(8))
    puppet = Puppet(OPENED, shown(), shown(slot=1, time=(1, 1)), End())
    with Remote(path, path.open("rb"), puppet, mapping, SMALL) as remote:
        frame = next(iter(remote))
        mapping.view[:8] = b"\xff" * 8
    assert frame.planes[0].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]] and frame.planes[0].flags.owndata


def test_samples_above_the_peak_are_cut_off(path: Path) -> None:
    mapping = Mapping(128)
    mapping.view[:16] = np.array([0, 1023, 1024, 65_535, 5, 6, 7, 8], np.uint16).tobytes()
    opened = Opened("clip", "mp4", 4, 2, Form("grey", bits=10), slots=1, slot_bytes=64)
    frames, _ = play(path, opened, shown(form=Form("grey", bits=10)), End(), mapping=mapping)
    assert frames[0].planes[0].tolist() == [[0, 1023, 1023, 1023], [5, 6, 7, 8]]


def test_a_child_that_only_asks_runs_out_of_time(path: Path) -> None:
    class Asking(Puppet):
        def receive(self, *, deadline_s: float, limit: int) -> bytes:
            left.append(deadline_s)
            if deadline_s <= 0:
                raise BadInput("sandbox.hung", "")
            return encode(Read(0, 1))

    left: list[float] = []
    limits = Limits(wait_s=0.05)
    with Remote(path, path.open("rb"), Asking(), Mapping(128), limits) as remote, pytest.raises(BadInput) as caught:
        list(remote)
    assert caught.value.code == "media.decoder-hung" and sorted(left, reverse=True) == left


def test_a_file_that_shrinks_while_it_is_read_is_refused(path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        puppet = Puppet(OPENED, Read(50, 50))
        with Remote(path, path.open("rb"), puppet, Mapping(128), SMALL) as remote:
            path.write_bytes(b"short")
            list(remote)
    assert caught.value.code == "media.truncated"


def test_words_of_the_child_are_made_printable_and_short(path: Path) -> None:
    opened = Opened("clip", "mov\n", 4, 2, GREY, slots=1, slot_bytes=64, dropped=("\x1b]0;title\x07" + "x" * 380,))
    puppet = Puppet(opened)
    with Remote(path, path.open("rb"), puppet, Mapping(128), SMALL) as remote:
        assert all(word.isprintable() and len(word) <= 200 for word in remote.facts.dropped)
        assert remote.facts.container.isprintable()


def test_sound_comes_where_it_was_asked_for(path: Path) -> None:
    opened = Opened("clip", "mp4", 4, 2, GREY, slots=1, slot_bytes=64, audio="aac", sound_rate=48_000, sound_channels=1)
    puppet = Puppet(opened, Heard((1, 2), b"\x01\x00\x02\x00"), shown(), End())
    with Remote(path, path.open("rb"), puppet, Mapping(128), SMALL, audio=True) as remote:
        assert len(list(remote)) == 1 and remote.sound is not None
        [samples] = list(remote.sound.take())
    assert samples.time == Fraction(1, 2) and samples.values.ravel().tolist() == [1, 2]
