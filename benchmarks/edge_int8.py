"""8-bit integers against float32: CPU time of a pass on one thread, and what they cost in precision, on labelled faces.

Speed: yunet-n (320x320), fastestdet (352x352), centerface (320x320), and a network of random dense 3x3 convolutions with 32 to 256 channels at
320x320, which stands for a detector large enough to gain. Passes take turns; the median of rounds, and of the rounds' own ratios. Integers are those
of this machine's processor. Precision: AP50 over the faces of 8 pixels and more in the network's input, against the labels of two sets; ranges were
taken from 32 pictures of the other set, so that no picture is asked about that a range was taken from. fastestdet has no labelled set here: against
the boxes of its own float32, on the same pictures. "Head": the last convolutions are in integers too, or stay float32, which is tried where integers
lose more than a point; `edge export` ships what loses no more and is 1.15 times as fast, else float32.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.material import shared
from benchmarks.page import Row, table
from velatura.edge.backend import InferenceBackend, backend_of
from velatura.edge.calibration import Shown, labels_of, shown, spread, truth_of
from velatura.edge.gates import precisions
from velatura.edge.seeing import network_of_entry
from velatura.edge.spotting import Network
from velatura.models.catalogue import catalogue
from velatura.models.quantise import TARGETS, quantise, this_target
from velatura.models.store import ModelStore
from velatura.models.structure import admit

__all__ = ["Part", "dense", "measure", "part"]

SETS = ("faces_wider_val", "faces_mask853")
WEIGHTS = {"yunet-n": "yunet-n/yunet_n_dynamic.onnx", "yunet-s": "yunet-s/yunet_s_dynamic.onnx", "fastestdet": "fastestdet/FastestDet.onnx"}
FACES = ("yunet-n", "yunet-s", "centerface")
CHANNELS = (32, 64, 128, 256)
ROUNDS, PASSES, RANGES = 15, 10, 32
DENSE_GAIN, MOST_DROP, MIN_GAIN = 2.5, 1.0, 1.15


@dataclass(frozen=True, slots=True)
class Speed:
    """CPU milliseconds of a pass, medians; gain: median of the rounds' ratios, with their quartiles."""

    net: str
    fp32_ms: float
    int8_ms: float
    gain: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Precise:
    """AP50 in per cent; against: a set's labels, or float32's own boxes on it; head: the last convolutions are in integers too."""

    net: str
    head: bool
    against: str
    objects: int
    fp32: float
    int8: float

    @property
    def drop(self) -> float:
        return self.fp32 - self.int8


@dataclass(frozen=True, slots=True)
class Part:
    """What a page takes over."""

    body: str
    figures: Mapping[str, object]
    rows: Sequence[Row]


def dense(*, channels: Sequence[int] = CHANNELS, seed: int = 0) -> bytes:
    """Two convolutions of 3x3 for each number of channels, the first halves the sides; weights drawn (He et al. 2015), ONNX."""
    from onnx import TensorProto, helper, numpy_helper

    rng, nodes, weights, last, before = np.random.default_rng(seed), [], [], "x", 3
    for stage, count in enumerate(channels):
        for step, stride in enumerate((2, 1)):
            name = f"{stage}_{step}"
            drawn = rng.normal(0, (2 / (9 * before)) ** 0.5, (count, before, 3, 3)).astype(np.float32)
            weights.append(numpy_helper.from_array(drawn, f"w{name}"))
            nodes.append(helper.make_node("Conv", [last, f"w{name}"], [f"c{name}"], name=f"conv{name}", strides=[stride, stride], pads=[1, 1, 1, 1]))
            nodes.append(helper.make_node("Relu", [f"c{name}"], [f"r{name}"], name=f"relu{name}"))
            last, before = f"r{name}", count
    ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 320, 320]), helper.make_tensor_value_info(last, TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "dense", ends[:1], ends[1:], weights)
    return bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8).SerializeToString())


def speed(net: str, fp32: InferenceBackend, int8: InferenceBackend, x: NDArray[np.float32]) -> Speed:
    """x: (1, 3, height, width)."""
    times: list[tuple[float, float]] = []
    for number in range(ROUNDS + 1):
        taken = (_ms(fp32, x), _ms(int8, x))
        if number:  # the first round warms
            times.append(taken)
    ratios = [one / other for one, other in times]
    low, _, high = statistics.quantiles(ratios, n=4)
    return Speed(net, *(statistics.median(column) for column in zip(*times, strict=True)), statistics.median(ratios), low, high)


def _ms(backend: InferenceBackend, x: NDArray[np.float32]) -> float:
    begun_s = time.process_time()
    for _ in range(PASSES):
        backend.run(x)
    return (time.process_time() - begun_s) * 1000 / PASSES


def _network(name: str, store: ModelStore) -> tuple[bytes, Network]:
    if not store.path(name).exists() and name in WEIGHTS:
        store.add(shared() / "data" / "weights" / WEIGHTS[name], name)
    if not store.path(name).exists():
        from velatura.models.pull import pull

        pull(name, store)
    return store.load(name), network_of_entry(name, catalogue()[name])


def _pair(model: bytes, network: Network, ranges: Sequence[Shown], *, head: bool = True) -> tuple[InferenceBackend, InferenceBackend]:
    runtime = backend_of("onnxruntime")
    admit(model)
    made = quantise(model, (one.x for one in ranges), scheme=TARGETS[this_target()], outputs=network.outputs, free_sizes=network.free, head=head)
    return tuple(runtime.load(raw, outputs=network.outputs, free_sizes=free) for raw, free in ((model, network.free), (made, False)))  # type: ignore[return-value]


def _pictures(name: str, network: Network, most: int) -> list[Shown]:
    return list(shown(spread(shared() / "data" / name / "images", most), network.form, network.side))


def _square(network: Network) -> NDArray[np.float32]:
    width, height = network.form.size or (network.side, network.side)
    mean, scale = (np.array(values, np.float32)[:, None, None] for values in (network.form.mean, network.form.scale))
    drawn = np.random.default_rng(0).integers(0, 256, (3, height, width)).astype(np.float32)
    return np.ascontiguousarray(((drawn - mean) * scale)[None])


def _faces(name: str, store: ModelStore) -> list[Precise]:
    """On each set, with the ranges of the other; with the head in float32 too, where a set loses more than a point."""
    model, network = _network(name, store)
    whole = _on_both(name, model, network, head=True)
    lost = max(one.drop for one in whole)
    return whole if lost <= MOST_DROP else [*whole, *_on_both(name, model, network, head=False)]


def _on_both(name: str, model: bytes, network: Network, *, head: bool) -> list[Precise]:
    out = []
    for asked, other in (SETS, SETS[::-1]):
        fp32, int8 = _pair(model, network, _pictures(other, network, RANGES), head=head)
        faces = labels_of(shared() / "data" / asked / "boxes.json", frozenset({"face"}))
        inputs = [one for one in _pictures(asked, network, 1 << 20) if one.name in faces]
        told, count = precisions(fp32, [int8], network, [one.x for one in inputs], [truth_of(one, faces[one.name]) for one in inputs])
        out.append(Precise(name, head, f"labels of {asked}", count, *told))
    return out


def measure(store: ModelStore) -> tuple[list[Speed], list[Precise]]:
    """All of it; about two minutes on an idle core."""
    speeds, precise = [], []
    for name, head in (("yunet-n", True), ("fastestdet", True), ("centerface", True), ("centerface", False)):
        model, network = _network(name, store)
        fp32, int8 = _pair(model, network, _pictures(SETS[0], network, RANGES), head=head)
        speeds.append(speed(name if head else f"{name}, head float32", fp32, int8, _square(network)))
        if name == "fastestdet":
            told, count = precisions(fp32, [int8], network, [one.x for one in _pictures(SETS[1], network, 64)], None)
            precise.append(Precise(name, True, f"its float32 on {SETS[1]}", count, *told))
    raw, runtime = dense(), backend_of("onnxruntime")
    drawn = [np.random.default_rng(number).uniform(0, 1, (3, 320, 320)).astype(np.float32) for number in range(8)]
    made = quantise(raw, drawn, scheme=TARGETS[this_target()])
    pair = [runtime.load(model, outputs=(), free_sizes=False) for model in (raw, made)]
    speeds.append(speed("dense 3x3, 32-256 channels", *pair, np.ascontiguousarray(drawn[0][None])))
    return speeds, [*precise, *(one for name in FACES for one in _faces(name, store))]


def part(folder: Path) -> Part:
    """Measured, as a page takes it over. folder: the models are put there."""
    speeds, precise = measure(ModelStore(folder))
    quick = [[one.net, f"{one.fp32_ms:.2f} ms", f"{one.int8_ms:.2f} ms", f"{one.gain:.2f}x [{one.low:.2f}..{one.high:.2f}]"] for one in speeds]
    good = [
        [one.net, "int8" if one.head else "float32", one.against, one.objects, f"{one.fp32:.2f}", f"{one.int8:.2f}", f"{one.drop:+.2f}"]
        for one in precise
    ]
    body = "\n\n".join(
        [
            __doc__.strip(),
            f"Target `{this_target()}`: {TARGETS[this_target()]}. Too slow in integers to be shipped so: {_slow(speeds)}.",
            table(["network", "float32", "int8", "float32 / int8 [quartiles]"], quick),
            table(["network", "head", "against", "objects", "AP50 float32", "AP50 int8", "drop, points"], good),
        ]
    )
    figures = {"target": this_target(), "speed": [asdict(one) for one in speeds], "precision": [asdict(one) for one in precise]}
    return Part(body, figures, _rows(speeds, precise))


def _slow(speeds: Sequence[Speed]) -> str:
    return ", ".join(one.net for one in speeds if one.gain < MIN_GAIN) or "none"


def _rows(speeds: Sequence[Speed], precise: Sequence[Precise]) -> list[Row]:
    gain = speeds[-1].gain
    shipped = {one.net: one.head for one in precise if one.against.startswith("labels")}  # the last that was tried
    drops = {net: max(one.drop for one in precise if one.net == net and one.head == head) for net, head in shipped.items()}
    worst = max(drops, key=lambda net: drops[net])
    return [
        Row("int8 against float32, dense network, VNNI", f">= {DENSE_GAIN}x", f"{gain:.2f}x", gain >= DENSE_GAIN),
        Row(
            "int8: AP50 lost on both face sets, against labels",
            f"<= {MOST_DROP:g} point",
            f"{drops[worst]:.2f} points at most ({worst})",
            drops[worst] <= MOST_DROP,
        ),
    ]


def main() -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        made = part(Path(folder))
    print(made.body, table(["what", "target", "measured", ""], [row.cells for row in made.rows]), sep="\n\n", flush=True)


if __name__ == "__main__":
    main()
