"""A site's side of a round: six steps in one order, each once, each after what the server says was checked. Pure: no Flower, no network.

What a cheating server could try, and where it ends: other keys (`share`: identities, signatures, distinctness), few sites or a low threshold (never
asked: both come from the cohort that all sign), different survivors for different sites (`agree` signs once, `unmask` wants a threshold of
signatures over the same lists), both secrets of one site (the lists are disjoint and cover who shared), the same round again over other sites, whose
difference would be single updates (`agree`, by what was answered before).
A refused message ends the round for this site: its secrets are erased. They are erased after `unmask` in any case. Limits: Python cannot wipe memory;
between the steps they lie in `Kept`, which Flower keeps in the node's state, in clear.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from velatura.crypto.keys import Entropy, Signer, Verifier
from velatura.errors import VelaturaError
from velatura.federated.secagg import wire
from velatura.federated.secagg.boxes import Pair, box, opened
from velatura.federated.secagg.graph import degree, neighbours, threshold
from velatura.federated.secagg.masks import Words, is_usable, masked_with, own_key, pair_key, public_of, unmasked_from
from velatura.federated.secagg.shamir import shared
from velatura.federated.secagg.trust import Roster
from velatura.federated.secagg.wire import Advert, Adverts, Agree, Round, Shares, refused

__all__ = ["Answered", "Kept", "Member", "order_seed"]

LEAST = 3  # of fewer, a sum is somebody's update, or nearly


class Kept(msgspec.Struct):
    """Between the steps of one round; secrets. stage: the last step that was answered."""

    stage: str
    round: Round
    box_key: bytes
    mask_key: bytes
    seed: bytes
    nonce: bytes
    own: Advert
    adverts: dict[int, Advert] = {}
    near: tuple[int, ...] = ()
    pairs: dict[int, Pair] = {}
    joined: tuple[int, ...] = ()
    unopened: tuple[int, ...] = ()
    lists: Agree | None = None


class Answered(msgspec.Struct, frozen=True):
    """The last round for which shares were given away."""

    number: int
    model: bytes
    survivors: tuple[int, ...]


@dataclass(slots=True)
class Member:
    """A site in the protocol. Every step raises Withheld `federated.secagg`, and then nothing of the round is kept.

    Args:
        site: its number.
        job: digest of its own job.
        least: sites without which it takes no part; never fewer than three.
        most_rows: that anybody may advertise.
    """

    site: int
    job: str
    signer: Signer
    roster: Roster
    entropy: Entropy
    least: int = LEAST
    most_rows: int = 1_000_000
    kept: Kept | None = None
    answered: Answered | None = None

    def advertise(self, round_: Round, *, rows: int) -> Advert:
        """New keys for each round, and for each time that a round is begun again. rows: an upper bound of its own number of rows."""
        self.kept = None
        if round_.job != self.job:
            raise refused("a round of another job")
        if sorted(set(round_.cohort)) != list(round_.cohort) or self.site not in round_.cohort:
            raise refused("a cohort that is no sorted list of sites with this one in it")
        if len(round_.cohort) < max(self.least, LEAST):
            raise refused(f"a cohort of {len(round_.cohort)} sites, and fewer than {max(self.least, LEAST)} hide nobody")
        if self.answered is not None and round_.number < self.answered.number:
            raise refused(f"round {round_.number} after round {self.answered.number}")
        box_key, mask_key, seed, nonce = (self.entropy(32) for _ in range(4))
        of = round_.digest
        seals = wire.sealed(b"seed", of, seed), wire.sealed(b"nonce", of, nonce)
        advert = Advert(self.site, self.signer.verifier.raw, public_of(box_key), public_of(mask_key), *seals, rows)
        advert = msgspec.structs.replace(advert, signature=self.signer.sign(advert.statement(of)))
        self.kept = Kept("advertise", round_, box_key, mask_key, seed, nonce, advert)
        return advert

    def reveal(self, adverts: tuple[Advert, ...]) -> bytes:
        """The nonce, once all promises are known. Above 64 sites only."""
        kept = self._next("reveal", after="advertise")
        if kept.round.is_complete:
            raise refused("a nonce is asked for where everybody masks with everybody")
        self._met(kept, adverts)
        self.kept = kept
        return kept.nonce

    def share(self, said: Adverts) -> dict[int, bytes]:
        """Boxes for the neighbours: shares of the own mask's seed and of the key of masks."""
        kept = self._next("share", after="advertise", or_after="reveal")
        if kept.stage == "advertise" and kept.round.is_complete:
            self._met(kept, said.adverts)
        elif kept.round.is_complete or kept.adverts != {advert.site: advert for advert in said.adverts}:
            raise refused("other adverts than those before the nonces")
        kept.near = tuple(neighbours(self.site, sorted(kept.adverts), order_seed(kept.round, said)))
        holders = [*kept.near, self.site]
        needed = kept.round.least if kept.round.is_complete else threshold(degree(len(kept.adverts)) + 1)
        places = [site + 1 for site in holders]
        seeds = shared(kept.seed, threshold=needed, at=places, entropy=self.entropy)
        keys = shared(kept.mask_key, threshold=needed, at=places, entropy=self.entropy)
        pairs = {site: Pair(seeds[site + 1], keys[site + 1]) for site in holders}
        kept.pairs, kept.stage, self.kept = {self.site: pairs[self.site]}, "share", kept
        of = kept.round.digest
        return {to: box(pairs[to], kept.box_key, kept.adverts[to].box_key, of=of, sender=self.site, receiver=to) for to in kept.near}

    def mask(self, said: wire.Masked, *, model: bytes, words_of: Callable[[int, int, int], Words]) -> Words:
        """The site's words under its masks.

        Args:
            model: digest of the weights that came with it.
            words_of: (sites at most in the sum, fewest and most rows that a site told) -> the update as words; it is changed in place.
        """
        kept = self._next("masked", after="share")
        joined = said.joined
        if sorted(set(joined)) != list(joined) or not set(joined) <= kept.adverts.keys() or self.site not in joined:
            raise refused("a list of who shared that is none")
        if model != kept.round.model:
            raise refused("weights that are not those that all sites agreed on")
        if len(joined) < max(kept.round.least, self.least):
            raise refused(f"{len(joined)} of {len(kept.round.cohort)} sites shared, and {kept.round.least} are needed")
        with_me = [site for site in kept.near if site in set(joined)]
        if set(said.boxes) != set(with_me):
            raise refused("boxes of others than those who shared")
        self._open(kept, said.boxes)
        told = [advert.rows for advert in kept.adverts.values()]
        words = words_of(len(kept.round.cohort), min(told), max(told))
        of = kept.round.digest
        masked_with(words, own_key(kept.seed, of=of, site=self.site))
        for other in with_me:
            key = pair_key(kept.mask_key, kept.adverts[other].mask_key, of=of, one=self.site, other=other)
            (masked_with if self.site < other else unmasked_from)(words, key)
        kept.joined, kept.stage, self.kept = joined, "masked", kept
        return words

    def agree(self, lists: Agree) -> bytes:
        """A signature over who is in the sum, once a round."""
        kept = self._next("agree", after="masked")
        survivors, dropped = lists.survivors, lists.dropped
        if sorted(set(survivors)) != list(survivors) or sorted(set(dropped)) != list(dropped):
            raise refused("lists that are not sorted, or name a site twice")
        if set(survivors) & set(dropped):
            raise refused("a site is on both lists: both of its secrets would be known")
        if sorted(survivors + dropped) != list(kept.joined) or self.site not in survivors:
            raise refused("the lists do not cover who shared, or leave this site out")
        if len(survivors) < max(kept.round.least, self.least):
            raise refused(f"{len(survivors)} survivors of {len(kept.round.cohort)} sites, and {kept.round.least} are needed")
        before = self.answered
        if before is not None and before.number == kept.round.number and (before.model, before.survivors) != (kept.round.model, survivors):
            raise refused(f"round {before.number} a second time over other sites: the difference of the sums would be single updates")
        kept.lists, kept.stage, self.kept = lists, "agree", kept
        return self.signer.sign(wire.agreement(kept.round.digest, lists))

    def unmask(self, signatures: dict[int, bytes]) -> Shares:
        """Shares that take the masks off the sum, once, and only after a threshold of sites signed the same lists. Then all is erased."""
        kept = self._next("unmask", after="agree")
        lists = kept.lists
        assert lists is not None, "stage `agree` keeps them"
        signed = wire.agreement(kept.round.digest, lists)
        if not signatures.keys() <= set(lists.survivors):
            raise refused("a signature of a site that is no survivor")
        for site, signature in signatures.items():
            _verify(kept.adverts[site].identity, signature, signed, f"site {site} did not sign these survivors")
        if len(signatures) < max(kept.round.least, self.least):
            raise refused(f"{len(signatures)} signatures over the survivors, and {kept.round.least} are needed")
        self.answered = Answered(kept.round.number, kept.round.model, lists.survivors)
        seeds = {site: kept.pairs[site].seed for site in lists.survivors if site in kept.pairs}
        return Shares(seeds, {site: kept.pairs[site].key for site in lists.dropped if site in kept.pairs})

    def _next(self, stage: str, *, after: str, or_after: str = "") -> Kept:
        """What was kept, out of `self` until the step is done: a step that is refused leaves nothing."""
        kept, self.kept = self.kept, None
        if kept is None or kept.stage not in (after, or_after):
            raise refused(f"stage {stage} out of turn: this site knows of no round that is so far")
        return kept

    def _met(self, kept: Kept, adverts: tuple[Advert, ...]) -> None:
        """Who takes part, checked; kept for the rest of the round."""
        by_site = {advert.site: advert for advert in adverts}
        if len(by_site) != len(adverts) or not by_site.keys() <= set(kept.round.cohort):
            raise refused("an advert too many")
        if by_site.get(self.site) != kept.own:
            raise refused("this site's own advert was changed, or left out")
        if len(adverts) < max(kept.round.least, self.least):
            raise refused(f"{len(adverts)} of {len(kept.round.cohort)} sites take part, and {kept.round.least} are needed")
        keys = [key for advert in adverts for key in (advert.box_key, advert.mask_key)]
        if len(set(keys)) != len(keys):
            raise refused("a key twice")
        if not all(is_usable(key) for key in keys):
            raise refused("a key for which anybody knows the secret")
        if not all(1 <= advert.rows <= self.most_rows for advert in adverts):
            raise refused("an advert of no rows, or of too many")
        self.roster.admit({advert.site: advert.identity for advert in adverts})
        of = kept.round.digest
        for advert in adverts:
            _verify(advert.identity, advert.signature, advert.statement(of), f"the keys of site {advert.site} are not signed by it, for this round")
        kept.adverts = by_site
        if not kept.round.is_complete:
            kept.stage = "reveal"

    def _open(self, kept: Kept, boxes: dict[int, bytes]) -> None:
        """Shares of others. A box that does not open costs its share, not the round: its sender, or the server, is named."""
        lost = []
        for sender, sealed in sorted(boxes.items()):
            pair = opened(sealed, kept.box_key, kept.adverts[sender].box_key, of=kept.round.digest, sender=sender, receiver=self.site)
            if pair is None:
                lost.append(sender)
            else:
                kept.pairs[sender] = pair
        kept.unopened = tuple(lost)


def order_seed(round_: Round, said: Adverts) -> bytes:
    """From which the order of the ring comes, above 64 sites: of all adverts and all nonces, each as it was promised.

    Raises:
        Withheld: `federated.secagg`: a nonce is missing, or not the promised one.
    """
    if round_.is_complete:
        return b""
    of = round_.digest
    for advert in said.adverts:
        nonce = said.nonces.get(advert.site, b"")
        if wire.sealed(b"nonce", of, nonce) != advert.nonce_seal:
            raise refused(f"site {advert.site} did not show the nonce that it promised")
    adverts = sorted(said.adverts, key=lambda advert: advert.site)
    return wire.sealed(b"order", of, wire.written([[advert, said.nonces[advert.site]] for advert in adverts]))


def _verify(identity: bytes, signature: bytes, message: bytes, sentence: str) -> None:
    try:
        Verifier(identity).check(signature, message)
    except VelaturaError as error:
        raise refused(sentence) from error
