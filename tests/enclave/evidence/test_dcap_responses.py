"""Answers of Intel's service become the collateral that they hold, byte for byte; what is no such answer is refused in a line."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.enclave.evidence.dcap_responses import RESPONSES, collateral_from
from velatura.errors import BadInput

EXAMPLE = Path(__file__).parent.parent.parent.parent / "examples" / "enclave" / "verify_offline" / "evidence"
WHOLE = json.loads((EXAMPLE / "tdx-B0C06F000000-2025-06.json").read_bytes())


def answers(whole: dict[str, str] = WHOLE, *, ends: str = "\r\n", before: str = "") -> dict[str, bytes]:
    """As `curl -i` saves them."""

    def head(**headers: str) -> bytes:
        lines = [
            "HTTP/1.1 200 OK",
            "Content-Type: application/json",
            *(f"{name.replace('_', '-')}: {quote(value)}" for name, value in headers.items()),
        ]
        return (before + ends.join([*lines, "", ""])).encode()

    def signed(name: str, member: str) -> bytes:
        return f'{{"{member}":{whole[name]},"signature":"{whole[f"{name}_signature"]}"}}'.encode()

    return {
        "tcb_info": head(TCB_Info_Issuer_Chain=whole["tcb_info_issuer_chain"]) + signed("tcb_info", "tcbInfo"),
        "qe_identity": head(SGX_Enclave_Identity_Issuer_Chain=whole["qe_identity_issuer_chain"]) + signed("qe_identity", "enclaveIdentity"),
        "pck_crl": head(SGX_PCK_CRL_Issuer_Chain=whole["pck_crl_issuer_chain"]) + bytes.fromhex(whole["pck_crl"]),
        "root_ca_crl": bytes.fromhex(whole["root_ca_crl"]),
    }


def test_what_was_taken_apart_is_put_together_again() -> None:
    assert json.loads(collateral_from(answers())) == WHOLE


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("before", ["HTTP/1.1 200 Connection established\r\n\r\n", "HTTP/2 301\nLocation: /\n\n"])
def test_what_proxies_put_before_is_left_out(ends: str, before: str) -> None:
    assert json.loads(collateral_from(answers(ends=ends, before=before))) == WHOLE


def test_lists_may_come_as_hex() -> None:
    given = answers()
    given["root_ca_crl"] = WHOLE["root_ca_crl"].upper().encode() + b"\n"
    assert json.loads(collateral_from(given)) == WHOLE


@pytest.mark.parametrize("name", RESPONSES)
@pytest.mark.parametrize("raw", [b"", b"{}", b"HTTP/1.1 404 Not Found\r\n\r\n", b"HTTP/1.1 200 OK\r\n", b"HTTP/", b"<html>", b"\xff" * 9])
def test_what_is_no_answer_is_refused(name: str, raw: bytes) -> None:
    with pytest.raises(BadInput, match=rf"answer {name}.*\[enclave.response\]"):
        collateral_from(answers() | {name: raw})


@pytest.mark.parametrize("name", ["tcb_info", "qe_identity", "pck_crl"])
def test_an_answer_without_its_head_is_refused(name: str) -> None:
    given = answers()
    given[name] = given[name].partition(b"\r\n\r\n")[2]
    with pytest.raises(BadInput, match="curl -i"):
        collateral_from(given)


@given(st.sampled_from(RESPONSES), st.binary(max_size=300), st.integers(0, 400))
def test_changed_answers_end_in_a_line_or_in_collateral(name: str, rest: bytes, at: int) -> None:
    raw = answers()[name]
    try:
        collateral_from(answers() | {name: raw[:at] + rest + raw[at + len(rest) :]})
    except BadInput as error:
        assert error.code == "enclave.response"
