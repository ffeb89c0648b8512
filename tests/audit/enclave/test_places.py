"""Places where a word of the data could be seen: each finds it in a plain process, none in the cell, and a look that cannot be had is told."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from velatura.attacks.enclave.data_canary import CORE, DataCanary, Leak
from velatura.audit.enclave import captures, jobs, places, process_memory, swapping
from velatura.audit.enclave.captures import Capture
from velatura.audit.enclave.jobs import LeakArm
from velatura.audit.enclave.places import Place, Scene
from velatura.audit.enclave.process_memory import areas, is_writable, owner, pieces, read_under_its_account
from velatura.audit.enclave.swapping import contents, swap_areas, swapped_bytes
from velatura.enclave.backends.memfd_secret import SecretMemory
from velatura.enclave.backends.process import ProcessBackend
from velatura.errors import BadInput, Missing
from velatura.sandbox.privileges import NOBODY

LACKING = ProcessBackend().lacking()
needs_process = pytest.mark.skipif(bool(LACKING), reason=f"no process can be confined here: {', '.join(LACKING)}")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may look there")
linux = pytest.mark.skipif(sys.platform != "linux", reason="proc and packet sockets are Linux's")
PATTERN = Path("/proc/sys/kernel/core_pattern")
WORD = b"a word of twenty-four..."


def share(place: Place, *, confined: bool) -> float:
    attack = DataCanary(1, (CORE,)) if place is places.core else DataCanary(1)
    return float(attack.play(LeakArm(confined, place), (), np.random.default_rng(0), budget_s=60).success.mean())


@needs_process
@needs_root
@pytest.mark.parametrize("place", [places.packets, places.core, places.memory, places.secret_area], ids=lambda place: place.__name__)
def test_a_place_shows_the_word_of_a_plain_process_and_not_that_of_the_cell(place: Place) -> None:
    if place is places.core and "/" in PATTERN.read_text() + "|":
        pytest.skip("core dumps go elsewhere here")
    assert share(place, confined=False) == 1
    assert share(place, confined=True) == 0


@needs_process
@needs_root
def test_from_root_a_confined_process_keeps_no_data() -> None:
    """The limit that its page states."""
    assert share(places.memory_as_root, confined=False) == share(places.memory_as_root, confined=True) == 1


@needs_process
def test_without_swap_nothing_is_looked_at_and_the_job_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "swap_areas", lambda: ())
    assert share(places.swap, confined=False) == share(places.swap, confined=True) == 0


def scene(tmp_path: Path, *, confined: bool = True, pid: int = 0) -> Scene:
    return Scene(Leak(WORD), pid or os.getpid(), tmp_path, confined)


@contextmanager
def sleeping(**more: object) -> Iterator[int]:
    """A process that holds the word, among what it was started with."""
    with subprocess.Popen(["/bin/sleep", "60"], env={"HELD": WORD.decode()}, **more) as process:  # type: ignore[call-overload]
        yield process.pid
        process.kill()


@linux
def test_memory_of_a_process_is_read_where_it_may_be() -> None:
    with sleeping() as pid:
        assert WORD in Leak(WORD).sieved(pieces(pid, is_writable))
        assert WORD in Leak(WORD).sieved(read_under_its_account(pid))
        assert owner(pid) == (os.getuid(), os.getgid())


@needs_root
def test_who_takes_on_the_account_of_another_reads_what_is_its_and_no_more() -> None:
    with sleeping(user=NOBODY, group=NOBODY, extra_groups=[]) as pid:
        assert owner(pid) == (NOBODY, NOBODY)
        assert WORD in Leak(WORD).sieved(read_under_its_account(pid)), "or a refusal would prove nothing"
    with sleeping(user=NOBODY, group=1, extra_groups=[]) as pid:
        program = [sys.executable, "-m", "velatura.audit.enclave.process_memory"]
        done = subprocess.run(program, input=f"{pid} {NOBODY} {NOBODY}\n".encode(), capture_output=True, check=True, timeout=280)
        assert done.stdout == process_memory.READY, "another group: the kernel refuses"


def test_a_reader_that_did_not_start_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_memory, "owner", lambda pid: (os.getuid() + 1, 0))
    monkeypatch.setattr(process_memory.sys, "executable", "/bin/false")
    with pytest.raises(OSError, match="did not start"):
        list(read_under_its_account(os.getpid()))


@needs_process
@needs_root
def test_a_secret_area_that_can_be_read_swapped_or_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here = scene(tmp_path)
    if not any(map(process_memory.is_secret, areas(os.getpid()))):
        with pytest.raises(BadInput, match="no secret area"), places.secret_area(here):
            pass
    memory = SecretMemory(32)
    try:
        with places.secret_area(here):
            assert set(here.seen.values()) == {b""}
        monkeypatch.setattr(places, "pieces", lambda pid, chosen: iter([b"\0"]))
        with places.secret_area(here):
            assert set(here.seen.values()) == {WORD}
        monkeypatch.undo()
        monkeypatch.setattr(places, "stays_in_memory", lambda pid: False)
        with places.secret_area(here):
            assert set(here.seen.values()) == {WORD}
    finally:
        memory.close()


@needs_root
def test_packets_are_heard_on_their_way_and_lost_ones_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as to, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        to.bind(("127.0.0.1", 0))
        with Capture() as capture:
            out.sendto(WORD, to.getsockname())
            assert WORD in Leak(WORD).sieved(capture.packets())
        monkeypatch.setattr(captures, "BUFFER", 1)
        with Capture() as capture:
            for _ in range(300):
                out.sendto(bytes(1000), to.getsockname())
            with pytest.raises(Missing, match="too fast"):
                list(capture.packets())


@linux
def test_who_may_not_listen_or_is_not_root_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(captures.socket, "socket", refuse)
    with pytest.raises(Missing, match="cannot be listened to"):
        Capture()
    monkeypatch.setattr(places.os, "geteuid", lambda: 1000)
    with pytest.raises(Missing, match="only root could read the areas"), places.secret_area(scene(tmp_path)):
        pass
    monkeypatch.setattr(places, "swap_areas", lambda: (Path("/swapfile"),))
    with pytest.raises(Missing, match="only root could read swap"), places.swap(scene(tmp_path)):
        pass


def test_elsewhere_than_on_linux_no_place_is_looked_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(jobs, "PROC", tmp_path / "proc" / "self")
    with pytest.raises(Missing, match="looked at through"):
        share(places.memory, confined=False)


@needs_root
def test_a_root_that_lacks_the_power_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(places, "areas", refuse)
    with pytest.raises(Missing, match="this root may not read the areas of keys"), places.secret_area(scene(tmp_path)):
        pass


@pytest.mark.parametrize("pattern", ["|/usr/lib/systemd/systemd-coredump %P", "/var/crash/core.%p", "", "."])
def test_core_dumps_that_go_elsewhere_are_not_asked_for(pattern: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pattern").write_text(pattern + "\n")
    monkeypatch.setattr(places, "PATTERN", tmp_path / "pattern")
    with pytest.raises(Missing, match="core dumps of this machine go to"), places.core(scene(tmp_path)):
        pass


@linux
def test_a_core_dump_counts_wherever_it_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pattern").write_text("core\n")
    monkeypatch.setattr(places, "PATTERN", tmp_path / "pattern")
    with subprocess.Popen([sys.executable, "-c", "import os; input(); os.abort()"], stdin=subprocess.PIPE, cwd=tmp_path) as process:
        here = Scene(Leak(WORD), process.pid, tmp_path / "elsewhere", confined=False)
        here.folder.mkdir()
        with places.core(here):
            assert process.stdin is not None
            process.stdin.write(b"\n")
            process.stdin.close()
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        assert here.seen["a core dump"] == (WORD if hard else b"")


def test_swap_areas_are_read_from_the_kernels_list_and_from_their_beginning(tmp_path: Path) -> None:
    listed = tmp_path / "swaps"
    listed.write_text("Filename\t\tType\t\tSize\n/dev/vda2   partition  1  0  -2\n/a\\040file    file  1 0 -3\n")
    assert swap_areas(listed) == (Path("/dev/vda2"), Path("/a file"))
    assert swap_areas(tmp_path / "none") == ()
    area = tmp_path / "area"
    area.write_bytes(bytes(5000) + WORD)
    assert WORD in Leak(WORD).sieved(contents(area))


def test_no_more_of_a_swap_area_is_read_than_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swapping, "MOST_BYTES", 5000)
    (tmp_path / "area").write_bytes(bytes(5000) + WORD)
    assert sum(map(len, contents(tmp_path / "area"))) == 5000


@linux
def test_what_is_swapped_of_a_process_is_a_number() -> None:
    assert swapped_bytes(os.getpid()) >= 0
