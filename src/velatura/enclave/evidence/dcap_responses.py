"""Intel's collateral from its service's answers, as files that `curl -i` wrote: put together into the one JSON that is read here.

The signed texts are taken out byte for byte; issuers' chains travel in headers, percent-encoded. Nothing is believed here: `dcap_collateral.py`
verifies.
Source: Intel, PCS API version 4 (Get TCB Info, Get Quoting Enclave Identity, Get Revocation List).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

import msgspec

from velatura.errors import BadInput

__all__ = ["RESPONSES", "collateral_from"]

RESPONSES = ("tcb_info", "qe_identity", "pck_crl", "root_ca_crl")
"""Names of the answers, as `dcap_collateral.addresses` has their addresses."""

MOST_HEAD = 64 << 10
SIGNED = {"tcb_info": "tcbInfo", "qe_identity": "enclaveIdentity"}
CHAINS = {
    "tcb_info": ("tcb-info-issuer-chain", "sgx-tcb-info-issuer-chain"),
    "qe_identity": ("sgx-enclave-identity-issuer-chain",),
    "pck_crl": ("sgx-pck-crl-issuer-chain",),
}


@dataclass(frozen=True, slots=True)
class Response:
    """One answer: names of headers in lower case, and what follows them."""

    name: str
    headers: Mapping[str, str]
    body: bytes


def collateral_from(answers: Mapping[str, bytes]) -> bytes:
    """The JSON that `[with] dcap` wants.

    Args:
        answers: one for each of RESPONSES, head and body; a revocation list may come without a head where no chain is wanted of it (root_ca_crl).

    Raises:
        BadInput: `enclave.response`: no answer of this service, or not a good one.
    """
    read = {name: _read(name, raw) for name, raw in answers.items()}
    made: dict[str, str] = {}
    for name in SIGNED:
        made[name], made[f"{name}_signature"] = _signed(read[name])
        made[f"{name}_issuer_chain"] = _chain(read[name])
    made["pck_crl_issuer_chain"] = _chain(read["pck_crl"])
    return msgspec.json.encode(made | {name: _list(read[name]) for name in ("pck_crl", "root_ca_crl")})


def _read(name: str, raw: bytes) -> Response:
    """The last answer of those that proxies and redirects put before it."""
    headers: dict[str, str] = {}
    while raw.startswith(b"HTTP/"):
        at = re.search(rb"\r?\n\r?\n", raw[:MOST_HEAD])
        if at is None:
            raise _refused(name, "its head does not end")
        first, *lines = raw[: at.start()].decode("latin-1").splitlines()
        status = [*first.split(), "", ""][1]
        headers = {key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
        raw = raw[at.end() :]
        if not raw.startswith(b"HTTP/") and status != "200":
            raise _refused(name, f"the service answered {status}")
    return Response(name, headers, raw)


def _signed(answer: Response) -> tuple[str, str]:
    """(text as it was signed, signature)."""
    found = re.fullmatch(rf'\{{"{SIGNED[answer.name]}":(\{{.*\}}),"signature":"([0-9a-fA-F]{{128}})"\}}\s*'.encode(), answer.body, re.DOTALL)
    if found is None:
        raise _refused(answer.name, f'its body is no {{"{SIGNED[answer.name]}": ..., "signature": ...}}')
    try:
        return found[1].decode("utf-8"), found[2].decode("ascii")
    except UnicodeDecodeError as error:
        raise _refused(answer.name, "its body is no UTF-8") from error


def _chain(answer: Response) -> str:
    names = CHAINS[answer.name]
    told = next((answer.headers[name] for name in names if name in answer.headers), None)
    if told is None:
        raise _refused(answer.name, f"it has no header {names[0]}: save it with its head (curl -i)")
    return unquote(told)


def _list(answer: Response) -> str:
    """A revocation list as hex: DER, hex, or PEM came."""
    body = answer.body
    if re.fullmatch(rb"\s*[0-9a-fA-F]+\s*", body):
        return body.strip().decode("ascii").lower()
    if body.startswith(b"\x30"):
        return body.hex()
    raise _refused(answer.name, "it is no revocation list in DER: ask with encoding=der")


def _refused(name: str, why: str) -> BadInput:
    return BadInput(
        "enclave.response", f"the answer {name} is not one of Intel's service: {why}", hint="curl -i -o NAME ADDRESS, for each of the four"
    )
