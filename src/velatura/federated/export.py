"""The model of a run for others to use: weights as safetensors, the network as ONNX."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from velatura.errors import BadSpec, Missing, VelaturaError
from velatura.federated import checkpoint
from velatura.federated.inputs import inputs_of, refuse_changed
from velatura.federated.job import FederatedJob, written
from velatura.federated.loading import load
from velatura.federated.networks import network_of
from velatura.federated.own_network import look_in
from velatura.federated.run import refuse_inside
from velatura.federated.serving import finished
from velatura.federated.table import Schema
from velatura.federated.training import put
from velatura.files import atomic_output

if TYPE_CHECKING:
    from velatura.federated.records import State

__all__ = ["Exported", "export"]


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        rounds: that the weights are of; of: that the job has.
        epsilon: that they cost; None: nothing bounds what they tell.
        level: whom epsilon is of: "client", "sample"; "none".
        difference: largest, of a logit between onnxruntime and torch; None: no ONNX was asked for.
    """

    run: str
    rounds: int
    of: int
    parameters: int
    epsilon: float | None
    level: str
    files: list[str] = field(default_factory=list)
    difference: float | None = None


@dataclass(frozen=True, slots=True)
class _Trained:
    job: FederatedJob
    model: State
    rounds: int
    epsilon: float | None
    schema: Schema | None


def export(
    run: Path, *, safetensors: Path | None = None, onnx: Path | None = None, base: Path = Path(), unfinished: bool = False, force: bool = False
) -> Exported:
    """Write the final model.

    Args:
        base: what relative paths in the job are relative to; for ONNX of a run without an end.
        unfinished: take the last whole round where the run has no end.
        force: replace files.

    Raises:
        BadSpec: `federated.no-run`, `federated.export`; `files.exists`, `files.same`. VelaturaError: `federated.unfinished`.
        BadSpec: `federated.changed`: the network is not as it was. BadInput: `federated.checkpoint`, `federated.onnx`. Missing: `extra.*`.
    """
    if safetensors is None and onnx is None:
        raise BadSpec("federated.export", f"{run}: export to what?", hint="--safetensors F, --onnx F, or both")
    trained = _trained(run, unfinished=unfinished)
    for out in filter(None, (safetensors, onnx)):
        refuse_inside(run, out)
    files, apart = [], None
    if safetensors is not None:
        _safetensors(safetensors, trained, force=force)
        files.append(str(safetensors))
    if onnx is not None:
        apart = _onnx(onnx, run, trained, base, force=force)
        files.append(str(onnx))
    size = sum(value.size for value in trained.model.values())
    return Exported(str(run), trained.rounds, trained.job.rounds.count, size, trained.epsilon, trained.job.privacy.level, files, apart)


def _trained(run: Path, *, unfinished: bool) -> _Trained:
    job = written(run)
    try:
        outcome = finished(run)
    except VelaturaError:
        if not unfinished or not (run / "checkpoint").exists():
            raise
        kept = checkpoint.read(run / "checkpoint")
        return _Trained(job, dict(kept.model), kept.number, kept.history[-1].get("epsilon") if kept.history else None, None)
    return _Trained(job, outcome.model, len(outcome.history), outcome.epsilon, outcome.schema)


def _safetensors(path: Path, trained: _Trained, *, force: bool) -> None:
    try:
        from safetensors.numpy import save
    except ImportError as error:
        raise Missing("extra.fl", "safetensors is not installed", hint="pip install 'velatura[fl,train]'") from error
    told = {"format": "pt", "network": trained.job.model.network, "job": trained.job.digest, "rounds": str(trained.rounds)}
    if trained.epsilon is not None:
        told |= {"epsilon": f"{trained.epsilon:.6g}", "delta": f"{trained.job.privacy.delta:g}", "level": trained.job.privacy.level}
    with atomic_output(path, force=force) as part:
        part.write_bytes(save(trained.model, metadata=told))


def _onnx(path: Path, run: Path, trained: _Trained, base: Path, *, force: bool) -> float:
    from velatura.federated.onnx_file import checked, to_onnx

    with atomic_output(path, force=force) as part:
        look_in(base)
        refuse_changed(run, inputs_of(trained.job, base, None))
        data = trained.job.data
        schema = trained.schema or load(data.source, base=base, classes=data.classes, label=data.label).schema
        network = network_of(trained.job, schema)
        put(network, trained.model)
        raw = to_onnx(network, schema.shape)
        apart = checked(raw, network, schema.shape)
        part.write_bytes(raw)
    return apart
