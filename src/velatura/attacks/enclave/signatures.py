"""Classes 10 to 15: signatures that were not made over what is shown, or by nobody that counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from velatura.attacks.enclave.keys import Keys
from velatura.attacks.enclave.lookalike import look_alike
from velatura.attacks.enclave.opening import opened
from velatura.attacks.enclave.parts import ORDERS, Chain, Field, Opened, Part
from velatura.attacks.enclave.submission import Forgery, Submission

__all__ = ["flipped", "flips", "forgeries"]

MOST_FLIPPED = 24
UNSIGNED_KEY = 7 << 2
COSE_ALGORITHMS = {"ES256": "a10126", "PS384": "a1013825", "RS256": "a101390100", "empty": "a0"}


def forgeries(honest: Opened, others: Sequence[Opened], keys: Keys) -> Iterator[Forgery]:
    for part in honest.parts:
        yield from _flipped(part)
        yield from _degenerate(part)
        yield from _algorithms(part)
        yield from _unsigned(part)
    yield from _borrowed(honest, others)
    yield from _keys(honest, keys)


def flips(part: Part) -> Iterator[tuple[int, int]]:
    """(byte, bit) of all that is signed, and of the signatures."""
    for one in part.fields:
        if one.signed or one.role == "signature":
            yield from ((place, bit) for place in range(one.start, one.stop) for bit in range(8))


def flipped(raw: bytes, place: int, bit: int) -> bytes:
    return raw[:place] + bytes([raw[place] ^ 1 << bit]) + raw[place + 1 :]


def _flipped(part: Part) -> Iterator[Forgery]:
    """One bit in each signed field; all of them: `flips`."""
    covered = [one for one in part.fields if one.signed and one.stop > one.start]
    step = max(-(-len(covered) // MOST_FLIPPED), 1)
    for number, one in enumerate(covered[::step]):
        place = one.start + (one.stop - one.start) // 2
        yield Forgery(10, f"bit {number % 8} of {one.name} in {part.name}", partial(_put, part, flipped(part.raw, place, number % 8)))


def _degenerate(part: Part) -> Iterator[Forgery]:
    for name in ("r", "s", "qe_r", "qe_s"):
        one = part.field(name)
        if one is None or not part.curve:
            continue
        order, width = ORDERS[part.curve], one.stop - one.start
        value = int.from_bytes(one.of(part.raw), _endian(part))  # type: ignore[arg-type]
        told = {"zero": 0, "the order": order, "all ones": 256 ** (48 if part.curve == "P-384" else 32) - 1, "itself and the order": value + order}
        for word, number in told.items():
            if number < 256**width:
                yield Forgery(11, f"{name} of {part.name} is {word}", partial(_put, part, _number(part, one, number)))
    r, s = part.field("r"), part.field("s")
    if r and s and part.curve:
        raw = s.written(r.written(part.raw, s.of(part.raw)), r.of(part.raw))
        yield Forgery(11, f"r and s of {part.name} exchanged", partial(_put, part, raw))


def _endian(part: Part) -> str:
    """AMD and Ed25519 alone write them with the least byte first."""
    return "little" if part.field("chip_id") or part.curve == "Ed25519" else "big"


def _number(part: Part, one: Field, number: int) -> bytes:
    return one.written(part.raw, number.to_bytes(one.stop - one.start, _endian(part)))  # type: ignore[arg-type]


def _algorithms(part: Part) -> Iterator[Forgery]:
    if part.name == "event log":
        return
    for one in part.having("algorithm"):
        told = {"none": bytes(one.stop - one.start), "another": flipped(one.of(part.raw), one.stop - one.start - 1, 0)}
        if one.name == "protected":  # COSE: ES256, PS384, RS256, and no header at all
            told = {name: bytes.fromhex(word) for name, word in COSE_ALGORITHMS.items()}
        for name, value in told.items():
            if value != one.of(part.raw):
                yield Forgery(13, f"{one.name} of {part.name}: {name}", partial(_put, part, one.written(part.raw, value)))


def _unsigned(part: Part) -> Iterator[Forgery]:
    signatures = list(part.having("signature"))
    if not signatures:
        return
    raw = part.raw
    for one in signatures:
        raw = one.written(raw, bytes(one.stop - one.start))
    yield Forgery(15, f"signature of {part.name} is zeros", partial(_put, part, raw))
    if (info := part.field("key_info")) is not None:
        told = (int.from_bytes(info.of(raw), "little") | UNSIGNED_KEY).to_bytes(4, "little")
        yield Forgery(15, f"{part.name} says that no key signed it", partial(_put, part, info.written(raw, told)))
        yield Forgery(15, f"{part.name} says so beside its signature", partial(_put, part, info.written(part.raw, told)))


def _borrowed(honest: Opened, others: Sequence[Opened]) -> Iterator[Forgery]:
    for other in others:
        for part in honest.parts:
            same = other.part(part.name)
            ours, theirs = list(part.having("signature")), list(same.having("signature")) if same else []
            if not ours or same is None or len(ours) != len(theirs) or same.raw == part.raw:
                continue
            raw = part.raw
            for mine, its in zip(ours, theirs, strict=True):
                raw = mine.written(raw, its.of(same.raw))
            if raw != part.raw and len(raw) == len(part.raw):
                yield Forgery(12, f"signature of another {part.name} ({len(same.raw)} bytes)", partial(_put, part, raw))


def _keys(honest: Opened, keys: Keys) -> Iterator[Forgery]:
    """All signed anew, under the real certificates, or with the leaf alone replaced."""
    submission, anew = honest.submission, honest.signed_anew
    if anew is None:
        return
    if not honest.chains:
        yield Forgery(14, "signed by another key, which stands in its place", partial(anew, submission, keys))
        return
    yield Forgery(14, "signed by another key under the real certificates", partial(_under, honest, keys, 0))
    yield Forgery(14, "leaf over another key under the real issuers", partial(_under, honest, keys, 1))


def _under(honest: Opened, keys: Keys, own: int) -> Submission:
    """Signed anew, then the real certificates but for the `own` first ones, which are the attacker's."""
    assert honest.signed_anew is not None, "whoever calls looked"
    made = honest.signed_anew(honest.submission, keys)
    for place, chain in enumerate(honest.chains):
        now: Chain = opened(made).chains[place]
        made = now.put((*look_alike(chain.certificates, keys)[0][:own], *chain.certificates[own:]))
    return made


def _put(part: Part, raw: bytes) -> Submission:
    return part.put(raw)
