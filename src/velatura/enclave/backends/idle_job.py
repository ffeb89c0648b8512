"""A job that does nothing, to start an enclave for: its evidence measures what a real job of the same kind, imports and threads would run in."""

from __future__ import annotations

import hashlib

from velatura.crypto import keytext
from velatura.crypto.keys import Recipient
from velatura.enclave.job import Job, JobFile
from velatura.enclave.manifest import Declared, Manifest
from velatura.enclave.outputs import Metric, Output

__all__ = ["idle_job"]

CODE = b"def run(inputs, outputs, config):\n    pass\n"
NOBODY = Recipient(bytes([9]) + bytes(31))  # the curve's base point: nothing is ever sealed to it


def idle_job(like: JobFile | None = None) -> Job:
    """`like`: the job's file whose measurement is wanted; its data need not be there."""
    inference = like is not None and like.kind == "inference"
    digest = hashlib.sha256(CODE).hexdigest()
    outputs = dict(like.outputs) if like is not None else {"nothing": Output(type="metrics", k=20, metrics={"nothing": Metric()})}
    manifest = Manifest(
        kind="inference" if inference else "python",
        code=None if inference else digest,
        model=digest if inference else None,
        imports=() if like is None else like.imports,
        inputs={"nothing": Declared(digest="0" * 64, form="bytes", purpose="to be measured", sealed=True)},
        outputs=outputs,
        config={},
        memory_mb=64,
        threads=1 if like is None else like.threads,
        deadline_s=60.0,
        recipient=keytext.encode(NOBODY) if any(output.leave == "sealed" for output in outputs.values()) else None,
    )
    return Job(manifest, None if inference else CODE, CODE if inference else None, {})
