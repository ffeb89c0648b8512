"""Of what a confined process is made: SHA-256 of the interpreter and of every file that it loaded, package by package.

The parent reads the files that the process names once it is locked (`loaded.py`); they are the ones that it was warmed from, since it reads them
through read-only binds of the same folders. Names are relative to where packages lie, so that two machines with the same packages measure the same.

Limit: a file is read after it was loaded; who may write there can change it in between, and root can lie altogether.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import packages_distributions, version
from pathlib import Path

import velatura
from velatura.enclave.evidence.process_document import Package
from velatura.errors import Missing

__all__ = ["Measured", "measure"]

OURS, STANDARD, SYSTEM = "velatura", "python", "system"


@dataclass(frozen=True, slots=True)
class Measured:
    """
    Attributes:
        interpreter: SHA-256, hex.
        packages: by name.
        files: "package/name" -> SHA-256, hex; every file.
    """

    interpreter: str
    packages: tuple[Package, ...]
    files: Mapping[str, str]


def measure(loaded: Iterable[str]) -> Measured:
    """Read and digest what a process named. Raises Missing `enclave.measured`: a file of it cannot be read."""
    found: dict[str, dict[str, str]] = {}
    for path in loaded:
        package, name = _place(path)
        found.setdefault(package, {})[name] = _digest(path)
    packages = tuple(Package(name=name, version=_version(name), files=len(files), sha256=_all(files)) for name, files in sorted(found.items()))
    return Measured(
        interpreter=_digest(os.path.realpath(sys.executable)),
        packages=packages,
        files={f"{package}/{name}": digest for package, files in sorted(found.items()) for name, digest in sorted(files.items())},
    )


def _place(path: str) -> tuple[str, str]:
    """(package, name within): the innermost folder that we know decides."""
    where = Path(path)
    for root, package in _roots():
        if where.is_relative_to(root):
            name = where.relative_to(root)
            first = name.parts[1] if name.parts[0] == "__pycache__" and len(name.parts) > 1 else name.parts[0]
            return package or first.partition(".")[0], str(name)
    return SYSTEM, path


@lru_cache(maxsize=1)
def _roots() -> tuple[tuple[Path, str], ...]:
    """Folders, innermost first; "": the first part of a name below it is the package."""
    paths = sysconfig.get_paths()
    ours = {Path(velatura.__file__).parent: OURS}
    installed = {Path(paths[name]): "" for name in ("purelib", "platlib")}
    standard = {Path(paths[name]): STANDARD for name in ("stdlib", "platstdlib")} | {Path(sys.base_prefix, "lib"): STANDARD}
    both = {**standard, **installed, **ours}
    both |= {Path(os.path.realpath(path)): package for path, package in both.items()}
    return tuple(sorted(both.items(), key=lambda pair: -len(pair[0].parts)))


def _all(files: Mapping[str, str]) -> str:
    text = "".join(f"{name}\0{digest}\n" for name, digest in sorted(files.items()))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


@lru_cache(maxsize=1)
def _distributions() -> Mapping[str, list[str]]:
    return packages_distributions()


def _version(package: str) -> str:
    if package == OURS:
        return velatura.__version__
    if package == STANDARD:
        return platform.python_version()
    names = _distributions().get(package, [])
    return version(names[0]) if names else ""


def _digest(path: str) -> str:
    try:
        told = Path(path).stat()
        return _digest_of(path, (told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns, told.st_ctime_ns))
    except OSError as error:
        raise Missing("enclave.measured", f"{path}: what was loaded cannot be read: {error.strerror}") from error


@lru_cache(maxsize=16384)
def _digest_of(path: str, told: tuple[int, ...]) -> str:
    """Kept by what changes when a file does; ctime is set by the kernel alone."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
