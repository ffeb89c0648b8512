"""What a verb prints: a result on stdout, as text or as one JSON document; warnings on stderr.

The JSON document has `schema`, `command`, `version`, `result`, `warnings`; an error adds `error` with `code`, `sentence`, `hint`, `exit`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from velatura import __version__
from velatura.errors import VelaturaError, one_line

__all__ = ["SCHEMA", "emit", "emit_error", "note", "warn", "worst"]

_WORST_FIRST = (3, 5, 4, 2, 1)  # the contract's 3, 5, 4, 1; an item's own wrong name (2) comes after what concerns its content

SCHEMA = "velatura/1"


def emit(command: str, result: Any, *, json: bool, text: str, warnings: Sequence[str] = ()) -> None:
    """Print a verb's result.

    Args:
        command: the verb, e.g. "models list".
        result: anything msgspec can encode; printed with `json`.
        text: printed otherwise, if not empty.
        warnings: on stderr, and in the document.
    """
    for sentence in warnings:
        warn(sentence)
    if json:
        _print(_document({"command": command, "result": result, "warnings": [one_line(sentence) for sentence in warnings]}))
    elif text:
        _print(_printable(text.rstrip("\n")) + "\n")


def emit_error(command: str, error: VelaturaError) -> None:
    """The JSON document of a verb that was refused. Where stdout takes nothing any more, the exit status still tells."""
    told = {"code": error.code, "sentence": error.sentence, "hint": error.hint, "exit": error.exit_status}
    with suppress(BrokenPipeError, VelaturaError):
        _print(_document({"command": command, "result": None, "warnings": [], "error": told}))


def warn(sentence: str) -> None:
    """One line on stderr."""
    sys.stderr.write(_printable(f"warning: {one_line(sentence, 1000)}", sys.stderr.encoding) + "\n")


def note(sentence: str) -> None:
    """What is being done: one line on stderr."""
    sys.stderr.write(_printable(one_line(sentence, 1000), sys.stderr.encoding) + "\n")
    sys.stderr.flush()


def worst(statuses: Iterable[int]) -> int:
    """The exit status of a verb whose items failed differently; 0 where none did."""
    found = set(statuses)
    return next((status for status in _WORST_FIRST if status in found), 0)


def _print(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise VelaturaError(
            "cli.stdout", f"the result cannot be printed: {error.strerror}", hint="what was asked for is done; look at the files"
        ) from error


def _document(parts: dict[str, Any]) -> str:
    import msgspec

    tree = msgspec.to_builtins({"schema": SCHEMA, "version": __version__, **parts}, order=None)
    raw = msgspec.json.format(msgspec.json.encode(_clean(tree)), indent=1)
    return raw.decode("utf-8") + "\n"


def _clean(tree: Any) -> Any:
    """File names that are not UTF-8 hold lone surrogates, which JSON cannot."""
    if isinstance(tree, str):
        return tree.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if isinstance(tree, dict):
        return {_clean(key): _clean(value) for key, value in tree.items()}
    return [_clean(item) for item in tree] if isinstance(tree, list) else tree


def _printable(text: str, encoding: str | None = None) -> str:
    """What the terminal can show; control characters (names of files are hostile) become visible signs, line breaks stay."""
    text = "".join(sign if sign.isprintable() or sign == "\n" else "\N{REPLACEMENT CHARACTER}" for sign in text)
    encoding = encoding or sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)
