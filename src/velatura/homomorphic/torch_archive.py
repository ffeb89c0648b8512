"""Reads a `.pt2` file, which torch.export.save wrote, without torch.

torch.export.load unpickles sample inputs and weights where the file asks for it, and evaluates symbolic sizes as Python (torch 2.13): a file from
somebody else may run code. Here it is a zip of JSON and raw numbers, nothing is unpickled, and what could only be unpickled is refused.
Source: torch/export/pt2_archive/_package.py and torch/_export/serde/schema.py, schema 8.
"""

from __future__ import annotations

import json
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray

from velatura.errors import BadInput, Unsupported
from velatura.homomorphic.aten import Call, Exported, Name, Shape
from velatura.homomorphic.trace import MOST_BYTES, model_bytes

__all__ = ["read_archive"]

SCHEMA = 8
BFLOAT16 = 13
DTYPES = {1: "u1", 2: "i1", 3: "<i2", 4: "<i4", 5: "<i8", 6: "<f2", 7: "<f4", 8: "<f8", 12: "?", BFLOAT16: "<u2"}
"""torch's numbers of types, as the schema has them."""
PICKLE = "save it with torch 2.9 or later, or export to ONNX"


def read_archive(data: Path | bytes) -> Exported:
    """
    Raises:
        BadInput: `he.model`. Unsupported: `he.unsupported-op`, `he.shape`.
    """
    data = model_bytes(data) if isinstance(data, Path) else data
    try:
        with ZipFile(BytesIO(data)) as archive:
            return _program(_entries(archive))
    except BadInput:
        raise
    except (
        BadZipFile,
        KeyError,
        ValueError,
        TypeError,
        IndexError,
        AttributeError,
        RecursionError,
        NotImplementedError,
        EOFError,
        OverflowError,
    ) as error:
        raise _refused(f"this is no program that torch.export.save wrote: {error}") from error


def _refused(why: str, hint: str = "torch.export.save(torch.export.export(model.eval(), (example,)), path)") -> BadInput:
    return BadInput("he.model", why, hint=hint)


def _entries(archive: ZipFile) -> dict[str, bytes]:
    """Name without the outer folder -> bytes. Stored, never compressed: no entry is larger than the file."""
    listed = archive.infolist()
    names = [one.filename.partition("/")[2] for one in listed]
    if len(set(names)) < len(names) or any(one.compress_type != ZIP_STORED for one in listed):
        raise _refused("its entries are compressed, or two have one name")
    if sum(one.file_size for one in listed) > MOST_BYTES:
        raise _refused("its entries are larger than the file")
    return {name: archive.read(one) for name, one in zip(names, listed, strict=True) if not name.startswith("data/sample_inputs/")}


def _program(entries: dict[str, bytes]) -> Exported:
    models = [name for name in entries if name.startswith("models/") and name.endswith(".json")]
    if len(models) != 1 or entries.get("archive_format") != b"pt2" or entries.get("byteorder", b"little") != b"little":
        raise _refused(f"it holds {len(models)} programs, or is of another format", PICKLE)
    model = json.loads(entries[models[0]])
    if model["schema_version"]["major"] != SCHEMA:
        raise Unsupported("he.model", f"its schema is {model['schema_version']['major']}, {SCHEMA} is known", hint="export to ONNX")
    name = models[0].removeprefix("models/").removesuffix(".json")
    weights = {**_configured(entries, "weights", name), **_configured(entries, "constants", name)}
    graph, signature = model["graph_module"]["graph"], model["graph_module"]["signature"]
    tensors: dict[str, NDArray[Any]] = {}
    inputs: list[str] = []
    for spec in signature["input_specs"]:
        ((kind, given),) = spec.items()
        if kind == "user_input":
            inputs.append(given["arg"]["as_tensor"]["name"])
        elif kind in KINDS:
            tensors[given["arg"]["name"]] = weights[given[KINDS[kind]]]
        else:
            raise Unsupported("he.unsupported-op", f"the program is fed a {kind}", hint="export to ONNX")
    outputs = [one["user_output"]["arg"]["as_tensor"]["name"] for one in signature["output_specs"]]
    if len(inputs) != 1 or len(outputs) != 1:
        raise Unsupported("he.shape", f"the program has {len(inputs)} inputs and {len(outputs)} outputs", hint="one of each")
    shapes = {key: _shape(one["sizes"]) for key, one in graph["tensor_values"].items()}
    if inputs[0] not in shapes:
        raise _refused("its input has no shape")
    return Exported(tuple(_call(one) for one in graph["nodes"]), tensors, inputs[0], outputs[0], shapes)


KINDS = {"parameter": "parameter_name", "buffer": "buffer_name", "tensor_constant": "tensor_constant_name"}


def _call(node: dict[str, Any]) -> Call:
    target = str(node["target"]).removeprefix("torch.ops.")
    first = node["outputs"][0].get("as_tensor") if node["outputs"] else None
    return Call(str(first["name"]) if first else "", target, {one["name"]: _argument(one["arg"]) for one in node["inputs"]})


def _argument(given: dict[str, Any]) -> Any:
    ((kind, value),) = given.items()
    match kind:
        case "as_tensor":
            return Name(str(value["name"]))
        case "as_tensors":
            return [Name(str(one["name"])) for one in value]
        case "as_sym_int":
            return value.get("as_int")
        case "as_sym_ints":
            return [one.get("as_int") for one in value]
        case "as_none":
            return None
        case _:
            return value


def _shape(sizes: list[dict[str, Any]]) -> Shape:
    return tuple(int(one["as_int"]) if "as_int" in one else None for one in sizes)


def _configured(entries: dict[str, bytes], folder: str, model: str) -> dict[str, NDArray[Any]]:
    """Weights or constants: their name in the module -> numbers."""
    config = json.loads(entries[f"data/{folder}/{model}_{folder}_config.json"])["config"]
    return {name: _tensor(name, one, entries.get(f"data/{folder}/{one['path_name']}", b"")) for name, one in config.items()}


def _tensor(name: str, given: dict[str, Any], raw: bytes) -> NDArray[Any]:
    if given["use_pickle"] or given["tensor_meta"] is None:
        raise Unsupported("he.model", f"weights {name!r} would have to be unpickled, which can run code", hint=PICKLE)
    meta = given["tensor_meta"]
    sizes, strides = ([int(one["as_int"]) for one in meta[part]] for part in ("sizes", "strides"))
    offset = int(meta["storage_offset"]["as_int"])
    stored = np.frombuffer(raw, DTYPES[meta["dtype"]])
    last = offset + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
    if min(sizes, default=1) < 1 or min(strides, default=0) < 0 or offset < 0 or last >= len(stored) or prod(sizes) > MOST_BYTES:
        raise _refused(f"weights {name!r} lie outside their {len(raw)} bytes")
    taken = np.lib.stride_tricks.as_strided(stored[offset:], sizes, [stride * stored.itemsize for stride in strides]).copy()
    return (taken.astype(np.uint32) << 16).view(np.float32) if meta["dtype"] == BFLOAT16 else taken
