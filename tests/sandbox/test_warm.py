"""The warm process: what is refused before it imports, what is read back of its children, and what is left when its parent is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from tests.sandbox.cells import GUESTS, LEAST, NOBODY, PACKAGES, busy, gone, linux, run, warm

from velatura.errors import BadSpec, Missing
from velatura.sandbox import ALL_LAYERS, FILES, Confinement, Layer, Warm
from velatura.sandbox.layers import layers
from velatura.sandbox.scratch import Scratch, sweep

pytestmark = linux
HELD = {"kernel", "self"}


def status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


@pytest.mark.parametrize("how", ["fork", "lock"])
def test_held_is_what_the_kernel_shows(how: str) -> None:
    with warm() as odd:
        child, held = getattr(odd, how)()
        with child:
            shown = status(child.pid)
            assert (held[Layer.SECCOMP] in HELD) == (shown["Seccomp"] == "2")
            assert (held[Layer.CAPS] in HELD) == (int(shown["CapEff"], 16) == int(shown["CapPrm"], 16) == 0 and shown["NoNewPrivs"] == "1")
            assert (held[Layer.UID] in HELD) == ("0" not in shown["Uid"].split())
            assert shown["Threads"] == "1"
            if held[Layer.UID] in HELD:  # not dumpable: what may be looked into belongs to root
                assert Path(f"/proc/{child.pid}/environ").stat().st_uid == 0 != int(shown["Uid"].split()[0])
            assert held[Layer.SECCOMP] == held[Layer.RLIMITS] == "kernel"
            assert held[Layer.LANDLOCK] == "self" or held[Layer.LANDLOCK] in held.absent.values()
            assert held.confined is None
            assert child.ask(b"echo here", deadline_s=30, limit=10) == b"here"


def test_the_doctor_and_a_child_agree() -> None:
    with warm() as odd:
        child, held = odd.fork()
        child.close()
    assert {layer for layer, why in layers().items() if why} == set(held.absent)


@pytest.mark.parametrize("layer", ["landlock", "namespaces", "seccomp"])
def test_a_required_layer_that_is_absent_is_missing_before_anything_is_imported(layer: str) -> None:
    found = run("held", layer, without=layer)
    assert found["code"] == found["code_of_a_guest_that_fails_while_warming"] == f"sandbox.no-{layer}"


@pytest.mark.parametrize("nobody", [False, True], ids=["ourselves", "nobody"])
@pytest.mark.parametrize("without", ["", "landlock", "user", "namespaces", "landlock,namespaces"])
def test_what_is_left_on_a_poorer_machine_still_confines(without: str, nobody: bool) -> None:
    found = run("held", *LEAST, nobody=nobody, without=without)
    assert found["answer"] == "yes"
    absent = {layer for layer, word in found["held"].items() if word not in HELD}
    ordinary = nobody or os.getuid() != 0
    gone_ = {"landlock"} if "landlock" in without else set()
    gone_ |= {"namespaces"} if "namespaces" in without or (without == "user" and ordinary) else set()
    here = {layer for layer, why in layers().items() if why}  # what this machine lacks anyway
    assert gone_ <= absent <= gone_ | here | ({"uid"} if not ordinary and "namespaces" in without else set())


@pytest.mark.skipif(os.getuid() != 0, reason="a change of uid: only root makes one")
def test_root_gives_up_its_uid_where_it_has_a_root_of_its_own() -> None:
    with warm() as odd:
        child, held = odd.fork()
        with child:
            if held[Layer.NAMESPACES] not in HELD or Path("/proc/self/uid_map").read_text().split() != ["0", "0", str((1 << 32) - 1)]:
                pytest.skip(f"uid: namespaces are {held[Layer.NAMESPACES]}, or this root is a user namespace's")
            assert held[Layer.UID] == "kernel"
            assert status(child.pid)["Uid"].split() == status(child.pid)["Gid"].split() == [str(NOBODY)] * 4


@pytest.mark.skipif(os.getuid() != 0, reason="a change of uid: only root makes one")
def test_an_interpreter_that_nobody_may_read_is_said_to_be_one() -> None:
    if not any(folder.stat().st_mode & 0o005 != 0o005 for folder in Path(sys.base_prefix).resolve().parents):
        pytest.skip("interpreter: ours can be read by everybody")
    found = run("held", "uid", without="namespaces")
    assert found["code"] == found["code_of_a_guest_that_fails_while_warming"] == "sandbox.interpreter-unreadable"
    assert str(NOBODY) in found["sentence"]


def test_a_guest_that_cannot_be_made_ready_says_why() -> None:
    with pytest.raises(Missing, match="RuntimeError: no such weights") as refusal:
        warm(fail="no such weights")
    assert (refusal.value.code, refusal.value.hint) == ("sandbox.warm-failed", "velatura doctor")
    with pytest.raises(Missing, match="ModuleNotFoundError"):
        Warm("no_such_module:Guest", {}, Confinement(required=LEAST))


def test_a_guest_that_hangs_while_warming_is_ended() -> None:
    with pytest.raises(Missing, match="within 1 s") as refusal:
        warm(hang=True, warm_deadline_s=1.0)
    assert refusal.value.code == "sandbox.warm-hung"


def test_threads_beyond_the_grant_are_refused() -> None:
    with pytest.raises(Missing) as refusal:
        warm(threads=2)
    assert refusal.value.code == "sandbox.threads"


def test_with_threads_the_landlock_that_denies_all_does_not_count() -> None:
    with warm(may=Confinement(threads=3, required=LEAST), threads=2) as odd:
        child, held = odd.lock()
        with child:
            threads = [status(int(thread.name)) for thread in Path(f"/proc/{child.pid}/task").iterdir()]
            assert len(threads) == 3
            assert {(thread["Seccomp"], int(thread["CapPrm"], 16)) for thread in threads} == {("2", 0)}  # TSYNC binds them all
            assert held[Layer.SECCOMP] == held[Layer.CAPS] == "kernel"
            assert "of 3" in held[Layer.LANDLOCK]


def test_threads_that_were_there_before_the_lock_have_no_capabilities_either() -> None:
    assert run("with_threads", nobody=True)["caps"] == "kernel"  # of a user namespace, where there is one


def test_a_folder_that_is_not_there_cannot_be_granted() -> None:
    with pytest.raises(BadSpec) as refusal:
        warm(may=Confinement(reads=(Path("/no/such/folder"),), required=LEAST))
    assert refusal.value.code == "sandbox.reads"


def test_a_closed_warm_process_forks_no_more() -> None:
    odd = warm()
    child, _ = odd.fork()
    odd.close()
    with pytest.raises(Missing) as refusal:
        odd.fork()
    assert refusal.value.code == "sandbox.warm-ended"
    assert gone(child.pid, 10)
    child.close()


def test_threads_of_the_parent_may_fork_at_once() -> None:
    answers = []
    with warm() as odd:

        def one(number: int) -> None:
            child, _ = odd.fork()
            with child:
                answers.append(child.ask(b"echo %d" % number, deadline_s=60, limit=10))

        crowd = [threading.Thread(target=one, args=(number,)) for number in range(12)]
        for thread in crowd:
            thread.start()
        for thread in crowd:
            thread.join(timeout=60)
    assert sorted(answers) == sorted(b"%d" % number for number in range(12))


def test_descriptors_of_the_parent_do_not_pile_up() -> None:
    with warm() as odd:
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(5):
            odd.fork()[0].close()
        assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("scenario", [("orphan", "fork"), ("orphan", "lock"), ("hanging",)], ids="-".join)
def test_a_killed_parent_leaves_no_process(scenario: tuple[str, ...]) -> None:
    command = [sys.executable, "-I", "-B", str(GUESTS / "scenarios.py"), PACKAGES, "-", *scenario]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        pids = json.loads(parent.stdout.readline())
        assert all(busy(pid) for pid in pids[-1:])
        parent.send_signal(signal.SIGKILL)
        parent.wait(timeout=60)
        assert all(gone(pid, 10) for pid in pids)


@pytest.mark.parametrize("scenario", ["pulled_too_late", "not_its_parent"])
def test_a_child_that_finds_its_parent_gone_ends(scenario: str) -> None:
    with pytest.raises(AssertionError):  # it ended before it could answer
        run(scenario)


def test_a_filter_that_was_here_before_is_not_the_childs() -> None:
    if "Seccomp_filters" not in status(os.getpid()):
        pytest.skip("seccomp: this kernel does not count filters")
    assert run("unfiltered", without="landlock")["seccomp"] not in HELD


def test_the_root_of_a_child_is_empty_but_for_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    with warm(may=Confinement(reads=(tmp_path / "weights",), required=LEAST)) as odd:
        child, held = odd.fork()
        child.close()
        if held[Layer.NAMESPACES] not in HELD:
            pytest.skip(f"namespaces: {held[Layer.NAMESPACES]}")
        mounts = [line.split() for line in Path(f"/proc/{odd._process.pid}/mountinfo").read_text().splitlines()]
    root = [mount for mount in mounts if mount[4] == "/"]
    assert [mount[mount.index("-") + 1] for mount in root] == ["tmpfs"]
    assert {mount[5].partition(",")[0] for mount in mounts} == {"ro"}
    assert str(tmp_path / "weights") in {mount[4] for mount in mounts}
    assert not {"/etc", "/home", "/root", "/proc", "/tmp", "/var"} & {mount[4] for mount in mounts}


def test_a_child_with_files_has_a_folder_of_its_own_and_no_other() -> None:
    with warm("Filer", Confinement(scratch_mb=4, calls=FILES, required=LEAST | {Layer.LANDLOCK})) as filer:
        one, _ = filer.fork()
        two, _ = filer.fork()

        def tried(child, request: str) -> str:
            return child.ask(request.encode(), deadline_s=30, limit=100).decode()

        with two:
            assert tried(one, "write in") == tried(one, "read in") == "done"
            for path in (f"../{one.pid}/in", "..", "/etc/passwd", "/", "/proc/self/maps"):
                assert tried(two, f"read {path}") in ("2", "13"), path  # ENOENT, EACCES
            assert tried(two, f"write ../{one.pid}/new") in ("2", "13")
            pid = one.pid
            one.close()
            assert tried(two, f"read ../{pid}") in ("2", "13")


def test_the_folder_on_disk_is_private_wiped_and_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    alive = Scratch(for_nobody=False)
    assert alive.path.stat().st_mode & 0o777 == 0o700
    dead = tmp_path / "velatura-scratch-dead"
    dead.mkdir()
    (dead / "key").write_text("secret")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "velatura-scratch-link").symlink_to(elsewhere)
    sweep()
    assert alive.path.exists()
    assert elsewhere.exists()
    assert not dead.exists()
    alive.close()
    assert not alive.path.exists()


def test_without_namespaces_scratch_is_a_folder_of_the_parent_and_held_says_so() -> None:
    found = run("held_with_files", without="namespaces")
    assert "disk" in found["held"]["namespaces"]
    assert found["answers"] == ["done", "13"]
    assert found["while_it_ran"] == 1
    assert found["after_it"] == 0
    assert found["left"] == []


def test_layers_have_codes_of_their_own() -> None:
    from velatura.sandbox.required import refuse_absent

    codes = set()
    for layer in ALL_LAYERS:
        with pytest.raises(Missing) as refusal:
            refuse_absent({layer: "why"}, Confinement())
        codes.add(refusal.value.code)
        refuse_absent({layer: "why"}, Confinement(required=ALL_LAYERS - {layer}))
    assert codes == {f"sandbox.no-{layer}" for layer in Layer}


@pytest.mark.parametrize("umask", [0o027, 0o077, 0o777])
def test_the_users_umask_changes_nothing(umask: int) -> None:
    usual = layers()
    before = os.umask(umask)
    try:
        assert layers() == usual
        Scratch(for_nobody=False).close()
    finally:
        os.umask(before)
