"""Everything that may come in wrong, through the installed command line: one clear line, the contract's exit status, the input untouched."""

from __future__ import annotations

import json
import os
import shutil
import signal
import struct
import subprocess
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.programs import VELATURA, bare_environment, velatura

pytestmark = pytest.mark.xdist_group("bad-input")


@pytest.fixture
def env(tmp_path: Path, model_home: Path) -> dict[str, str]:
    return bare_environment(tmp_path, VELATURA_HOME=str(model_home))


def one_error(done: subprocess.CompletedProcess[str], status: int, code: str) -> str:
    """The error's text, after looking that it is one line (and a hint), with the right status and code."""
    assert done.returncode == status, (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1, done.stderr
    assert f"[{code}]" in errors[0], errors
    return done.stderr


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


def jpeg_of(portrait: Path, target: Path) -> Path:
    from PIL import Image

    Image.open(portrait).convert("RGB").save(target, quality=90)
    return target


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("missing.jpg", 5, "media.missing"),
        ("empty.jpg", 5, "media.empty"),
        ("truncated.jpg", 5, "media.truncated"),
        ("bomb.png", 5, "media.too-large"),
        ("text.jpg", 5, "media.unknown-type"),
        ("fifo.jpg", 5, "media.not-a-file"),
        ("dangling.jpg", 5, "media.missing"),
    ],
)
def test_a_file_that_cannot_be_treated(name: str, status: int, code: str, tmp_path: Path, portrait: Path, env: dict[str, str]) -> None:
    whole = jpeg_of(portrait, tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "bomb.png").write_bytes(png_header(65_500, 65_500))
    (tmp_path / "text.jpg").write_text("not a picture at all, whatever it is called: für niemanden\n" * 20)
    os.mkfifo(tmp_path / "fifo.jpg")
    (tmp_path / "dangling.jpg").symlink_to(tmp_path / "nowhere")
    out = tmp_path / "out.jpg"
    one_error(velatura("obfuscate", tmp_path / name, "-o", out, env=env), status, code)
    assert not out.exists()
    assert not list(tmp_path.glob(".*part*"))


def test_an_unreadable_file_is_named(tmp_path: Path, portrait: Path, env: dict[str, str]) -> None:
    if os.geteuid() == 0:
        pytest.skip("permissions: root may read everything")
    source = jpeg_of(portrait, tmp_path / "a.jpg")
    source.chmod(0)
    one_error(velatura("obfuscate", source, "-o", tmp_path / "b.jpg", env=env), 5, "media.unreadable")


def test_a_lying_extension_is_treated_by_content(tmp_path: Path, portrait: Path, env: dict[str, str]) -> None:
    source = tmp_path / "really-png.jpg"
    shutil.copy(portrait, source)
    done = velatura("obfuscate", source, "-o", tmp_path / "out.png", env=env)
    assert done.returncode == 0, done.stderr
    assert "png" in done.stderr.lower()


@pytest.mark.parametrize("link", ["same", "soft", "hard", "dots"])
def test_input_and_output_may_not_be_one_file(link: str, tmp_path: Path, portrait: Path, env: dict[str, str]) -> None:
    source = jpeg_of(portrait, tmp_path / "a.jpg")
    before = source.read_bytes()
    (tmp_path / "soft.jpg").symlink_to(source)
    os.link(source, tmp_path / "hard.jpg")
    target = {"same": source, "soft": tmp_path / "soft.jpg", "hard": tmp_path / "hard.jpg", "dots": tmp_path / "x" / ".." / "a.jpg"}[link]
    one_error(velatura("obfuscate", source, "-o", target, "--force", env=env), 2, "files.same")
    assert source.read_bytes() == before


def test_nothing_is_overwritten_without_force(tmp_path: Path, portrait: Path, env: dict[str, str]) -> None:
    source = jpeg_of(portrait, tmp_path / "a.jpg")
    (tmp_path / "out.jpg").write_bytes(b"precious")
    one_error(velatura("obfuscate", source, "-o", tmp_path / "out.jpg", env=env), 2, "files.exists")
    assert (tmp_path / "out.jpg").read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("method", "listed"),
    [
        ("pixelat:8", "pixelate"),
        ("pixelate:zero", "pixelate:N"),
        ("pixelate:0", "pixelate:N"),
        ("blur:-1", "blur:SIGMA"),
        ("dp-pixelate:cells=4,epsilonn=1", "epsilon"),
        ("dp-pixelate:cells=4,m=roi,epsilon=0", "epsilon"),
        ("fill:red", "fill"),
    ],
)
def test_a_wrong_method_or_parameter_lists_the_valid_ones(method: str, listed: str, tmp_path: Path, portrait: Path, env: dict[str, str]) -> None:
    done = velatura("obfuscate", portrait, "-o", tmp_path / "out.png", "--method", method, env=env)
    assert done.returncode == 2, done.stderr
    assert listed in done.stderr
    assert "Traceback" not in done.stderr


def regions_file(path: Path, source: Path, boxes: list[list[float]], size: tuple[int, int]) -> Path:
    regions = [{"box": box, "label": "face", "score": 1.0, "track": number, "time": 0.0} for number, box in enumerate(boxes)]
    item = {"file": str(source), "width": size[0], "height": size[1], "regions": regions}
    path.write_text(json.dumps({"schema": "velatura/1", "command": "detect", "version": "0", "result": {"items": [item]}, "warnings": []}))
    return path


@pytest.mark.parametrize("what", ["ten thousand", "one pixel", "over the border"])
def test_unusual_regions_are_treated(what: str, tmp_path: Path, portrait: Path, env: dict[str, str]) -> None:
    import numpy as np
    from PIL import Image

    boxes = {
        "ten thousand": [[float(x * 5), float(y * 5), x * 5 + 3.0, y * 5 + 3.0] for x in range(100) for y in range(100)],
        "one pixel": [[100.0, 100.0, 101.0, 101.0]],
        "over the border": [[-50.0, -50.0, 40.0, 40.0], [480.0, 480.0, 900.0, 900.0]],
    }[what]
    regions = regions_file(tmp_path / "r.json", portrait, boxes, (512, 512))
    out = tmp_path / "out.png"
    done = velatura("obfuscate", portrait, "-o", out, "--regions", regions, "--policy", "open", env=env)
    assert done.returncode == 0, done.stderr
    pixels = np.asarray(Image.open(out).convert("RGB"))
    for x0, y0, x1, y1 in boxes[:: max(1, len(boxes) // 50)]:
        inside = pixels[max(0, int(y0)) : int(y1), max(0, int(x0)) : int(x1)]
        assert not inside.any()


@pytest.mark.parametrize("box", [[10, 10, 5, 20], [float("nan"), 0, 5, 5], [1, 2, 3], "box"])
def test_a_region_that_is_none_is_refused(box: object, tmp_path: Path, portrait: Path, env: dict[str, str]) -> None:
    regions = regions_file(tmp_path / "r.json", portrait, [box], (512, 512))  # type: ignore[list-item]
    done = velatura("obfuscate", portrait, "-o", tmp_path / "out.png", "--regions", regions, env=env)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out.png").exists()


def test_no_face_at_all_is_said_and_is_no_failure(tmp_path: Path, env: dict[str, str]) -> None:
    from PIL import Image

    Image.new("RGB", (320, 240), (120, 130, 140)).save(tmp_path / "wall.png")
    done = velatura("obfuscate", tmp_path / "wall.png", "-o", tmp_path / "out.png", env=env)
    assert done.returncode == 0
    assert "no face" in done.stderr
    assert (tmp_path / "out.png").exists()


def test_a_wrong_key_opens_nothing_and_says_no_more(tmp_path: Path, portrait: Path, env: dict[str, str]) -> None:
    for name in ("alice", "mallory"):
        assert velatura("keys", "new", "-o", tmp_path / f"{name}.key", env=env).returncode == 0
    out = tmp_path / "out.png"
    sealed = velatura("obfuscate", portrait, "-o", out, "--method", "seal", "--recipient", tmp_path / "alice.key.pub", "--json", env=env)
    assert sealed.returncode == 0, sealed.stderr
    sidecar = next(tmp_path.glob("out*.vseal"))
    done = velatura("unseal", out, sidecar, "--identity", tmp_path / "mallory.key", "-o", tmp_path / "back.png", env=env)
    assert done.returncode == 3
    assert not (tmp_path / "back.png").exists()
    assert "Traceback" not in done.stderr
    right = velatura("unseal", out, sidecar, "--identity", tmp_path / "alice.key", "-o", tmp_path / "back.png", env=env)
    assert right.returncode == 0, right.stderr


def test_one_bad_file_does_not_stop_the_rest_and_a_second_run_does_only_what_is_missing(tmp_path: Path, portrait: Path, env: dict[str, str]) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    jpeg_of(portrait, folder / "a.jpg")
    (folder / "b.jpg").write_bytes(b"\xff\xd8\xff broken")
    jpeg_of(portrait, folder / "c.jpg")
    out = tmp_path / "out"
    out.mkdir()
    done = velatura("obfuscate", folder, "-o", out, env=env)
    assert done.returncode == 5, done.stderr
    assert "b.jpg" in done.stderr
    assert sorted(path.name for path in out.glob("*.jpg")) == ["a.jpg", "c.jpg"]
    stamp = (out / "a.jpg").stat().st_mtime_ns
    jpeg_of(portrait, folder / "b.jpg")
    again = velatura("obfuscate", folder, "-o", out, env=env)
    assert again.returncode == 0, again.stderr
    assert (out / "a.jpg").stat().st_mtime_ns == stamp
    assert (out / "b.jpg").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB, where we may mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, check=False, timeout=280)
    if done.returncode:
        pytest.skip("mount: only root can make a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False, timeout=280)


def test_a_full_disk_leaves_nothing(small_disk: Path, portrait: Path, env: dict[str, str]) -> None:
    one_error(velatura("obfuscate", portrait, "-o", small_disk / "out.png", env=env), 1, "files.disk-full")
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_ended_in_the_middle_nothing_playable_is_left(how: signal.Signals, tmp_path: Path, street: Path, env: dict[str, str]) -> None:
    out = tmp_path / "out.mp4"
    process = subprocess.Popen([VELATURA, "obfuscate", street, "-o", out], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline and not any(p.stat().st_size > 4096 for p in tmp_path.glob(".*.part*")):
        time.sleep(0.02)  # until it writes
    assert process.poll() is None, "it ended before it could be ended"
    process.send_signal(how)
    said = process.communicate(timeout=60)[1]
    assert not out.exists()
    assert "Traceback" not in said
    if how is not signal.SIGKILL:
        assert process.returncode == 130
        assert not list(tmp_path.glob(".*.part*"))
    for rest in tmp_path.glob(".*.part*"):
        assert rest.stat().st_mode & 0o077 == 0
