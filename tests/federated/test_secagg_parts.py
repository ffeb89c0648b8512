"""The parts of secure aggregation, each by its law: shares, masks, whole numbers, the graph, who is trusted."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("cryptography", reason="cryptography is not installed")

from velatura.crypto.keyfile import load_signer
from velatura.errors import BadInput, BadSpec, Withheld
from velatura.federated.secagg import shamir
from velatura.federated.secagg.fixed_point import FixedPoint
from velatura.federated.secagg.graph import COMPLETE, degree, neighbours, threshold
from velatura.federated.secagg.masks import agreed, is_usable, masked_with, own_key, pair_key, public_of, unmasked_from
from velatura.federated.secagg.trust import Roster, key_of, made, peers

secrets = st.binary(min_size=32, max_size=32)


@st.composite
def sharings(draw: st.DrawFn) -> tuple[bytes, int, list[int]]:
    holders = draw(st.integers(1, 12))
    return draw(secrets), draw(st.integers(1, holders)), draw(st.lists(st.integers(1, 5000), min_size=holders, max_size=holders, unique=True))


def test_the_prime_is_prime() -> None:
    d, r = shamir.PRIME - 1, 0
    while d % 2 == 0:
        d, r = d // 2, r + 1
    for base in range(2, 60):  # Miller and Rabin
        x = pow(base, d, shamir.PRIME)
        assert x in (1, shamir.PRIME - 1) or any(pow(x, 1 << i, shamir.PRIME) == shamir.PRIME - 1 for i in range(r))


@settings(max_examples=60, deadline=None)
@given(sharings(), st.randoms())
def test_any_threshold_of_shares_gives_the_secret_and_one_less_does_not(sharing: tuple[bytes, int, list[int]], random: object) -> None:
    secret, needed, places = sharing
    shares = shamir.shared(secret, threshold=needed, at=places, entropy=os.urandom)
    some = random.sample(places, needed)  # type: ignore[attr-defined]
    assert shamir.recombined({x: shares[x] for x in some}) == secret
    if needed > 1:
        assert shamir.recombined({x: shares[x] for x in some[1:]}) != secret


@settings(max_examples=40, deadline=None)
@given(secrets, secrets)
def test_fewer_shares_than_the_threshold_fit_every_secret(secret: bytes, other: bytes) -> None:
    shares = shamir.shared(secret, threshold=3, at=[1, 2, 3, 4], entropy=os.urandom)
    seen = {1: int.from_bytes(shares[1], "big"), 2: int.from_bytes(shares[2], "big")}
    target = int.from_bytes(other, "big")  # a polynomial of degree 2 through what was seen, and through any other secret
    third = {0: target, **seen}
    at_five = sum(y * _lagrange(x, list(third), 5) for x, y in third.items()) % shamir.PRIME
    assert shamir.recombined({1: shares[1], 2: shares[2], 5: at_five.to_bytes(33, "big")}) == other


def _lagrange(x: int, places: list[int], at: int) -> int:
    product = 1
    for other in places:
        if other != x:
            product = product * (at - other) * pow(x - other, -1, shamir.PRIME) % shamir.PRIME
    return product


@pytest.mark.parametrize("wrong", [{"threshold": 0}, {"threshold": 4}, {"at": [0, 1, 2]}, {"at": [1, 1, 2]}, {"secret": b"short"}])
def test_a_sharing_that_would_give_the_secret_away_is_refused(wrong: dict[str, object]) -> None:
    asked: dict[str, object] = {"secret": bytes(32), "threshold": 2, "at": [1, 2, 3]} | wrong
    secret = asked.pop("secret")
    with pytest.raises(ValueError, match="32 bytes"):
        shamir.shared(secret, entropy=os.urandom, **asked)  # type: ignore[arg-type]


def test_a_wrong_share_is_found_among_enough_right_ones() -> None:
    secret = os.urandom(32)
    shares = shamir.shared(secret, threshold=3, at=[1, 2, 3, 4, 5], entropy=os.urandom)
    for liar in shares:
        bad = shares | {liar: os.urandom(33)}
        assert shamir.recovered(bad, threshold=3, is_it=secret.__eq__) == (secret, [liar] if liar <= 3 else [])
    many = shamir.shared(secret, threshold=14, at=list(range(1, 21)), entropy=os.urandom)
    apart = many | {1: os.urandom(33), 11: os.urandom(33)}
    assert shamir.recovered(apart, threshold=14, is_it=secret.__eq__) == (secret, [1, 11])
    assert shamir.recovered({1: os.urandom(33), 2: shares[2], 3: shares[3]}, threshold=3, is_it=secret.__eq__) == (None, [])
    assert shamir.recovered({2: shares[2], 3: shares[3]}, threshold=3, is_it=secret.__eq__) == (None, [])


def test_a_mask_is_taken_off_again_and_is_aes_in_counter_mode() -> None:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    key, words = os.urandom(32), np.arange(600_000, dtype=np.uint32)
    before = words.copy()
    masked_with(words, key)
    stream = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor().update(bytes(4 * len(words)))
    assert np.array_equal(words, before + np.frombuffer(stream, "<u4"))
    unmasked_from(words, key)
    assert np.array_equal(words, before)


def test_a_pair_has_one_key_and_another_for_each_round_and_purpose() -> None:
    one, other = os.urandom(32), os.urandom(32)
    of, next_ = b"1" * 32, b"2" * 32
    key = pair_key(one, public_of(other), of=of, one=3, other=8)
    assert key == pair_key(other, public_of(one), of=of, one=8, other=3) and len(key) == 32
    others = [pair_key(one, public_of(other), of=next_, one=3, other=8), pair_key(one, public_of(other), of=of, one=3, other=9)]
    assert len({key, *others, agreed(one, public_of(other), b""), own_key(one, of=of, site=3)}) == 5


def test_points_for_which_anybody_knows_the_secret_are_no_keys() -> None:
    assert is_usable(public_of(os.urandom(32)))
    assert not any(is_usable(raw) for raw in (bytes(32), (1).to_bytes(32, "little"), b"", b"x" * 31))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.integers(1, 5000), st.sampled_from([0.25, 1.0, 8.0]), st.integers(0, 2**32 - 1))
def test_no_sum_of_sites_within_the_bound_wraps_around(sites: int, most: int, bound: float, seed: int) -> None:
    point = FixedPoint.fitting(sites=sites, bound=bound, most=most)
    random = np.random.default_rng(seed)
    rows = random.integers(1, most + 1, sites)
    updates = random.choice([-bound, bound, 0.3 * bound], (sites, 3))
    updates[:, 0] = bound  # the worst: all at the bound, with most rows
    rows[0] = most
    words = np.zeros(4, np.uint32)
    for update, count in zip(updates, rows, strict=True):
        words += point.words(update, int(count))
    total, counted = point.total(words, sites)
    assert counted == rows.sum()
    assert np.allclose(total / point.scale, (updates * rows[:, None]).sum(0), atol=0.5 * sites / point.scale)


@pytest.mark.parametrize("value", [8.001, -9.0, np.inf, np.nan])
def test_a_value_beyond_the_bound_is_an_error_and_never_cut(value: float) -> None:
    point = FixedPoint.fitting(sites=10, bound=8.0, most=100)
    with pytest.raises(BadInput, match=r"secagg\.bound is 8"):
        point.words(np.array([0.0, value]), 5)
    with pytest.raises(BadInput, match="101 rows"):
        point.words(np.array([0.0]), 101)


def test_what_could_overflow_is_refused_before_anything_runs() -> None:
    with pytest.raises(BadSpec, match="do not fit 32 bits"):
        FixedPoint(2048, 1.0, 1, 2.0**20)
    assert FixedPoint(2000, 1.0, 1, 2.0**20).scale == 2.0**20
    with pytest.raises(BadSpec, match="do not fit"):
        FixedPoint.fitting(sites=3000, bound=8.0, most=1_000_000)


def test_a_sum_that_no_sites_have_is_refused() -> None:
    point = FixedPoint.fitting(sites=4, bound=1.0, most=10)
    words = np.add(point.words(np.array([1.0, -1.0]), 10), point.words(np.array([0.5, 0.0]), 10))
    assert point.total(words, 2)[1] == 20
    for place, by in ((0, 1 << 30), (1, 1 << 31), (2, 1), (2, 2**32 - 19)):
        wrong = words.copy()
        wrong[place : place + 1] += np.uint32(by)
        with pytest.raises(Withheld, match="sum"):
            point.total(wrong, 2)


@pytest.mark.parametrize(("sites", "needed"), [(3, 3), (4, 3), (5, 4), (6, 5), (7, 5), (9, 7), (10, 7), (100, 67)])
def test_the_threshold_is_more_than_two_thirds(sites: int, needed: int) -> None:
    assert threshold(sites) == needed and 3 * needed > 2 * sites


def test_everybody_is_everybodys_neighbour_up_to_64_and_then_on_a_ring() -> None:
    assert neighbours(5, range(COMPLETE), b"") == [site for site in range(COMPLETE) if site != 5]
    sites, seed = list(range(0, 600, 2)), os.urandom(32)
    near = {site: set(neighbours(site, sites, seed)) for site in sites}
    k = degree(len(sites))
    assert 60 < k < 200 and {len(some) for some in near.values()} == {k}
    assert all(site in near[other] and site != other for site in sites for other in near[site])
    assert near[4] != set(neighbours(4, sites, os.urandom(32)))
    assert [degree(n) for n in (65, 100, 1000)] == sorted(degree(n) for n in (65, 100, 1000)) and degree(1000) < 130


def test_keys_of_a_deployment_are_made_once_and_read_back(tmp_path: Path) -> None:
    listed = made(tmp_path / "keys", 3)
    roster = peers(listed)
    assert roster.is_closed and roster.known == {site: load_signer(tmp_path / "keys" / f"site-{site}.key").verifier.raw for site in range(3)}
    assert (tmp_path / "keys" / "site-1.key").stat().st_mode & 0o077 == 0
    with pytest.raises(BadSpec):
        made(tmp_path / "keys", 3)
    assert key_of(tmp_path / "keys" / "site-0.key").verifier.raw == roster.known[0]


@pytest.mark.parametrize("text", ["0", "x y z", "0 velatura-verifier-1-abc", "\u00e9", "-1 {key}", "0 {key}\n0 {key}"])
def test_a_list_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    listed = made(tmp_path / "keys", 1)
    listed.write_text(text.replace("{key}", listed.read_text().split()[1]))
    with pytest.raises(BadSpec, match="no list of sites' public keys"):
        peers(listed)


def test_a_known_number_keeps_its_key() -> None:
    roster = Roster()
    roster.admit({0: b"a" * 32, 1: b"b" * 32})
    roster.admit({0: b"a" * 32, 2: b"c" * 32})
    for wrong in ({0: b"x" * 32}, {3: b"a" * 32}, {4: b"d" * 32, 5: b"d" * 32}):
        with pytest.raises(Withheld):
            roster.admit(wrong)
    assert sorted(roster.known) == [0, 1, 2]
    with pytest.raises(Withheld, match="not in the list"):
        Roster({0: b"a" * 32}, is_closed=True).admit({1: b"b" * 32})
