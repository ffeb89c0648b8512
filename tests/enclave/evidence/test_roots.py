"""The pinned roots: each file is what its pin and the table of provenance say, and another key is refused."""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files

import pytest

from velatura.enclave.evidence import roots
from velatura.enclave.evidence.roots import ROOTS, Root, pinned_chain, pins
from velatura.errors import Broken

FOLDER = files("velatura.enclave.evidence") / "roots"


@pytest.mark.parametrize("name", ROOTS)
def test_each_file_ends_in_the_pinned_key(name: str) -> None:
    assert pinned_chain(name)


def test_the_table_of_provenance_names_each_file_with_its_digest_and_pin() -> None:
    table = (FOLDER / "PROVENANCE.md").read_text()
    told = {row[0]: row[1:] for row in re.findall(r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \| `([0-9a-f]{64})` \|$", table, re.M)}
    held = {root.file: root.pin for root in ROOTS.values()}
    assert {name: pin for name, (_, pin) in told.items()} == held
    assert {name: digest for name, (digest, _) in told.items()} == {name: hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() for name in held}


def test_nothing_else_lies_in_the_folder() -> None:
    assert {entry.name for entry in FOLDER.iterdir()} == {root.file for root in ROOTS.values()} | {"PROVENANCE.md"}


def test_a_file_with_another_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roots, "ROOTS", {"swapped": Root("amd-genoa-vcek.pem", "ARK-Milan", roots.MILAN)})
    with pytest.raises(Broken, match=r"enclave\.root"):
        pinned_chain("swapped")


def test_two_kinds_of_one_product_end_in_one_pin() -> None:
    assert pins("amd-milan-vcek", "amd-milan-vlek") == {roots.MILAN: "ARK-Milan"}
