"""Files that appear whole or not at all, secrets that only their owner can read, and outputs that are never their own input.

A temporary file lies beside its target (same file system, so the rename is atomic), carries a random name and mode 0600, and is removed on
every way out that Python sees. After a SIGKILL it stays, but under a name that no player opens (`.NAME.<process>-<random>.part`),
until the next run for the same output removes it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from velatura.errors import BadInput, BadSpec, VelaturaError

__all__ = [
    "alone",
    "atomic_output",
    "existing_file",
    "is_folder",
    "is_there",
    "open_regular",
    "private_folder",
    "private_output",
    "refuse_same",
    "sync",
]


@contextlib.contextmanager
def atomic_output(path: Path, *, force: bool = False) -> Iterator[Path]:
    """Yield the path of an empty temporary file (0600); when the block ends well, sync it and give it the name `path`.

    The finished file gets the mode that the umask asks for. An existing `path` is refused without `force`, at the start and again at the end.

    Raises:
        BadSpec: `files.exists`, `files.no-folder`, `files.is-folder`, `files.no-plain-file`.
        VelaturaError: `files.disk-full`, `files.unwritable`.
    """
    with _beside(path, force=force) as part:
        yield part
        umask = os.umask(0)
        os.umask(umask)
        part.chmod(0o666 & ~umask)


@contextlib.contextmanager
def private_output(path: Path, *, force: bool = False) -> Iterator[Path]:
    """Like `atomic_output`, but the finished file keeps mode 0600 whatever the umask is."""
    with _beside(path, force=force) as part:
        yield part


@contextlib.contextmanager
def _beside(path: Path, *, force: bool) -> Iterator[Path]:
    with _explained(path):
        _refuse_existing(path, force=force)
    _sweep(path)
    part = path.with_name(f"{_stem(path)}{os.getpid()}-{secrets.token_hex(6)}.part")
    try:
        with _explained(path):
            os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0), 0o600))
            part.chmod(0o600)  # a umask may have taken even that
        with _explained(path, only_full=True):
            yield part
        with _explained(path):
            sync(part)
            if force:
                part.replace(path)
            else:
                _rename_new(part, path)
            sync(path.parent)
    finally:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()


def _stem(path: Path) -> str:
    return f".{path.name[:100]}."


def _sweep(path: Path) -> None:
    """Remove what runs that were killed left of the same output: parts whose process is gone."""
    with contextlib.suppress(OSError):
        for rest in path.parent.iterdir():
            if rest.name.startswith(_stem(path)) and rest.suffix == ".part" and not _alive(rest.name[len(_stem(path)) :].partition("-")[0]):
                rest.unlink()


def _alive(number: str) -> bool:
    """Whether a process of that number may be there; doubt means yes."""
    if not number.isdecimal() or os.name != "posix":
        return True
    try:
        os.kill(int(number), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _rename_new(part: Path, path: Path) -> None:
    """Rename without replacing: a link is atomic and refuses an existing name; where links are not offered, look once more, then rename."""
    try:
        os.link(part, path)
    except FileExistsError:
        _refuse_existing(path, force=False)
    except OSError:
        _refuse_existing(path, force=False)
        part.replace(path)


def _refuse_existing(path: Path, *, force: bool) -> None:
    if path.is_dir():
        raise BadSpec("files.is-folder", f"{path}: is a folder, a file is needed", hint="name the output file")
    if path.exists() and not path.is_file():  # by root, --force -o /dev/null would leave a plain file there, and a machine without its device
        raise BadSpec("files.no-plain-file", f"{path}: is a device, a pipe or a socket, and is never replaced", hint="name a file")
    if not force and (path.exists() or path.is_symlink()):
        raise BadSpec("files.exists", f"{path}: is already there", hint="choose another name, or --force to replace it")
    if not path.parent.is_dir():
        raise BadSpec("files.no-folder", f"{path.parent}: there is no such folder", hint="make it first, or choose another output")


@contextlib.contextmanager
def _explained(path: Path, *, only_full: bool = False) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise VelaturaError(
                "files.disk-full", f"{path}: the disk is full; nothing was written", hint="free some space and run it again"
            ) from error
        if only_full:
            raise
        raise VelaturaError(
            "files.unwritable", f"{path}: cannot be written: {error.strerror}", hint="choose a folder that you may write to"
        ) from error


def alone(descriptor: int) -> None:
    """Lock an open file against other processes until it is closed. Raises OSError: another one has it."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def sync(path: Path) -> None:
    """Flush a file or a folder to the disk; folders only where the system can."""
    if path.is_dir() and os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() or os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)


@contextlib.contextmanager
def private_folder(beside: Path | None = None) -> Iterator[Path]:
    """A temporary folder with mode 0700, removed with all it holds."""
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix=".velatura-", dir=beside))
    folder.chmod(0o700)  # a umask may have taken even that
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def refuse_same(source: Path, target: Path) -> None:
    """Refuse an output that is its own input, through links and on file systems that ignore case.

    Raises:
        BadSpec: `files.same`.
    """
    same = False
    if target.exists():
        with contextlib.suppress(OSError):
            same = source.samefile(target)
    same = same or Path(os.path.realpath(source)) == Path(os.path.realpath(target))
    if same:
        raise BadSpec("files.same", f"{target}: input and output are one file", hint="write the output somewhere else")


def existing_file(path: Path) -> Path:
    """`path`, if it is a regular file that can be read.

    Raises:
        BadInput: `media.missing`, `media.not-a-file`, `media.unreadable`.
    """
    if not path.exists():
        what = "is a link that leads nowhere" if path.is_symlink() else "there is no such file"
        raise BadInput("media.missing", f"{path}: {what}", hint="check the name")
    if not path.is_file():
        raise BadInput("media.not-a-file", f"{path}: is not a regular file", hint="give a file, or a folder of files where a batch is meant")
    if not os.access(path, os.R_OK):
        raise BadInput("media.unreadable", f"{path}: may not be read", hint="check its permissions")
    return path


def is_there(path: Path) -> bool:
    """Whether something has this name; one that is too long, or lies behind a closed folder, names nothing that we could use."""
    try:
        return path.exists()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """As `is_there`, of a folder."""
    try:
        return path.is_dir()
    except OSError:
        return False


def open_regular(path: Path) -> BufferedReader:
    """Open for reading a file that ends: a FIFO or a device is refused without waiting for it, and cannot be put in its place in between.

    Raises:
        OSError: for the caller to say in the words of its own room.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return os.fdopen(descriptor, "rb")
