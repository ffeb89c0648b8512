"""SGX: what a policy asks of an enclave, and what a quote shows of it."""

from __future__ import annotations

import pytest
from tests.enclave.evidence.intel_world import NOW, IntelWorld, sgx_body

from velatura.enclave.appraisal import Appraisal, Verdict
from velatura.enclave.companions import Companions
from velatura.enclave.policy import parse_policy
from velatura.enclave.verify import verify
from velatura.errors import BadInput, BadSpec

WORLD = IntelWorld()
SIGNER, ENCLAVE = "11" * 32, "22" * 32


@pytest.fixture(autouse=True)
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    WORLD.trust(monkeypatch)


def judged(body: bytes, reference: str = "any_measurement = true", require: str = "") -> Appraisal:
    policy = parse_policy(f'version = 1\nformat = "sgx"\n[reference]\n{reference}\n[require]\n{require}')
    return verify(WORLD.quote("sgx", 3, body=body), policy, Companions(dcap=WORLD.collateral("sgx")), now=NOW)


def test_claims_are_plain_and_named_as_policies_name_them() -> None:
    claims = judged(sgx_body(prodid=3, svn=9)).claims
    assert (claims["mrenclave"], claims["mrsigner"], claims["prodid"], claims["svn"], claims["debug"]) == (ENCLAVE, SIGNER, 3, 9, False)
    assert claims["measurement"] == claims["mrenclave"] and claims["report_data"] == "00" * 64


def test_a_debug_enclave_is_refused_before_its_tcb_is_looked_at() -> None:
    found = judged(sgx_body(debug=True))
    assert (found.verdict, found.code, found.claims["debug"]) == (Verdict.CONTRAINDICATED, "debug-enabled", True)


def test_one_build_is_named_by_its_measurement() -> None:
    assert judged(sgx_body(), f'mrenclave = ["{"00" * 32}", "{ENCLAVE.upper()}"]').verdict is Verdict.AFFIRMING
    assert judged(sgx_body(), f'mrenclave = ["{"00" * 32}"]').code == "measurement-mismatch"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (sgx_body(prodid=3, svn=9), "ok"),
        (sgx_body(prodid=3, svn=8), "ok"),
        (sgx_body(prodid=3, svn=7), "measurement-mismatch"),
        (sgx_body(prodid=4, svn=9), "measurement-mismatch"),
        (sgx_body(prodid=3, svn=9, mrsigner=b"\x12" * 32), "measurement-mismatch"),
    ],
)
def test_a_signers_product_wants_product_and_version_too(body: bytes, code: str) -> None:
    assert judged(body, f'mrsigner = ["{SIGNER}"]\nprodid = 3\nmin_svn = 8').code == code


def test_a_signer_alone_is_no_reference() -> None:
    with pytest.raises(BadSpec, match="prodid and min_svn"):
        judged(sgx_body(), f'mrsigner = ["{SIGNER}"]')


def test_the_nonce_is_the_report_data() -> None:
    body = sgx_body(data=b"\x05" * 32 + bytes(32))
    assert judged(body, require=f'nonce = "{"05" * 32}"').verdict is Verdict.AFFIRMING
    for other in ("05" * 31, "05" * 33, "06" * 32, "05" * 32 + "00" * 31 + "01"):
        assert judged(body, require=f'nonce = "{other}"').code == "nonce-mismatch"


def test_a_quote_of_tdx_is_not_for_this_policy() -> None:
    policy = parse_policy('version = 1\nformat = "sgx"\n[reference]\nany_measurement = true')
    with pytest.raises(BadInput, match="a quote of TDX, not of SGX"):
        verify(WORLD.quote("tdx", 4), policy, Companions(dcap=WORLD.collateral()), now=NOW)
