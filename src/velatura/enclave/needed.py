"""What has to lie beside a piece of evidence before it can be verified: what it is, where it is, and which of it is at hand.

Addresses are told, never opened: somebody fetches the files on a machine with a network and gives them by `--with` or `[with]`.
Source: AMD 57230 (KDS), Intel's PCS API version 4; AWS and NVIDIA send their chains with the evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from velatura.enclave.appraisal import Appraisal, Outcome, Refused
from velatura.enclave.companions import Companions
from velatura.enclave.evidence.amd_product import GENOA, KDS, MILAN, Product
from velatura.enclave.evidence.amd_report import REPORT_BYTES, Report, read_report
from velatura.enclave.evidence.certificates import certificates_in, load_certificate
from velatura.enclave.evidence.dcap import platform_of
from velatura.enclave.evidence.dcap_collateral import addresses, common_name
from velatura.enclave.evidence.dcap_quote import Tee, read_quote
from velatura.enclave.evidence.snp import leaf_addresses
from velatura.enclave.evidence.strict_json import octets, read_document
from velatura.enclave.explanations import base_name
from velatura.enclave.policy import STATUSES, Policy, Reference, Require
from velatura.enclave.verify import verify
from velatura.errors import BadInput

__all__ = ["Need", "Needed", "State", "needed"]


class State(StrEnum):
    """HERE: in the package, or within the evidence. GIVEN, UNFIT: by a file that fits, or does not. OPTIONAL: not given, and not needed."""

    HERE = "here"
    GIVEN = "given"
    UNFIT = "unfit"
    MISSING = "missing"
    OPTIONAL = "optional"


@dataclass(frozen=True, slots=True)
class Need:
    """One thing beside the evidence.

    Attributes:
        name: of the companion, as `--with` takes it; "" where it is none.
        what: in a sentence.
        where: addresses, or words where there is none.
        told: why it does not fit.
    """

    name: str
    what: str
    where: tuple[str, ...]
    state: State
    told: str = ""


@dataclass(frozen=True, slots=True)
class Needed:
    """All of it, and the verdict that the evidence would get with what is at hand, from a policy that takes any program."""

    needs: tuple[Need, ...]
    appraisal: Appraisal

    @property
    def complete(self) -> bool:
        return all(need.state in (State.HERE, State.GIVEN, State.OPTIONAL) for need in self.needs)


def needed(evidence: bytes, named: str, companions: Companions, *, now: datetime) -> Needed:
    """What evidence of the format `named` needs, and how far `companions` are that.

    Raises:
        BadInput: `enclave.evidence`: these bytes are not of that format.
    """
    beside = replace(companions, absent=())
    everything = Require(debug=True, migration=True, vmpl=(0, 1, 2, 3), tcb_status=tuple(sorted(STATUSES)))
    found = verify(evidence, Policy(version=1, format=named, reference=Reference(any_measurement=True), require=everything), beside, now=now)
    given = {name for name in FED_BY if getattr(companions, name)}
    try:
        needs = tuple(_placed(need, given, found) for need in NEEDS.get(named, _nothing)(evidence))
    except Refused as refused:
        raise BadInput("enclave.evidence", refused.check.told) from refused
    return Needed(needs, found)


FED_BY: Mapping[str, frozenset[str]] = {
    "leaf": frozenset({"leaf", "leaf-tcb", "leaf-hwid", "validity"}),
    "chain": frozenset({"chain"}),
    "crl": frozenset({"revocation"}),
    "dcap": frozenset({"collateral", "collateral-dates", "collateral-signature", "collateral-age", "evaluation-number", "revocation", "tcb"}),
    "eventlog": frozenset({"eventlog"}),
}
"""Companion -> the checks that look at it."""


def _placed(need: Need, given: set[str], found: Appraisal) -> Need:
    if need.name not in given:
        return need
    about = [check for check in found.checks if base_name(check.name) in FED_BY[need.name]]
    for check in about:
        if check.outcome is Outcome.FAILED:
            return replace(need, state=State.UNFIT, told=f"{check.told} [{check.code}]")
    return replace(need, state=State.GIVEN, told="" if about else "an earlier check failed, and this was not looked at")


def _nothing(_: bytes) -> Iterator[Need]:
    yield Need("", "nothing lies beside evidence of this format", (), State.HERE)


def _snp(evidence: bytes) -> Iterator[Need]:
    report = read_report(evidence[:REPORT_BYTES])
    yield Need("leaf", f"the certificate of the key that signed, a {report.key.upper()}", tuple(_leaf(report)), State.MISSING)
    yield from _amd_chain(report.key, report.products)


def _leaf(report: Report) -> Iterator[str]:
    found = leaf_addresses(report)
    if not found and report.key == "vlek":
        yield "the cloud hands it out with the report: the certificate table of the extended report (auxblob of configfs-tsm)"
    elif not found:
        yield f"the host masks its chip id: ask who runs it for the VCEK, which AMD has under {KDS}/vcek/v1/"
    yield from found


def _amd_chain(kind: str, products: tuple[Product, ...]) -> Iterator[Need]:
    under = [f"{KDS}/{kind}/v1/{product.name}" for product in products]
    told = "its issuers up to AMD's root: in the package for Milan, Genoa and Turin"
    yield Need("chain", told, tuple(f"{address}/cert_chain" for address in under), State.HERE)
    yield Need("crl", "what AMD took back", tuple(f"{address}/crl" for address in under), State.OPTIONAL)


def _quote(tee: Tee) -> Callable[[bytes], Iterator[Need]]:
    def needs(evidence: bytes) -> Iterator[Need]:
        leaf = load_certificate(certificates_in(read_quote(evidence, tee).chain)[0])
        where = addresses(tee, platform_of(leaf)["fmspc"], common_name(leaf.issuer))
        told = "Intel's collateral for this platform, one JSON with the members that are named and their issuers' chains"
        yield Need("dcap", told, (*(f"{member}: {address}" for member, address in where.items()), FETCH), State.MISSING)
        if tee == "tdx":
            yield Need("eventlog", "what the RTMRs were extended with (CCEL)", ("in the guest: /sys/firmware/acpi/tables/data/CCEL",), State.OPTIONAL)

    return needs


FETCH = "each saved by `curl -i -o NAME ADDRESS`, and put together by `velatura enclave collateral QUOTE --responses FOLDER -o dcap.json`"


def _azure_snp(_: bytes) -> Iterator[Need]:
    yield Need("leaf", "the VCEK: within the evidence", ("in the guest: http://169.254.169.254/metadata/THIM/amd/certification",), State.HERE)
    yield from _amd_chain("vcek", (MILAN, GENOA))


def _azure_tdx(evidence: bytes) -> Iterator[Need]:
    tree = read_document(evidence, "the evidence")
    yield from _quote("tdx")(octets(tree.get("td_quote") if isinstance(tree, dict) else None, "td_quote", "base64"))


def _nitro(_: bytes) -> Iterator[Need]:
    yield Need("root", "the chain travels within; AWS's root is in the package", (), State.HERE)


def _tpm(evidence: bytes) -> Iterator[Need]:
    tree = read_document(evidence, "the evidence")
    state = State.HERE if isinstance(tree, dict) and tree.get("eventlog") else State.OPTIONAL
    told = "who vouches for the attestation key: its certificate and its issuers, unless the policy names the key itself (reference.ak)"
    yield Need("leaf", told, ("who made the machine: Google Cloud writes it into NV index 0x01c10000 (RSA) and 0x01c10002 (ECC)",), State.OPTIONAL)
    yield Need("eventlog", "what the registers were extended with", ("in the guest: /sys/kernel/security/tpm0/binary_bios_measurements",), state)


def _nvidia(evidence: bytes) -> Iterator[Need]:
    listed = evidence.lstrip()[:1] in (b"[", b"{")
    told = "certificates of the device: within the evidence" if listed else "certificates of the device, PEM, its own first"
    where = () if listed else ("the vendor's tools write them beside the report: give their JSON list, which has both",)
    yield Need("chain", told, where, State.HERE if listed else State.MISSING)


NEEDS: Mapping[str, Callable[[bytes], Iterator[Need]]] = {
    "sev-snp": _snp,
    "tdx": _quote("tdx"),
    "sgx": _quote("sgx"),
    "azure-snp": _azure_snp,
    "azure-tdx": _azure_tdx,
    "nitro": _nitro,
    "tpm": _tpm,
    "vm": _tpm,
    "nvidia": _nvidia,
}
