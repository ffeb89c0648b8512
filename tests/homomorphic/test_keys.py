"""Key files: modes, places, and what is refused before a key is made."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from tests.homomorphic.conftest import Parties

from velatura.errors import BadInput, BadSpec, VelaturaError
from velatura.homomorphic.artefacts import load_client
from velatura.homomorphic.memory import key_count, keys_bytes, needed_by_keygen
from velatura.homomorphic.wire import Kind, read_header

pytest.importorskip("tenseal", reason="tenseal is not installed")

from velatura.homomorphic.keys import Keys, keygen, load_secret, write_keys


def test_files_lie_in_a_private_folder_and_the_secret_is_private(parties: Parties) -> None:
    assert stat.S_IMODE(parties.keys.stat().st_mode) == 0o700
    assert stat.S_IMODE(parties.secret.stat().st_mode) == 0o600
    secret, evaluation = (read_header((parties.keys / name).read_bytes()) for name in ("secret.key", "eval.keys"))
    assert (secret.kind, evaluation.kind) == (Kind.SECRET_KEY, Kind.EVALUATION_KEYS)
    assert secret.key == evaluation.key != bytes(16)
    assert secret.program == evaluation.program == parties.server.artefact.id


def test_evaluation_keys_are_no_larger_than_was_said(parties: Parties) -> None:
    program, parameters = parties.compiled.program, parties.compiled.parameters
    size, most = (parties.keys / "eval.keys").stat().st_size, keys_bytes(parameters, key_count(len(program.rotations), products=True))
    assert most / 2 < size < most


def test_keys_that_are_there_are_not_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    write_keys(Keys(b"a" * 16, b"secret", b"evaluation"), folder)
    with pytest.raises(BadSpec) as caught:
        write_keys(Keys(b"b" * 16, b"other", b"other"), folder)
    assert caught.value.code == "files.exists"
    assert (folder / "secret.key").read_bytes() == b"secret"
    write_keys(Keys(b"b" * 16, b"other", b"other"), folder, force=True)
    assert (folder / "secret.key").read_bytes() == b"other"


@pytest.mark.parametrize("there", [False, True])
def test_keys_that_cannot_be_written_whole_leave_nothing(there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "keys"
    if there:
        folder.mkdir()
        (folder / "mine").write_bytes(b"x")

    def full(*_: object, **__: object) -> None:
        raise VelaturaError("files.disk-full", "the disk is full")

    monkeypatch.setattr("velatura.homomorphic.keys.private_output", full)
    with pytest.raises(VelaturaError):
        write_keys(Keys(b"a" * 16, b"secret", b"evaluation"), folder)
    assert folder.exists() == there
    assert not there or [one.name for one in folder.iterdir()] == ["mine"]


def test_earlier_keys_stay_where_others_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "keys"
    write_keys(Keys(b"a" * 16, b"secret", b"evaluation"), folder)

    def full(*_: object, **__: object) -> None:
        raise VelaturaError("files.disk-full", "the disk is full")

    monkeypatch.setattr("velatura.homomorphic.keys.private_output", full)
    for force in (False, True):
        with pytest.raises(VelaturaError):
            write_keys(Keys(b"b" * 16, b"other", b"other"), folder, force=force)
        assert (folder / "secret.key").read_bytes() == b"secret"


def test_keys_beyond_the_machines_memory_are_not_begun(parties: Parties, monkeypatch: pytest.MonkeyPatch) -> None:
    artefact = load_client(parties.program / "client.vlhe")
    needed = needed_by_keygen(artefact.parameters, key_count(len(artefact.rotations), products=True))
    monkeypatch.setattr("velatura.homomorphic.memory.machine_bytes", lambda: needed - 1)
    monkeypatch.setattr("velatura.homomorphic.keys.SecretSide", None)  # making one would fail
    with pytest.raises(BadInput) as caught:
        keygen(artefact)
    assert (caught.value.code, caught.value.exit_status) == ("he.memory", 5)


def test_a_missing_key_is_named(parties: Parties, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        load_secret(tmp_path / "none", load_client(parties.program / "client.vlhe"))
    assert caught.value.code == "he.unreadable"


def test_keys_do_not_print() -> None:
    assert "hidden" not in repr(Keys(b"a" * 16, b"hidden", b""))


def test_a_program_without_rotations_has_small_keys(batch_parties: Parties) -> None:
    artefact = load_client(batch_parties.program / "client.vlhe")
    assert artefact.rotations == ()
    bare = keygen(replace(artefact, products=False))
    assert len(bare.evaluation) < 1000
