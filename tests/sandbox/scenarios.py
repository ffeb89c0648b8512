"""Runs in a process of its own, as whoever started it, after taking calls away from itself: a machine that is poorer than this one.

python scenarios.py PACKAGES WITHOUT SCENARIO [ARGUMENT ...]      WITHOUT: comma-separated, of user, namespaces, landlock, seccomp; or -
"""

from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]
sys.path.append(sys.argv[1])

from tests.sandbox.poorer import take_away  # noqa: E402
from tests.sandbox.sandbox_guests import HERE  # noqa: E402

from velatura.errors import VelaturaError  # noqa: E402
from velatura.sandbox import ALL_LAYERS, FILES, Confinement, Layer, Warm  # noqa: E402
from velatura.sandbox.linux import check, prctl  # noqa: E402

FLAGS = {"read": os.O_RDONLY, "write": os.O_WRONLY, "make": os.O_WRONLY | os.O_CREAT | os.O_EXCL}


def held(*required: str) -> object:
    """Layer -> how it holds; or the refusal's code."""
    names = frozenset(map(Layer, required)) if required else ALL_LAYERS
    marker = {"fail": "this guest was imported and warmed"}
    try:
        with Warm("sandbox_guests:Odd", {}, Confinement(required=names), path=[HERE]) as warm:
            child, found = warm.fork()
            answer = child.ask(b"echo yes", deadline_s=10, limit=10)
            child.close()
            return {"held": dict(found), "answer": answer.decode(), "confined": found.confined}
    except VelaturaError as error:
        late = ""
        try:
            with Warm("sandbox_guests:Odd", marker, Confinement(required=names), path=[HERE]):
                pass
        except VelaturaError as again:
            late = again.code
        return {"code": error.code, "code_of_a_guest_that_fails_while_warming": late, "sentence": error.sentence}


def held_with_files() -> object:
    """A guest that may use files, its folder, and what is left of it."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        Path(folder).chmod(0o755)
        required = frozenset({Layer.SECCOMP, Layer.LANDLOCK})
        with Warm("sandbox_guests:Filer", {}, Confinement(scratch_mb=4, calls=FILES, required=required), path=[HERE]) as warm:
            child, found = warm.fork()
            answers = [child.ask(request, deadline_s=10, limit=10).decode() for request in (b"write in", b"read /etc/passwd")]
            counts = [len(list(Path(folder).glob("*/*"))), child.close(), len(list(Path(folder).glob("*/*")))]
        left = [path.name for path in Path(folder).iterdir()]
    return {"held": dict(found), "answers": answers, "while_it_ran": counts[0], "after_it": counts[2], "left": left}


def landlocked(folder: str) -> object:
    """Landlock alone, as a guest is warmed under: what still opens below `folder`/read, `folder`/write and elsewhere."""
    import socket

    from velatura.sandbox import landlock

    server = socket.create_server(("127.0.0.1", 0))
    landlock_abi = landlock.abi()
    check(prctl(38, 1), "no_new_privs")
    landlock.restrict(reads=[Path(folder, "read"), Path(folder, "single")], writes=[Path(folder, "write")])

    def tried(path: str, flags: int) -> str:
        try:
            os.close(os.open(Path(folder, path), flags, 0o600))
        except OSError as error:
            return errno.errorcode[error.errno or 0]
        return "done"

    outcomes = {f"{path} {how}": tried(path, flags) for path in ("read/a", "single", "write/a", "other") for how, flags in FLAGS.items()}
    try:
        socket.create_connection(server.getsockname(), timeout=5)
        outcomes["tcp"] = "done"
    except OSError as error:
        outcomes["tcp"] = errno.errorcode[error.errno or 0]
    return {"abi": landlock_abi, "outcomes": outcomes}


def with_threads() -> object:
    """How a locked process of three threads is held."""
    may = Confinement(threads=3, required=frozenset({Layer.SECCOMP}))
    with Warm("sandbox_guests:Odd", {"threads": 2}, may, path=[HERE]) as warm:
        child, found = warm.lock()
        child.close()
    return dict(found)


def unfiltered() -> object:
    """How our own process is judged, if a child of ours claimed to have a filter and had none but ours."""
    from velatura.sandbox.held import read_back

    return read_back(os.getpid(), {Layer.SECCOMP: "", Layer.CAPS: "no"}, Confinement(), namespaces=None)


def pulled_too_late() -> object:
    """The other side is gone before the leash is on."""
    import socket

    from velatura.sandbox.inside import _pull

    near, far = socket.socketpair()
    far.close()
    _pull(near.fileno())
    return None


def not_its_parent() -> object:
    from velatura.sandbox.privileges import die_with_parent

    die_with_parent(os.getppid() + 1)
    return None


def orphan(how: str) -> object:
    """Start, print the pids, and wait to be killed."""
    warm = Warm("sandbox_guests:Odd", {}, Confinement(required=frozenset({Layer.SECCOMP})), path=[HERE])
    child, _ = warm.lock() if how == "lock" else warm.fork()
    child.send(b"spin")
    print(json.dumps([warm._process.pid, child.pid]), flush=True)
    sys.stdin.read()
    return None


def hanging() -> object:
    """The same while the guest still warms: its pid is that of our one child."""
    import threading

    from velatura.sandbox import launch as launching

    def start() -> None:
        Warm("sandbox_guests:Odd", {"hang": True}, Confinement(required=frozenset()), path=[HERE])

    real = launching.launch

    def told(*arguments: object, **more: object) -> object:
        process, control = real(*arguments, **more)  # type: ignore[arg-type]
        print(json.dumps([process.pid]), flush=True)
        return process, control

    import velatura.sandbox.warm as module

    module.launch = told  # type: ignore[attr-defined]
    threading.Thread(target=start, daemon=True).start()
    sys.stdin.read()
    return None


def escapes(guest: str, settings: str, may: str) -> object:
    from tests.sandbox.breaking_in import break_in

    return break_in(guest, json.loads(settings), Confinement.from_json(json.loads(may)), packages=Path(sys.argv[1]))


if __name__ == "__main__":
    if sys.argv[2] != "-":
        take_away(sys.argv[2])
    print(json.dumps(globals()[sys.argv[3]](*sys.argv[4:])))
    sys.stdout.flush()
    os._exit(0)
