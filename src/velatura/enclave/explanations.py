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
        "format": Explained("the document is of the format that the policy names"),
        "structure": Explained("every length, magic, version and reserved byte is as the vendor's specification has it"),
        "report": Explained("a SEV-SNP report is as AMD's specification has it"),
        "document": Explained("a Nitro document is strict CBOR, and has the members that it must have"),
        "certificate": Explained("a certificate can be read", area=Area.HARDWARE),
        "chain": Explained("certificates lead, signature by signature, to a root that the package pins by its key", area=Area.HARDWARE),
        "validity": Explained("every certificate of the chain was in date at the time of judging", area=Area.HARDWARE),
        "revocation": Explained("the revocation lists that were given name no certificate of the chain", area=Area.HARDWARE),
        "leaf": Explained("the certificate of the key that signed is of this product and this kind", area=Area.HARDWARE),
        "leaf-tcb": Explained("that certificate is for the TCB version that the report calls its own", area=Area.HARDWARE),
        "leaf-hwid": Explained("that certificate is of the chip that the report names", area=Area.IDENTITY),
        "pck": Explained("the chain is that of a platform's key, and not of another key of Intel's", area=Area.HARDWARE),
        "qe-report": Explained("the quoting enclave's report is signed by the platform's key", area=Area.HARDWARE),
        "key-binding": Explained("the quoting enclave vouches for the key that signed the quote", area=Area.IDENTITY),
        "qe-identity": Explained("the quoting enclave is Intel's", area=Area.HARDWARE),
        "signature": Explained("the evidence is signed by the key at the end of the chain", area=Area.IDENTITY),
        "vtpm-signature": Explained("the quote of the virtual TPM is signed by the key that the hardware's report vouches for", area=Area.IDENTITY),
        "firmware": Explained("the firmware that the certificate is for is the one that the report names", area=Area.HARDWARE),
        "attributes": Explained("the key was made in the TPM, cannot leave it, and signs nothing from outside", area=Area.IDENTITY),
        "endorsement": Explained("somebody who is trusted says whose the attestation key is", area=Area.IDENTITY),
        "runtime-data": Explained("the hardware's report vouches for the data that name the virtual TPM's key", area=Area.IDENTITY),
        "td-report": Explained("the TD quote and the machine's own report carry the same report data", area=Area.IDENTITY),
        "root": Explained("whose word this evidence is in the end"),
        "measured": Explained("the measurement is the hash of what the evidence lists", area=Area.EXECUTABLES),
        "layer": Explained("a layer of the process's confinement was really in force", area=Area.CONFIGURATION),
        "debug": Explained("nobody may read the guest's memory for debugging", area=Area.CONFIGURATION),
        "migration": Explained("nobody may move the guest to another machine", area=Area.CONFIGURATION),
        "vmpl": Explained("the privilege level in the guest that asked is one that the policy allows", area=Area.CONFIGURATION),
        "td-attributes": Explained("attributes of the trust domain are set as they must be", area=Area.CONFIGURATION),
        "service-td": Explained("no other trust domain is bound to this one", area=Area.CONFIGURATION),
        "secure-boot": Explained("Secure Boot is as the policy asks", area=Area.CONFIGURATION),
        "collateral": Explained("Intel's collateral is there, and is of this platform", area=Area.HARDWARE),
        "collateral-dates": Explained("collateral was in date at the time of judging", area=Area.HARDWARE),
        "collateral-signature": Explained("collateral is signed by Intel", area=Area.HARDWARE),
        "collateral-age": Explained("collateral and revocation lists are not older than the policy allows", area=Area.HARDWARE),
        "evaluation-number": Explained("collateral is not of an older evaluation than the policy asks", area=Area.HARDWARE),
        "tcb": Explained("versions of firmware and microcode are not below what is asked, or not known to be weak", area=Area.HARDWARE),
        "registers": Explained("the registers that are shown are those that the quote signs", area=Area.EXECUTABLES),
        "bank": Explained("the registers are hashes that nobody can forge", area=Area.EXECUTABLES),
        "one-boot": Explained("all quotes are of one boot, for one asker", area=Area.BINDING),
        "eventlog": Explained("the log of what was loaded leads to the signed values", area=Area.EXECUTABLES),
        "measurement": Explained("the program that was loaded is one that the policy lists", area=Area.EXECUTABLES),
        "reference-values": Explained("the firmware's measurements were compared with values that are known to be good", area=Area.EXECUTABLES),
        "gpu": Explained("a GPU beside a processor answered the nonce that the processor's evidence fixes", area=Area.BINDING),
        "gpus": Explained("as many GPUs are attested as the policy asks", area=Area.CONFIGURATION),
        "one-nonce": Explained("all devices answered one nonce", area=Area.BINDING),
        "distinct": Explained("each report is of a device of its own", area=Area.IDENTITY),
        "switches": Explained("switches that carry words between GPUs in the clear are attested too", area=Area.CONFIGURATION),
        "binding": Explained("report data are the hash of nonce, key, policy and job", area=Area.BINDING),
        "nonce": Explained("the evidence was made for this question", area=Area.BINDING),
        "age": Explained("the evidence is not older than the policy allows", area=Area.BINDING),
        "assurance": Explained("what the evidence reaches is at least what the policy asks"),
    }
)
"""Check, without its device and without what follows its colon -> what it looks at."""

CODES: Mapping[str, Explained] = MappingProxyType(
    {
        "malformed": Explained("the document breaks a rule of its format", "take it again from where it was made, byte for byte"),
        "unsupported": Explained("the document is of a version that is not read here"),
        "signature": Explained("a signature does not verify: the document was changed, or another key made it", "believe nothing in it"),
        "chain-invalid": Explained(
            "the certificates do not lead to a pinned root, or not in the way that the vendor makes them",
            "look whether leaf and chain are of this product and this kind",
        ),
        "expired": Explained("a certificate had ended at the time of judging", "ask for new evidence, or judge at its time with --time"),
        "not-yet-valid": Explained("a certificate begins after the time of judging", "look at the clock and at --time"),
        "revoked": Explained("the vendor took a certificate back", "do not trust this machine"),
        "wrong-leaf": Explained(
            "the certificate is of another chip, another TCB version or another product than the report",
            "fetch the one that `velatura enclave collateral` names",
        ),
        "key-attributes": Explained(
            "the attestation key could be used outside of its TPM, or sign what the TPM did not make", "have the machine make a restricted key"
        ),
        "endorsement-absent": Explained("nobody vouches for the key that signed", "name it in [reference] ak, or give its leaf and chain"),
        "qe-identity": Explained("another enclave than Intel's quoting enclave signed", "do not trust this machine"),
        "simulated": Explained("signed with the key that everybody has, and the policy does not ask for that", "for trials: format = 'simulated'"),
        "degraded": Explained("a layer of the confinement was not in force", "require.degraded tolerates one by name; never seccomp"),
        "debug-enabled": Explained("somebody may read the guest's memory", "for trials: require.debug = true"),
        "migration": Explained("an agent may move the guest to another machine", "require.migration = true tolerates it"),
        "vmpl": Explained(
            "a level of the guest asked that the policy does not allow", "some clouds keep VMPL 0 for themselves: require.vmpl lists what is allowed"
        ),
        "td-attributes": Explained("an attribute of the trust domain weakens it", "start the guest without it"),
        "service-td": Explained("another trust domain is bound to this one, and could move it", "require.migration = true tolerates it"),
        "secure-boot": Explained("Secure Boot is not as the policy asks", "require.secure_boot says what is wanted"),
        "collateral-missing": Explained("something is needed beside the evidence", "velatura enclave collateral EVIDENCE says what, and where it is"),
        "collateral-expired": Explained("collateral was not of the time of judging", "fetch it anew, or judge at its time with --time"),
        "collateral-mismatch": Explained("collateral is of another platform, product or issuer", "fetch that of this evidence"),
        "collateral-downgrade": Explained("collateral is of an older evaluation than the policy asks: it may hide a recovery", "fetch it anew"),
        "tcb-below-minimum": Explained("firmware or microcode is older than the policy asks", "who runs the machine must update it"),
        "tcb-status": Explained(
            "Intel knows of weaknesses at this level", "who runs the machine must update it; require.tcb_status tolerates a status, with a warning"
        ),
        "tcb-no-matching-level": Explained("Intel's collateral has no level for this platform", "fetch it anew; else the platform is too old"),
        "tcb-revoked": Explained("Intel revoked this level", "do not trust this machine"),
        "tcb-refused": Explained("the engine for TCB levels refused for a reason of its own", "its words stand in the check"),
        "tcb-unknown": Explained("the TCB level was not looked at", "do not tolerate such a guest where it matters"),
        "tdx-module": Explained("the TDX module is not one that Intel lists", "who runs the machine must update it"),
        "registers": Explained("the registers that are shown are not those that were signed", "believe none of them"),
        "weak-hash": Explained("the registers are SHA-1 hashes, in which two programs can be made to look the same", "quote the SHA-256 bank"),
        "eventlog": Explained(
            "the log does not lead to the signed values: it is of another machine, or was changed", "take log and quote of one boot"
        ),
        "measurement-mismatch": Explained("another program was loaded than the policy lists", "list it in [reference] if you know it to be good"),
        "no-reference-values": Explained(
            "nothing at hand says which measurements are good", "list gpu_measurement of a device that is known to be good"
        ),
        "composite": Explained(
            "parts of the evidence are not of one machine, or are not all there", "ask all parts with the nonce that the first one fixes"
        ),
        "switches-absent": Explained("GPUs trust switches that are not attested", "add the switches' reports to the list"),
        "binding-mismatch": Explained(
            "the report data do not bind the key, policy and job that came with them", "do not send anything: somebody may stand in between"
        ),
        "nonce-mismatch": Explained("the evidence was made for another question: it may be replayed", "ask again with a fresh nonce"),
        "age-unknown": Explained("evidence of this format does not say when it was made", "ask with a fresh nonce"),
        "too-old": Explained("the evidence is older than require.max_age_s", "ask for new evidence"),
        "from-the-future": Explained("the evidence was made after the time of judging", "look at both clocks"),
        "assurance": Explained("the evidence is of a weaker kind than the policy asks", "minimum_assurance says what you accept"),
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
