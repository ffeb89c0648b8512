"""An owner and a server of the small network, with real keys, made once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.homomorphic.small_models import PUBLIC, small, small_batch, small_public

from velatura.homomorphic.compiled import Compiled
from velatura.homomorphic.sharing import Sharing


@dataclass(frozen=True)
class Parties:
    """What lies at the owner's and at the server's. Owners may be opened again and again; `server` is one for all tests."""

    compiled: Compiled
    program: Path
    keys: Path
    server: object

    @property
    def secret(self) -> Path:
        return self.keys / "secret.key"

    def owner(self) -> object:
        from velatura.homomorphic.client import Client

        return Client(self.program / "client.vlhe", self.secret)


def _parties(compiled: Compiled, sharing: Sharing, folder: Path) -> Iterator[Parties]:
    pytest.importorskip("tenseal", reason="tenseal is not installed")
    from velatura.homomorphic.artefacts import load_client, write
    from velatura.homomorphic.keys import keygen, write_keys
    from velatura.homomorphic.server import Server

    write(compiled, sharing, folder / "prog")
    write_keys(keygen(load_client(folder / "prog" / "client.vlhe")), folder / "keys")
    with Server(folder / "prog" / "server.vlhe") as server:
        server.add_keys((folder / "keys" / "eval.keys").read_bytes())
        yield Parties(compiled, folder / "prog", folder / "keys", server)


@pytest.fixture(scope="session")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parties]:
    """Under `--share private`."""
    yield from _parties(small(), Sharing("private"), tmp_path_factory.mktemp("private"))


@pytest.fixture(scope="session")
def batch_parties(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parties]:
    """Under `--share label`, two classes an answer, batch layout."""
    yield from _parties(small_batch(), Sharing(top_k=2), tmp_path_factory.mktemp("batch"))


@pytest.fixture(scope="session")
def public_parties(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parties]:
    """Under `--share public`, for as many queries as the small network's chain was made for."""
    yield from _parties(small_public(), PUBLIC, tmp_path_factory.mktemp("public"))
