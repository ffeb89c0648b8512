"""What a compiled program costs and how hard its parameters are to break, from its artefact alone."""

from __future__ import annotations

from dataclasses import dataclass

from velatura.homomorphic.artefacts import ServerArtefact
from velatura.homomorphic.cost import MEASURED, Factors, milliseconds, sizes
from velatura.homomorphic.memory import key_count, needed_by_keygen, needed_by_program, products_in
from velatura.homomorphic.parameters import MAX_LOG_QP
from velatura.homomorphic.program import Rotate
from velatura.homomorphic.security import estimated_bits

__all__ = ["Estimated", "estimate"]


@dataclass(frozen=True, slots=True)
class Estimated:
    """
    Args:
        allowed_log_qp: by the guideline of 2024, for 128 bits of security; `insecure`: the parameters are beyond it.
        estimated_bits: of an independent, simple estimate of the primal attack: a cross-check within a few bits; the table decides.
        first_ms: of the first run, which encodes the weights; `ms`: of each after it. On one core.
        rotations: that a run makes; `galois_keys`: different ones, each with a key.
        upload_bytes, result_bytes: of one sample, or of a batch.
        server_bytes, keygen_bytes: memory of a server for one owner, and of making keys.
    """

    n: int
    levels: int
    log_qp: float
    allowed_log_qp: int
    estimated_bits: float
    insecure: bool
    batch: bool
    rotations: int
    galois_keys: int
    first_ms: float
    ms: float
    upload_bytes: int
    result_bytes: int
    eval_key_bytes: int
    server_bytes: int
    keygen_bytes: int


def estimate(artefact: ServerArtefact, *, measured: tuple[Factors, ...] = MEASURED) -> Estimated:
    """`measured`: of this machine, by `calibration.calibrate`; else of one like it."""
    program, planned, parameters = artefact.program, artefact.plan, artefact.parameters
    found = sizes(program, planned, parameters)
    return Estimated(
        n=parameters.n,
        levels=program.depth,
        log_qp=round(parameters.log_qp, 2),
        allowed_log_qp=MAX_LOG_QP[parameters.n],
        estimated_bits=round(estimated_bits(parameters.n, parameters.log_qp), 1),
        insecure=parameters.insecure,
        batch=artefact.batch,
        rotations=sum(isinstance(step, Rotate) for step in program.steps),
        galois_keys=len(program.rotations),
        first_ms=round(milliseconds(program, planned, encoding=True, measured=measured), 1),
        ms=round(milliseconds(program, planned, measured=measured), 1),
        upload_bytes=len(artefact.inputs) * found.upload,
        result_bytes=len(program.outputs) * found.result,
        eval_key_bytes=found.evaluation_keys,
        server_bytes=needed_by_program(program, planned, parameters),
        keygen_bytes=needed_by_keygen(parameters, key_count(len(program.rotations), products=products_in(program))),
    )
