"""Evidence in the forms in which it comes, and files that hold none."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.enclave.evidence.documents import MOST_DOCUMENT_BYTES, evidence_in, guess, read_evidence
from velatura.enclave.verify import MOST_EVIDENCE_BYTES
from velatura.errors import BadInput, VelaturaError

BINARY = st.binary(min_size=2, max_size=3000).map(lambda raw: b"\2\0" + raw)


@given(BINARY, st.sampled_from([b"", b"\n", b"\r\n", b" \t"]))
def test_the_forms_of_one_document_are_the_same_bytes(raw: bytes, gap: bytes) -> None:
    for form in (raw.hex().encode(), raw.hex().upper().encode(), base64.b64encode(raw)):
        broken = gap.join(form[at : at + 64] for at in range(0, len(form), 64)) + gap
        assert evidence_in(broken) == raw
    assert evidence_in(raw) == raw


@given(st.binary(max_size=200))
def test_whatever_a_file_holds_there_is_evidence_or_a_line(raw: bytes) -> None:
    try:
        evidence_in(raw)
    except BadInput as error:
        assert error.code == "enclave.evidence"


@given(st.binary(max_size=60) | st.sampled_from([b"[" * 5000, b'{"a":' * 5000, b"{}", b"[]", b"[1]", b'{"format": 3}', b'{"quote": 1}']))
def test_a_guess_never_fails_with_anything_but_a_line(raw: bytes) -> None:
    try:
        guess(raw)
    except VelaturaError as error:
        assert error.code == "enclave.evidence"


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "empty"),
        (b" \n\t", "empty"),
        (b"hello world!", "neither hex nor base64"),
        (b"0x0200", "neither hex nor base64"),
        (b"abc", "odd number"),
        (b"QUJD=", "neither hex nor base64"),
        (b"QUJD-_==", "neither hex nor base64"),
        (b"\0" * (MOST_DOCUMENT_BYTES + 1), "larger than"),
        (b"00" * (MOST_EVIDENCE_BYTES + 1), "at most"),
    ],
)
def test_what_is_no_evidence_is_refused(raw: bytes, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        evidence_in(raw)


def test_json_is_handed_on_as_it_stands() -> None:
    raw = b' {"quote" :\n 1}'
    assert evidence_in(raw) == raw


def test_files_that_are_none_are_refused_before_they_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "huge").touch()
    os.truncate(tmp_path / "huge", 1 << 40)
    for name in ("fifo", "huge", ".", "absent", "huge/x", "x" * 300):
        with pytest.raises(BadInput, match=r"\[enclave.evidence\]"):
            read_evidence(tmp_path / name)
    with pytest.raises(BadInput, match=r"\[enclave.evidence\]"):
        read_evidence(Path("nul\0byte"))


def test_real_documents_are_known_by_their_bytes(shared: Path) -> None:
    folder = shared / "data" / "enclave-evidence"
    cases = json.loads((folder / "cases.json").read_text())["cases"]
    assert {case["id"]: guess(read_evidence(folder / case["evidence"])) for case in cases} == {case["id"]: case["format"] for case in cases}
