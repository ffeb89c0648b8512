"""Whole runs over one file, with the real decoder and coders and a search of our own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.obfuscation.street import RGB, YUV, Cards, document, noise, picture, several, with_card

from velatura.detect.document import Row
from velatura.detect.region import Region
from velatura.errors import BadSpec, Withheld
from velatura.media.batch import Job
from velatura.media.frame import Frame
from velatura.media.source import Decoder
from velatura.obfuscation.parameters import chosen
from velatura.obfuscation.policy import Covering
from velatura.obfuscation.record import Covered, Record
from velatura.obfuscation.run import Run
from velatura.obfuscation.wanted import Wanted

CARD = (16, 8, 32, 32)


def run(source: Path, out: Path, decoder, search=None, *, doc=None, method="fill", **wanted):
    options = Wanted(chosen(method), method, wanted.pop("covering", Covering(0.0)), **wanted)
    return Run(options, ("face",), search, ("cards",), doc).one(Job(source, out), decoder)


def frames(path: Path, decoder: Decoder) -> list[Frame]:
    with decoder.open(path) as reader:
        return list(reader)


def shown(path: Path, decoder: Decoder) -> list[int]:
    """Frames of a file on which the card is seen."""
    return [frame.index for frame in frames(path, decoder) if Cards()(frame, low=True)]


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_a_picture_loses_what_is_found_and_nothing_else(tmp_path, decoder):
    source = picture(tmp_path / "a.png")
    done = run(source, tmp_path / "b.png", decoder, Cards())
    before, after = frames(source, decoder)[0], frames(tmp_path / "b.png", decoder)[0]
    for old, new in zip(before.planes, after.planes, strict=True):
        assert not new[8:32, 16:32].any()
        old[8:32, 16:32] = 0
        assert np.array_equal(old, new)
    assert (done.regions, done.passes, done.shows, done.rechecked, done.detectors) == (1, 1, (), True, ("cards",))
    assert [(track.id, track.frames, track.score) for track in done.tracks] == [(0, 1, 0.9)]


def test_pages_of_a_tiff_are_covered_one_by_one(tmp_path, decoder):
    source = several(tmp_path / "a.tif", [CARD, None, (40, 16, 56, 40)], kind="pages")
    done = run(source, tmp_path / "b.tif", decoder, Cards())
    assert done.kind == "pages" and done.frames == 3 and len(done.tracks) == 2
    assert shown(source, decoder) == [0, 2] and shown(tmp_path / "b.tif", decoder) == []


@pytest.mark.parametrize("suffix", [".png", ".webp", ".gif"])
def test_every_frame_of_an_animation_is_covered(suffix, tmp_path, decoder):
    source = several(tmp_path / f"a{suffix}", [(8 + 2 * i, 8, 24 + 2 * i, 32) for i in range(8)], kind="animation")
    done = run(source, tmp_path / f"b{suffix}", decoder, Cards())
    assert done.kind == "animation" and done.frames == 8
    assert len(shown(source, decoder)) == 8 and shown(tmp_path / f"b{suffix}", decoder) == []


def test_a_clip_is_followed_and_covered_where_the_search_was_blind(tmp_path, decoder):
    source = several(tmp_path / "a.mkv", [(8 + 2 * i, 8, 24 + 2 * i, 32) for i in range(12)])
    done = run(source, tmp_path / "b.mp4", decoder, Cards(), every=2)
    assert shown(tmp_path / "b.mp4", decoder) == []
    assert done.frames == 12 and len(done.tracks) == 1 and done.tracks[0].frames == 12
    assert [frame.time for frame in frames(tmp_path / "b.mp4", decoder)] == [frame.time for frame in frames(source, decoder)]


def test_what_shows_in_the_output_is_covered_in_a_second_pass(tmp_path, decoder):
    source = picture(tmp_path / "a.png")
    done = run(source, tmp_path / "b.png", decoder, Cards(blind=1))
    assert (done.passes, done.shows) == (2, ()) and [track.residual for track in done.tracks] == [True]
    assert shown(tmp_path / "b.png", decoder) == []


def test_a_miss_of_a_clip_is_followed_over_the_frames_beside_it(tmp_path, decoder):
    source = several(tmp_path / "a.mkv", [CARD] * 10)
    done = run(source, tmp_path / "b.mp4", decoder, Cards(blind=5), every=2)
    assert done.passes == 2 and shown(tmp_path / "b.mp4", decoder) == []
    assert done.tracks[0].residual and done.tracks[0].frames == 10


def test_a_faint_hit_is_told_but_no_doubt(tmp_path, decoder):
    done = run(picture(tmp_path / "a.png"), tmp_path / "b.png", decoder, Cards(score=0.4))
    assert (done.passes, done.faint, done.shows, done.tracks) == (1, 1, (), ())
    assert any("no face was found" in sentence for sentence in done.warnings)


def test_the_policy_open_only_tells(tmp_path, decoder):
    done = run(picture(tmp_path / "a.png"), tmp_path / "b.png", decoder, Cards(blind=1), policy="open")
    assert done.passes == 1 and len(done.shows) == 1 and "still show" in done.warnings[0]
    assert shown(tmp_path / "b.png", decoder) == [0]


def test_what_still_shows_after_the_last_pass_is_not_released(tmp_path, decoder):
    with pytest.raises(Withheld, match="after 3 passes") as refused:
        run(picture(tmp_path / "a.png"), tmp_path / "b.png", decoder, Cards(haunted=True))
    assert refused.value.code == "obfuscate.residual" and refused.value.exit_status == 3
    assert not (tmp_path / "b.png").exists() and leftovers(tmp_path) == []


class Flash(Cards):
    """Fires on frame 3 of every output, wherever that is not black: what only a black frame settles."""

    def __call__(self, frame, *, low):
        self.looks += 1
        if self.looks <= 10 or frame.index != 3:
            return []
        luma = frame.planes[0].astype(int)
        y, x = np.unravel_index(np.argmax(luma), luma.shape)
        return [] if luma.max() < 40 else [replace(_HIT, box=(x - 2.0, y - 2.0, x + 3.0, y + 3.0))]


_HIT = Cards(haunted=True)(Frame(noise(0, RGB, (64, 48)), RGB), low=True)[0]


def test_in_the_last_pass_a_frame_of_a_clip_that_still_shows_something_is_black(tmp_path, decoder):
    source = several(tmp_path / "a.mkv", [None] * 10)
    done = run(source, tmp_path / "b.mkv", decoder, Flash())
    assert (done.passes, done.black, done.shows) == (4, 1, ())
    assert any("1 frames are black" in sentence for sentence in done.warnings)
    dark = [frame.index for frame in frames(tmp_path / "b.mkv", decoder) if frame.planes[0].mean() < 20]
    assert dark == [3]


class Damaged:
    """The real decoder, whose source has a corrupt frame."""

    def __init__(self, decoder: Decoder, source: Path, corrupt: int) -> None:
        self._decoder, self._source, self._corrupt = decoder, source, corrupt

    def open(self, path: Path, *, audio: bool = False):
        reader = self._decoder.open(path, audio=audio)
        return _Marked(reader, self._corrupt) if path == self._source else reader


class _Marked:
    def __init__(self, reader, corrupt: int) -> None:
        self._reader, self._corrupt = reader, corrupt

    def __getattr__(self, name):
        return getattr(self._reader, name)

    def __iter__(self):
        for frame in self._reader:
            yield replace(frame, corrupt=frame.index == self._corrupt)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._reader.close()


@pytest.mark.parametrize("policy", ["closed", "open"])
def test_a_corrupt_frame_is_black_unless_a_person_wants_to_see_it(policy, tmp_path, decoder):
    source = several(tmp_path / "a.mkv", [None] * 6)
    done = run(source, tmp_path / "b.mkv", Damaged(decoder, source, 2), Cards(), policy=policy)
    dark = [frame.index for frame in frames(tmp_path / "b.mkv", decoder) if frame.planes[0].mean() < 20]
    assert dark == ([2] if policy == "closed" else [])
    assert any("1 frames are damaged" in sentence for sentence in done.warnings) and done.black == len(dark)


def test_given_regions_replace_detection(tmp_path, decoder):
    source = several(tmp_path / "a.mkv", [None] * 6)
    rows = [Row((8, 8, 24, 24), frame=1, track=7), Row((8, 8, 24, 24), time=0.3), Row((40.0, 40.0, 48.0, 48.0))]
    done = run(source, tmp_path / "b.mkv", decoder, Cards(), doc=document(source, rows))
    assert [(track.id, track.frames) for track in done.tracks] == [(7, 1), (8, 6), (9, 1)] and done.detectors == ()
    for frame in frames(tmp_path / "b.mkv", decoder):
        assert (frame.planes[0][40:48, 40:48] < 30).all()
        assert (frame.planes[0][8:24, 8:24].mean() < 30) == (frame.index in (1, 3))


@pytest.mark.parametrize("row", [Row((0, 0, 8, 8), frame=6), Row((0, 0, 8, 8), time=9.0)])
def test_a_region_that_meets_no_frame_is_refused(row, tmp_path, decoder):
    source = several(tmp_path / "a.mkv", [None] * 6)
    with pytest.raises(BadSpec, match="meet no frame"):
        run(source, tmp_path / "b.mkv", decoder, doc=document(source, [row]), recheck=False)
    assert not (tmp_path / "b.mkv").exists() and leftovers(tmp_path) == []


@pytest.mark.parametrize("number", [-1, 1 << 40])
def test_an_impossible_track_number_is_refused(number, tmp_path, decoder):
    source = picture(tmp_path / "a.png")
    with pytest.raises(BadSpec, match="number is not possible"):
        run(source, tmp_path / "b.png", decoder, doc=document(source, [Row((0, 0, 8, 8), track=number)]), recheck=False)


@pytest.mark.parametrize("by", ["row", "track"])
def test_somebody_who_was_cleared_stays_as_he_is_and_is_no_doubt(by, tmp_path, decoder):
    source = several(tmp_path / "a.mkv", [CARD] * 5)
    rows = [Row((16.0, 8.0, 32.0, 32.0), track=3, frame=i, clear=by == "row") for i in range(5)]
    done = run(source, tmp_path / "b.mkv", decoder, Cards(), doc=document(source, rows, clear=(3,) if by == "track" else ()))
    assert shown(tmp_path / "b.mkv", decoder) == [0, 1, 2, 3, 4]
    assert done.passes == 1 and done.tracks[0].clear and done.regions == 0


def test_where_nothing_is_given_beside_somebody_who_shows_he_is_covered(tmp_path, decoder):
    """A document that forgets somebody does not release him under the policy `closed`."""
    source = picture(tmp_path / "a.png")
    done = run(source, tmp_path / "b.png", decoder, Cards(), doc=document(source, [Row((48.0, 40.0, 56.0, 48.0))]))
    assert done.passes == 2 and shown(tmp_path / "b.png", decoder) == []


def test_an_existing_output_is_kept_unless_forced(tmp_path, decoder):
    source = picture(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"precious")
    with pytest.raises(BadSpec, match="already there"):
        run(source, tmp_path / "b.png", decoder, Cards())
    assert (tmp_path / "b.png").read_bytes() == b"precious"
    assert run(source, tmp_path / "b.png", decoder, Cards(), force=True).frames == 1


def test_without_a_second_look_the_report_says_so(tmp_path, decoder):
    done = run(picture(tmp_path / "a.png"), tmp_path / "b.png", decoder, Cards(), recheck=False)
    assert not done.rechecked and any("not searched again" in sentence for sentence in done.warnings)


def test_a_cosmetic_method_says_so_in_its_warnings(tmp_path, decoder):
    done = run(picture(tmp_path / "a.png"), tmp_path / "b.png", decoder, Cards(), method="pixelate:2")
    assert done.cosmetic and done.limits in done.warnings and done.ghosts == 1


def test_a_source_that_changes_between_two_passes_is_refused(tmp_path, decoder):
    source, other = several(tmp_path / "a.mkv", [CARD] * 6), several(tmp_path / "c.mkv", [CARD] * 4)

    class Swapping(Cards):
        def __call__(self, frame, *, low):
            if self.looks == 6:
                source.write_bytes(other.read_bytes())
            return super().__call__(frame, low=low)

    with pytest.raises(Exception, match="became another file") as refused:
        run(source, tmp_path / "b.mkv", decoder, Swapping(blind=6))
    assert refused.value.code == "media.changed" and not (tmp_path / "b.mkv").exists()


def _region(rng: np.random.Generator) -> Region:
    box = tuple(float(v) for v in rng.normal(0, 1e3, 4))
    return Region(
        box, str(rng.choice(["face", "a word"])), float(rng.random()), float(rng.random()), int(rng.integers(1 << 31)), bool(rng.integers(2))
    )


def test_a_record_gives_back_what_was_put_in_with_bounded_memory(tmp_path):
    rng = np.random.default_rng(0)
    frames_in = [Covered(i, tuple(_region(rng) for _ in range(i % 4)), i % 5 == 0) for i in range(50)]
    with Record() as record:
        for covered in frames_in:
            record.add(covered)
        assert list(record) == frames_in and list(record) == frames_in
        assert record.frames == 50 and record.regions == sum(not region.clear for covered in frames_in for region in covered.regions)


@pytest.mark.parametrize("form", [RGB, YUV])
def test_the_card_is_seen_by_the_search(form):
    """The world itself: without this, 'nothing shows' would prove nothing."""
    (hit,) = Cards()(Frame(with_card(noise(0, form, (64, 48)), form, CARD), form), low=False)
    assert hit.box == (16.0, 8.0, 32.0, 32.0)
