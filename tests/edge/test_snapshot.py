"""One still for whoever sits at the machine: masked before it leaves its process, drawn on where vision looks, and made nowhere else."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from tests.edge.cameras import clip, rtsp_camera
from tests.programs import VELATURA, bare_environment

from velatura.edge import snapshot as stills
from velatura.edge.destinations import destination_of
from velatura.edge.policy import Camera, Line, Mask, Policy, Zone
from velatura.edge.snapshot import camera_of, refuse_elsewhere, snapshot
from velatura.edge.sources import source_of
from velatura.edge.still import HEAD
from velatura.errors import BadInput, BadSpec, Withheld

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what decodes is confined by Linux")

PIXELS = {"mjpeg": "yuvj420p", "libx264rgb": "rgb24", "libx265": "yuv420p10le"}
LEFT = Mask(((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)))


BARE = Camera()


def still(path: Path, out: Path, camera: Camera = BARE, **more: float) -> np.ndarray:
    made = snapshot(source_of(str(path)), out, camera, **more)
    assert out.stat().st_mode & 0o777 == 0o600
    picture = np.asarray(Image.open(out))
    assert (made.width, made.height) == (picture.shape[1], picture.shape[0])
    return picture


def split(path: Path, left: int, *, codec: str = "libx264", size: tuple[int, int] = (320, 240)) -> Path:
    """Ten frames: the left half of one grey, the right half of another."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options={"qp": "0"} if codec == "libx264" else {})
        stream.width, stream.height, stream.pix_fmt = *size, PIXELS.get(codec, "yuv420p")
        for _ in range(10):
            picture = np.full((size[1], size[0], 3), 180, np.uint8)
            picture[:, : size[0] // 2 - 8] = left
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def test_what_lies_under_a_mask_is_not_in_the_still(tmp_path: Path) -> None:
    masked = Camera(masks=(LEFT,))
    for name, left in (("a", 20), ("b", 250)):
        still(split(tmp_path / f"{name}.mp4", left), tmp_path / f"{name}.png", masked)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    picture = np.asarray(Image.open(tmp_path / "a.png"))
    assert picture[:, :160].max() < 10 and abs(int(picture[120, 300].mean()) - 180) < 6
    assert still(tmp_path / "b.mp4", tmp_path / "bare.png")[120, 60].min() > 240, "and without a mask it is"


def test_lines_point_to_where_in_is_and_zones_are_outlined(tmp_path: Path) -> None:
    camera = Camera(
        lines=(Line("gate", (0.2, 0.5), (0.8, 0.5)), Line("fence", (0.9, 0.9), (0.9, 0.1))),
        zones=(Zone("desk", ((0.1, 0.6), (0.4, 0.6), (0.4, 0.9), (0.1, 0.9))),),
    )
    picture = still(split(tmp_path / "a.mp4", 180), tmp_path / "a.png", camera).astype(int)
    yellow, blue = (np.abs(picture - colour).sum(axis=2) < 30 for colour in (stills._LINE, stills._ZONE))
    assert yellow[120, 80] and yellow[127, 160] and not yellow[111:117, 160].any(), "a -> b to the right: in is down, on its right"
    assert yellow[120, 296] and not yellow[120, 277:284].any(), "upwards: in is to the right"
    assert blue[144, 60] and blue[180, 32] and not blue[180, 80]


@pytest.mark.parametrize("codec", ["libx264", "libx264rgb", "libx265", "mjpeg", "libvpx-vp9", "libsvtav1", "mpeg4"])
def test_every_codec_gives_a_still(codec: str, tmp_path: Path) -> None:
    assert abs(int(still(split(tmp_path / "a.mkv", 180, codec=codec), tmp_path / "a.jpg")[120, 200].mean()) - 180) < 8


def test_the_time_is_of_the_source(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", frames=50)
    first, later = (still(path, tmp_path / f"{at_s}.png", at_s=at_s).astype(int) for at_s in (0.0, 1.0))
    red = [np.flatnonzero((picture[90, :, 0] - picture[90, :, 1]) > 60).min() for picture in (first, later)]
    assert red[0] < 8 and 90 < red[1] < 115  # four pixels a frame
    with pytest.raises(BadInput, match="at 9 s") as refusal:
        snapshot(source_of(str(path)), tmp_path / "no.png", Camera(), at_s=9.0)
    assert refusal.value.code == "edge.no-still" and not (tmp_path / "no.png").exists()


def test_masks_that_cannot_be_drawn_give_no_still(tmp_path: Path) -> None:
    odd = split(tmp_path / "odd.mkv", 20, codec="libx264rgb")  # planes of green, blue and red
    with pytest.raises(BadInput) as refusal:
        snapshot(source_of(str(odd)), tmp_path / "odd.png", Camera(masks=(LEFT,)))
    assert refusal.value.code == "edge.masks" and not (tmp_path / "odd.png").exists()


def test_a_camera_gives_a_still_or_says_why_not(tmp_path: Path) -> None:
    with rtsp_camera("user", "secret") as (_, port):
        assert still_of_camera(f"rtsp://user:secret@127.0.0.1:{port}/cam", tmp_path / "cam.png").size
        with pytest.raises(BadInput, match="user or password") as refusal:
            still_of_camera(f"rtsp://user:wrong@127.0.0.1:{port}/cam", tmp_path / "no.png")
    assert "wrong" not in str(refusal.value) and not (tmp_path / "no.png").exists()
    with pytest.raises(BadInput, match="within 1 s"):
        still_of_camera("rtsp://127.0.0.1:9/cam", tmp_path / "no.png", patience_s=1.0)


def still_of_camera(address: str, out: Path, *, patience_s: float = 30.0) -> np.ndarray:
    snapshot(source_of(address), out, Camera(), patience_s=patience_s)
    return np.asarray(Image.open(out))


def test_garbage_is_no_still(tmp_path: Path) -> None:
    (tmp_path / "garbage.mp4").write_bytes(b"nothing " * 999)
    with pytest.raises(BadInput) as refusal:
        snapshot(source_of(str(tmp_path / "garbage.mp4")), tmp_path / "no.png", Camera())
    assert refusal.value.code == "edge.no-still"


@pytest.mark.parametrize(
    "answer",
    [b"", b"P", b"M ", HEAD.pack(b"P", 4, 4) + bytes(47), HEAD.pack(b"P", 4, 4) + bytes(49), HEAD.pack(b"X", 1, 1) + bytes(3), HEAD.pack(b"P", 0, 9)],
)
def test_what_the_confined_process_says_is_not_believed(answer: bytes) -> None:
    with pytest.raises(BadInput):
        stills._picture(answer)


def test_a_still_is_for_who_sits_at_the_machine() -> None:
    refuse_elsewhere(terminal=True, environment={}, yes_local=False)
    refuse_elsewhere(terminal=False, environment={"SSH_TTY": "/dev/pts/1"}, yes_local=True)
    for terminal, environment in ((False, {}), (True, {"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"})):
        with pytest.raises(Withheld) as refusal:
            refuse_elsewhere(terminal=terminal, environment=environment, yes_local=False)
        assert (refusal.value.code, refusal.value.exit_status) == ("edge.not-local", 3)


def test_which_camera_of_a_policy_and_never_beside_a_sink() -> None:
    door, hall = Camera("door"), Camera("hall")
    assert camera_of(Policy((door,)), "") == door and camera_of(Policy((door, hall)), "hall") == hall
    for policy, name in ((Policy((door, hall)), ""), (Policy((door,)), "doro"), (Policy((door,), sinks=(destination_of("prometheus:9100"),)), "")):
        with pytest.raises(BadSpec) as refusal:
            camera_of(policy, name)
        assert refusal.value.code == "edge.snapshot"


@pytest.mark.parametrize("name", ["still.gif", "still", "still.mp4"])
def test_a_still_is_a_png_or_a_jpeg(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadSpec, match="png"):
        snapshot(source_of(str(clip(tmp_path / "a.mp4", frames=3))), tmp_path / name, Camera())


def in_a_terminal(words: list[str], env: dict[str, str]) -> tuple[int, str]:
    """(exit status, what it printed), with a terminal of its own."""
    mine, its = pty.openpty()
    with subprocess.Popen(words, env=env, stdin=its, stdout=its, stderr=its, start_new_session=True) as process:
        os.close(its)
        said = b""
        while True:
            try:
                part = os.read(mine, 4096)
            except OSError:  # EIO: the other end is closed
                break
            if not part:
                break
            said += part
    os.close(mine)
    return process.returncode, said.decode()


def test_the_command_line_asks_for_a_terminal(tmp_path: Path) -> None:
    out, source = tmp_path / "still.png", clip(tmp_path / "a.mp4", frames=5)
    words, env = [str(VELATURA), "edge", "snapshot", str(source), "-o", str(out)], bare_environment(tmp_path)
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=60)
    assert (done.returncode, "[edge.not-local]" in done.stderr, out.exists()) == (3, True, False)
    status, said = in_a_terminal(words, {**env, "SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"})
    assert (status, "remote shell" in said, out.exists()) == (3, True, False)
    status, said = in_a_terminal(words, env)
    assert (status, out.exists()) == (0, True), said
    assert "no mask is burned in" in said and Image.open(out).size == (320, 240)
    done = subprocess.run([*words, "--yes-local"], env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=60)
    assert done.returncode == 2 and "[files.exists]" in done.stderr
