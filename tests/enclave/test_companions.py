"""Files beside evidence: read whole or refused; what is not there is a name for the verdict."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from velatura.enclave.companions import MOST_BYTES, read_companions
from velatura.enclave.policy import With
from velatura.errors import BadInput


def test_files_are_read_from_the_policys_folder(tmp_path: Path) -> None:
    for name in ("leaf", "a", "b"):
        (tmp_path / name).write_bytes(name.encode())
    found = read_companions(With(leaf="leaf", crl=("a", str(tmp_path / "b"))), tmp_path)
    assert (found.leaf, found.crl, found.absent, found.chain) == (b"leaf", (b"a", b"b"), (), None)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    found = read_companions(With(leaf="gone", dcap="file/x", crl=("lost",)), tmp_path)
    assert found.absent == ("leaf (gone)", "dcap (file/x)", "crl (lost)") and found.crl == ()


def test_what_is_no_plain_file_or_too_large_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "large").write_bytes(b"\0" * (MOST_BYTES + 1))
    for name in ("fifo", "large", ".", "/dev/zero", "nul\0", "x" * 300):
        with pytest.raises(BadInput, match=r"\[enclave.companion\]"):
            read_companions(With(eventlog=name), tmp_path)
    (tmp_path / "most").write_bytes(b"\0" * MOST_BYTES)
    assert len(read_companions(With(gpu="most"), tmp_path).gpu or b"") == MOST_BYTES
