"""Strict reading of TOML and JSON into frozen types: an unknown key, a wrong type or a missing field is refused in one line.

Types are msgspec structs (`Spec`); decoding is msgspec's. What is ours: size limits before parsing, and messages that name the place and
the nearest valid key.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from velatura.errors import BadInput, BadSpec, nearest
from velatura.files import open_regular

__all__ = ["Spec", "convert", "dump_json", "load_spec", "read_json", "read_toml"]

T = TypeVar("T")

AT = " - at `$"
STEP = re.compile(r"\.(\w+)|\[(\d+|\.\.\.)\]")
MOST_NAMES = 64
"""Of a table that are tried, where a message wants the one that it is about."""


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
        raise BadInput("spec.too-large", f"{path}: larger than {limit} bytes", hint="a spec is a page of text: is this the right file?")
    read = read_json if path.suffix == ".json" else read_toml
    return read(raw, kind, where=str(path))


def read_toml(raw: bytes, kind: type[T], *, where: str) -> T:
    """Decode TOML; `where` names it in messages. Raises BadSpec."""
    import tomllib

    try:
        tree = tomllib.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # of TOML, of UTF-8, and of a number with more digits than Python reads
        raise BadSpec("spec.syntax", f"{where}: not TOML: {error}") from error
    try:
        return msgspec.convert(tree, kind)
    except msgspec.ValidationError as error:
        raise _refusal(where, kind, str(error), _spelled(str(error), tree, kind)) from error


def convert(tree: Any, kind: type[T], *, where: str) -> T:
    """Plain mappings, lists and values as a type. Raises BadSpec."""
    try:
        return msgspec.convert(tree, kind)
    except msgspec.ValidationError as error:
        raise _refusal(where, kind, str(error)) from error


def read_json(raw: bytes, kind: type[T], *, where: str) -> T:
    """Decode JSON; `where` names it in messages. Raises BadSpec."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise _refusal(where, kind, str(error)) from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadSpec("spec.syntax", f"{where}: not JSON: {error}") from error


def dump_json(value: Any) -> bytes:
    """Indented JSON with a final newline, for files that a person edits."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def _refusal(where: str, kind: type, said: str, spelled: str = "") -> BadSpec:
    """`said` in msgspec's words, where types are looked up; `spelled` as a person reads it."""
    told, place = spelled or said, said.partition(AT)[2].rstrip("`")
    unknown = re.match(r"Object contains unknown field `(.*?)`(?: - at `\$(.*)`)?$", told, re.DOTALL)
    if unknown:
        key, at = unknown.group(1), (unknown.group(2) or "").lstrip(".")
        sentence = f"{where}: there is no key {key!r}" + (f" at {at}" if at else "")
        return BadSpec("spec.unknown-key", sentence, hint=nearest(key, _fields_at(kind, place)))
    word = re.match("Invalid enum value (.*?) - at", told, re.DOTALL)
    return BadSpec("spec.wrong", f"{where}: {told}", hint=nearest(word.group(1).strip("'"), _words_at(kind, place)) if word else "")


def _spelled(said: str, tree: Any, kind: type) -> str:
    """With the names of the tables in the way, for each of which msgspec writes `[...]`: the first that alone is refused in the same words."""
    words, _, rest = said.partition(AT)
    at, place = tree, ""
    for field, index in STEP.findall(rest):
        if field:
            at, place = at[field], f"{place}.{field}"
        elif index != "...":
            at, place = at[int(index)], f"{place}[{index}]"
        else:
            found = [name for name in list(at)[:MOST_NAMES] if _alone(at, name, tree, kind) == said] if isinstance(at, dict) else []
            if not found:
                return said
            at, place = at[found[0]], f"{place}.{found[0]}"
    return f"{words}{AT}{place}`" if place else said


def _alone(table: dict[str, Any], name: str, tree: Any, kind: type) -> str:
    """What is said of a tree where one of its tables holds one name alone."""
    whole = dict(table)
    table.clear()
    table[name] = whole[name]
    try:
        msgspec.convert(tree, kind)
    except msgspec.ValidationError as error:
        return str(error)
    finally:
        table.clear()
        table.update(whole)
    return ""


def _words_at(kind: type, place: str) -> list[str]:
    """Those that may stand at a msgspec path."""
    return [str(word) for option in _options(_info_at(kind, place)) for word in getattr(option, "values", ())]


def _fields_at(kind: type, place: str) -> list[str]:
    """Names of the fields of the struct that lies at a msgspec path such as `.items[...].regions[...]`."""
    info = next((one for one in _options(_info_at(kind, place)) if isinstance(one, msgspec.inspect.StructType)), None)
    return [field.encode_name for field in info.fields] if info is not None else []


def _info_at(kind: type, place: str) -> Any:
    info: Any = msgspec.inspect.type_info(kind)
    for name, _ in STEP.findall(place):
        for option in _options(info):
            fields = {field.encode_name: field.type for field in getattr(option, "fields", ())}
            inner = fields.get(name) if name else getattr(option, "item_type", getattr(option, "value_type", None))
            if inner is not None:
                info = inner
                break
    return info


def _options(info: Any) -> Sequence[Any]:
    """Of a union; else the type itself."""
    return getattr(info, "types", (info,))
