"""Words of the enclave command line: times, companions, hex, formats."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.cli.enclave.words import companions_of, format_of, hex_of, time_of
from velatura.enclave.policy import With
from velatura.errors import BadInput, BadSpec

TIMES = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))


@given(TIMES.map(lambda time: time.replace(microsecond=0)))
def test_a_time_is_read_as_it_was_written(time: datetime) -> None:
    for word in (str(int(time.timestamp())), time.isoformat(), time.isoformat().replace("+00:00", "Z"), time.replace(tzinfo=None).isoformat()):
        assert time_of(word) == time
    assert time_of(time.astimezone(None).isoformat()) == time


def test_without_a_word_it_is_now() -> None:
    assert abs(time_of(None) - datetime.now(UTC)) < timedelta(minutes=1)


@given(st.text(max_size=30))
def test_what_is_no_time_is_refused_in_a_line(word: str) -> None:
    try:
        assert time_of(word).tzinfo is not None
    except BadSpec as error:
        assert error.code == "enclave.time"


def test_companions_stand_in_the_place_of_the_policys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    named = With(leaf="old.der", chain="chain.pem", crl=("a",))
    found = companions_of(["leaf=new.der", "crl=b", "crl=/c", "dcap=a=b"], named)
    assert (found.leaf, found.chain, found.dcap) == (str(tmp_path / "new.der"), "chain.pem", str(tmp_path / "a=b"))
    assert found.crl == (str(tmp_path / "b"), "/c")
    assert companions_of([], named) == named


@pytest.mark.parametrize("word", ["", "leaf", "leaf=", "Leaf=x", "=x", "nothing=x"])
def test_a_companion_that_names_nothing_is_refused(word: str) -> None:
    with pytest.raises(BadSpec, match=r"\[enclave.with\]"):
        companions_of([word], With())


@given(st.binary(min_size=1, max_size=64))
def test_hex_is_hex(raw: bytes) -> None:
    assert hex_of(raw.hex(), "--nonce") == hex_of(raw.hex().upper(), "--nonce") == raw


@pytest.mark.parametrize("word", ["", "0", "0x00", "00 00", "zz", "00\n", "٠٠"])
def test_what_is_no_hex_is_refused(word: str) -> None:
    with pytest.raises(BadSpec, match=r"\[enclave.hex\]"):
        hex_of(word, "--nonce")


def test_a_format_is_what_a_person_says_or_what_the_bytes_look_like() -> None:
    assert format_of("sgx", b"anything") == "sgx"
    assert format_of(None, b"\x11\xe0") == "nvidia"
    with pytest.raises(BadSpec, match=r"\[enclave.format\]") as refused:
        format_of("sev_snp", b"")
    assert "did you mean 'sev-snp'" in refused.value.hint
    with pytest.raises(BadInput, match=r"\[enclave.unknown-format\]"):
        format_of(None, b"anything")
