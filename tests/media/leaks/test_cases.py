"""The forty cases as real files: each secret is there to be found, and the scan names each that a file alone can tell of."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.leakcases import CASES, LeakCase, look
from benchmarks.leakcases.face import MARK
from benchmarks.leakcases.rest import stale
from tests.media.leaks.told import cases, found

from velatura.media.leaks.cases import CASES as KNOWN

BY_NAME = {case.case: case for case in CASES}
IN_FILES = [case for case in CASES if case.found and case.case not in ("L23", "L37")]


@pytest.fixture(autouse=True, scope="module")
def heic() -> None:
    look.register()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cases")


def crafted(case: LeakCase, folder: Path) -> Path:
    path = folder / case.name
    if not path.exists():
        case.make(path)
    return path


def test_there_are_forty_cases_and_the_table_of_the_scan_is_the_same() -> None:
    assert [case.case for case in CASES] == sorted(KNOWN) == [f"L{n:02d}" for n in range(1, 41)]
    assert {case.case for case in CASES if case.found} <= {name for name, known in KNOWN.items() if known.seen}


@pytest.mark.parametrize("case", [case for case in CASES if case.run != "stale"], ids=lambda case: case.case)
def test_the_secret_is_in_the_crafted_file(case: LeakCase, folder: Path) -> None:
    assert case.leaks(crafted(case, folder))


def test_the_stale_output_holds_the_secret_and_its_replacement_does_not(folder: Path) -> None:
    old = folder / "stale.jpg"
    old.write_bytes(stale())
    assert look.mark(old) and not BY_NAME["L20"].leaks(crafted(BY_NAME["L20"], folder))


@pytest.mark.parametrize("case", IN_FILES, ids=lambda case: case.case)
def test_the_scan_names_the_case(case: LeakCase, folder: Path) -> None:
    assert case.case in cases(crafted(case, folder).read_bytes())


@pytest.mark.parametrize("case", IN_FILES, ids=lambda case: case.case)
def test_no_value_of_the_file_is_told(case: LeakCase, folder: Path) -> None:
    words = " ".join(" ".join(one.values()) for one in found(crafted(case, folder).read_bytes()))
    assert MARK.decode() not in words and "Jane" not in words and "41.89" not in words


def test_a_covered_face_does_not_show(folder: Path) -> None:
    import numpy as np
    from benchmarks.leakcases.face import FACE, portrait, shows_face, shows_small_face

    x0, y0, x1, y1 = FACE
    covered = np.asarray(portrait()).copy()
    covered[y0 - 30 : y1 + 25, x0 - 25 : x1 + 25] = 0
    assert shows_face(np.asarray(portrait(20))) and not shows_face(covered) and not shows_small_face(covered)


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("L01", "thumbnail 160x160 of the clear picture"),
        ("L02", "maker note with a preview picture"),
        ("L03", "GPS position"),
        ("L09", "a picture (JPEG 320x320"),
        ("L25", "cover art: a picture"),
        ("L28", "telemetry (gpmd)"),
        ("L32", "12 frames that the edit list hides"),
    ],
)
def test_a_finding_says_what_it_is(case: str, words: str, folder: Path) -> None:
    assert any(words in one["what"] for one in found(crafted(BY_NAME[case], folder).read_bytes()))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".avif"])
def test_a_face_under_alpha_is_seen_in_every_format_that_keeps_it(suffix: str, folder: Path) -> None:
    from PIL import Image

    with Image.open(crafted(BY_NAME["L13"], folder)) as picture:
        picture.save(path := folder / f"alpha{suffix}", **({"exact": True, "quality": 80} if suffix == ".webp" else {}))
    assert cases(path.read_bytes()) == {"L13"}
