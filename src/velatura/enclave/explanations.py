"""Formats, assurances, checks and codes in plain words: for `velatura enclave explain`, docs/reference/enclave.md, and a record's vector.

A test holds the tables complete over what the verifiers can say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from velatura.enclave.assurance import Assurance
from velatura.enclave.limits import LIMITS
from velatura.errors import BadSpec, nearest

__all__ = ["CHECKS", "CODES", "FORMATS", "TABLES", "Area", "Explained", "base_name", "explain"]


class Area(StrEnum):
    """What a check is about. The first four are claims of AR4SI's trustworthiness vector (draft-ietf-rats-ar4si, section 2.3.4)."""

    IDENTITY = "instance-identity"
    CONFIGURATION = "configuration"
    EXECUTABLES = "executables"
    HARDWARE = "hardware"
    BINDING = "binding"


@dataclass(frozen=True, slots=True)
class Explained:
    """One word.

    Attributes:
        means: what it says, in a sentence.
        next: what to do about it; "" where there is nothing to do.
        area: of a check.
    """

    means: str
    next: str = ""
    area: Area | None = None


FORMATS: Mapping[str, Explained] = MappingProxyType(
    {
        "sev-snp": Explained(
            "AMD SEV-SNP: a report of 1,184 bytes, signed by a key of the chip (VCEK) or of the cloud (VLEK). A virtual machine whose memory the"
            " hypervisor cannot read.",
            "leaf (the VCEK, from AMD's KDS, or the VLEK, from the cloud); AMD's chains are in the package",
        ),
        "tdx": Explained(
            "Intel TDX: a quote of a trust domain, signed by the quoting enclave, whose key Intel certified. A virtual machine whose memory the"
            " hypervisor cannot read.",
            "dcap (collateral of Intel's PCS); eventlog (CCEL) where RTMRs are to be explained",
        ),
        "sgx": Explained("Intel SGX: a quote of an enclave, a part of one process that its operating system cannot read.", "dcap (Intel's PCS)"),
        "nitro": Explained(
            "AWS Nitro Enclaves: a CBOR document that the hypervisor signs; AWS is trusted in the hardware's place.",
            "nothing: its chain travels inside, and its root is in the package. Certificates live for about three hours: --time judges later",
        ),
        "tpm": Explained(
            "A TPM 2.0 quote over PCRs, with the event log that explains them. Shows what booted, not that nobody reads the memory.",
            "ak in [reference], or leaf and chain of the attestation key",
        ),
        "vm": Explained("A virtual machine with a virtual TPM: as tpm; who owns the hypervisor can lie.", "ak in [reference]"),
        "azure-snp": Explained(
            "Azure's SEV-SNP: the report vouches for the key of a virtual TPM, whose quote carries the nonce. JSON.",
            "nothing but the VCEK, which travels inside; chain where it is not AMD's usual one",
        ),
        "azure-tdx": Explained("Azure's TDX: as azure-snp, with a TD quote. JSON.", "dcap (Intel's PCS)"),
        "nvidia": Explained(
            "NVIDIA GPU in confidential mode: an SPDM report signed by a key of the GPU. By itself it does not say to which machine the GPU belongs:"
            " its nonce has to come from the machine's own evidence.",
            "chain (of the GPU; inside where the vendor's list is given)",
        ),
        "process": Explained(
            "velatura's own: a job in a confined process, measured by the process that started it. For machines without such hardware.",
            "measurement in [reference], as `velatura enclave policy` writes it",
        ),
        "simulated": Explained("As process, signed with a key that everybody knows, called INSECURE-TEST.", "for tests alone"),
    }
)
"""Format -> what it is; `next`: which companions it wants."""

CHECKS: Mapping[str, Explained] = MappingProxyType(
    {
        "companions": Explained("the files that the policy names beside the evidence are there"),
        "structure": Explained("every length, magic, version and reserved byte is as the vendor's specification has it"),
        "chain": Explained("certificates lead, signature by signature, to a root that the package pins by its key", area=Area.HARDWARE),
        "validity": Explained("every certificate of the chain was in date at the time of judging", area=Area.HARDWARE),
        "revocation": Explained("the revocation lists that were given name no certificate of the chain", area=Area.HARDWARE),
        "signature": Explained("the evidence is signed by the key at the end of the chain", area=Area.IDENTITY),
        "debug": Explained("nobody may read the guest's memory for debugging", area=Area.CONFIGURATION),
        "tcb": Explained("versions of firmware and microcode are not below what is asked", area=Area.HARDWARE),
        "measurement": Explained("the program that was loaded is one that the policy lists", area=Area.EXECUTABLES),
        "nonce": Explained("the evidence was made for this question", area=Area.BINDING),
        "age": Explained("the evidence is not older than the policy allows", area=Area.BINDING),
        "assurance": Explained("what the evidence reaches is at least what the policy asks"),
        "eventlog": Explained("the log of what was loaded leads to the signed values", area=Area.EXECUTABLES),
    }
)
"""Check, without what follows its colon -> what it looks at."""

CODES: Mapping[str, Explained] = MappingProxyType(
    {
        "malformed": Explained("the document breaks a rule of its format", "take it again from where it was made, byte for byte"),
        "signature": Explained("a signature does not verify: the document was changed, or another key made it", "believe nothing in it"),
        "chain-invalid": Explained("the certificates do not lead to a pinned root", "look whether leaf and chain are of this product and this kind"),
        "expired": Explained("a certificate had ended at the time of judging", "ask for new evidence, or judge at its time with --time"),
        "not-yet-valid": Explained("a certificate begins after the time of judging", "look at the clock and at --time"),
        "revoked": Explained("the vendor took a certificate back", "do not trust this machine"),
        "collateral-missing": Explained("something is needed beside the evidence", "velatura enclave collateral EVIDENCE says what, and where it is"),
        "collateral-expired": Explained("collateral was not of the time of judging", "fetch it anew, or judge at its time with --time"),
        "collateral-mismatch": Explained("collateral is of another platform, product or issuer", "fetch that of this evidence"),
        "debug-enabled": Explained("somebody may read the guest's memory", "for trials: require.debug = true"),
        "measurement-mismatch": Explained("another program was loaded than the policy lists", "list it in [reference] if you know it to be good"),
        "nonce-mismatch": Explained("the evidence was made for another question: it may be replayed", "ask again with a fresh nonce"),
        "eventlog": Explained("the log does not lead to the signed values: it is of another machine, or was changed"),
        "assurance": Explained("the evidence is of a weaker kind than the policy asks", "minimum_assurance says what you accept"),
        "age-unknown": Explained("evidence of this format does not say when it was made", "ask with a fresh nonce"),
        "too-old": Explained("the evidence is older than require.max_age_s", "ask for new evidence"),
        "from-the-future": Explained("the evidence was made after the time of judging", "look at both clocks"),
        "no-reference-values": Explained("nothing at hand says which measurements are good", "accept_warning = true accepts that"),
        "endorsement-absent": Explained("nobody vouches for the key that signed", "name it in [reference] ak, or give its leaf and chain"),
    }
)
"""Code -> why a check warned or failed, and what to do."""

ASSURANCES: Mapping[str, Explained] = MappingProxyType({one.word: Explained(LIMITS[one]) for one in Assurance})


TABLES: Mapping[str, Mapping[str, Explained]] = MappingProxyType({"format": FORMATS, "assurance": ASSURANCES, "check": CHECKS, "code": CODES})
"""Kind of word -> its table."""


def base_name(check: str) -> str:
    """A check's name without the device that it is of and without what it is about: `gpu:device0:measurement:driver` is a `measurement`."""
    parts = check.split(":")
    while len(parts) > 1 and (parts[0] == "gpu" or parts[0].startswith("device")):
        parts.pop(0)
    return parts[0]


def explain(word: str) -> tuple[tuple[str, Explained], ...]:
    """Everything that a word stands for, as (kind, explanation). Raises BadSpec `enclave.word`."""
    found = tuple((kind, table[word]) for kind, table in TABLES.items() if word in table)
    if not found:
        raise BadSpec(
            "enclave.word", f"there is nothing called {word!r} to explain", hint=nearest(word, {name for table in TABLES.values() for name in table})
        )
    return found
