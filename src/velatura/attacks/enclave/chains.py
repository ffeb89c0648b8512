"""Classes 16 to 25: certificates that do not lead from the evidence to a vendor.

Whoever has no vendor's key makes a chain that is like the vendor's; everything below it is then signed as it should be. That a rule within a chain is
kept (who may issue, serial numbers, revocation) shows only under a root that is trusted: the room's own tests trust one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

from velatura.attacks.enclave.keys import Keys
from velatura.attacks.enclave.lookalike import SERIAL, loaded, look_alike, resealed
from velatura.attacks.enclave.parts import Chain, Opened
from velatura.attacks.enclave.submission import Forgery

__all__ = ["SERIALS", "forgeries"]

DAY = timedelta(days=1)
SERIALS = {"zero": bytes.fromhex("020100"), "negative": bytes.fromhex("020185")}


def forgeries(honest: Opened, others: Sequence[Opened], keys: Keys) -> Iterator[Forgery]:
    if honest.chains and honest.signed_anew is not None:
        yield Forgery(16, "everything signed anew under a look-alike root", partial(honest.signed_anew, honest.submission, keys))
    for chain in honest.chains:
        yield from _rearranged(chain, keys)
        yield from _timed(honest, chain)
        yield from _foreign(chain, honest, others)


def _rearranged(chain: Chain, keys: Keys) -> Iterator[Forgery]:
    held = chain.certificates
    leaf, above = held[0], held[1:]
    alike, key = look_alike(held, keys)
    told: dict[tuple[int, str], Sequence[bytes]] = {
        (16, "a look-alike root above the real certificates"): (*held[:-1], alike[-1]),
        (16, "look-alike authorities above the real leaf"): (leaf, *alike[1:]),
        (16, "a look-alike leaf that signed itself"): (resealed(leaf, keys.like(loaded(leaf).public_key(), "leaf"), key),),
        (18, "another certificate in between"): (leaf, *alike[1:2], *above),
        (18, "the leaf twice"): (leaf, *held),
        (19, "a leaf that the leaf issued"): (resealed(leaf, key, key), *held),
    }
    if len(above) > 1:
        told |= {
            (17, "without the first intermediate"): (leaf, *above[1:]),
            (17, "without any"): (leaf, above[-1]),
            (18, "authorities in the other order"): (leaf, *reversed(above)),
            (18, "the first authority twice"): (leaf, above[0], *above),
        }
    told[18, "the leaf last"] = (*above, leaf)
    for (number, name), certificates in told.items():
        if tuple(certificates) == held:  # a leaf alone, whose authorities the verifier has
            continue
        yield Forgery(number, f"{chain.name}: {name}", partial(chain.put, tuple(certificates)))
    for name, serial in SERIALS.items():
        made = partial(look_alike, held, keys, changes={min(1, len(above)): {SERIAL: serial}})
        yield Forgery(25, f"{chain.name}: an authority with serial number {name}", lambda made=made: chain.put(made()[0]))  # type: ignore[misc]


def _timed(honest: Opened, chain: Chain) -> Iterator[Forgery]:
    """The same, judged when one of its certificates is not valid."""
    certificates = [loaded(raw) for raw in chain.certificates]
    for number, name, at in (
        (20, "a day after the first of them has expired", min(one.not_valid_after_utc for one in certificates)),
        (20, "a day after the last of them has expired", max(one.not_valid_after_utc for one in certificates)),
        (21, "a day before the last of them is valid", max(one.not_valid_before_utc for one in certificates) - 2 * DAY),
        (21, "a day before the first of them is valid", min(one.not_valid_before_utc for one in certificates) - 2 * DAY),
    ):
        if at.year < 9999:
            yield Forgery(number, f"{chain.name}: {name}", partial(replace, honest.submission, at=at + DAY))


def _foreign(chain: Chain, honest: Opened, others: Sequence[Opened]) -> Iterator[Forgery]:
    seen: set[tuple[bytes, ...]] = {chain.certificates}
    for other in others:
        for theirs in other.chains:
            if theirs.certificates in seen or other.submission.format != honest.submission.format:
                continue
            seen.add(theirs.certificates)
            told = _subject(theirs)
            if theirs.certificates[1:] != chain.certificates[1:]:
                yield Forgery(23, f"{chain.name}: authorities of {told}", partial(chain.put, (chain.certificates[0], *theirs.certificates[1:])))
                yield Forgery(23, f"{chain.name}: all of {told}", partial(chain.put, theirs.certificates))
            yield Forgery(24, f"{chain.name}: leaf of {told}", partial(chain.put, (theirs.certificates[0], *chain.certificates[1:])))


def _subject(chain: Chain) -> str:
    certificate = loaded(chain.certificates[0])
    return f"{certificate.subject.rfc4514_string()[-40:]}, {chain.certificates[0][-4:].hex()}"
