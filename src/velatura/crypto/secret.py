"""Bytes that must not be seen: they show as `<key 3f2a..>`, and refuse to be pickled, copied or formatted.

Limit: Python cannot wipe memory, and copies that `cryptography` makes are outside of our reach. This keeps secrets out of logs, messages,
reports and queues; it does not keep them from someone who reads the memory of the process.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, NoReturn

__all__ = ["Secret"]


class Secret:
    """A secret byte string.

    Args:
        raw: the bytes.
        name: what it is called where it shows; by default a digest of the bytes, cut to 16 bits.
    """

    __slots__ = ("_name", "_raw")

    def __init__(self, raw: bytes, *, name: str = "") -> None:
        self._raw = bytes(raw)
        self._name = name or hashlib.sha256(b"velatura key name\x00" + self._raw).hexdigest()[:4]

    def reveal(self) -> bytes:
        """The bytes; whoever calls this answers for them."""
        return self._raw

    def __len__(self) -> int:
        return len(self._raw)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._raw, other._raw)

    __hash__ = None  # type: ignore[assignment]  # a secret is no key of a dictionary: hashes end up in dumps

    def __repr__(self) -> str:
        return f"<key {self._name}..>"

    __str__ = __repr__

    def __format__(self, spec: str) -> NoReturn:
        raise TypeError("a key is not formatted into text")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a key is not pickled or copied")
