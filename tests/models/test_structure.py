"""What a network file may ask for: the runtime's own operators, in one file; everything else is refused before it is loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from velatura.errors import BadInput
from velatura.models.structure import admit


def network(*, domain: str = "", weights: onnx.TensorProto | None = None, nested: int = 0) -> onnx.ModelProto:
    kind = "Add" if not domain else "Steal"
    body = [helper.make_node(kind, ["x", "w"], ["y"], domain=domain)]
    held = weights if weights is not None else numpy_helper.from_array(np.ones(4, np.float32), "w")
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in ("x", "y")]
    graph = helper.make_graph(body, "g", ends[:1], ends[1:], [held])
    for _ in range(nested):
        branch = helper.make_node("If", ["c"], ["y"], then_branch=graph, else_branch=graph)
        graph = helper.make_graph([branch], "g", ends[:1], ends[1:], [numpy_helper.from_array(np.array(True), "c")])
    imports = [helper.make_opsetid("", 13), *([helper.make_opsetid(domain, 1)] if domain else [])]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def outside(name: str = "w") -> onnx.TensorProto:
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="/etc/passwd")
    return tensor


def test_a_network_of_known_operators_is_admitted(shared: Path) -> None:
    raw = (shared / "data" / "weights" / "ultralight-rfb-640" / "version-RFB-640.onnx").read_bytes()
    found, truth = admit(raw), onnx.load_from_string(raw)
    assert found.opset == truth.opset_import[0].version
    assert (found.inputs, found.outputs) == (("input",), tuple(value.name for value in truth.graph.output))


@pytest.mark.parametrize("nested", [0, 3])
def test_weights_in_other_files_are_refused(nested: int) -> None:
    with pytest.raises(BadInput) as refused:
        admit(network(weights=outside(), nested=nested).SerializeToString())
    assert refused.value.code == "models.external-data"


def test_weights_of_a_constant_in_other_files_are_refused() -> None:
    model = network()
    model.graph.node.insert(0, helper.make_node("Constant", [], ["z"], value=outside("")))
    with pytest.raises(BadInput) as refused:
        admit(model.SerializeToString())
    assert refused.value.code == "models.external-data"


@pytest.mark.parametrize("nested", [0, 3])
def test_operators_from_elsewhere_are_refused(nested: int) -> None:
    with pytest.raises(BadInput) as refused:
        admit(network(domain="com.example", nested=nested).SerializeToString())
    assert refused.value.code == "models.foreign-operators" and "com.example" in refused.value.sentence


def test_functions_of_its_own_are_refused() -> None:
    model = network()
    node = helper.make_node("Add", ["a", "b"], ["c"])
    model.functions.append(helper.make_function("own", "F", ["a", "b"], ["c"], [node], [helper.make_opsetid("", 13)]))
    with pytest.raises(BadInput) as refused:
        admit(model.SerializeToString())
    assert refused.value.code == "models.foreign-operators"


def test_too_many_bytes_are_refused_before_they_are_read() -> None:
    with pytest.raises(BadInput) as refused:
        admit(bytes((1 << 20) + 1), most_mb=1)
    assert refused.value.code == "models.too-large"


def test_graphs_inside_of_graphs_end_somewhere() -> None:
    raw = network().SerializeToString()
    graph = helper.make_graph([], "g", [], [])
    model = onnx.load_from_string(raw)
    for _ in range(20):
        deeper = helper.make_graph([helper.make_node("If", ["c"], ["y"], then_branch=graph)], "g", [], [])
        graph = deeper
    model.graph.node.append(helper.make_node("If", ["c"], ["y"], then_branch=graph))
    with pytest.raises(BadInput) as refused:
        admit(model.SerializeToString())
    assert refused.value.code == "models.malformed"


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_in_our_words(raw: bytes) -> None:
    with pytest.raises(BadInput):
        admit(raw)


@given(st.data())
def test_a_damaged_network_is_admitted_or_refused_in_our_words(data: st.DataObject) -> None:
    raw = bytearray(network(nested=1).SerializeToString())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= 1 << data.draw(st.integers(0, 7))
    try:
        admit(bytes(raw))
    except BadInput as error:
        assert error.code.startswith("models.")
