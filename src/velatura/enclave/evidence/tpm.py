"""TPM 2.0: quotes of a machine's registers, replayed from its event log, by a key that somebody vouches for. Formats `tpm` and `vm`.

Evidence is JSON, bytes in base64:

    {"format": "tpm2", "ak_public": TPMT_PUBLIC, "eventlog": LOG,
     "quotes": [{"bank": "sha256", "quote": TPMS_ATTEST, "signature": TPMT_SIGNATURE, "pcrs": {"0": "hex", ...}}],
     "ak_certificate": PEM or DER, "ak_chain": [PEM or DER, ...]}

The last two and the log may be missing; log, certificate and chain may stand in `[with]` (eventlog, leaf, chain) instead. The key is vouched for by
the policy (`ak`, SHA-256 of its SubjectPublicKeyInfo) or by a certificate up to a pinned root (Google Cloud's); else the verdict is a warning
(`endorsement-absent`) and the assurance none, since anybody can make a key and sign registers with it.

Limits: who owns the hypervisor owns a virtual TPM, so never more than `vm`. What programs extend after the firmware's log ends, no log explains.
Google's certificate says that a machine is one of its cloud, not whose it is: its subject is a claim (`ak_subject`), and `ak` alone names a machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from velatura.enclave.appraisal import Examination, Refused
from velatura.enclave.assurance import Assurance
from velatura.enclave.companions import Companions
from velatura.enclave.evidence.certificates import certificates_in, hold_chain, key_digest
from velatura.enclave.evidence.eventlog import BANKS, Replayed, read_log
from velatura.enclave.evidence.requirements import hold_age, hold_nonce, hold_reference
from velatura.enclave.evidence.roots import pinned_chain, pins
from velatura.enclave.evidence.strict_json import member, octets, read_document
from velatura.enclave.evidence.tpm_key import ATTESTING, AttestationKey, Signature, hold_signature, key_digest_of, read_public, read_signature
from velatura.enclave.evidence.tpm_quote import REGISTERS, Quote, hold_registers, read_quote
from velatura.enclave.policy import Policy
from velatura.errors import BadInput

__all__ = ["examine", "hold_eventlog", "registers_shown"]

MEMBERS = frozenset({"format", "ak_public", "quotes", "eventlog", "ak_certificate", "ak_chain"})
Registers = Mapping[int, bytes]
FIRMWARE = frozenset(range(8))
"""Registers that the firmware alone extends, and logs (TCG PC Client Platform Firmware Profile, section 3.3.4)."""


@dataclass(frozen=True, slots=True)
class Quoted:
    """One quote with its signature and the values of its registers, not yet looked at together."""

    quote: Quote
    signature: Signature
    registers: Registers


def examine(examination: Examination, evidence: bytes, policy: Policy, companions: Companions, now: datetime) -> Assurance:
    """See `enclave/verify.py`."""
    document = _document(evidence)
    key = read_public(octets(member(document, "ak_public", str, "the evidence"), "ak_public", "base64"))
    quotes = [_quoted(item, f"quote {place}") for place, item in enumerate(member(document, "quotes", list, "the evidence"))]
    banks = {quoted.quote.bank: quoted.registers for quoted in quotes}
    if not 1 <= len(quotes) == len(banks) <= len(BANKS):
        raise Refused("structure", "malformed", f"{len(quotes)} quotes over {len(banks)} banks; one quote for each bank, at least one")
    examination.passed("structure", f"{len(quotes)} quotes over the banks {', '.join(banks)}")
    first = quotes[0].quote
    examination.claims |= first.claims | {
        "ak": key_digest_of(key.key).hex(),
        "ak_name": key.name.hex(),
        "ak_attributes": sorted(key.attributes),
        "pcrs": {bank: {str(index): value.hex() for index, value in sorted(registers.items())} for bank, registers in banks.items()},
    }
    _hold_attributes(examination, key)
    for quoted in quotes:
        _hold_quote(examination, key, quoted)
    together = {(one.quote.nonce, one.quote.signer, one.quote.resets, one.quote.restarts) for one in quotes}
    told = "all quotes are of one boot and for one asker" if len(together) == 1 else "the quotes are of different boots or for different askers"
    examination.need("one-boot", len(together) == 1, "composite", told)
    log = _one_of(document.get("eventlog"), companions.eventlog, "eventlog")
    hold_eventlog(examination, log, banks)
    vouched = _hold_endorsement(examination, document, key, policy, companions, now)
    if set(banks) == {"sha1"}:
        examination.warned("bank", "weak-hash", "only the SHA-1 bank was quoted, in which two programs can be made to look the same")
    hold_reference(examination, policy, registers_shown(policy, banks) | {"ak": key_digest_of(key.key)})
    hold_nonce(examination, policy, first.nonce)
    hold_age(examination, policy, None, now)
    return Assurance.VM if vouched else Assurance.NONE


def registers_shown(policy: Policy, banks: Mapping[str, Registers]) -> dict[str, bytes]:
    """`pcr0` to `pcr23` of the bank that the policy's values are of, as `hold_reference` wants them; of the longest hash where several are."""
    shown: dict[str, bytes] = {}
    for index in range(REGISTERS):
        values = sorted((registers[index] for registers in banks.values() if index in registers), key=len, reverse=True)
        listed = policy.reference.values.get(f"pcr{index}", ())
        if values:
            shown[f"pcr{index}"] = next((value for value in values if value.hex() in listed), values[0])
    return shown


def hold_eventlog(examination: Examination, log: bytes | None, banks: Mapping[str, Registers]) -> None:
    """The check `eventlog`: the log replays to the quoted registers in each bank. Claims: `eventlog`.

    Raises:
        Refused: `malformed`, `eventlog`: as `read_log` and `EventLog.replay` do.
    """
    if log is None:
        examination.passed("eventlog", "no event log was given: registers are compared as they stand")
        return
    read = read_log(log)
    differing, unexplained = [], set()
    replayed: Replayed | None = None
    for bank, registers in banks.items():
        replayed = read.replay(bank)
        differing += [f"{bank} register {index}" for index, value in replayed.registers.items() if index in registers and registers[index] != value]
        unexplained |= {index for index, value in registers.items() if index not in replayed.registers and len(set(value)) > 1}
    if replayed is not None:
        examination.claims["eventlog"] = replayed.claims()
    hidden = sorted(unexplained & FIRMWARE)  # a log out of which events were taken must not pass for one that tells all
    told = f"{len(read.events)} events {'do not replay to ' + differing[0] if differing else 'replay to the quoted registers of ' + ', '.join(banks)}"
    if unexplained:
        told += f"; not of this log: {', '.join(map(str, sorted(unexplained)))}"
    if hidden:
        told += f", of which the firmware's (0 to 7) must be in it: {', '.join(map(str, hidden))}"
    examination.hold("eventlog", not differing and not hidden, "eventlog", told)


def _document(evidence: bytes) -> dict[str, Any]:
    document = read_document(evidence, "TPM evidence")
    if member(document, "format", str, "TPM evidence") != "tpm2":
        raise BadInput("enclave.evidence", "TPM evidence is JSON whose member 'format' is 'tpm2'")
    unknown = sorted(set(document) - MEMBERS)
    if unknown:
        raise BadInput("enclave.evidence", f"TPM evidence has no member {unknown[0]!r}")
    return dict(document)


def _quoted(item: Any, named: str) -> Quoted:
    quote = read_quote(octets(member(item, "quote", str, named), named, "base64"))
    signature = read_signature(octets(member(item, "signature", str, named), named, "base64"))
    if member(item, "bank", str, named) != quote.bank:
        raise Refused("structure", "malformed", f"{named} is called one of another bank than it is over, {quote.bank}")
    registers: dict[int, bytes] = {}
    for word, value in member(item, "pcrs", dict, named).items():
        if word not in {str(index) for index in range(REGISTERS)}:
            raise BadInput("enclave.evidence", f"{named} names a register {word[:10]!r}")
        if int(word) in quote.chosen:  # the others are nobody's word
            registers[int(word)] = octets(value, f"register {word}", "hex")
    return Quoted(quote, signature, registers)


def _hold_attributes(examination: Examination, key: AttestationKey) -> None:
    lacking = sorted(ATTESTING - key.attributes)
    wrong = "decrypts" if "decrypt" in key.attributes else f"lacks {', '.join(lacking)}" if lacking else ""
    told = f"the key {wrong}" if wrong else "the key was made in the TPM, cannot leave it, and signs only what the TPM made"
    examination.need("attributes", not wrong, "key-attributes", told)


def _hold_quote(examination: Examination, key: AttestationKey, quoted: Quoted) -> None:
    signature, bank = quoted.signature, quoted.quote.bank
    if key.scheme and (key.scheme, key.hash) != (signature.scheme, signature.hash):
        raise Refused(f"signature:{bank}", "signature", f"a key of {key.scheme} {key.hash} does not sign by {signature.scheme} {signature.hash}")
    hold_signature(examination, key.key, signature, quoted.quote.raw, f"signature:{bank}")
    hold_registers(examination, quoted.quote, quoted.registers, signature.hash, f"registers:{bank}")


def _hold_endorsement(
    examination: Examination, document: Mapping[str, Any], key: AttestationKey, policy: Policy, companions: Companions, now: datetime
) -> bool:
    """The check `endorsement`: whose key it is; whether somebody says so. A certificate that is there must hold, whatever the policy names."""
    inside = document.get("ak_certificate")
    leaf = _one_of(inside, companions.leaf, "ak_certificate")
    if leaf is not None:
        chain = _listed(document.get("ak_chain", [])) if inside is not None else certificates_in(companions.chain) if companions.chain else []
        root = pinned_chain("gcp-ek-ak")[-1]
        whole = (*certificates_in(leaf), *chain, *([] if root in chain else [root]))
        certificate = hold_chain(examination, whole, pins=pins("gcp-ek-ak"), now=now, crls=companions.crl)[0]
        same = key_digest(certificate) == key_digest_of(key.key).hex()
        told = f"the certificate of {certificate.subject.rfc4514_string()} is of {'the key' if same else 'another key than the one'} that signed"
        examination.need("endorsement", same, "chain-invalid", told)
        examination.claims["ak_subject"] = certificate.subject.rfc4514_string()
    elif "ak" in policy.reference.values:
        examination.passed("endorsement", "the policy itself names the keys that it takes")
    else:
        told = "nobody vouches for the attestation key: anybody can make one and sign registers with it"
        hint = "list the key in the policy (reference.ak), or give its certificate: with.leaf, with.chain"
        examination.warned("endorsement", "endorsement-absent", told, hint=hint)
        return False
    return True


def _one_of(inside: Any, beside: bytes | None, named: str) -> bytes | None:
    if inside is None:
        return beside
    if beside is not None:
        raise Refused("structure", "malformed", f"{named} stands in the evidence and in [with]; one of them is wanted")
    return _bytes(inside, named)


def _bytes(value: Any, named: str) -> bytes:
    return value.encode() if isinstance(value, str) and value.startswith("-----BEGIN") else octets(value, named, "base64")


def _listed(value: Any) -> list[bytes]:
    if not isinstance(value, list):
        raise BadInput("enclave.evidence", "ak_chain is a list of certificates")
    return [der for one in value for der in certificates_in(_bytes(one, "ak_chain"))]
