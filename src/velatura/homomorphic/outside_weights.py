"""Weights that ONNX keeps in a file beside the model, put where they belong: torch.onnx.export writes `model.onnx.data` unless told otherwise.

The file is bytes here, and the one name that stands for them is `<the model's file name>.data`; nothing that a model names is ever opened.
Source: ONNX, "External Data" (location, offset, length). Limit: initializers of the outermost graph alone, which is where exporters put them;
no byte serves two of them, so that a small file cannot ask for much memory.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from velatura.errors import BadInput

__all__ = ["Outside", "beside_the_model", "put_inside"]

_HINT = "keep both files together under the names that they were exported with, or onnx.save_model(model, path, save_as_external_data=False)"
_FIGURE = re.compile(r"[0-9]{1,19}")


@dataclass(frozen=True, slots=True)
class Outside:
    """The file beside the model: the only location that a model may name, and the bytes (none where there is no such file)."""

    name: str = ""
    data: bytes | memoryview = b""


def beside_the_model(what: str = "the weights") -> BadInput:
    """The refusal of a tensor elsewhere, whose file nobody looks for."""
    return BadInput("he.model", f"{what} lie in files beside the model", hint=_HINT)


def put_inside(proto: Any, outside: Outside) -> None:
    """Each initializer of an onnx.ModelProto that lies outside gets its bytes.

    Raises:
        BadInput: `he.model` where a tensor names another file, or bytes that the file does not have.
    """
    from onnx import TensorProto

    left = len(outside.data)
    for tensor in proto.graph.initializer:
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        who = f"weights {tensor.name[:80]!r}"
        offset, length = _place(tensor, who, outside)
        left -= length
        if left < 0:
            raise BadInput("he.model", f"{who} and others share bytes of {outside.name!r}", hint="export the model again")
        del tensor.external_data[:]
        tensor.data_location = TensorProto.DEFAULT
        tensor.raw_data = bytes(outside.data[offset : offset + length])


def _place(tensor: Any, who: str, outside: Outside) -> tuple[int, int]:
    """Where the file has the tensor: offset and length, which both lie within it."""
    entries = {one.key: one.value for one in tensor.external_data}
    location = entries.get("location", "")
    if not location or location != outside.name:
        allowed = f", and only {outside.name!r} may be" if outside.name else ""
        raise beside_the_model(f"{who} are in {location[:80]!r}{allowed}: they")
    if not outside.data:
        raise BadInput("he.model", f"{who} lie in {outside.name!r} beside the model, which is not there, or empty", hint=_HINT)
    size = len(outside.data)
    offset, length = entries.get("offset", "0"), entries.get("length")
    if len(entries) != len(tensor.external_data) or entries.keys() - {"location", "offset", "length"}:
        raise BadInput("he.model", f"{who} say more than where they lie in {outside.name!r}", hint="export the model again")
    if not _FIGURE.fullmatch(offset) or not (length is None or _FIGURE.fullmatch(length)):
        raise BadInput("he.model", f"{who} lie at no place in {outside.name!r}: offset or length is no number", hint="export the model again")
    first, count = int(offset), size - int(offset) if length is None else int(length)
    if count < 0 or first + count > size:
        raise BadInput("he.model", f"{who} reach beyond the {size} bytes of {outside.name!r}", hint="export the model again: one file may be cut off")
    return first, count
