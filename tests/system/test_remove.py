"""`velatura remove` as installed: drawn clips and pictures from file to file, held against their truth."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.programs import VELATURA, bare_environment, velatura
from tests.removal import scenes
from tests.removal.drawing import planes
from tests.removal.judging import judged, read, upright
from tests.weights import Weights

from velatura.media.frame import Frame, PixelForm
from velatura.media.reader import Facts
from velatura.media.sink import create
from velatura.media.source import Decoder
from velatura.removal.limits import REMOVAL

pytestmark = pytest.mark.xdist_group("remove")

ALPHA = PixelForm("rgb", alpha=True)


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder() as warm:
        yield warm


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """No model is here."""
    return bare_environment(tmp_path, VELATURA_HOME=str(tmp_path / "no-models"))


@pytest.fixture
def seeing(tmp_path: Path, weights: Weights) -> dict[str, str]:
    """A person detector is here."""
    return bare_environment(tmp_path, VELATURA_HOME=str(weights("fastestdet").folder.parent))


def test_a_walker_leaves_no_trace_and_the_document_says_all(tmp_path: Path, bare: dict[str, str], decoder: Decoder) -> None:
    made = scenes.walker(tmp_path)
    done = velatura("remove", made.path, "-o", tmp_path / "out.mp4", "--json", env=bare)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    (item,) = told["result"]["items"]
    assert (told["command"], item["kind"], item["frames"], item["covered"], item["shows"]) == ("remove", "clip", 40, 0, [])
    assert item["touched"] >= sum(mask.any() for mask in made.masks)
    (shot,) = item["shots"]
    assert (shot["start_s"], shot["frames"], shot["camera"], shot["in_doubt"], shot["invented"]) == (0, 40, "standing", 0, 0)
    assert item["limits"] == REMOVAL and item["warnings"] == told["warnings"]
    seen = judged(made, tmp_path / "out.mp4", decoder)
    assert seen.leak == 0 and seen.changed == 0


def test_the_summary_is_for_people(tmp_path: Path, bare: dict[str, str]) -> None:
    made = scenes.walker(tmp_path, frames=16)
    done = velatura("remove", made.path, "-o", tmp_path / "out.mp4", env=bare)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert "out.mp4: what moves taken out in" in first and "camera standing; searched again: nothing differs from the background" in first
    assert second == REMOVAL and "no detector is here: motion alone says what goes" in done.stderr


def test_somebody_who_never_moves_is_covered_and_told_or_nothing_is_released(tmp_path: Path, seeing: dict[str, str], decoder: Decoder) -> None:
    made = scenes.stander(tmp_path, frames=12)
    done = velatura("remove", made.path, "-o", tmp_path / "out.mp4", env=seeing)
    assert done.returncode == 0 and "in 12 of 12 frames it is in doubt what lies behind, and the place is covered (fill)" in done.stderr
    assert judged(made, tmp_path / "out.mp4", decoder).leak <= 0.02
    refused = velatura("remove", made.path, "-o", tmp_path / "never.mp4", "--fallback", "fail", env=seeing)
    assert refused.returncode == 3 and "[remove.in-doubt]" in refused.stderr and not (tmp_path / "never.mp4").exists()
    assert "--targets motion leaves whatever never moves, that person too" in refused.stderr


def test_covered_places_are_in_the_document_and_named(tmp_path: Path, bare: dict[str, str]) -> None:
    made = scenes.stander(tmp_path, frames=12)
    cv2.imwrite(str(tmp_path / "mask.png"), scenes.mask(scenes.SCENES["stander"], 0).astype(np.uint8) * 255)
    done = velatura("remove", made.path, "-o", tmp_path / "out.mp4", "--mask", tmp_path / "mask.png", "--json", env=bare)
    assert done.returncode == 0, done.stderr
    (item,) = json.loads(done.stdout)["result"]["items"]
    (place,) = item["covered_places"]
    assert item["covered_places_total"] == 1 and (place["first_frame"], place["last_frame"], place["last_s"]) == (0, 11, 0.44)
    y, x = np.nonzero(scenes.mask(scenes.SCENES["stander"], 0))
    x0, y0, x1, y1 = place["box"]
    assert x0 <= x.min() and y0 <= y.min() and x.max() < x1 and y.max() < y1
    assert f"0.00-0.44 s ({x0:.0f}, {y0:.0f}, {x1:.0f}, {y1:.0f})" in done.stderr


def test_a_picture_of_which_nothing_would_be_left_is_not_released(tmp_path: Path, bare: dict[str, str]) -> None:
    photo = scenes.photo(tmp_path)
    cv2.imwrite(str(tmp_path / "mask.png"), np.full((120, 160), 255, np.uint8))
    done = velatura("remove", photo.path, "-o", tmp_path / "out.png", "--mask", tmp_path / "mask.png", env=bare)
    assert done.returncode == 3 and "[remove.nothing-left]" in done.stderr and "velatura obfuscate" in done.stderr
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("json_too", [[], ["--json"]])
def test_a_result_that_cannot_be_printed_is_one_line(json_too: list[str], tmp_path: Path, bare: dict[str, str]) -> None:
    made = scenes.walker(tmp_path, frames=12)
    words = [str(VELATURA), "remove", str(made.path), "-o", str(tmp_path / "out.mp4"), "--quiet", *json_too]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(words, env=bare, stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=280)
    assert done.returncode == 1 and (tmp_path / "out.mp4").exists()
    errors = [line for line in done.stderr.splitlines() if not line.startswith("warning: ")]
    assert errors == ["error: the result cannot be printed: No space left on device [cli.stdout]", "  what was asked for is done; look at the files"]


def test_what_was_meant_otherwise_is_refused_with_the_next_step(tmp_path: Path, bare: dict[str, str]) -> None:
    source = scenes.walker(tmp_path, frames=12).path
    (tmp_path / "text.onnx").write_text("no network")
    cv2.imwrite(str(tmp_path / "photo.jpg"), scenes.clean(scenes.Scene(), 0).astype(np.uint8))
    meant = [
        (["--targets", ""], 2, "[remove.target]", "valid: motion, face"),
        (["--inpainter", tmp_path / "text.onnx"], 5, "is no ONNX file", "leave it out"),
        (["--mask", tmp_path / "photo.jpg"], 5, "is no mask", "make it of two values first"),
    ]
    for words, status, sentence, step in meant:
        done = velatura("remove", source, "-o", tmp_path / "out.mp4", *words, env=bare)
        assert done.returncode == status and sentence in done.stderr and step in done.stderr, done.stderr
        assert not (tmp_path / "out.mp4").exists() and "Traceback" not in done.stderr


def test_only_the_picked_one_of_two_goes(tmp_path: Path, seeing: dict[str, str], decoder: Decoder) -> None:
    one, other = scenes.Person(-0.15, 0.45, height=0.7), scenes.Person(0.5, 1.15, height=0.7)
    made = scenes.walker(tmp_path, people=(one, other))
    y, x = np.nonzero(scenes.mask(scenes.Scene(people=(one,)), 20))
    done = velatura("remove", made.path, "-o", tmp_path / "out.mp4", "--pick", f"{20 / 25},{x.mean()},{y.mean()}", "--json", env=seeing)
    assert done.returncode == 0, done.stderr
    assert [gone["label"] for gone in json.loads(done.stdout)["result"]["items"][0]["gone"]] == ["person"]
    shown = [replace(made, masks=[scenes.mask(scenes.Scene(people=(who,)), index) for index in range(40)]) for who in (one, other)]
    leaks = [judged(of, tmp_path / "out.mp4", decoder).leak for of in shown]
    assert leaks[0] <= 0.1 and leaks[1] > 0.5


def test_a_folder_with_a_bad_file_is_done_but_for_it_and_once(tmp_path: Path, bare: dict[str, str]) -> None:
    (tmp_path / "in").mkdir()
    whole = scenes.walker(tmp_path / "in", frames=12).path.read_bytes()
    (tmp_path / "in" / "bad.mp4").write_bytes(whole[: len(whole) // 3])
    first = velatura("remove", "in", "-o", "out", env=bare, cwd=tmp_path)
    assert first.returncode == 5 and "bad.mp4: NOT DONE" in first.stdout and "walker.mp4: what moves taken out" in first.stdout
    assert not (tmp_path / "out" / "bad.mp4").exists() and "Traceback" not in first.stderr
    again = velatura("remove", "in", "-o", "out", env=bare, cwd=tmp_path)
    assert "walker.mp4: done before" in again.stdout


def test_a_clip_that_ends_too_early_is_refused_and_one_with_a_hole_is_black_there(tmp_path: Path, bare: dict[str, str], decoder: Decoder) -> None:
    made = scenes.walker(tmp_path, suffix=".mkv")
    raw = bytearray(made.path.read_bytes())
    middle = len(raw) // 2
    raw[middle : middle + 400] = bytes(400)
    (tmp_path / "hurt.mkv").write_bytes(raw)
    (tmp_path / "short.mkv").write_bytes(raw[:600])
    done = velatura("remove", tmp_path / "hurt.mkv", "-o", tmp_path / "out.mp4", "--json", env=bare)
    if done.returncode == 0:
        assert json.loads(done.stdout)["result"]["items"][0]["black"] > 0 and "damaged" in done.stderr
    else:
        assert done.returncode == 5 and not (tmp_path / "out.mp4").exists()
    refused = velatura("remove", tmp_path / "short.mkv", "-o", tmp_path / "never.mp4", env=bare)
    assert refused.returncode == 5 and not (tmp_path / "never.mp4").exists() and "Traceback" not in refused.stderr


@pytest.mark.parametrize("suffix", [".tif", ".webp", ".gif"])
def test_pages_and_animations_with_masks(suffix: str, tmp_path: Path, bare: dict[str, str], decoder: Decoder) -> None:
    count = 3 if suffix == ".tif" else 8
    scene = scenes.Scene(frames=count, form=scenes.RGB, noise=0.0, people=(scenes.Person(0.4, 0.6),))
    source = _pictures(tmp_path / f"in{suffix}", scene)
    masks = tmp_path / "masks"
    masks.mkdir()
    for index in range(count):
        cv2.imwrite(str(masks / f"{index}.png"), cv2.dilate(scenes.mask(scene, index).astype(np.uint8) * 255, np.ones((7, 7), np.uint8)))
    done = velatura("remove", source, "-o", tmp_path / f"out{suffix}", "--mask", masks, "--json", env=bare)
    assert done.returncode == 0, done.stderr
    (item,) = json.loads(done.stdout)["result"]["items"]
    assert (item["kind"], item["frames"], item["touched"]) == ("pages" if suffix == ".tif" else "animation", count, count)
    before, after = read(source, decoder), read(tmp_path / f"out{suffix}", decoder)
    assert len(after) == count
    for index, (old, new) in enumerate(zip(before, after, strict=True)):
        apart = cv2.absdiff(upright(old), upright(new))
        assert apart[scenes.mask(scene, index)].mean() > 15 > 4 > np.median(apart)


def _pictures(path: Path, scene: scenes.Scene) -> Path:
    """A scene as pages or as an animation."""
    kind = "pages" if path.suffix == ".tif" else "animation"
    facts = Facts(kind, path.suffix[1:], *scene.size, scene.form, frames=scene.frames, rate=25.0, time_base=Fraction(1, 1000))  # type: ignore[arg-type]
    with create(path, facts) as writer:
        for frame in scenes.frames(scene):
            writer.write(frame)
        writer.finish()
    return path


def test_a_picture_with_alpha_keeps_it(tmp_path: Path, bare: dict[str, str], decoder: Decoder) -> None:
    scene = scenes.SCENES["photo"]
    drawn = next(iter(scenes.frames(scene)))
    alpha = np.tile(np.linspace(0, 255, 160).astype(np.uint8), (120, 1))
    with create(tmp_path / "in.png", Facts("picture", "png", 160, 120, ALPHA), lossless=True) as writer:
        writer.write(Frame([*drawn.planes, alpha], ALPHA))
        writer.finish()
    cv2.imwrite(str(tmp_path / "mask.png"), cv2.dilate(scenes.mask(scene, 0).astype(np.uint8) * 255, np.ones((7, 7), np.uint8)))
    done = velatura("remove", tmp_path / "in.png", "-o", tmp_path / "out.png", "--mask", tmp_path / "mask.png", env=bare)
    assert done.returncode == 0, done.stderr
    (frame,) = read(tmp_path / "out.png", decoder)
    mask = scenes.mask(scene, 0)
    truth = planes(scenes.clean(scene, 0), scenes.RGB, 1)
    outside = ~cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(np.bool_)
    assert np.array_equal(frame.planes[3][outside], alpha[outside])
    assert np.abs(frame.planes[0][mask].astype(int) - truth[0][mask]).mean() < 40 < np.abs(drawn.planes[0][mask].astype(int) - truth[0][mask]).mean()


@pytest.mark.parametrize("when_s", [0.9, 1.8])
def test_ctrl_c_leaves_nothing_behind(when_s: float, tmp_path: Path, bare: dict[str, str]) -> None:
    source = scenes.walker(tmp_path, frames=250).path
    running = subprocess.Popen(
        [str(VELATURA), "remove", str(source), "-o", str(tmp_path / "out.mp4"), "--masks-out", str(tmp_path / "masks")],
        env=bare, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    time.sleep(when_s)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert "Traceback" not in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["walker.mp4"]
