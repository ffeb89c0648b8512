"""What an ONNX file asks of whoever runs it, read from its bytes: nothing is loaded, no path in it is followed.

Refused: weights in other files (the hash covers this one alone), operators of other domains than the runtime's own (code from elsewhere),
functions that the file brings itself, and more bytes than a camera has room for.
Source: onnx.proto (ModelProto.graph = 7, opset_import = 8, functions = 25; GraphProto.node = 1, initializer = 5, input = 11, output = 12,
sparse_initializer = 15; NodeProto.op_type = 4, attribute = 5, domain = 7; AttributeProto.t = 5, g = 6, tensors = 10, graphs = 11,
sparse_tensor = 22, sparse_tensors = 23; TensorProto.external_data = 13, data_location = 14; OperatorSetIdProto.domain = 1, version = 2).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from velatura.errors import BadInput, Unsupported
from velatura.models.protobuf import fields_of, first_of, malformed, number_of

__all__ = ["DOMAINS", "MOST_MODEL_MB", "Structure", "admit"]

DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
MOST_MODEL_MB = 128
_DEEPEST = 16  # graphs inside of graphs

_GRAPH, _OPSET, _FUNCTIONS = 7, 8, 25
_NODE, _INITIALIZER, _INPUT, _OUTPUT, _SPARSE = 1, 5, 11, 12, 15
_NAME, _TENSOR_NAME, _ATTRIBUTE, _DOMAIN = 1, 8, 5, 7
_TENSORS, _GRAPHS, _SPARSES = (5, 10), (6, 11), (22, 23)
_EXTERNAL, _LOCATION = 13, 14


@dataclass(frozen=True, slots=True)
class Structure:
    """opset: version of the standard operators. inputs: without constants. outputs: in the file's order."""

    opset: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def admit(model: bytes, *, most_mb: int = MOST_MODEL_MB) -> Structure:
    """The structure of a network that may be run.

    Raises:
        BadInput: `models.too-large`, `models.malformed`, `models.external-data`.
        Unsupported: `models.foreign-operators`.
    """
    if len(model) > most_mb << 20:
        raise BadInput("models.too-large", f"the network has more than {most_mb} MiB", hint="a smaller one, or int8")
    parts = list(fields_of(model))
    graphs = [payload for number, wire, payload, _ in parts if number == _GRAPH and wire == 2]
    if len(graphs) != 1:
        raise malformed()
    if any(number == _FUNCTIONS for number, *_ in parts):
        raise Unsupported("models.foreign-operators", "the network brings functions of its own", hint="inline them when exporting")
    opsets = dict(_opset(payload) for number, wire, payload, _ in parts if number == _OPSET and wire == 2)
    _known(opsets)
    _admit_graph(graphs[0], 0)
    inputs, outputs = _ends(graphs[0])
    if not opsets or not inputs or not outputs:
        raise malformed()
    return Structure(opsets.get("", opsets.get("ai.onnx", 0)), inputs, outputs)


def _opset(payload: bytes) -> tuple[str, int]:
    version = next((number_of(value) for number, wire, value, _ in fields_of(payload) if number == 2 and wire == 0), 0)
    return first_of(payload, 1).decode("utf-8", "replace"), version


def _ends(graph: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    fields = list(fields_of(graph))
    constants = {first_of(payload, _TENSOR_NAME) for number, _, payload, _ in fields if number == _INITIALIZER}
    names = {wanted: [first_of(payload, _NAME) for number, _, payload, _ in fields if number == wanted] for wanted in (_INPUT, _OUTPUT)}
    inputs = tuple(name.decode("utf-8", "replace") for name in names[_INPUT] if name not in constants)
    return inputs, tuple(name.decode("utf-8", "replace") for name in names[_OUTPUT])


def _admit_graph(graph: bytes, depth: int) -> None:
    if depth > _DEEPEST:
        raise malformed()
    for number, wire, payload, _ in fields_of(graph):
        if wire != 2:
            continue
        if number == _NODE:
            _admit_node(payload, depth)
        elif number == _INITIALIZER:
            _admit_tensor(payload)
        elif number == _SPARSE:
            _admit_sparse(payload)


def _admit_node(node: bytes, depth: int) -> None:
    _known([first_of(node, _DOMAIN).decode("utf-8", "replace")])
    for number, wire, attribute, _ in fields_of(node):
        if number != _ATTRIBUTE or wire != 2:
            continue
        for kind, inner, payload, _ in fields_of(attribute):
            if inner != 2:
                continue
            if kind in _TENSORS:
                _admit_tensor(payload)
            elif kind in _GRAPHS:
                _admit_graph(payload, depth + 1)
            elif kind in _SPARSES:
                _admit_sparse(payload)


def _admit_sparse(sparse: bytes) -> None:
    for _, wire, payload, _ in fields_of(sparse):
        if wire == 2:
            _admit_tensor(payload)


def _admit_tensor(tensor: bytes) -> None:
    for number, wire, payload, _ in fields_of(tensor):
        if number == _EXTERNAL or (number == _LOCATION and wire == 0 and number_of(payload)):
            raise BadInput("models.external-data", "the network's weights lie in other files", hint="save it as one file")


def _known(domains: Iterable[str]) -> None:
    for domain in domains:
        if domain not in DOMAINS:
            known = ", ".join(sorted(DOMAINS - {""}))
            raise Unsupported("models.foreign-operators", f"the network needs operators of {domain!r}", hint=f"operators of {known} run here")
