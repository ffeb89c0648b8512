"""Strict reading of TOML and JSON into frozen types: an unknown key, a wrong type or a missing field is refused in one line.

Types are msgspec structs (`Spec`); decoding is msgspec's. What is ours: size limits before parsing, and messages that name the place and
the nearest valid key.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from velatura.errors import BadInput, BadSpec, nearest
from velatura.files import open_regular

__all__ = ["Spec", "convert", "dump_json", "load_spec", "read_json", "read_toml"]

T = TypeVar("T")


class Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=False):
    """Base of everything that is read from a file that a person wrote."""


def load_spec(path: Path, kind: type[T], *, limit: int = 1 << 20) -> T:
    """Read a `.toml` or `.json` file.

    Raises:
        BadSpec: `spec.unreadable`, `spec.syntax`, `spec.unknown-key`, `spec.wrong`.
        BadInput: `spec.too-large`: more than `limit` bytes.
    """
    try:
        with open_regular(path) as stream:
            raw = stream.read(limit + 1)
    except OSError as error:
        raise BadSpec("spec.unreadable", f"{path}: cannot be read: {error.strerror}", hint="give the path of a TOML or JSON file") from error
    if len(raw) > limit:
        raise BadInput("spec.too-large", f"{path}: larger than {limit} bytes")
    read = read_json if path.suffix == ".json" else read_toml
    return read(raw, kind, where=str(path))


def read_toml(raw: bytes, kind: type[T], *, where: str) -> T:
    """Decode TOML; `where` names it in messages. Raises BadSpec."""
    import tomllib

    try:
        tree = tomllib.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # of TOML, of UTF-8, and of a number with more digits than Python reads
        raise BadSpec("spec.syntax", f"{where}: not TOML: {error}") from error
    return convert(tree, kind, where=where)


def convert(tree: Any, kind: type[T], *, where: str) -> T:
    """Plain mappings, lists and values as a type. Raises BadSpec."""
    try:
        return msgspec.convert(tree, kind)
    except msgspec.ValidationError as error:
        raise _refusal(where, kind, error) from error


def read_json(raw: bytes, kind: type[T], *, where: str) -> T:
    """Decode JSON; `where` names it in messages. Raises BadSpec."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise _refusal(where, kind, error) from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadSpec("spec.syntax", f"{where}: not JSON: {error}") from error


def dump_json(value: Any) -> bytes:
    """Indented JSON with a final newline, for files that a person edits."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def _refusal(where: str, kind: type, error: msgspec.ValidationError) -> BadSpec:
    unknown = re.match(r"Object contains unknown field `(.*?)`(?: - at `\$(.*)`)?$", str(error))
    if not unknown:
        return BadSpec("spec.wrong", f"{where}: {error}")
    key, place = unknown.group(1), unknown.group(2) or ""
    fields = _fields_at(kind, place)
    return BadSpec("spec.unknown-key", f"{where}: there is no key {key!r}" + (f" at {place.lstrip('.')}" if place else ""), hint=nearest(key, fields))


def _fields_at(kind: Any, place: str) -> list[str]:
    """Names of the fields of the struct that lies at a msgspec path such as `.items[...].regions[...]`."""
    info = msgspec.inspect.type_info(kind)
    for step in re.findall(r"\.(\w+)|(\[\.\.\.\]|\[\d+\])", place):
        info = _step(info, step[0])
    while not isinstance(info, msgspec.inspect.StructType):
        inner = _struct_in(info)
        if inner is None:
            return []
        info = inner
    return [field.encode_name for field in info.fields]


def _step(info: Any, name: str) -> Any:
    info = info if isinstance(info, msgspec.inspect.StructType) else _struct_in(info) or info
    if name and isinstance(info, msgspec.inspect.StructType):
        return next((field.type for field in info.fields if field.encode_name == name), info)
    return getattr(info, "item_type", getattr(info, "value_type", info))


def _struct_in(info: Any) -> Any:
    options = getattr(info, "types", None) or [part for part in (getattr(info, "item_type", None), getattr(info, "value_type", None)) if part]
    return next((option for option in options if isinstance(option, msgspec.inspect.StructType)), None)
