"""Which document is taken apart how: format -> its module."""

from __future__ import annotations

from importlib import import_module

from velatura.attacks.enclave.composite import with_devices
from velatura.attacks.enclave.parts import Opened
from velatura.attacks.enclave.submission import Submission
from velatura.errors import Unsupported, nearest

__all__ = ["FORMATS", "opened"]

FORMATS = {
    "sev-snp": "sev_snp",
    "sgx": "dcap",
    "tdx": "dcap",
    "nitro": "nitro",
    "tpm": "tpm",
    "vm": "tpm",
    "azure-snp": "azure",
    "azure-tdx": "azure",
    "nvidia": "nvidia",
    "process": "process",
    "simulated": "process",
}


def opened(submission: Submission) -> Opened:
    """Take an honest submission apart, and the GPUs beside it.

    Raises:
        Unsupported: `attack.evidence`: a format that no attacker knows.
        IndexError, KeyError, ValueError, struct.error: it is not a document of its format.
    """
    if submission.format not in FORMATS:
        raise Unsupported("attack.evidence", f"no attacker takes {submission.format!r} apart", hint=nearest(submission.format, FORMATS))
    found: Opened = import_module(f"velatura.attacks.enclave.{FORMATS[submission.format]}").opened(submission)
    return found if found.submission.companions.get("gpu") is None else with_devices(found)
