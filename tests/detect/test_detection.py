"""From files to regions, through the real decoder; only the network is replaced by something that finds bright squares."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from tests.detect.blobs import HEIGHT, WIDTH, Blobs, place, write_clip, write_picture
from tests.detect.street import covered_share

from velatura.detect.detection import detect_each, looks
from velatura.detect.document import RegionsDocument, Result, Row, Sheet, read_regions
from velatura.detect.region import Region
from velatura.errors import BadInput, BadSpec
from velatura.media.source import open_media
from velatura.progress import Silent


class Notes(Silent):
    """Progress that remembers what it was told."""

    def __init__(self) -> None:
        self.told, self.done = list[str](), 0.0

    def note(self, sentence: str) -> None:
        self.told.append(sentence)

    def advance(self, by: float = 1) -> None:
        self.done += by


def as_region(row: Row) -> Region:
    return Region(row.box, row.label, row.score)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "square.mp4")


def test_a_picture_lists_its_regions_each_with_a_number(tmp_path: Path) -> None:
    (item,) = detect_each([write_picture(tmp_path / "a.png")], Blobs()).items
    assert (item.width, item.height) == (WIDTH, HEIGHT)
    assert [(row.box, row.track, row.time, row.frame) for row in item.regions] == [(place(0), 0, 0.0, 0)]


def test_a_clip_is_one_track_on_every_frame_with_exact_times(clip: Path) -> None:
    (item,) = detect_each([clip], Blobs(misses=range(12, 20))).items
    assert [row.frame for row in item.regions] == list(range(40))
    assert {row.track for row in item.regions} == {0}
    assert [row.time for row in item.regions] == [k / 25 for k in range(40)]
    for row in item.regions:
        assert covered_share(place(row.frame or 0), [as_region(row)]) == 1.0


def test_every_fifth_frame_is_searched_and_the_others_are_covered(clip: Path) -> None:
    search = Blobs()
    (item,) = detect_each([clip], search, every=5).items
    assert search.asked == list(range(0, 40, 5))
    assert [row.frame for row in item.regions] == list(range(40))


def test_rare_looks_are_made_closer_with_a_warning(clip: Path) -> None:
    search, progress = Blobs(), Notes()
    detect_each([clip], search, every=30, progress=progress)
    assert search.asked == list(range(0, 40, 5))
    assert any("--every 30" in sentence for sentence in progress.told)
    assert progress.done == 40


def test_a_cut_is_searched_and_breaks_the_track(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "cut.mp4", grounds=[0] * 18 + [7] * 22)
    search = Blobs()
    (item,) = detect_each([path], search, every=5).items
    assert search.asked == [0, 5, 10, 15, 18, 23, 28, 33, 38]
    tracks = {row.frame: row.track for row in item.regions}
    assert len({tracks[k] for k in range(18)}) == len({tracks[k] for k in range(18, 40)}) == 1
    assert tracks[17] != tracks[18]


def test_who_looks_may_be_said_frame_by_frame(clip: Path) -> None:
    with open_media(clip) as reader:
        seen = list(looks(reader, lambda frame: (), is_due=lambda frame: frame.index in {3, 4}))
    assert [look.frame.index for look in seen if look.found is not None] == [3, 4]
    assert [look.shot_starts for look in seen] == [True] + [False] * 39


def test_what_is_listed_can_be_fed_back(clip: Path, tmp_path: Path) -> None:
    result = detect_each([clip], Blobs(), every=5)
    path = tmp_path / "regions.json"
    path.write_bytes(msgspec.json.encode(RegionsDocument("velatura/1", result)))
    sheet = Sheet(read_regions(path).result.items[0])
    with open_media(clip) as reader:
        for frame in reader:
            (region,) = sheet.at(frame)
            assert covered_share(place(frame.index), [region]) == 1.0
    assert not sheet.unmet()


def test_a_bad_file_does_not_stop_the_others(clip: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"\0" * 100)
    result = detect_each([bad, write_picture(tmp_path / "a.png"), tmp_path / "missing.png"], Blobs())
    assert [Path(item.file).name for item in result.items] == ["a.png"]
    assert [(Path(failed.file).name, failed.exit) for failed in result.failed] == [("bad.mp4", 5), ("missing.png", 5)]


def test_the_only_file_is_refused_with_its_own_error(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"media\.missing"):
        detect_each([tmp_path / "missing.png"], Blobs())


def test_a_senseless_pace_is_refused_before_anything_is_opened(tmp_path: Path) -> None:
    with pytest.raises(BadSpec, match=r"detect\.every"):
        detect_each([tmp_path / "missing.png"], Blobs(), every=0)


def test_nothing_named_is_nothing_found() -> None:
    assert detect_each([], Blobs()) == Result(())


@pytest.mark.parametrize("first", ["", "import velatura.detect.region; ", "from velatura.detect import Region, Tracker, read_regions; "])
def test_the_verb_and_the_package_share_a_name(first: str) -> None:
    code = f"{first}import velatura; assert callable(velatura.detect); from velatura.detect.cover import cover; velatura.detect('x.png', every=0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=280)
    assert "detect.every" in done.stderr, done.stderr


def test_the_package_loads_nothing_heavy() -> None:
    code = "import sys, velatura.detect; print([name for name in ('numpy', 'cv2', 'av', 'onnxruntime', 'scipy') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=280)
    assert done.stdout.strip() == "[]"
