"""Classes 26 to 32: evidence of another time or of another machine, or of two."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from velatura.attacks.enclave.keys import Keys
from velatura.attacks.enclave.opening import opened
from velatura.attacks.enclave.parts import Opened
from velatura.attacks.enclave.submission import Forgery, Submission

__all__ = ["PLACES", "TELLING", "forgeries", "shown", "with_field"]

PLACES = {"sev-snp": 64, "sgx": 64, "tdx": 64, "nvidia": 32, "process": 32, "simulated": 32}
"""Format -> bytes of its nonce place; any other: as long as what is there."""
TELLING = frozenset({"nitro", "process", "simulated"})
"""Formats whose evidence says when it was made."""
HOUR_S = 3600.0
MOST_AGE_S = 300.0


def forgeries(honest: Opened, others: Sequence[Opened], keys: Keys) -> Iterator[Forgery]:
    submission = honest.submission
    fresh = keys.bytes("nonce", PLACES.get(submission.format, 32))
    asked = submission.asked("require", nonce=fresh.hex())
    yield Forgery(26, "a fresh nonce is asked for, and the old evidence comes", lambda: asked)
    yield from _written(honest, asked, fresh, keys)
    yield from _nothing(honest, asked)
    yield from _relayed(honest, others)
    yield from _spliced(honest, others)
    yield from _aged(submission)


def shown(honest: Opened, name: str = "nonce") -> bytes:
    """What a field of the evidence holds; b"": there is none."""
    return next((one.of(part.raw) for part, one in honest.holding(name)), b"")


def with_field(submission: Submission, name: str, value: bytes | Callable[[bytes], bytes]) -> Submission:
    """The evidence with a field written in every part that has it; nothing is signed anew."""
    for part in [part.name for part, _ in opened(submission).holding(name)]:
        found = opened(submission).part(part)
        field = found.field(name) if found else None
        if found and field:
            written = value(field.of(found.raw)) if callable(value) else value.ljust(field.stop - field.start, b"\0")[: field.stop - field.start]
            submission = found.put(field.written(found.raw, written))
    return submission


def _written(honest: Opened, asked: Submission, fresh: bytes, keys: Keys) -> Iterator[Forgery]:
    """The nonce that is asked for, written by hand."""
    length = len(shown(honest))
    if not length:
        return
    wanted = asked.asked("require", nonce=fresh[:length].hex())
    yield Forgery(26, "the nonce is written into old evidence", partial(with_field, wanted, "nonce", fresh[:length]))
    if honest.signed_anew is not None:
        anew = honest.signed_anew
        yield Forgery(26, "the nonce is written, and all is signed by another", lambda: anew(with_field(wanted, "nonce", fresh[:length]), keys))


def _nothing(honest: Opened, asked: Submission) -> Iterator[Forgery]:
    if any(shown(honest)):
        yield Forgery(27, "the nonce place holds zeros", partial(with_field, asked, "nonce", b"\0"))
        wanted = asked.asked("require", nonce=bytes(len(shown(honest))).hex())
        yield Forgery(27, "zeros are asked for, and something else is there", lambda: wanted)
    yield Forgery(27, "an empty nonce is asked for", lambda: asked.asked("require", nonce=""))


def _relayed(honest: Opened, others: Sequence[Opened]) -> Iterator[Forgery]:
    """Evidence of an honest machine, where another one's key is bound: what is asked for is the other's report data."""
    own = shown(honest)
    for other in others:
        theirs = shown(other)
        if other.submission.format == honest.submission.format and theirs and theirs != own and any(theirs):
            yield Forgery(28, "bound to another machine's key", partial(honest.submission.asked, "require", nonce=theirs.hex()))
            return


def _spliced(honest: Opened, others: Sequence[Opened]) -> Iterator[Forgery]:
    for other in others:
        for part in honest.parts[1:]:
            same = other.part(part.name)
            if same is not None and same.raw != part.raw and _covered(same.content, part.content):
                told = f"{part.name} of another machine ({other.submission.format}, {len(same.raw)} bytes)"
                yield Forgery(31, told, partial(_put, part.put, same.raw))
        for name in ("eventlog", "gpu"):
            theirs = other.submission.companions.get(name)
            if theirs is not None and honest.submission.companions.get(name) != theirs and honest.submission.format == other.submission.format:
                yield Forgery(31, f"{name} of another machine", partial(honest.submission.beside, **{name: theirs}))
    reports = [part for part in honest.parts if part.name.startswith("report ")]
    for part in reports[:1]:
        yield Forgery(31, "one device shown as two", partial(_put, part.put, honest.parts[0].raw))


def _covered(theirs: bytes, ours: bytes) -> bool:
    """A part of which nothing is signed is nobody's."""
    return bool(ours) and theirs != ours


def _put(put: Callable[[bytes], Submission], raw: bytes) -> Submission:
    return put(raw)


def _aged(submission: Submission) -> Iterator[Forgery]:
    if submission.format not in TELLING:
        return
    limited = submission.asked("require", max_age_s=MOST_AGE_S)
    yield Forgery(32, "an hour old where five minutes are allowed", lambda: limited.later(HOUR_S))
    yield Forgery(32, "from an hour ahead", lambda: limited.later(-HOUR_S))
    yield Forgery(32, "from ten minutes ahead, without a limit", lambda: submission.later(-600.0))
