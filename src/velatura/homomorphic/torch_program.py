"""Torch networks as graphs: a module that is here, or a `.pt2` file, which is read without torch and without unpickling."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from velatura.errors import BadInput, Missing, Unsupported
from velatura.homomorphic.aten import Call, Exported, Name, onnx_of
from velatura.homomorphic.graph import Graph
from velatura.homomorphic.torch_archive import read_archive
from velatura.homomorphic.trace import trace_proto

if TYPE_CHECKING:
    import torch

__all__ = ["trace_pt2", "trace_torch"]


def trace_pt2(program: Path | bytes) -> Graph:
    """A file that torch.export.save wrote.

    Raises:
        As `read_archive`, `onnx_of` and `trace_onnx`.
    """
    return _traced(read_archive(program))


def trace_torch(module: torch.nn.Module, example: Any) -> Graph:
    """A module in evaluation mode.

    Args:
        example: a batch, (samples, ...), array or tensor; only its shape counts.

    Raises:
        Unsupported: `he.unsupported-op` (training mode, and as `trace_onnx`), `he.model` (torch cannot export it).
        BadInput: `he.calibration`. Missing: `extra.train`.
    """
    return _traced(_exported(module, example))


def _traced(program: Exported) -> Graph:
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise Missing("he.onnx", "the package onnx is not installed", hint="pip install 'velatura[he]'") from error
    return trace_proto(onnx_of(program))


def _exported(module: torch.nn.Module, example: Any) -> Exported:
    try:
        import torch
    except ImportError as error:
        raise Missing("extra.train", "torch is not installed", hint="pip install 'velatura[train]'") from error
    training = next((name or type(one).__name__ for name, one in module.named_modules() if one.training), None)
    if training:
        raise Unsupported("he.unsupported-op", f"module {training!r} is in training mode", hint="model.eval() first")
    shape = tuple(np.shape(example))
    if len(shape) < 2:
        raise BadInput("he.calibration", f"an example of shape {shape}", hint="(samples, ...) as the model takes it")
    first = next(module.parameters(), torch.zeros(1))
    two = torch.zeros(2, *shape[1:], dtype=first.dtype, device=first.device)  # of two samples: what mixes them shows
    try:
        # without a table nothing is taken apart, and what changes values in place is written anew
        program = torch.export.export(module, (two,)).run_decompositions({})
    except Exception as error:  # torch's own reasons have no common type
        why = str(error).strip().splitlines()
        raise Unsupported(
            "he.model", f"torch cannot export it: {why[0] if why else type(error).__name__}", hint="no branch may depend on the data"
        ) from error
    return _read(program)


def _read(program: torch.export.ExportedProgram) -> Exported:
    signature = program.graph_signature
    weights = {**program.state_dict, **program.constants}
    tensors = {spec.arg.name: weights[str(spec.target)].detach().cpu().numpy() for spec in signature.input_specs if spec.target is not None}
    if len(signature.user_inputs) != 1 or len(signature.user_outputs) != 1:
        raise Unsupported("he.shape", f"the module has {len(signature.user_outputs)} outputs", hint="one input and one output")
    calls = tuple(_call(node) for node in program.graph.nodes if node.op == "call_function")
    shapes = {
        node.name: tuple(int(size) for size in node.meta["val"].shape) for node in program.graph.nodes if hasattr(node.meta.get("val"), "shape")
    }
    return Exported(calls, tensors, str(signature.user_inputs[0]), str(signature.user_outputs[0]), shapes)


def _call(node: torch.fx.Node) -> Call:
    target: Any = node.target
    if getattr(target, "__name__", "") == "getitem":  # of several results all but the first are statistics, which nobody may read
        whole, number = node.args
        return Call(node.name, "aten.getitem" if number == 0 else "aten.another-result", {"self": _argument(whole)})
    if not hasattr(target, "_schema"):
        return Call(node.name, str(target), {})
    positional = zip((one.name for one in target._schema.arguments), node.args, strict=False)
    return Call(node.name, str(target), {name: _argument(one) for name, one in (*positional, *node.kwargs.items())})


def _argument(given: Any) -> Any:
    if isinstance(given, list | tuple):
        return [_argument(one) for one in given]
    return Name(given.name) if hasattr(given, "op") and hasattr(given, "name") else given
