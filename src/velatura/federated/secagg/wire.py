"""What is said in the stages of secure aggregation, as MessagePack, read strictly.

stage       server to site                    site to server
advertise   the round                         two X25519 keys and promises, signed
reveal      all adverts                       its nonce (only above 64 sites)
share       adverts, nonces                   for each neighbour, a box with two shares
masked      who shared, boxes; the model      the masked words
agree       survivors, dropped                a signature over them
unmask      the signatures                    shares: of the survivors' own masks, of the dropped ones' keys
"""

from __future__ import annotations

import hashlib
from typing import TypeVar

import msgspec

from velatura.errors import Withheld
from velatura.federated.secagg.graph import COMPLETE, threshold

__all__ = [
    "STAGES",
    "Advert",
    "Adverts",
    "Agree",
    "Boxes",
    "Masked",
    "Nonce",
    "Round",
    "Shares",
    "Signature",
    "Unmask",
    "agreement",
    "read",
    "refused",
    "sealed",
    "written",
]  # fmt: skip

STAGES = ("advertise", "reveal", "share", "masked", "agree", "unmask")
LARGEST = 1 << 26  # bytes of one message
T = TypeVar("T")


class Round(msgspec.Struct, frozen=True, array_like=True):
    """What all sites of a round agree on before anything else.

    Attributes:
        job: digest of the job. run: random, of one server process.
        cohort: sites that were asked, sorted.
        model: digest of the weights that they train: a server that sends each its own is found out (Pasquini et al., CCS 2022).
    """

    job: str
    run: bytes
    number: int
    cohort: tuple[int, ...]
    model: bytes

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(b"velatura secagg round v1|" + written(self)).digest()

    @property
    def least(self) -> int:
        """Sites without which nothing goes on."""
        return threshold(len(self.cohort))

    @property
    def is_complete(self) -> bool:
        """Everybody masks with everybody."""
        return len(self.cohort) <= COMPLETE


class Advert(msgspec.Struct, frozen=True, array_like=True):
    """A site's keys of one round.

    Attributes:
        identity: Ed25519, of the site; signs the rest.
        box_key, mask_key: X25519: for boxes of shares, for masks.
        seed_seal, nonce_seal: promises of the own mask's seed and of the nonce.
        rows: an upper bound of its number of rows.
    """

    site: int
    identity: bytes
    box_key: bytes
    mask_key: bytes
    seed_seal: bytes
    nonce_seal: bytes
    rows: int
    signature: bytes = b""

    def statement(self, of: bytes) -> bytes:
        """What is signed. of: digest of the round."""
        return b"velatura secagg advert v1|" + of + written(msgspec.structs.replace(self, signature=b""))


class Adverts(msgspec.Struct, frozen=True):
    """nonces: by site; empty up to 64 sites."""

    adverts: tuple[Advert, ...]
    nonces: dict[int, bytes] = {}


class Nonce(msgspec.Struct, frozen=True):
    nonce: bytes


class Boxes(msgspec.Struct, frozen=True):
    """By receiver."""

    boxes: dict[int, bytes]


class Masked(msgspec.Struct, frozen=True):
    """joined: who shared, sorted; boxes: by sender."""

    joined: tuple[int, ...]
    boxes: dict[int, bytes]


class Agree(msgspec.Struct, frozen=True):
    """survivors: whose masked words came; dropped: who shared and was lost then. Sorted."""

    survivors: tuple[int, ...]
    dropped: tuple[int, ...]


class Signature(msgspec.Struct, frozen=True):
    signature: bytes


class Unmask(msgspec.Struct, frozen=True):
    """By site."""

    signatures: dict[int, bytes]


class Shares(msgspec.Struct, frozen=True):
    """By owner. seeds: of survivors; keys: of dropped ones."""

    seeds: dict[int, bytes]
    keys: dict[int, bytes]


def agreement(of: bytes, lists: Agree) -> bytes:
    """What is signed in stage `agree`."""
    return b"velatura secagg agree v1|" + of + written(lists)


def sealed(purpose: bytes, of: bytes, secret: bytes) -> bytes:
    """A promise of 32 random bytes, which says nothing of them."""
    return hashlib.sha256(b"velatura secagg " + purpose + b" v1|" + of + secret).digest()


def written(what: object) -> bytes:
    return msgspec.msgpack.encode(what)


def read(raw: object, kind: type[T]) -> T:
    """Raises Withheld `federated.secagg`."""
    if not isinstance(raw, bytes) or len(raw) > LARGEST:
        raise refused("a message without a body, or with one that is too long")
    try:
        return msgspec.msgpack.decode(raw, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise refused("a message that cannot be read") from error


def refused(sentence: str) -> Withheld:
    """The error of this protocol."""
    return Withheld("federated.secagg", sentence, hint="nothing was given away; the round goes on without this site, or not at all")
