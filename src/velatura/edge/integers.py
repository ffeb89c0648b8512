"""The same network in 8-bit integers, tried against itself on the pictures that a person gave: whole, then with its last convolutions in float32.

Pictures that ranges are taken from and pictures that precision is measured on are the same where no labels are given; with labels it is measured on
the labelled ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from velatura.edge.backend import Backend, InferenceBackend
from velatura.edge.calibration import Shown, labels_of, shown, spread, thinned, truth_of
from velatura.edge.gates import judged, pace_ms, precisions, processor
from velatura.edge.manifest import Precision
from velatura.edge.network import Network, head_class
from velatura.edge.precision import Truth
from velatura.errors import BadSpec
from velatura.models.quantise import Scheme, quantise

__all__ = ["Chosen", "Gate", "choose"]

MOST_JUDGED, MOST_LABELLED = 64, 512  # pictures without labels, and with: all are held in memory


@dataclass(frozen=True, slots=True)
class Gate:
    """calibrate: a folder of pictures or clips; pictures: that ranges are taken from; labels: a boxes.json, pictures beside it or in `images`."""

    calibrate: Path
    labels: Path | None = None
    pictures: int = 32
    max_drop: float = 1.0
    min_gain: float = 1.15


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is shipped. backend: of the integers; None: float32 stays."""

    model: bytes
    backend: InferenceBackend | None
    precision: Precision


def choose(
    model: bytes, network: Network, runtime: Backend, fp32: InferenceBackend, scheme: Scheme, gate: Gate, say: Callable[[str], None]
) -> Chosen:
    """Integers where both gates let them through, else the model as it came.

    Raises:
        BadSpec: `edge.calibration`, `edge.labels`.
        BadInput: `models.quantise`, `edge.no-objects`, of `media`.
        Missing: `extra.export`.
    """
    ranges = list(shown(spread(gate.calibrate, gate.pictures), network.form, network.side))
    say(f"ranges are taken from {len(ranges)} pictures")
    inputs, truths = _judging(gate, network)
    against = "fp32" if truths is None else "labels"
    first = Precision(pictures=len(ranges), min_gain=gate.min_gain, max_drop=gate.max_drop, against=against, processor=processor())
    told = first
    for head in (True, False):
        made = quantise(model, (one.x for one in ranges), scheme=scheme, outputs=network.outputs, free_sizes=network.free, head=head)
        int8 = runtime.load(made, outputs=network.outputs, free_sizes=False)
        told = _measured(first, fp32, int8, network, inputs, truths)
        told = judged(msgspec.structs.replace(told, scheme=f"{scheme}{'' if head else ', last convolutions in float32'}"))
        say(told.why)
        if told.chosen == "int8":
            return Chosen(made, int8, told)
        if told.drop <= told.max_drop:  # too slow: in float32 in part it would be slower
            break
    return Chosen(model, None, told)


def _measured(
    told: Precision, fp32: InferenceBackend, int8: InferenceBackend, network: Network, inputs: Sequence[Shown], truths: Sequence[Truth] | None
) -> Precision:
    xs = [one.x for one in inputs]
    (before, after), objects = precisions(fp32, [int8], network, xs, truths)
    fp32_ms, int8_ms = pace_ms([fp32, int8], np.ascontiguousarray(xs[0][None]))
    return msgspec.structs.replace(told, fp32_ms=fp32_ms, int8_ms=int8_ms, ap50_fp32=before, ap50_int8=after, objects=objects)


def _judging(gate: Gate, network: Network) -> tuple[list[Shown], list[Truth] | None]:
    """Inputs that precision is measured on, and what is in them."""
    if gate.labels is None:
        return list(shown(spread(gate.calibrate, MOST_JUDGED), network.form, network.side)), None
    faces = labels_of(gate.labels, head_class(network.like).labels)
    folder = gate.labels.parent / "images" if (gate.labels.parent / "images").is_dir() else gate.labels.parent
    files = [folder / name for name in sorted(faces) if Path(name).name == name and (folder / name).is_file()]
    if not files:
        raise BadSpec("edge.labels", f"{gate.labels}: none of its pictures lies in {folder}", hint="pictures lie beside it, or in a folder `images`")
    inputs = list(shown(thinned(files, MOST_LABELLED), network.form, network.side))
    return inputs, [truth_of(one, faces[one.name]) for one in inputs]
