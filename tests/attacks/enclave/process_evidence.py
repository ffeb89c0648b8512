"""Evidence of a confined process, made in memory: what forgeries are made of where no real document is at hand."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec.structs import replace

from velatura.attacks.enclave.submission import Submission
from velatura.crypto.keys import Signer
from velatura.crypto.secret import Secret
from velatura.enclave.evidence.process import LAYERS
from velatura.enclave.evidence.process_document import Claims, Package, measurement_of, signed

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
NONCE = bytes(range(32, 64))
JOB = "12" * 32


def honest() -> Submission:
    """Signed, fresh, of one job."""
    claims = Claims(
        nonce=NONCE.hex(),
        report_data="ab" * 64,
        recipient="cd" * 32,
        job=JOB,
        model="",
        measurement="",
        interpreter="34" * 32,
        packages=(Package(name="numpy", version="2", files=3, sha256="56" * 32),),
        environment={"PATH": ""},
        calls=("getrandom",),
        layers=dict.fromkeys(LAYERS, "kernel") | {"secretmem": "self"},
        threads=1,
        memory_mb=64,
        uid=65534,
        kernel="6.18",
        landlock_abi=7,
        boot_id="",
        hwmodel="Linux x86_64",
        iat=int(NOW.timestamp()),
        swname="velatura",
        swversion="0",
    )
    document = signed(replace(claims, measurement=measurement_of(claims)), Signer(Secret(bytes(range(32)))), named="process")
    policy = f'version = 1\nformat = "process"\n[reference]\njob = ["{JOB}"]\n[require]\nnonce = "{NONCE.hex()}"\nmax_age_s = 300\n'
    return Submission("process", document, policy, NOW)
