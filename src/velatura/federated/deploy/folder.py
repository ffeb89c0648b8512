"""A federation's folder: who is in it, keys and certificates, process ids, logs. It is all that `fl up`, `status` and `down` share.

FOLDER/federation.json   addresses and nodes        FOLDER/ca.crt, ca.key, server.crt, server.key
FOLDER/keys/NODE(.pub)   a site's key               FOLDER/control    the secret without which nobody starts a run
FOLDER/pids/NAME         a process                  FOLDER/logs/NAME  what it wrote
FOLDER/superlink.db      Flower's own state         FOLDER/flower/…   Flower's other files, one folder a process
FOLDER/tickets/…         where a run's results go; paths stay on this machine
Everything is 0700 and secrets are 0600.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from velatura.errors import BadInput, BadSpec, Missing, VelaturaError
from velatura.files import private_output
from velatura.specs import Spec, load_spec

__all__ = ["Federation", "Folder", "Node", "make", "opened", "refuse_name"]

LINK = "superlink"
MOST_LETTERS = 64
PARTS = ("keys", "pids", "logs", "flower", "tickets")


class Node(Spec, frozen=True):
    """A site's process. data: its own rows; empty: a share of the job's source (a simulation).

    Raises:
        BadSpec: `federated.site-name`.
    """

    name: str
    partition: int
    of: int
    data: str = ""

    def __post_init__(self) -> None:
        refuse_name(self.name)


def refuse_name(name: str) -> None:
    """Of a site: it is the name of files in the folder, and of a line that a person reads.

    Raises:
        BadSpec: `federated.site-name`.
    """
    whole = re.fullmatch(rf"[A-Za-z0-9._-]{{1,{MOST_LETTERS}}}", name)
    if not whole or name in (".", "..", LINK) or name.endswith(".pub"):
        hint = f"letters, digits, - _ . (at most {MOST_LETTERS}); not . .. {LINK}, and no .pub at its end"
        raise BadSpec("federated.site-name", f"{name[:MOST_LETTERS]!r} is no name of a site", hint=hint)


class Federation(Spec, frozen=True):
    """What stands in federation.json.

    Attributes:
        instance: random; every process of this federation carries it in its environment.
        bind: address that the server listens on; empty: the server is on another machine, and this folder is of one site.
        address: host:port that processes here use.
        names: hosts and addresses in the server's certificate.
        flwr: version that made `superlink.db`.
    """

    instance: str
    address: str
    flwr: str
    bind: str = ""
    names: tuple[str, ...] = ()
    nodes: tuple[Node, ...] = ()

    @property
    def host(self) -> str:
        return self.address.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])


@dataclass(frozen=True, slots=True)
class Folder:
    """Paths in it, and what federation.json says."""

    path: Path
    told: Federation

    @property
    def control(self) -> bytes:
        """The secret of the control API."""
        return (self.path / "control").read_bytes()

    @property
    def authority(self) -> Path:
        return self.path / "ca.crt"

    @property
    def serves(self) -> bool:
        """Whether the server is one of this folder's processes."""
        return bool(self.told.bind)

    def key(self, node: str) -> Path:
        return self.path / "keys" / node

    def public_key(self, node: str) -> Path:
        return self.path / "keys" / f"{node}.pub"

    def log(self, name: str) -> Path:
        return self.path / "logs" / f"{name}.log"

    def last_word(self, name: str) -> str:
        """The last line of a process's log that says something; an error, if it tells of one."""
        try:
            lines = [line.strip() for line in self.log(name).read_text(errors="replace").splitlines() if line.strip()]
        except OSError:
            lines = []
        told = [line for line in lines if "rror" in line or "ailed" in line] or lines
        return told[-1] if told else "it said nothing"

    def pid(self, name: str) -> int | None:
        """None: it was not started, or was stopped."""
        try:
            return int((self.path / "pids" / name).read_text())
        except (OSError, ValueError):
            return None

    def note(self, name: str, pid: int | None) -> None:
        path = self.path / "pids" / name
        path.unlink(missing_ok=True) if pid is None else path.write_text(f"{pid}\n")

    def home(self, name: str) -> Path:
        """Of Flower's files of one process."""
        path = self.path / "flower" / name
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    def names(self) -> Sequence[str]:
        """Its processes: sites first, as they are stopped first."""
        return [*(node.name for node in self.told.nodes), *((LINK,) if self.serves else ())]


def make(path: Path, told: Federation) -> Folder:
    """A new folder, or the same one with other nodes or another address.

    Raises:
        BadSpec: `files.no-folder`. VelaturaError: `files.unwritable`.
    """
    _make_folders(path)
    if not (path / "control").exists():
        with private_output(path / "control") as part:
            part.write_bytes(secrets.token_hex(32).encode())
    with private_output(path / "federation.json", force=True) as part:
        part.write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n")
    return Folder(path.resolve(), told)


def _make_folders(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise BadSpec("files.no-folder", f"{path}: is a file, and a federation needs a folder", hint="--state FOLDER")
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
        for name in PARTS:
            (path / name).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        sentence = f"{path}: cannot be made: {error.strerror}"
        raise VelaturaError("files.unwritable", sentence, hint="choose a place that you may write to") from error


def opened(path: Path) -> Folder:
    """Raises Missing `federated.no-federation`, BadInput `federated.federation`."""
    file = path / "federation.json"
    if not file.exists():
        raise Missing("federated.no-federation", f"{path}: no federation", hint="velatura fl up --nodes 3, or --state FOLDER of one that is there")
    try:
        told = load_spec(file, Federation)
    except BadSpec as error:
        raise BadInput("federated.federation", error.sentence, hint="velatura fl down --forget, then velatura fl up") from error
    return Folder(path.resolve(), told)
