"""A file that is not the one that a catalogue names is never used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from velatura.errors import BadInput, BadSpec, Missing
from velatura.models.catalogue import DEFAULT_FACES, catalogue
from velatura.models.store import ModelStore


@pytest.fixture
def one(shared: Path, tmp_path: Path) -> ModelStore:
    store = ModelStore(tmp_path)
    store.add(shared / "data" / "weights" / "yunet-n" / "yunet_n_dynamic.onnx")
    return store


def test_a_brought_file_is_known_by_its_hash(one: ModelStore) -> None:
    assert one.present("yunet-n")
    assert len(one.load("yunet-n")) == 322_906


def test_a_changed_byte_a_lost_byte_and_a_byte_more_are_refused(one: ModelStore) -> None:
    path = one.path("yunet-n")
    whole = path.read_bytes()
    for changed in (whole[:-1], whole + b"\0", bytes([whole[0] ^ 1]) + whole[1:], b""):
        path.write_bytes(changed)
        with pytest.raises(BadInput, match=r"models\.hash-mismatch"):
            one.load("yunet-n")


def test_an_absent_model_names_the_command_that_brings_it(tmp_path: Path) -> None:
    with pytest.raises(Missing) as caught:
        ModelStore(tmp_path).load("yunet-n")
    assert caught.value.hint == "velatura models pull yunet-n"


def test_a_strange_file_is_refused_and_the_way_to_declare_it_named(tmp_path: Path) -> None:
    (tmp_path / "mine.onnx").write_bytes(b"x" * 100)
    with pytest.raises(BadInput, match=r"models\.hash-mismatch") as caught:
        ModelStore(tmp_path).add(tmp_path / "mine.onnx")
    assert "catalogue.toml" in caught.value.hint


def test_the_users_own_catalogue_adds_names_and_takes_none_of_ours(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    store.folder.mkdir()
    words = 'task = "face"\nabout = ""\nlicence = ""\ntraining_data = ""\nfile = "m.onnx"\nsize = 3\nlike = "yunet-n"\n'
    entry = "[models.{name}]\n" + words + 'sha256 = "{sha}"\n'
    sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # of "abc", FIPS 180-2 B.1
    store.user_catalogue.write_text(entry.format(name="mine", sha=sha))
    (tmp_path / "abc").write_bytes(b"abc")
    assert store.add(tmp_path / "abc") == "mine"
    assert store.load("mine") == b"abc"
    store.user_catalogue.write_text(entry.format(name="yunet-n", sha=sha))
    with pytest.raises(BadSpec, match=r"models\.catalogue"):
        store.known()


def test_every_entry_says_licence_training_data_and_a_pinned_source() -> None:
    for name, entry in catalogue().items():
        assert entry.licence, name
        assert entry.training_data, name
        assert entry.sources, name
        for source in entry.sources:
            pinned = any(len(part) == 40 for part in source.url.split("/")) if source.url else "==" in source.wheel
            assert pinned, name
    assert set(DEFAULT_FACES) <= catalogue().keys()


def test_an_unknown_name_lists_the_valid_ones(tmp_path: Path) -> None:
    with pytest.raises(BadSpec) as caught:
        ModelStore(tmp_path).path("yunet")
    assert "yunet-n" in caught.value.hint


def test_a_fifo_a_device_and_a_file_beyond_all_bounds_are_refused_without_reading_them(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with (tmp_path / "sparse").open("wb") as stream:
        stream.truncate(1 << 40)
    store = ModelStore(tmp_path)
    for path, code in (
        (tmp_path / "fifo", "models.unreadable"),
        (Path("/dev/zero"), "models.unreadable"),
        (tmp_path / "sparse", "models.hash-mismatch"),
    ):
        for name in (None, "yunet-n"):
            with pytest.raises(BadInput) as caught:
                store.add(path, name)
            assert caught.value.code == code
    store.folder.mkdir()
    os.mkfifo(store.path("yunet-n"))
    with pytest.raises(BadInput, match=r"models\.unreadable"):
        store.load("yunet-n")
