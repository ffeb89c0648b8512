"""Tidying a network in memory: the same outputs, fewer inputs; hostile bytes are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.errors import BadInput
from velatura.models.fold import fold
from velatura.models.runtime import OnnxBackend


def test_initializers_are_no_inputs_any_more_and_the_rest_is_unchanged(shared: Path) -> None:
    raw = (shared / "data" / "weights" / "ultralight-rfb-640" / "version-RFB-640.onnx").read_bytes()
    before, after = onnx.load_from_string(raw), onnx.load_from_string(fold(raw))
    assert len(before.graph.input) > 1
    assert [value.name for value in after.graph.input] == ["input"]
    constants = {constant.name for constant in before.graph.initializer}
    kept = [value for value in before.graph.input if value.name not in constants]
    del before.graph.input[:]
    before.graph.input.extend(kept)
    assert after == before


def test_freed_sizes_take_any_size(shared: Path) -> None:
    def network() -> onnx.ModelProto:
        shape = [10, 3, 32, 32]
        x, y = (onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name in "xy")
        graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "g", [x], [y])
        return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8)

    raw = network().SerializeToString()
    x = np.linspace(-1, 1, 3 * 5 * 7, dtype=np.float32).reshape(1, 3, 5, 7)
    assert np.array_equal(OnnxBackend(raw, free_sizes=True).run(x)["y"], np.maximum(x, 0))
    with pytest.raises(Exception, match=r"(?i)dimension"):
        OnnxBackend(raw).run(x)
    dims = onnx.load_from_string(fold(raw, free_sizes=True)).graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_value for dim in dims] == [0, 3, 0, 0]


def test_folding_twice_is_folding_once(shared: Path) -> None:
    raw = (shared / "data" / "weights" / "yunet-n" / "yunet_n_dynamic.onnx").read_bytes()
    assert fold(fold(raw)) == fold(raw)


@given(st.binary(max_size=300))
def test_no_bytes_bring_anything_but_bytes_or_a_refusal(raw: bytes) -> None:
    try:
        assert isinstance(fold(raw, free_sizes=True), bytes)
    except BadInput as error:
        assert error.code == "models.malformed"


@pytest.mark.parametrize("raw", [b"", b"\x3a\xff\xff\xff\xff\x0f", b"not a network", b"\x08" + b"\xff" * 20])
def test_what_is_no_network_is_refused_by_the_runtime(raw: bytes) -> None:
    with pytest.raises(BadInput, match=r"models\.malformed"):
        OnnxBackend(raw)
