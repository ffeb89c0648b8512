"""A network in 8-bit integers: static quantisation with Q/DQ pairs, scaled by the ranges seen on pictures.

Which integers is the processor's matter. x86 with VNNI: activations uint8, weights int8. x86 without: `vpmaddubsw` saturates at 16 bits, so weights
keep 7 bits. ARM: both int8, symmetric. Weights are scaled channel by channel, which operators before version 13 cannot say: old networks are
converted first, else the file that comes out is invalid.
Whether it is worth it is measured, not believed (`velatura.edge.gates`): of the two small detectors that we ship weights for, neither gains.
Source: Jacob et al., CVPR 2018 (arXiv 1712.05877); onnxruntime's quantization package.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from velatura.errors import BadInput, Missing
from velatura.files import private_folder
from velatura.models.fold import fold
from velatura.models.silence import silent

__all__ = ["TARGETS", "Scheme", "quantise", "this_target"]

PER_CHANNEL_OPSET = 13


@dataclass(frozen=True, slots=True)
class Scheme:
    """signed: activations are int8 around 0, else uint8. narrow: weights have 7 bits."""

    signed: bool = False
    narrow: bool = False

    def __str__(self) -> str:
        return f"{'S8' if self.signed else 'U8'}S{7 if self.narrow else 8}, per channel, MinMax"


TARGETS = {"x86-vnni": Scheme(), "x86": Scheme(narrow=True), "arm": Scheme(signed=True)}


def this_target() -> str:
    """Of this machine's processor; without a list of what it can, the careful one."""
    if platform.machine().lower() in ("arm64", "aarch64"):
        return "arm"
    try:
        flags = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:
        return "x86"
    return "x86-vnni" if "avx512_vnni" in flags or "avx_vnni" in flags else "x86"


def quantise(
    model: bytes, inputs: Iterable[NDArray[np.float32]], *, scheme: Scheme, outputs: tuple[str, ...] = (), free_sizes: bool = False, head: bool = True
) -> bytes:
    """The same network with 8-bit weights and activations; inputs and outputs stay float32.

    Args:
        model: ONNX, admitted by `structure.admit`.
        inputs: (3, height, width) each, as the network will be fed: what is outside their range is cut off later.
        outputs: those that are wanted; () for all.
        free_sizes: as of `fold`.
        head: the last convolutions before the outputs too; else they stay float32.

    Raises:
        Missing: `extra.export`: the onnx package is not here.
        BadInput: `models.quantise`: it cannot be done to this network.
    """
    try:
        import onnx
    except ImportError as error:
        raise Missing("extra.export", "quantising needs the onnx package", hint="pip install 'velatura[export]'") from error
    try:
        network = onnx.load_from_string(fold(model, free_sizes=free_sizes))
        if _opset(network) < PER_CHANNEL_OPSET:
            network = onnx.version_converter.convert_version(network, PER_CHANNEL_OPSET)
        with silent(), private_folder() as folder:
            return _quantised(network, inputs, folder, scheme, set(outputs), head=head)
    except (BadInput, Missing):
        raise
    except Exception as error:  # the errors of the two packages have no common parent
        raise BadInput("models.quantise", f"the network cannot be quantised: {type(error).__name__}", hint="ship it as float32: --no-int8") from error


def _quantised(network: Any, inputs: Iterable[NDArray[np.float32]], folder: Path, scheme: Scheme, outputs: set[str], *, head: bool) -> bytes:
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    before, tidy, after = (str(folder / name) for name in ("before.onnx", "tidy.onnx", "after.onnx"))
    onnx.save(network, before)
    quant_pre_process(before, tidy, skip_symbolic_shape=True)
    prepared = onnx.load(tidy)
    graph = prepared.graph
    for number, node in enumerate(graph.node):
        node.name = f"{node.name or node.op_type}_{number}"  # old exporters name none, and what is left out is left out by name
    onnx.save(prepared, tidy)
    quantize_static(
        tidy,
        after,
        _Feed(graph.input[0].name, inputs),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QInt8 if scheme.signed else QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=scheme.narrow,
        nodes_to_exclude=[] if head else last_convolutions(graph, outputs),
        extra_options={"ActivationSymmetric": scheme.signed},
    )
    return Path(after).read_bytes()


class _Feed:
    """What the calibration asks for, one input after the other."""

    def __init__(self, name: str, inputs: Iterable[NDArray[np.float32]]) -> None:
        self._name = name
        self._inputs: Iterator[NDArray[np.float32]] = iter(inputs)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        x = next(self._inputs, None)
        return None if x is None else {self._name: np.ascontiguousarray(x[None], np.float32)}


def last_convolutions(graph: Any, outputs: set[str]) -> list[str]:
    """Names of the nodes from the last convolution on every way to an output to that output."""
    makers = {name: node for node in graph.node for name in node.output}
    waiting = [value.name for value in graph.output if not outputs or value.name in outputs]
    found: dict[str, None] = {}
    while waiting:
        node = makers.get(waiting.pop())
        if node is None or node.name in found:
            continue
        found[node.name] = None
        if node.op_type not in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
            waiting += node.input
    return list(found)


def _opset(network: Any) -> int:
    return next((int(one.version) for one in network.opset_import if one.domain in ("", "ai.onnx")), 0)
