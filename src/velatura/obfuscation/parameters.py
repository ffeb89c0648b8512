"""What a person writes after `--method`: NAME, NAME:VALUE or NAME:KEY=VALUE,KEY=VALUE."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from velatura.errors import BadSpec, nearest
from velatura.obfuscation.method import METHODS, Method

__all__ = ["chosen", "decimal", "keyed", "whole"]

LONGEST = 200


def chosen(text: str) -> Method:
    """The method of `--method TEXT`.

    Raises:
        BadSpec: `plugins.unknown`, or what the method says about its parameters.
    """
    name, _, parameters = text[:LONGEST].partition(":")
    method: Method = METHODS.load(name.strip())(parameters.strip())
    return method


def whole(text: str, low: int, high: int) -> int | None:
    """A whole number in low..high, written in digits; None if it is not one."""
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 12 else -1
    return value if low <= value <= high else None


def decimal(text: str, low: Fraction, high: Fraction) -> Fraction | None:
    """A number in low..high as an exact fraction; None if it is not one ("1/3" and "1e-3" are)."""
    try:
        value = Fraction(text) if len(text) < 40 and "_" not in text and _small_exponent(text) else None
    except (ValueError, ZeroDivisionError):
        return None
    return value if value is not None and low <= value <= high else None


def keyed(text: str, valid: Mapping[str, str], *, method: str) -> dict[str, str]:
    """`KEY=VALUE,KEY=VALUE` with every key of `valid` (key -> what may be written there) exactly once.

    Raises:
        BadSpec: METHOD`.parameters`, with what is valid.
    """
    usage = f"valid: {method}:" + ",".join(f"{key}={what}" for key, what in valid.items())
    found: dict[str, str] = {}
    for part in filter(None, text.split(",")):
        key, equals, value = (word.strip() for word in part.partition("="))
        if key not in valid:
            raise BadSpec(f"{method}.parameters", f"{method} has no parameter {key!r}", hint=f"{nearest(key, valid)}; {usage}")
        if not equals or not value or key in found:
            raise BadSpec(f"{method}.parameters", f"{method} takes one value for {key!r}", hint=usage)
        found[key] = value
    absent = [key for key in valid if key not in found]
    if absent:
        raise BadSpec(f"{method}.parameters", f"{method} needs {' and '.join(absent)}: there is no safe default", hint=usage)
    return found


def _small_exponent(text: str) -> bool:
    """Not 1e999999999, which would be computed."""
    _, e, exponent = text.lower().partition("e")
    return not e or (exponent.lstrip("+-").isdigit() and len(exponent) <= 3)
