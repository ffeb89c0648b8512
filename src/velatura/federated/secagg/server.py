"""The server's side of a round: five steps (six above 64 sites), each with the answers that came. Pure: no Flower, no network.

Sites that are lost, or whose answer is wrong, are left out and named; below the threshold the round is aborted, and what was received is worth
nothing. A site lost before its words came is out of the sum, and its masks are taken out of the others' by shares of its key; one lost later is in
the sum. Shares are checked: a seed and a key against what their owner promised, and who gave a wrong share is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from velatura.crypto.keys import Verifier
from velatura.errors import VelaturaError, Withheld
from velatura.federated.secagg import wire
from velatura.federated.secagg.client import order_seed
from velatura.federated.secagg.graph import degree, neighbours, threshold
from velatura.federated.secagg.masks import Words, is_usable, masked_with, own_key, pair_key, public_of, unmasked_from
from velatura.federated.secagg.shamir import recovered
from velatura.federated.secagg.trust import Roster
from velatura.federated.secagg.wire import Advert, Adverts, Agree, Round, Shares

__all__ = ["Convener", "aborted"]


@dataclass(slots=True)
class Convener:
    """A round. Each step raises Withheld `federated.secagg-aborted` when too few sites are left.

    Args:
        roster: keys met before; who comes with another is left out.
        most_rows: that a site may advertise.

    Attributes:
        faults: (site, why its answer was left out).
        accused: sites whose box did not open, with those who said so.
        unfit: sites that gave shares which fit nothing, while everybody answered.
    """

    round: Round
    roster: Roster
    most_rows: int = 1_000_000
    faults: list[tuple[int, str]] = field(default_factory=list)
    accused: dict[int, set[int]] = field(default_factory=dict)
    unfit: set[int] = field(default_factory=set)
    adverts: dict[int, Advert] = field(default_factory=dict)
    nonces: dict[int, bytes] = field(default_factory=dict)
    near: dict[int, list[int]] = field(default_factory=dict)
    boxes: dict[int, dict[int, bytes]] = field(default_factory=dict)
    words: dict[int, Words] = field(default_factory=dict)
    signatures: dict[int, bytes] = field(default_factory=dict)

    def advertised(self, answers: Mapping[int, Advert]) -> list[int]:
        """Who takes part, sorted."""
        taken: set[bytes] = set()
        for site, advert in sorted(answers.items()):
            why = self._why_not(site, advert, taken)
            if why:
                self.faults.append((site, why))
            else:
                taken |= {advert.box_key, advert.mask_key}
                self.adverts[site] = advert
        return self._enough("advertise", self.adverts)

    def revealed(self, nonces: Mapping[int, bytes]) -> list[int]:
        """All of them, or nothing: see `graph`."""
        for site, advert in self.adverts.items():
            if wire.sealed(b"nonce", self.round.digest, nonces.get(site, b"")) != advert.nonce_seal:
                raise aborted(f"site {site} was lost between promise and nonce")
        self.nonces = dict(nonces)
        return sorted(self.adverts)

    @property
    def said(self) -> Adverts:
        """What every site gets before it shares."""
        return Adverts(tuple(self.adverts[site] for site in sorted(self.adverts)), self.nonces)

    def shared(self, answers: Mapping[int, Mapping[int, bytes]]) -> list[int]:
        """Who joined: gave a box for each of its neighbours."""
        seed = order_seed(self.round, self.said)
        self.near = {site: neighbours(site, sorted(self.adverts), seed) for site in self.adverts}
        for site, boxes in sorted(answers.items()):
            if site in self.adverts and set(boxes) == set(self.near[site]):
                self.boxes[site] = dict(boxes)
            else:
                self.faults.append((site, "boxes for others than its neighbours"))
        return self._enough("share", self.boxes)

    def boxes_for(self, site: int) -> wire.Masked:
        """Who joined, and what the neighbours among them sent."""
        return wire.Masked(tuple(sorted(self.boxes)), {sender: self.boxes[sender][site] for sender in self.near[site] if sender in self.boxes})

    def masked(self, answers: Mapping[int, Words], *, size: int) -> Agree:
        """Who is in the sum. size: words of an update."""
        for site, words in sorted(answers.items()):
            if site in self.boxes and words.dtype == np.uint32 and words.shape == (size,):
                self.words[site] = words
            else:
                self.faults.append((site, f"words of shape {words.shape} and type {words.dtype}, not ({size},) and uint32"))
        survivors = self._enough("masked", self.words)
        return Agree(tuple(survivors), tuple(sorted(self.boxes.keys() - self.words.keys())))

    def agreed(self, answers: Mapping[int, bytes]) -> dict[int, bytes]:
        """Signatures over the survivors, each verified."""
        lists = Agree(tuple(sorted(self.words)), tuple(sorted(self.boxes.keys() - self.words.keys())))
        signed = wire.agreement(self.round.digest, lists)
        for site, signature in sorted(answers.items()):
            if site in self.words and _is_signed(self.adverts[site].identity, signature, signed):
                self.signatures[site] = signature
            else:
                self.faults.append((site, "a signature over other survivors, or of somebody else"))
        self._enough("agree", self.signatures)
        return self.signatures

    def unmasked(self, answers: Mapping[int, Shares]) -> tuple[Words, int]:
        """(the sum of the survivors' words, how many they are)."""
        self._enough("unmask", answers)
        of = self.round.digest
        total = np.zeros(len(next(iter(self.words.values()))), np.uint32)
        for words in self.words.values():
            np.add(total, words, out=total)
        for site in sorted(self.words):
            promised = self.adverts[site].seed_seal
            shares = {holder: share.seeds[site] for holder, share in answers.items() if site in share.seeds}
            seed = self._secret(site, shares, lambda found, promised=promised: wire.sealed(b"seed", of, found) == promised)
            unmasked_from(total, own_key(seed, of=of, site=site))
        for site in sorted(self.boxes.keys() - self.words.keys()):
            public = self.adverts[site].mask_key
            shares = {holder: share.keys[site] for holder, share in answers.items() if site in share.keys}
            key = self._secret(site, shares, lambda found, public=public: public_of(found) == public)
            self._without(total, site, key)
        return total, len(self.words)

    @property
    def barred(self) -> set[int]:
        """Who would end the next round, too: more sites say so than may be lost, and thus than are thought to lie."""
        spare = len(self.round.cohort) - self.round.least
        return self.unfit | {site for site, by in self.accused.items() if len(by) > spare}

    def _without(self, total: Words, lost: int, key: bytes) -> None:
        """Take the masks that the survivors share with a lost site out of the sum."""
        for site in self.near[lost]:
            if site in self.words:
                mask = pair_key(key, self.adverts[site].mask_key, of=self.round.digest, one=lost, other=site)
                (unmasked_from if site < lost else masked_with)(total, mask)

    def _secret(self, owner: int, shares: Mapping[int, bytes], is_it) -> bytes:  # type: ignore[no-untyped-def]
        needed = self.round.least if self.round.is_complete else threshold(degree(len(self.adverts)) + 1)
        secret, wrong = recovered({holder + 1: share for holder, share in shares.items()}, threshold=needed, is_it=is_it)
        if secret is None:
            if len(shares) == len(self.near[owner]) + 1:
                self.unfit.add(owner)
            raise aborted(f"{len(shares)} shares of site {owner} do not fit together, and {needed} are needed")
        self.faults += [(place - 1, f"a wrong share of site {owner}") for place in wrong]
        return secret

    def _why_not(self, site: int, advert: Advert, taken: set[bytes]) -> str:
        keys = [advert.box_key, advert.mask_key]
        if advert.site != site or site not in self.round.cohort:
            return "an advert of another site"
        if len(set(keys)) != 2 or set(keys) & taken or not all(is_usable(key) for key in keys):
            return "keys that are none, or another site's"
        if not 1 <= advert.rows <= self.most_rows:
            return f"{advert.rows} rows, not from 1 to {self.most_rows}"
        if not _is_signed(advert.identity, advert.signature, advert.statement(self.round.digest)):
            return "keys that it did not sign"
        try:
            self.roster.admit({site: advert.identity})
        except Withheld as error:
            return error.sentence
        return ""

    def _enough(self, stage: str, answers: Mapping[int, object]) -> list[int]:
        if len(answers) < self.round.least:
            raise aborted(f"{len(answers)} of {len(self.round.cohort)} sites were left after stage {stage}, and {self.round.least} are needed")
        return sorted(answers)


def aborted(sentence: str) -> Withheld:
    """The round ends; nothing of it is released."""
    return Withheld("federated.secagg-aborted", sentence, hint="the model stays as it was; the next round is tried")


def _is_signed(identity: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Verifier(identity).check(signature, message)
    except VelaturaError:
        return False
    return True
