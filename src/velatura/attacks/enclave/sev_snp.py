"""A SEV-SNP attestation report as its attacker sees it. Source: AMD 56860, table ATTESTATION_REPORT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from velatura.attacks.enclave.ecdsa import raw_signature
from velatura.attacks.enclave.keys import Keys, PrivateKey
from velatura.attacks.enclave.lookalike import look_alike
from velatura.attacks.enclave.parts import Chain, Field, Opened, Part
from velatura.attacks.enclave.pem import certificates_of, pem_of
from velatura.attacks.enclave.submission import Submission

__all__ = ["FIELDS", "opened", "report_part", "report_signed"]

SIGNED_BYTES = 0x2A0
_TABLE = (
    (0x000, "version", "kind"),
    (0x004, "guest_svn", ""),
    (0x008, "guest_policy", ""),
    (0x010, "family_id", ""),
    (0x020, "image_id", ""),
    (0x030, "vmpl", ""),
    (0x034, "signature_algo", "algorithm"),
    (0x038, "current_tcb", ""),
    (0x040, "platform_info", ""),
    (0x048, "key_info", ""),
    (0x04C, "reserved_0", "reserved"),
    (0x050, "nonce", ""),
    (0x090, "measurement", ""),
    (0x0C0, "host_data", ""),
    (0x0E0, "id_key_digest", ""),
    (0x110, "author_key_digest", ""),
    (0x140, "report_id", ""),
    (0x160, "report_id_ma", ""),
    (0x180, "reported_tcb", ""),
    (0x188, "family_model_stepping", ""),
    (0x18B, "reserved_1", "reserved"),
    (0x1A0, "chip_id", ""),
    (0x1E0, "committed_tcb", ""),
    (0x1E8, "current_version", ""),
    (0x1EB, "reserved_2", "reserved"),
    (0x1EC, "committed_version", ""),
    (0x1EF, "reserved_3", "reserved"),
    (0x1F0, "launch_tcb", ""),
    (0x1F8, "launch_mit_vector", ""),
    (0x200, "current_mit_vector", ""),
    (0x208, "reserved_4", "reserved"),
    (0x2A0, "r", "signature"),
    (0x2E8, "s", "signature"),
    (0x330, "reserved_5", "reserved"),
    (0x4A0, "", ""),
)
FIELDS = tuple(Field(name, start, stop, role, signed=start < SIGNED_BYTES) for (start, name, role), (stop, _, _) in pairwise(_TABLE))
"""`nonce` is report_data: it holds what the policy's nonce is compared with."""


def opened(submission: Submission) -> Opened:
    """The report, and the certificates beside it."""
    evidence = report_part(submission.evidence, lambda raw: replace(submission, evidence=raw))
    return Opened(submission, (evidence,), _chains(submission), _signed_anew)


def report_part(raw: bytes, put: object) -> Part:
    """A report wherever it lies; `put` as of `Part`."""
    return Part("report", raw, put, FIELDS, "little", "P-384")  # type: ignore[arg-type]


def _chains(submission: Submission) -> tuple[Chain, ...]:
    leaf = certificates_of(submission.companions.get("leaf", b""))
    above = certificates_of(submission.companions.get("chain", b""))

    def put(certificates: Sequence[bytes]) -> Submission:
        return submission.beside(leaf=certificates[0], chain=pem_of(certificates[1:]) if certificates[1:] else None)

    return (Chain("leaf and those above", (*leaf, *above), put),) if leaf else ()


def _signed_anew(submission: Submission, keys: Keys) -> Submission:
    chain = _chains(submission)[0]
    made, key = look_alike(chain.certificates, keys)
    return replace(chain.put(made), evidence=report_signed(submission.evidence, key))


def report_signed(raw: bytes, key: PrivateKey) -> bytes:
    """The report with a signature of `key` over what it says."""
    signature = raw_signature(key, raw[:SIGNED_BYTES], "sha384")
    r, s = signature[:48], signature[48:]
    return raw[:SIGNED_BYTES] + r[::-1].ljust(72, b"\0") + s[::-1].ljust(72, b"\0") + raw[0x330:]
