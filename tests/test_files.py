"""Whole or not at all; 0600 where it is secret; never its own input."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.errors import BadInput, BadSpec, VelaturaError
from velatura.files import atomic_output, existing_file, open_regular, private_folder, private_output, refuse_same


@given(st.binary(max_size=4096))
def test_what_was_written_is_there_and_nothing_beside_it(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("out")
    with atomic_output(folder / "a.bin") as part:
        part.write_bytes(data)
        assert not (folder / "a.bin").exists()
    assert [p.name for p in folder.iterdir()] == ["a.bin"]
    assert (folder / "a.bin").read_bytes() == data


def test_an_error_inside_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), atomic_output(target, force=True) as part:
        part.write_bytes(b"new")
        _ = 1 // 0
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_an_existing_file_is_refused_at_the_start_and_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    with pytest.raises(BadSpec, match=r"files\.exists"), atomic_output(target) as part:
        part.write_bytes(b"ours")
        target.write_bytes(b"somebody else's")
    assert target.read_bytes() == b"somebody else's"
    with pytest.raises(BadSpec, match=r"files\.exists"), atomic_output(target):
        pass
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(BadSpec, match=r"files\.exists"), atomic_output(tmp_path / "dangling"):
        pass


def test_a_longer_old_file_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"x" * 1000)
    with atomic_output(target, force=True) as part:
        part.write_bytes(b"short")
    assert target.read_bytes() == b"short"


def test_a_secret_is_0600_under_any_umask_and_a_plain_file_follows_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with private_output(tmp_path / "key") as part:
            part.write_bytes(b"k")
        with atomic_output(tmp_path / "plain") as part:
            assert stat.S_IMODE(part.stat().st_mode) == 0o600  # before it is complete nobody else may read it
            part.write_bytes(b"p")
        with private_folder(tmp_path) as folder:
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert not folder.exists()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "plain").stat().st_mode) == 0o666


def test_a_umask_that_takes_everything_leaves_the_owner_his_secret(tmp_path: Path) -> None:
    before = os.umask(0o777)
    try:
        with private_output(tmp_path / "key") as part:
            part.write_bytes(b"k")
        with private_folder(tmp_path) as folder:
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_a_missing_folder_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadSpec, match=r"files\.no-folder"), atomic_output(tmp_path / "no" / "a"):
        pass
    with pytest.raises(BadSpec, match=r"files\.is-folder"), atomic_output(tmp_path):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="pipes have no names there")
def test_a_pipe_a_device_and_a_link_to_one_are_never_replaced(tmp_path: Path) -> None:
    """By root the device would be gone for everybody on the machine."""
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(os.devnull)
    for place in (pipe, link):
        for output in (atomic_output, private_output):
            with pytest.raises(BadSpec, match=r"files\.no-plain-file"), output(place, force=True):
                raise AssertionError("nothing is made")
    assert stat.S_ISFIFO(pipe.stat().st_mode) and link.is_symlink() and stat.S_ISCHR(link.stat().st_mode)


def test_an_output_is_never_its_own_input(tmp_path: Path) -> None:
    source = tmp_path / "a.jpg"
    source.write_bytes(b"x")
    (tmp_path / "soft.jpg").symlink_to(source)
    os.link(source, tmp_path / "hard.jpg")
    for target in (source, tmp_path / "soft.jpg", tmp_path / "hard.jpg", tmp_path / "." / "a.jpg", tmp_path / "x" / ".." / "a.jpg"):
        with pytest.raises(BadSpec, match=r"files\.same"):
            refuse_same(source, target)
    refuse_same(source, tmp_path / "b.jpg")


def test_what_is_no_readable_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "fifo")
    for name, code in (("none", "missing"), ("dangling", "missing"), ("fifo", "not-a-file"), (".", "not-a-file")):
        with pytest.raises(BadInput, match=code):
            existing_file(tmp_path / name)


def test_a_kill_in_the_middle_leaves_nothing_under_the_final_name(tmp_path: Path) -> None:
    code = textwrap.dedent("""
        import os, pathlib, sys
        from velatura.files import atomic_output
        with atomic_output(pathlib.Path(sys.argv[1])) as part:
            part.write_bytes(b"half")
            os.kill(os.getpid(), 9)
    """)
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "out.mp4")], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, check=False, timeout=280
    )
    assert not (tmp_path / "out.mp4").exists()
    rest = list(tmp_path.iterdir())
    assert all(p.name.startswith(".") and p.suffix == ".part" and stat.S_IMODE(p.stat().st_mode) == 0o600 for p in rest)


def test_the_next_run_removes_what_a_killed_one_left_and_nothing_else(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait(timeout=60)
    target = tmp_path / "out.mp4"
    names = {
        f".out.mp4.{gone.pid}-0123.part": False,
        f".out.mp4.{os.getpid()}-0123.part": True,
        ".out.mp4.part": True,
        f".other.mp4.{gone.pid}-0123.part": True,
        f".out.mp4.{gone.pid}-0123.txt": True,
    }
    for name in names:
        (tmp_path / name).touch()
    with atomic_output(target) as part:
        part.write_bytes(b"x")
    assert {name: (tmp_path / name).exists() for name in names} == names


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("/dev/full: this system has none")
    with (
        pytest.raises(VelaturaError, match=r"files\.disk-full"),
        atomic_output(tmp_path / "a.bin") as part,
        part.open("wb") as stream,
        Path("/dev/full").open("wb", buffering=0) as full,
    ):
        stream.write(b"x")
        full.write(b"x")
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_end_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").write_bytes(b"all")
    for path in (tmp_path / "fifo", Path("/dev/zero"), tmp_path):
        with pytest.raises(OSError, match="not a regular file"):
            open_regular(path)
    with open_regular(tmp_path / "file") as stream:
        assert stream.read() == b"all"
