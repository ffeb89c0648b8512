"""The removal room before its attackers: what was taken out is not found, what was left in is, and a wrong spec is told."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
import pytest

from velatura.attacks.attack import Photo
from velatura.attacks.taken_out import NOWHERE
from velatura.audit.removal.arms import ClipArm, made_scene
from velatura.audit.removal.cases import plan
from velatura.audit.run import audit
from velatura.audit.spec import AuditSpec, read_spec
from velatura.errors import BadInput, BadSpec
from velatura.findings import Verdict


def person(number: int, picture: int = 0, shape: tuple[int, ...] = (36, 24)) -> np.ndarray:
    own = np.random.default_rng([4, number])
    face = own.integers(20, 236, (shape[0] // 6, shape[1] // 6, *shape[2:])).repeat(6, 0).repeat(6, 1)
    return np.clip(face + np.random.default_rng([5, number, picture]).normal(0, 4, face.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("shape", [(36, 24), (36, 24, 3)])
@pytest.mark.parametrize("stands", [0.0, 0.4])
def test_who_is_taken_out_is_not_there(shape: tuple[int, ...], stands: float) -> None:
    photo = Photo(person(1, shape=shape), 1)
    plain = ClipArm(False, None, 20, stands)(photo, np.random.default_rng(1)).astype(float)
    gone = ClipArm(True, None, 20, stands)(photo, np.random.default_rng(1)).astype(float)
    empty = ClipArm(False, None, 20, stands)(Photo(photo.picture, 1, box=NOWHERE), np.random.default_rng(2)).astype(float)
    assert plain.shape == gone.shape == photo.picture.shape
    assert np.abs(plain - photo.picture).mean() < 4, "the unprotected arm shows him"
    assert np.abs(gone - empty).mean() < 6
    assert np.abs(gone - photo.picture).mean() > 25


def test_a_scene_of_ones_own_is_behind_him() -> None:
    scene = np.random.default_rng(8).integers(60, 200, (12, 30)).astype(np.uint8).repeat(6, 0).repeat(6, 1)
    arm = ClipArm(True, scene, 20)
    gone = arm(Photo(person(2), 2), np.random.default_rng(1)).astype(float)
    top, left = (72 - 36) // 2, (180 - 24) // 2
    assert np.abs(gone - scene[top : top + 36, left : left + 24]).mean() < 6


def test_a_made_scene_is_the_same_each_time() -> None:
    assert (made_scene((36, 24)) == made_scene((36, 24))).all()


def folder(tmp_path: Path, count: int = 6) -> Path:
    for number in range(count):
        place = tmp_path / "people" / f"p{number}"
        place.mkdir(parents=True)
        for picture in range(2):
            cv2.imwrite(str(place / f"{picture}.png"), person(number, picture))
    return tmp_path / "people"


def spec_of(tmp_path: Path, table: str) -> Path:
    folder(tmp_path)
    path = tmp_path / "AUDIT.toml"
    path.write_text(f'room = "removal"\npictures = false\n[removal]\npeople = "people"\n{table}')
    return path


def test_a_small_audit(tmp_path: Path) -> None:
    """Six people have no upper end: nothing is broken, and the unprotected arm falls."""
    path = spec_of(tmp_path, 'attacks = ["reidentify", "ghosting"]\nattackers = ["nearest"]\nframes = 12\n')
    report = audit(path, tmp_path / "out").report
    names = [finding.attack for finding in report.findings]
    assert names == ["reidentify", "ghosting"]
    for finding in report.findings:
        assert finding.verdict in (Verdict.HELD, Verdict.INCONCLUSIVE), finding
        assert finding.baseline is not None
        assert finding.baseline.low > finding.baseline.chance


@pytest.mark.parametrize(
    ("table", "word"),
    [
        ('attacks = ["ghost"]\n', "did you mean 'ghosting'"),
        ("frames = 3\n", "from 10 to 300"),
        ("stands = 1.5\n", "from 0 to .9"),
        ("pictures = 1\n", "from 2"),
        ('pepole = "x"\n', "people"),
    ],
)
def test_a_wrong_table_is_told(tmp_path: Path, table: str, word: str) -> None:
    path = spec_of(tmp_path, table)
    with pytest.raises(BadSpec) as told, ExitStack() as stack:
        plan(read_spec(path), base=tmp_path, stack=stack)
    assert word in f"{told.value.sentence} {told.value.hint}"


def test_no_table(tmp_path: Path) -> None:
    with pytest.raises(BadSpec, match=r"audit\.no-table"), ExitStack() as stack:
        plan(AuditSpec(room="removal"), base=tmp_path, stack=stack)


def test_a_scene_that_is_too_small(tmp_path: Path) -> None:
    path = spec_of(tmp_path, 'scene = "people/p0/0.png"\n')
    with pytest.raises(BadInput, match=r"audit\.scene"), ExitStack() as stack:
        plan(read_spec(path), base=tmp_path, stack=stack)
