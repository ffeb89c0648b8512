"""Bytes read field by field, from the front, each within bounds. Every binary format of evidence is a list of such fields."""

from __future__ import annotations

from velatura.errors import BadInput

__all__ = ["Fields"]


class Fields:
    """A place in some bytes.

    Args:
        raw: all of them.
        named: what they are, for messages.
        order: "big" or "little".

    Example:
        >>> fields = Fields(bytes.fromhex("0002 6869 ff"), "greeting", "big")
        >>> fields.sized(2)
        b'hi'
        >>> fields.left
        1
    """

    __slots__ = ("at", "named", "order", "raw")

    def __init__(self, raw: bytes, named: str, order: str) -> None:
        self.raw, self.named, self.order, self.at = raw, named, order, 0

    @property
    def left(self) -> int:
        """Bytes that have not been read."""
        return len(self.raw) - self.at

    def take(self, count: int) -> bytes:
        """The next `count` bytes. Raises BadInput `enclave.evidence`: there are fewer."""
        end = self.at + count
        if end > len(self.raw):
            raise BadInput("enclave.evidence", f"{self.named} is cut short: at byte {self.at} it wants {count} more and has {self.left}")
        taken = self.raw[self.at : end]
        self.at = end
        return taken

    def number(self, width: int) -> int:
        """The next `width` bytes, unsigned."""
        return int.from_bytes(self.take(width), self.order)  # type: ignore[arg-type]

    def sized(self, width: int) -> bytes:
        """Bytes after their own length, which is `width` bytes wide."""
        return self.take(self.number(width))

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(self.left)
