"""A round of secure aggregation in memory: drop-outs at every stage, a server that lies, sites that lie."""

from __future__ import annotations

import os
from typing import Any

import msgspec
import numpy as np
import pytest

pytest.importorskip("cryptography", reason="cryptography is not installed")
pytest.importorskip("flwr", reason="flwr is not installed")

from tests.federated.secagg_world import JOB, World

from velatura.crypto.keys import Signer
from velatura.errors import Withheld
from velatura.federated.secagg import shamir, wire
from velatura.federated.secagg.client import Member
from velatura.federated.secagg.graph import threshold
from velatura.federated.secagg.masks import masked_with, own_key, pair_key, unmasked_from
from velatura.federated.secagg.trust import Roster
from velatura.federated.secagg.wire import Adverts, Agree, Masked

STAGES = ("advertise", "share", "masked", "agree", "unmask")
LATE = ("agree", "unmask")  # words are there already


@pytest.mark.parametrize("sites", [3, 4, 7, 10])
@pytest.mark.parametrize("stage", STAGES)
def test_as_many_as_the_threshold_allows_may_be_lost_at_a_stage_and_one_more_ends_it(stage: str, sites: int) -> None:
    spare = sites - threshold(sites)
    world = World(sites)
    gone = set(range(1, 1 + spare))
    total, counted = world.run(lost={stage: gone})
    there = set(range(sites)) if stage in LATE else set(range(sites)) - gone
    assert counted == len(there) and not world.refusals and not world.convener.faults
    assert np.allclose(total, world.expected(there), atol=1e-5)
    with pytest.raises(Withheld, match=f"{threshold(sites) - 1} of {sites} sites") as caught:
        world.run(lost={stage: set(range(spare + 1))})
    assert caught.value.code == "federated.secagg-aborted"
    given = world.heard.get("unmask", {})
    assert len(given) < threshold(sites) and (stage == "unmask" or not given), "nothing that opens a mask was given away"


def test_losses_at_several_stages_add_up() -> None:
    world = World(10)
    total, counted = world.run(lost={"advertise": {0}, "share": {1}, "masked": {2}})
    assert counted == 7 and np.allclose(total, world.expected(set(range(3, 10))), atol=1e-5)
    with pytest.raises(Withheld, match="6 of 10"):
        world.run(lost={"advertise": {0}, "share": {1}, "masked": {2}, "agree": {3}})


def test_what_the_server_has_below_the_threshold_opens_nothing() -> None:
    world = World(7)
    with pytest.raises(Withheld):
        world.run(lost={"unmask": {0, 1, 2}})
    answers = world.heard["unmask"]
    for site in range(7):
        shares = {holder + 1: answer.seeds[site] for holder, answer in answers.items() if site in answer.seeds}
        assert len(shares) == 4
        assert wire.sealed(b"seed", world.round().digest, shamir.recombined(shares) or b"") != world.convener.adverts[site].seed_seal


@pytest.mark.slow
def test_above_64_sites_a_ring_whose_order_all_made() -> None:
    world = World(100, size=3)
    total, counted = world.run(lost={"masked": {5, 40}, "agree": {7}})
    assert counted == 98 and np.allclose(total, world.expected(set(range(100)) - {5, 40}), atol=1e-4)
    assert {len(near) for near in world.convener.near.values()} == {92}, "fewer than everybody"


def test_above_64_sites_one_that_hides_its_nonce_ends_the_round() -> None:
    world = World(66, size=1)
    with pytest.raises(Withheld, match="site 9 was lost between promise and nonce"):
        world.run(lost={"reveal": {9}})


@pytest.mark.parametrize("lie", ["other nonces", pytest.param("fewer sites", marks=pytest.mark.slow)])
def test_above_64_sites_a_server_cannot_change_the_order(lie: str) -> None:
    world = World(66, size=1)

    def other_nonces(site: int, said: Adverts) -> Adverts:
        return msgspec.structs.replace(said, nonces=said.nonces | {3: os.urandom(32)})

    def fewer(site: int, said: Adverts) -> Adverts:
        return msgspec.structs.replace(said, adverts=said.adverts[1:])

    tells, sentence = (other_nonces, "did not show the nonce") if lie == "other nonces" else (fewer, "other adverts than those before")
    with pytest.raises(Withheld):
        world.run(say={"share": tells})
    assert sentence in world.refusals[60, "share"] and not world.heard["share"]


# --- a server that lies


def refused_by_all(world: World, stage: str, lie: Any, sentence: str, **more: Any) -> None:
    """Every honest site refuses in that stage, and the round ends."""
    with pytest.raises(Withheld):
        world.run(say={stage: lie}, **more)
    told = [why for (_, at), why in world.refusals.items() if at == stage]
    assert told and all(sentence in why for why in told), world.refusals
    assert not world.heard[stage] and not world.heard.get("unmask")


def test_small_cohorts_are_refused() -> None:
    world = World(5)
    for cohort in ((0,), (0, 1)):
        refused_by_all(world, "advertise", lambda site, of: of, "hide nobody", round_=world.round(cohort=cohort))
    careful = World(5)
    for member in careful.members.values():
        member.least = 4
    refused_by_all(careful, "advertise", lambda site, of: of, "a cohort of 3 sites", round_=careful.round(cohort=(0, 1, 2)))


def test_another_job_an_earlier_round_and_a_strange_cohort_are_refused() -> None:
    world = World(4)
    change = msgspec.structs.replace
    refused_by_all(world, "advertise", lambda site, of: change(of, job="1" * 64), "another job")
    for cohort in ((3, 2, 1, 0), (0, 0, 1, 2), (7, 8, 9)):
        refused_by_all(world, "advertise", lambda site, of, cohort=cohort: change(of, cohort=cohort), "a cohort that is no sorted list")
    world.run(world.round(5))
    refused_by_all(world, "advertise", lambda site, of: of, "round 4 after round 5", round_=world.round(4))


def test_keys_replaced_by_puppets_are_refused() -> None:
    world = World(5)
    world.run()
    puppets = {site: Signer.new(os.urandom) for site in range(5)}

    def puppet(site: int, said: Adverts) -> Adverts:
        of = world.round().digest
        made = []
        for advert in said.adverts:
            if advert.site != site:
                advert = msgspec.structs.replace(advert, identity=puppets[advert.site].verifier.raw, box_key=os.urandom(32))
                advert = msgspec.structs.replace(advert, signature=puppets[advert.site].sign(advert.statement(of)))
            made.append(advert)
        return Adverts(tuple(made))

    refused_by_all(world, "share", puppet, "is not the one that is known")


@pytest.mark.parametrize(
    ("lie", "sentence"),
    [
        (lambda site, said: Adverts(tuple(_with(advert, site, box_key=os.urandom(32)) for advert in said.adverts)), "are not signed by it"),
        (lambda site, said: Adverts(tuple(_with(advert, site, rows=1 << 19) for advert in said.adverts)), "are not signed by it"),
        (lambda site, said: Adverts(tuple(_with(advert, site, mask_key=bytes(32)) for advert in said.adverts)), "key twice"),
        (lambda site, said: Adverts(said.adverts + said.adverts[:1]), "an advert too many"),
        (lambda site, said: Adverts(tuple(advert for advert in said.adverts if advert.site != site)), "own advert was changed, or left out"),
        (lambda site, said: Adverts(tuple(msgspec.structs.replace(advert, rows=3) for advert in said.adverts)), "own advert was changed"),
        (lambda site, said: Adverts(tuple(advert for advert in said.adverts if advert.site in (site, (site + 1) % 5))), "2 of 5 sites take part"),
    ],
    ids=["key", "rows", "no keys", "twice", "left out", "changed", "few"],
)
def test_adverts_that_were_tampered_with_are_refused(lie: Any, sentence: str) -> None:
    refused_by_all(World(5), "share", lie, sentence)


def _with(advert: Any, site: int, **changes: Any) -> Any:
    return advert if advert.site == site else msgspec.structs.replace(advert, **changes)


def test_adverts_of_another_round_are_refused() -> None:
    world = World(4)
    world.run(world.round(1))
    old = {advert.site: advert for advert in world.convener.said.adverts}

    def replay(site: int, said: Adverts) -> Adverts:
        return Adverts(tuple(advert if advert.site == site else old[advert.site] for advert in said.adverts))

    refused_by_all(world, "share", replay, "not signed by it, for this round", round_=world.round(2))


def test_too_few_who_shared_and_boxes_that_are_missing_are_refused() -> None:
    def few(site: int, said: Masked) -> Masked:
        keep = {site, (site + 1) % 5}
        return Masked(tuple(sorted(keep)), {other: box for other, box in said.boxes.items() if other in keep})

    refused_by_all(World(5), "masked", few, "2 of 5 sites shared")
    refused_by_all(World(5), "masked", lambda site, said: Masked(said.joined, {}), "boxes of others than")
    refused_by_all(World(5), "masked", lambda site, said: Masked((*said.joined, 9), said.boxes), "a list of who shared that is none")


def test_other_weights_than_all_agreed_on_are_refused() -> None:
    world = World(4)
    step = world.step

    def with_other_weights(site: int, stage: str, body: Any) -> Any:
        if stage == "masked":
            return world.members[site].mask(body, model=b"trap" * 8, words_of=lambda sites, fewest, most: pytest.fail("it trained on them"))
        return step(site, stage, body)

    world.step = with_other_weights  # type: ignore[method-assign]
    refused_by_all(world, "masked", lambda site, said: said, "weights that are not those that all sites agreed on")


@pytest.mark.parametrize(
    ("lists", "sentence"),
    [
        (Agree((0, 1, 2, 3, 4), (1,)), "on both lists"),
        (Agree((0, 1, 2, 3), (3, 4)), "on both lists"),
        (Agree((0, 1, 2, 2, 3, 4), ()), "name a site twice"),
        (Agree((0, 1, 2, 3), ()), "do not cover who shared"),
        (Agree((0, 1, 2, 3, 4, 5), ()), "do not cover who shared"),
        (Agree((0, 1, 2), (3, 4)), ""),
    ],
)
def test_lists_that_overlap_or_do_not_cover_are_refused(lists: Agree, sentence: str) -> None:
    refused_by_all(World(5), "agree", lambda site, honest: lists, sentence)


def test_different_survivors_for_different_sites_open_nothing() -> None:
    """The server tells half of the sites that site 6 is lost, to get both of its secrets."""
    world = World(7)
    without = Agree((0, 1, 2, 3, 4, 5), (6,))
    with pytest.raises(Withheld, match="were left after stage agree"):
        world.run(say={"agree": lambda site, honest: without if site < 3 else honest})
    assert "unmask" not in world.heard

    signatures = {site: signature for site, signature in world.heard["agree"].items() if signature}
    for site in world.members:  # and a server that sends these on has as many refusals
        with pytest.raises(Withheld, match=r"did not sign these survivors|no survivor|out of turn"):
            world.members[site].unmask(signatures)
        assert world.members[site].kept is None


def test_a_site_signs_once_and_answers_once() -> None:
    world = World(4)
    again: dict[int, str] = {}

    def twice(site: int, signatures: Any) -> Any:
        return signatures

    def answers(site: int, reply: Any) -> Any:
        try:
            world.members[site].unmask(dict(world.convener.signatures))
        except Withheld as error:
            again[site] = error.sentence
        return reply

    total, _ = world.run(say={"unmask": twice}, answer={"unmask": answers})
    assert np.allclose(total, world.expected({0, 1, 2, 3}), atol=1e-5)
    assert len(again) == 4 and all("out of turn" in why for why in again.values())


def test_signatures_that_are_few_or_false_open_nothing() -> None:
    few = {"unmask": lambda site, signatures: dict(list(signatures.items())[:4])}
    refused_by_all(World(7), "unmask", few["unmask"], "4 signatures over the survivors, and 5 are needed")
    refused_by_all(World(4), "unmask", lambda site, signatures: dict.fromkeys(signatures, os.urandom(64)), "did not sign")
    refused_by_all(World(4), "unmask", lambda site, signatures: signatures | {9: b""}, "no survivor")


def test_the_same_round_over_other_sites_is_refused_and_over_the_same_is_not() -> None:
    """A server that was killed begins its round again, with new keys; one that wants a difference gets no signature."""
    world = World(7)
    first, _ = world.run(world.round(3))
    masks = dict(world.convener.words)
    again, _ = world.run(world.round(3, run=b"q" * 16))
    assert np.allclose(first, again) and all(not np.array_equal(masks[site], world.convener.words[site]) for site in masks), "keys are fresh"
    with pytest.raises(Withheld):
        world.run(world.round(3, run=b"p" * 16), lost={"masked": {2}})
    assert "a second time over other sites" in world.refusals[0, "agree"] and not world.heard["agree"]
    world.run(world.round(4), lost={"masked": {2}})


def test_a_refusal_erases_what_the_site_kept() -> None:
    world = World(4)
    refused_by_all(world, "agree", lambda site, honest: Agree((), ()), "")
    assert all(member.kept is None for member in world.members.values())


def test_a_step_out_of_turn_is_refused() -> None:
    member = Member(0, JOB, Signer.new(os.urandom), Roster(), os.urandom)
    with pytest.raises(Withheld, match="out of turn"):
        member.unmask({})
    member.advertise(World(4).round(), rows=1)
    with pytest.raises(Withheld, match="out of turn"):
        member.agree(Agree((0, 1, 2), ()))
    assert member.kept is None


# --- sites that lie


def test_a_bad_share_is_named_and_costs_nothing() -> None:
    world = World(7)

    def lies(site: int, reply: Any) -> Any:
        return reply if site != 2 else wire.Shares({owner: os.urandom(33) for owner in reply.seeds}, reply.keys)

    total, counted = world.run(answer={"unmask": lies})
    assert counted == 7 and np.allclose(total, world.expected(set(range(7))), atol=1e-5)
    assert {site for site, _ in world.convener.faults} == {2} and "a wrong share" in world.convener.faults[0][1]


def test_more_bad_shares_than_can_be_spared_end_the_round() -> None:
    world = World(7)

    def lies(site: int, reply: Any) -> Any:
        return reply if site > 2 else wire.Shares({owner: os.urandom(33) for owner in reply.seeds}, reply.keys)

    with pytest.raises(Withheld, match="do not fit together"):
        world.run(answer={"unmask": lies})


@pytest.mark.parametrize(
    ("stage", "lie", "why"),
    [
        ("advertise", lambda reply: msgspec.structs.replace(reply, signature=os.urandom(64)), "did not sign"),
        ("advertise", lambda reply: msgspec.structs.replace(reply, identity=b""), "did not sign"),
        ("advertise", lambda reply: msgspec.structs.replace(reply, mask_key=bytes(32)), "keys that are none"),
        ("advertise", lambda reply: msgspec.structs.replace(reply, site=2), "another site"),
        ("advertise", lambda reply: msgspec.structs.replace(reply, rows=1 << 40), "rows"),
        ("share", lambda reply: {}, "boxes for others"),
        ("share", lambda reply: reply | {9: b""}, "boxes for others"),
        ("masked", lambda reply: reply[:-1], "words of shape"),
        ("masked", lambda reply: reply.astype(np.int64), "words of shape"),
        ("agree", lambda reply: os.urandom(64), "a signature over other survivors"),
        ("agree", lambda reply: b"", "a signature over other survivors"),
    ],
)
def test_a_site_that_lies_is_left_out_and_named(stage: str, lie: Any, why: str) -> None:
    world = World(7)
    total, counted = world.run(answer={stage: lambda site, reply: lie(reply) if site == 4 else reply})
    there = set(range(7)) if stage == "agree" else set(range(7)) - {4}
    assert counted == len(there) and np.allclose(total, world.expected(there), atol=1e-5)
    assert [site for site, _ in world.convener.faults] == [4] and why in world.convener.faults[0][1]


def test_a_box_that_does_not_open_costs_its_share_and_its_sender_is_named() -> None:
    world = World(7)
    total, counted = world.run(answer={"share": lambda site, boxes: boxes | {5: os.urandom(82)} if site == 4 else boxes})
    assert counted == 7 and np.allclose(total, world.expected(set(range(7))), atol=1e-5)
    assert 4 not in world.heard["unmask"][5].seeds


def test_a_site_with_a_new_key_is_left_out_by_the_server_and_costs_nobody_else() -> None:
    world = World(7)
    world.run(world.round(1))
    world.members[3].signer = Signer.new(os.urandom)
    total, counted = world.run(world.round(2))
    assert counted == 6 and np.allclose(total, world.expected(set(range(7)) - {3}), atol=1e-5) and not world.refusals
    assert world.convener.faults == [(3, "the key of site 3 is not the one that is known")]


# --- what one masked vector says


@pytest.mark.parametrize("value", [0.0, 8.0, -8.0])
def test_one_masked_vector_is_uniform_whatever_the_input(value: float) -> None:
    from scipy.stats import chi2

    size = 1 << 17
    world = World(4, size=size)
    world.updates = dict.fromkeys(range(4), np.full(size, value))
    world.run()
    words = world.convener.words[1]
    for shift in (0, 8, 16, 24):
        counts = np.bincount((words >> shift) & 255, minlength=256)
        statistic = float((((counts - len(words) / 256) ** 2) / (len(words) / 256)).sum())
        assert statistic < chi2.ppf(1 - 1e-7, 255), f"byte {shift // 8}: {statistic:.0f}"
    changed = int(np.unpackbits((words[1:] ^ words[:-1]).view(np.uint8)).sum())
    assert abs(changed - 16 * size) < 6 * np.sqrt(8 * size), "neighbouring words share no bits"


def test_one_masked_vector_does_not_follow_the_input() -> None:
    size = 1 << 16
    world = World(4, size=size)
    world.updates = {site: np.random.default_rng(site).normal(0, 1, size).clip(-8, 8) for site in range(4)}
    world.run()
    for site, update in world.updates.items():
        masked = world.convener.words[site][:-1].view(np.int32).astype(np.float64)
        assert abs(np.corrcoef(masked, update)[0, 1]) < 6 / np.sqrt(size)
    world.run()
    assert abs(np.corrcoef(world.convener.words[0].astype(float), world.convener.words[1].astype(float))[0, 1]) < 6 / np.sqrt(size)


def test_every_mask_is_needed_for_one_update() -> None:
    """Whoever knows all masks of a site but one still sees noise; with the last one, the update."""
    world = World(4, size=4096)
    secrets: dict[int, Any] = {}
    world.run(answer={"masked": lambda site, words: secrets.setdefault(site, (words.copy(), msgspec.structs.replace(world.members[site].kept)))[0]})
    words, kept = secrets[1]
    of = world.round().digest
    unmasked_from(words, own_key(kept.seed, of=of, site=1))
    for other in (0, 2):
        key = pair_key(kept.mask_key, kept.adverts[other].mask_key, of=of, one=1, other=other)
        (unmasked_from if other > 1 else masked_with)(words, key)
    point = world.point(4, 10)
    read = words[:-1].view(np.int32) / (point.scale * 10)
    assert abs(np.corrcoef(read, world.updates[1])[0, 1]) < 0.1
    unmasked_from(words, pair_key(kept.mask_key, kept.adverts[3].mask_key, of=of, one=1, other=3))
    assert np.allclose(words[:-1].view(np.int32) / (point.scale * 10), world.updates[1], atol=1e-6)
