"""Networks in 8-bit integers: valid whatever their age, close to what they were, and with those integers that the processor multiplies well."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from velatura.errors import BadInput
from velatura.models.quantise import TARGETS, last_convolutions, quantise, this_target
from velatura.models.runtime import OnnxBackend
from velatura.models.structure import admit


def dense(*, opset: int = 11, layers: int = 3, channels: int = 16) -> bytes:
    """Convolutions of 3x3 with rectifiers, the last one without; weights listed as inputs too, as old exporters do."""
    rng = np.random.default_rng(0)
    nodes, weights, last, width = [], [], "x", 3
    for number in range(layers):
        values = rng.normal(0, (2 / (9 * width)) ** 0.5, (channels, width, 3, 3)).astype(np.float32)
        weights.append(numpy_helper.from_array(values, f"w{number}"))
        nodes.append(helper.make_node("Conv", [last, f"w{number}"], [f"c{number}"], name=f"conv{number}", pads=[1, 1, 1, 1]))
        last, width = f"c{number}", channels
        if number < layers - 1:
            nodes.append(helper.make_node("Relu", [last], [f"r{number}"], name=f"relu{number}"))
            last = f"r{number}"
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 32, 32])]
    inputs += [helper.make_tensor_value_info(w.name, TensorProto.FLOAT, list(w.dims)) for w in weights]
    graph = helper.make_graph(nodes, "g", inputs, [helper.make_tensor_value_info(last, TensorProto.FLOAT, [1, channels, 32, 32])], weights)
    return bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=7).SerializeToString())


def pictures(count: int = 4) -> list[np.ndarray]:
    return [np.random.default_rng(seed).uniform(0, 1, (3, 32, 32)).astype(np.float32) for seed in range(count)]


@pytest.mark.parametrize("target", sorted(TARGETS))
@pytest.mark.parametrize("opset", [11, 13])
def test_the_integers_stand_for_the_network(target: str, opset: int) -> None:
    raw = dense(opset=opset)
    made = quantise(raw, pictures(), scheme=TARGETS[target])
    assert admit(made).opset >= 13
    if this_target() == "x86" and target != "x86":
        pytest.skip(f"quantise: without VNNI sums saturate, and integers for {target} cannot be tried here")
    x = pictures(1)[0][None]
    (before,), (after,) = (list(OnnxBackend(model).run(x).values()) for model in (raw, made))
    assert np.sqrt(np.mean((before - after) ** 2)) < 0.03 * np.std(before)
    assert not np.array_equal(before, after)


def test_the_target_chooses_the_integers() -> None:
    def of(target: str) -> tuple[set[int], int]:
        graph = onnx.load_from_string(quantise(dense(), pictures(), scheme=TARGETS[target])).graph
        held = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
        zeros = {node.input[2] for node in graph.node if node.op_type == "QuantizeLinear"}
        weights = [values for values in held.values() if values.dtype == np.int8 and values.ndim == 4]
        assert len(weights) == 3
        return {held[name].dtype.type for name in zeros}, max(int(np.abs(values.astype(int)).max()) for values in weights)

    assert of("x86-vnni") == ({np.uint8}, 127)
    assert of("x86") == ({np.uint8}, 64)  # seven bits: two products of them fit into sixteen
    assert of("arm") == ({np.int8}, 127)


def test_the_last_convolutions_can_stay_as_they_are() -> None:
    def kept(raw: bytes, *, head: bool) -> int:
        graph = onnx.load_from_string(quantise(raw, pictures(), scheme=TARGETS["x86-vnni"], head=head)).graph
        return sum(one.data_type == TensorProto.FLOAT and len(one.dims) == 4 for one in graph.initializer)

    nameless = onnx.load_from_string(dense())
    for node in nameless.graph.node:
        node.name = ""
    for raw in (dense(), bytes(nameless.SerializeToString())):
        assert (kept(raw, head=True), kept(raw, head=False)) == (0, 1)


def test_only_what_lies_before_the_outputs_is_a_head() -> None:
    network = onnx.load_from_string(dense())
    assert last_convolutions(network.graph, set()) == ["conv2"]
    assert Counter(last_convolutions(network.graph, {"no such"})) == Counter()


def test_a_network_that_cannot_be_calibrated_is_refused_in_one_line() -> None:
    with pytest.raises(BadInput) as refused:
        quantise(dense(), [np.zeros((5, 32, 32), np.float32)], scheme=TARGETS["x86"])
    assert refused.value.code == "models.quantise"


def test_this_machine_has_a_target() -> None:
    assert this_target() in TARGETS
