"""AMD SEV-SNP: a report of the processor's firmware about a guest, signed with a key that AMD certifies for one chip (VCEK) or one cloud (VLEK).

Reads reports of version 2, 3 and 5 from Milan, Genoa and Turin. What must agree: the leaf's product and its TCB version with the REPORTED one of the
report, and a VCEK's hardware id with the chip id, unless the host masks it. (r, n - s) verifies as (r, s) does, so that the bytes of a report are no
identity: whoever keeps a list of what was seen keeps nonces and report data.

Limits: the firmware tells no time, so freshness comes from the nonce alone; AMD publishes no revocation of single leaves.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from velatura.enclave.appraisal import Examination, Refused
from velatura.enclave.assurance import Assurance
from velatura.enclave.companions import Companions
from velatura.enclave.evidence.amd_chain import hold_amd_chain
from velatura.enclave.evidence.amd_leaf import Leaf, read_leaf
from velatura.enclave.evidence.amd_product import KDS, Tcb, leaf_address
from velatura.enclave.evidence.amd_report import REPORT_BYTES, SIGNED_BYTES, Report, read_report
from velatura.enclave.evidence.certificates import certificates_in, tried
from velatura.enclave.evidence.requirements import hold_age, hold_debug, hold_nonce, hold_reference
from velatura.enclave.policy import Policy

__all__ = ["examine", "hold_report", "leaf_addresses"]

FETCH = "fetch the leaf of this report: velatura enclave collateral says from where"


def examine(examination: Examination, evidence: bytes, policy: Policy, companions: Companions, now: datetime) -> Assurance:
    """The verifier of `sev-snp`; see `verify.Verifier`."""
    report = hold_report(examination, evidence, policy, companions, now)
    hold_reference(examination, policy, {"measurement": report.measurement})
    hold_nonce(examination, policy, report.report_data, padded=True)
    hold_age(examination, policy, None, now)
    return Assurance.TEE


def hold_report(examination: Examination, raw: bytes, policy: Policy, companions: Companions, now: datetime) -> Report:
    """Everything but reference values and freshness, which other formats that carry a report have elsewhere.

    Raises:
        BadInput: `enclave.evidence`: this is no report.
        Refused: `malformed`, `collateral-missing`, `wrong-leaf`, `signature`, and those of the chain.
    """
    report = read_report(raw)
    padding = len(raw) - REPORT_BYTES
    examination.passed("report", f"version {report.version}, {REPORT_BYTES} bytes" + (f", and {padding} zeros after them" if padding else ""))
    leaf = _leaf(report, companions)
    age = policy.require.collateral_max_age_s
    hold_amd_chain(examination, leaf, companions.chain, now=now, crls=companions.crl, crl_max_age_s=age)
    _hold_leaf(examination, report, leaf)
    _hold_signature(examination, report, leaf)
    examination.claims |= report.claims(leaf.product) | ({"cloud": leaf.cloud} if leaf.cloud else {})
    _hold_policy(examination, report, policy)
    return report


def leaf_addresses(report: Report) -> list[str]:
    """Where AMD's key server has the leaf of this report: one address, or two where a report of version 2 does not name its processor.

    A VLEK is not there: the cloud hands it out with the report.
    """
    if report.key == "vlek" or not any(report.chip_id):
        return []
    return [leaf_address(product, report.chip_id, report.tcb("reported")) for product in report.products]


def _leaf(report: Report, companions: Companions) -> Leaf:
    if companions.leaf is None:
        raise Refused("leaf", "collateral-missing", f"the certificate of the {report.key.upper()} is needed: with.leaf", hint=_how_to_get(report))
    found = certificates_in(companions.leaf, "leaf")
    if len(found) != 1:
        raise Refused("leaf", "malformed", f"with.leaf holds {len(found)} certificates, and one is wanted")
    return tried("leaf", "malformed", "the leaf is not as AMD writes it", partial(read_leaf, found[0]))


def _how_to_get(report: Report) -> str:
    if report.key == "vlek":
        return "the cloud hands out its VLEK with the report (the certificate table of the extended report); AMD's key server does not"
    addresses = leaf_addresses(report)
    if not addresses:
        return f"the host masks the chip id: ask who runs it for the VCEK, which AMD has under {KDS}/vcek/v1/"
    return f"fetch {addresses[0]}" + (" (on Genoa, with Genoa in place of Milan)" if len(addresses) > 1 else "")


def _hold_leaf(examination: Examination, report: Report, leaf: Leaf) -> None:
    """Before the signature, so that who fetched the wrong leaf hears which field differs and not only that the signature is wrong."""
    wanted = " or ".join(product.name for product in report.products)
    told = f"the report was signed by a {report.key.upper()} of {wanted}; the leaf is a {leaf.kind.upper()} of {leaf.product.name}"
    examination.need("leaf", leaf.kind == report.key and leaf.product in report.products, "wrong-leaf", told, hint=FETCH)
    reported = report.tcb("reported")
    differing = [f"{name} {leaf.tcb.get(name, 'none')} (report: {value})" for name, value in reported.items() if leaf.tcb.get(name) != value]
    told = f"the leaf is for another TCB: {', '.join(differing)}" if differing else f"the leaf is for the reported TCB version, {_words(reported)}"
    examination.hold("leaf-tcb", reported == leaf.tcb, "wrong-leaf", told, hint=FETCH)
    if leaf.kind == "vlek":
        examination.passed("leaf-hwid", "a VLEK belongs to a cloud and names no chip")
    elif not any(report.chip_id):
        examination.passed("leaf-hwid", f"the host masks the chip id; the leaf is of chip {leaf.hwid.hex()[:16]}...")
    else:
        same = len(leaf.hwid) == leaf.product.hwid_bytes and report.chip_id == leaf.hwid.ljust(64, b"\0")
        told = f"the leaf is of chip {leaf.hwid.hex()[:16]}..., the report of chip {report.chip_id.hex()[:16]}..."
        examination.hold("leaf-hwid", same, "wrong-leaf", told, hint=FETCH)


def _words(tcb: Tcb) -> str:
    return ", ".join(f"{name} {value}" for name, value in tcb.items())


def _hold_signature(examination: Examination, report: Report, leaf: Leaf) -> None:
    def check() -> None:
        leaf.key.verify(encode_dss_signature(*report.signature), report.raw[:SIGNED_BYTES], ec.ECDSA(hashes.SHA384()))

    tried("signature", "signature", "the leaf's key did not sign this report", check)
    examination.passed("signature", "ECDSA P-384 by the leaf's key")


def _hold_policy(examination: Examination, report: Report, policy: Policy) -> None:
    require, reported = policy.require, report.tcb("reported")
    hold_debug(examination, policy, report.debug)
    told = "a migration agent may be bound to the guest" if report.migration else "no migration agent may be bound to the guest"
    examination.hold("migration", not report.migration or require.migration, "migration", told, hint="require.migration = true tolerates it")
    told = f"asked for at VMPL {report.vmpl}; the policy allows {', '.join(map(str, require.vmpl))}"
    examination.hold("vmpl", report.vmpl in require.vmpl, "vmpl", told, hint="some clouds keep VMPL 0 for themselves: require.vmpl")
    below = [f"{name} {reported.get(name, 'none')} of {least}" for name, least in require.min_tcb.items() if reported.get(name, -1) < least]
    told = f"reported {_words(reported)}" + (f"; the policy wants more: {', '.join(below)}" if below else "")
    examination.hold("tcb", not below, "tcb-below-minimum", told, hint="the host's firmware is older than the policy allows")
