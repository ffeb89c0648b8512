"""Small ONNX models, written by hand or exported from random torch networks."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["exported", "model", "node"]


def node(op: str, *inputs: str, out: str = "", name: str = "", **attributes: Any) -> onnx.NodeProto:
    """A node whose output is `out`, or its operator in small letters."""
    return helper.make_node(op, list(inputs), [out or op.lower()], name=name or f"the {op.lower()}", **attributes)


def model(
    *nodes: onnx.NodeProto,
    shape: tuple[int | str, ...] = ("batch", 4),
    opset: int = 20,
    kind: int = TensorProto.FLOAT,
    output: str = "",
    **constants: Any,
) -> bytes:
    """A model of one input `x` and the last node's output; constants become initializers."""
    initializers = [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()]
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info(output or nodes[-1].output[0], TensorProto.FLOAT, ("any",))],
        initializers,
    )
    made: bytes = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9).SerializeToString()
    return made


def exported(module: Any, *shape: int, opset: int = 18) -> bytes:
    """A torch network as its own exporter writes it, free in its batch."""
    import torch

    buffer = BytesIO()
    example = torch.zeros(2, *shape, dtype=next((one.dtype for one in module.parameters()), torch.float64))
    torch.onnx.export(
        module.eval(),
        (example,),
        buffer,
        dynamo=False,
        opset_version=opset,
        input_names=["x"],
        dynamic_axes={"x": {0: "n"}},
        do_constant_folding=False,
    )
    return buffer.getvalue()
