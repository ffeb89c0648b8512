"""The folder of models on this machine. A file that is not, byte for byte, the one that its catalogue names is never used.

The sha256 is taken at every load, of the very bytes that are handed on: nobody can change the file between the check and its use. Limit: who
may write the user's own catalogue decides which of his files count as known.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from velatura.errors import BadInput, Missing
from velatura.files import atomic_output, open_regular
from velatura.models.catalogue import MOST_BYTES, Entry, entry_of, with_user_entries

__all__ = ["ModelStore", "home"]


def home() -> Path:
    """The user's data folder: VELATURA_HOME, or what the system keeps for programs."""
    named = os.environ.get("VELATURA_HOME")
    if named:
        return Path(named)
    import platformdirs

    return Path(platformdirs.user_data_dir("velatura", appauthor=False))


class ModelStore:
    """Files by name in `root/models`; entries of the user in `root/models/catalogue.toml`.

    Args:
        root: by default `home()`.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.folder = (root or home()) / "models"
        self.user_catalogue = self.folder / "catalogue.toml"

    def known(self) -> Mapping[str, Entry]:
        """Every entry, by name. Raises BadSpec where the user's catalogue is wrong."""
        return with_user_entries(self.user_catalogue)

    def entry(self, name: str) -> Entry:
        """Raises BadSpec `models.unknown`."""
        return entry_of(name, self.known())

    def path(self, name: str) -> Path:
        """Where the file of `name` lies, or would."""
        return self.folder / (name + Path(self.entry(name).file).suffix)

    def present(self, name: str) -> bool:
        """A file of the right size is there (`load` checks what is in it)."""
        path = self.path(name)
        return path.is_file() and path.stat().st_size == self.entry(name).size

    def load(self, name: str) -> bytes:
        """The checked bytes of a model.

        Raises:
            Missing: `models.missing`.
            BadInput: `models.hash-mismatch`, `models.unreadable`.
        """
        entry, path = self.entry(name), self.path(name)
        if not path.exists():
            raise Missing("models.missing", f"the file of {name} is not here", hint=f"velatura models pull {name}")
        return checked(path, entry, name)

    def add(self, path: Path, name: str | None = None) -> str:
        """Take over a file that the user brings; returns its name.

        Args:
            name: by default the one whose hash the file has.

        Raises:
            BadInput: `models.hash-mismatch`: it is no file of a catalogue; `models.unreadable`.
            BadSpec: `models.unknown`.
        """
        known = self.known()
        names = [name] if name else sorted(n for n, entry in known.items() if entry.size == _size(path))
        for candidate in names:
            entry = entry_of(candidate, known)
            if name is None and _digest(path) != entry.sha256:
                continue
            self.place(checked(path, entry, candidate), candidate)
            return candidate
        raise BadInput(
            "models.hash-mismatch",
            f"{path}: is no model of the catalogue (sha256 {_digest(path)})",
            hint=f"declare your own files, with their sha256, in {self.user_catalogue}",
        )

    def place(self, content: bytes, name: str) -> Path:
        """Write checked bytes under their name, whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.path(name)
        with atomic_output(path, force=True) as part:
            part.write_bytes(content)
        return path


def checked(path: Path, entry: Entry, name: str) -> bytes:
    """The bytes of `path`, if they are those of `entry`. Raises BadInput."""
    try:
        with open_regular(path) as stream:
            content = stream.read(entry.size + 1)
    except OSError as error:
        raise BadInput("models.unreadable", f"{path}: cannot be read: {error.strerror}", hint="check the name and its permissions") from error
    found = hashlib.sha256(content).hexdigest()
    if len(content) != entry.size or found != entry.sha256:
        told = f"sha256 is {found[:12]}.., not {entry.sha256[:12]}.." if len(content) == entry.size else "its size is another"
        hint = f"velatura models pull {name}" if entry.sources else "bring the file that the catalogue names"
        raise BadInput("models.hash-mismatch", f"{path}: is not the file of {name} ({told}); it is not used", hint=hint)
    return content


def _size(path: Path) -> int:
    try:
        with open_regular(path) as stream:
            size = os.fstat(stream.fileno()).st_size
    except OSError as error:
        raise BadInput("models.unreadable", f"{path}: cannot be read: {error.strerror}", hint="check the name") from error
    if size > MOST_BYTES:
        raise BadInput("models.hash-mismatch", f"{path}: is no model of the catalogue (larger than {MOST_BYTES} bytes)", hint="check the name")
    return size


def _digest(path: Path) -> str:
    try:
        with open_regular(path) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise BadInput("models.unreadable", f"{path}: cannot be read: {error.strerror}", hint="check the name and its permissions") from error
