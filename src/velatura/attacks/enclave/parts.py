"""A submission taken apart: its binary documents with the places of their fields, its certificates, and how another one is put in their place.

Offsets are those of the vendors' documents, read by nobody but the attacker; nothing is checked here, since what is not well formed is his business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from velatura.attacks.enclave.keys import Keys
from velatura.attacks.enclave.submission import Submission

__all__ = ["ORDERS", "Chain", "Field", "Opened", "Part"]

ORDERS = {
    "P-256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "P-384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    "Ed25519": (1 << 252) + 27742317777372353535851937790883648493,
}
"""Of the groups in which evidence is signed (FIPS 186-5, NIST SP 800-186)."""


@dataclass(frozen=True, slots=True)
class Field:
    """A stretch of a part.

    Attributes:
        role: "kind" (magic, version, type), "length", "reserved", "algorithm", "signature", "key", or "": a value.
        signed: a signature covers it.
    """

    name: str
    start: int
    stop: int
    role: str = ""
    signed: bool = False

    def of(self, raw: bytes) -> bytes:
        return raw[self.start : self.stop]

    def written(self, raw: bytes, value: bytes) -> bytes:
        return raw[: self.start] + value + raw[self.stop :]


@dataclass(frozen=True, slots=True)
class Part:
    """One binary document.

    Attributes:
        name: the same for the same kind of part in every submission.
        put: the submission with another one in its place; lengths around it are made to fit.
        fields: in the order in which they lie, each as long as it is.
        order: of the bytes of numbers: "little" or "big".
        curve: of its signatures r and s (fields "r" and "s"); "": none, or RSA.
    """

    name: str
    raw: bytes
    put: Callable[[bytes], Submission]
    fields: tuple[Field, ...] = ()
    order: str = "big"
    curve: str = ""

    def field(self, name: str) -> Field | None:
        return next((one for one in self.fields if one.name == name), None)

    def having(self, role: str) -> Iterator[Field]:
        return (one for one in self.fields if one.role == role)

    @property
    def content(self) -> bytes:
        """What is signed of it."""
        return b"".join(one.of(self.raw) for one in self.fields if one.signed)


@dataclass(frozen=True, slots=True)
class Chain:
    """Certificates in DER, the leaf first.

    Attributes:
        put: the submission with others in their place, whose number may be another.
    """

    name: str
    certificates: tuple[bytes, ...]
    put: Callable[[Sequence[bytes]], Submission]


@dataclass(frozen=True, slots=True)
class Opened:
    """See the module.

    Attributes:
        parts: evidence first.
        chains: that of the evidence's own key first.
        signed_anew: all that a key of the evidence signs, signed by the attacker's, under certificates that look alike but for keys.
        members: what else its signed content is made of, by name: collateral as values.
    """

    submission: Submission
    parts: tuple[Part, ...]
    chains: tuple[Chain, ...] = ()
    signed_anew: Callable[[Submission, Keys], Submission] | None = None
    members: Mapping[str, object] = field(default_factory=dict)

    def part(self, name: str) -> Part | None:
        return next((one for one in self.parts if one.name == name), None)

    def holding(self, name: str) -> Iterator[tuple[Part, Field]]:
        """Parts that have a field of this name."""
        return ((part, found) for part in self.parts if (found := part.field(name)) is not None)

    @property
    def content(self) -> tuple[object, ...]:
        """All that signatures cover: two submissions in which it is equal say the same."""
        return (*(part.content for part in self.parts), *(chain.certificates for chain in self.chains), sorted(self.members.items()))
