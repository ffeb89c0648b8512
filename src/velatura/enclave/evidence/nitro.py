"""AWS Nitro Enclaves: a COSE_Sign1 whose payload carries PCRs, what the enclave put in, and the whole chain up to AWS's root.

The leaf lives for three hours, so that a document is judged at the time at which it was received. Its own clock tells its age. (r, n - s) verifies as
(r, s) does, so that the bytes of a document are no identity.

Limits: AWS is trusted, with its hypervisor and its certificates; the chain is online and AWS publishes its revocations over HTTP, which is not done
here (give lists in `with.crl`). Documents of NitroTPM, which lack `pcrs`, are not read: no sample of one was found.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from velatura.enclave.appraisal import Examination, Refused
from velatura.enclave.assurance import Assurance
from velatura.enclave.companions import Companions
from velatura.enclave.evidence.cbor import CutShort
from velatura.enclave.evidence.certificates import certificates_in, hold_chain, tried
from velatura.enclave.evidence.cose import Sign1, read_sign1
from velatura.enclave.evidence.nitro_document import Document, read_document
from velatura.enclave.evidence.requirements import hold_age, hold_debug, hold_nonce, hold_reference
from velatura.enclave.evidence.roots import pinned_chain, pins
from velatura.enclave.policy import Policy
from velatura.errors import BadInput

__all__ = ["examine"]

STARTS = (b"\x84", b"\xd2\x84")


def examine(examination: Examination, evidence: bytes, policy: Policy, companions: Companions, now: datetime) -> Assurance:
    """The verifier of `nitro`; see `verify.Verifier`."""
    message, document = _read(examination, evidence)
    _hold_named_root(companions)
    age, root = policy.require.collateral_max_age_s, pinned_chain("aws-nitro")[-1]
    trusted = pins("aws-nitro")
    leaf, *_ = hold_chain(examination, document.chain, pins=trusted, now=now, anchor=root, crls=companions.crl, crl_max_age_s=age)
    _hold_signature(examination, message, leaf)
    examination.claims |= document.claims()
    hold_debug(examination, policy, document.debug)
    hold_reference(examination, policy, document.values)
    hold_nonce(examination, policy, document.nonce)
    hold_age(examination, policy, document.made, now)
    return Assurance.TEE


def _read(examination: Examination, evidence: bytes) -> tuple[Sign1, Document]:
    if not evidence.startswith(STARTS):
        raise BadInput("enclave.evidence", f"bytes that begin with {evidence[:4].hex() or 'nothing'} are no COSE_Sign1 as AWS Nitro makes it")
    try:
        message, end = read_sign1(evidence)
    except CutShort as error:
        raise BadInput("enclave.evidence", f"the document is cut short: {error}", hint="fetch it whole") from error
    except ValueError as error:
        raise Refused("document", "malformed", f"this is no COSE_Sign1 as AWS Nitro makes it: {error}") from error
    if any(evidence[end:]):
        raise Refused("document", "malformed", f"{len(evidence) - end} bytes follow the document, and they are not zeros")
    document = tried("document", "malformed", "the payload breaks a rule of the format", partial(read_document, message.payload))
    padding = len(evidence) - end
    examination.passed("document", f"COSE_Sign1 with {len(document.pcrs)} PCRs" + (f", and {padding} zeros after it" if padding else ""))
    return message, document


def _hold_named_root(companions: Companions) -> None:
    """A root that the policy names must be the package's, byte for byte: no file can add to whom we trust."""
    if companions.root is not None and certificates_in(companions.root, "chain") != [pinned_chain("aws-nitro")[-1]]:
        raise Refused("chain", "chain-invalid", "with.root is not the root of AWS Nitro Enclaves", hint="leave it out: the package has it")


def _hold_signature(examination: Examination, message: Sign1, leaf: x509.Certificate) -> None:
    key = leaf.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        raise Refused("signature", "signature", "the leaf's key is not of P-384")
    tried("signature", "signature", "the leaf's key did not sign this document", partial(message.verify, key))
    examination.passed("signature", "ES384 by the leaf's key")
