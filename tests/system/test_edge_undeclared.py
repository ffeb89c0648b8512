"""A live run of `velatura edge run` under `env -i` and strace: no socket, and no file that the command line does not name."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from tests.edge.cameras import clip
from tests.edge.undeclared import opened, watched

pytestmark = [pytest.mark.skipif(sys.platform != "linux", reason="vision is confined by Linux"), pytest.mark.xdist_group("processes")]

POLICY = '[[cameras]]\nname = "door"\n[cameras.egress]\ntick_s = 1.0\nbits_per_hour = 1e6\n'


def run(tmp_path: Path, models: Path, seconds: int) -> None:
    policy, out, state = tmp_path / "door.toml", tmp_path / "events.jsonl", tmp_path / "state"
    policy.write_text(POLICY)
    source = clip(tmp_path / "clip.mp4", frames=250)
    words = ["edge", "run", source, "--live", "--model", "centerface", "--policy", policy, "--state", state, "-o", out, "--for-s", str(seconds)]
    seen = watched(words, tmp_path, models, timeout_s=seconds + 120)
    assert seen.undeclared == ()
    assert seen.calls > 100 and seen.seconds >= seconds
    told = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(told) >= seconds / 2, "it has ticked meanwhile"


def test_six_seconds_of_a_camera_open_nothing_undeclared(tmp_path: Path, model_home: Path) -> None:
    run(tmp_path, model_home, 6)


@pytest.mark.slow
def test_ten_minutes_of_a_camera_open_nothing_undeclared(tmp_path: Path, model_home: Path) -> None:
    run(tmp_path, model_home, 600)


@pytest.mark.parametrize(
    "line",
    [
        "7 socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP) = 3",
        "7 socket(AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC, NETLINK_ROUTE) = 3",
        '7 connect(3, {sa_family=AF_UNIX, sun_path="/run/log"}, 110) = 0',
        '7 openat(AT_FDCWD, "/home/anna/frames.bin", O_WRONLY|O_CREAT|O_CLOEXEC, 0666) = 3',
        '7 openat(AT_FDCWD, "/etc/cron.d/x", O_RDWR|O_CREAT, 0666) = 3',
        '7 openat(AT_FDCWD, "/home/anna/.ssh/id", O_RDONLY) = 3',
        '7 memfd_create("x", 0) = 3',
        '7 execve("/bin/sh", ["sh"], 0x7f) = 0',
    ],
)
def test_the_watcher_sees_what_is_undeclared(line: str, tmp_path: Path) -> None:
    assert opened([line], [str(tmp_path / "events.jsonl")], tmp_path) == [line]


def test_the_watcher_lets_pass_what_is_declared(tmp_path: Path) -> None:
    lines = [
        f'7 openat(AT_FDCWD, "{tmp_path}/events.jsonl", O_WRONLY|O_CREAT, 0600) = 3',
        '7 openat(AT_FDCWD, "/etc/ld.so.cache", O_RDONLY|O_CLOEXEC) = 3',
        '7 openat(AT_FDCWD, "/home/anna/none", O_RDONLY) = -1 ENOENT (No such file or directory)',
        "7 socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0) = 3",
        f'7 execve("{sys.executable}", ["python"], 0x7f) = 0',
    ]
    assert opened(lines, [str(tmp_path / "events.jsonl")], tmp_path) == []
