"""The treatment `seal`: it publishes what fill publishes, and hands over what it covered."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.obfuscation.sealing import FORMS, copy_of, patch_of, random_frame

from velatura.errors import BadInput, BadSpec
from velatura.obfuscation.method import METHODS
from velatura.obfuscation.samples import form_of, pack, put_back
from velatura.obfuscation.seal import LIMITS, parse

forms = st.sampled_from(FORMS)


def seal_in(frame, box, *, ellipse=False):
    patch = patch_of(frame, box, 1, ellipse=ellipse)
    return parse("").begin(patch, entropy=bytes).apply(patch)


@given(forms, st.integers(0, 2**32), st.booleans(), st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 5), st.integers(1, 5)))
def test_the_payload_restores_every_sample(form, seed, ellipse, b):
    box = (2 * b[0], 2 * b[1], min(2 * (b[0] + b[2]), 21), min(2 * (b[1] + b[3]), 23))
    frame = random_frame(np.random.default_rng(seed), form, (21, 23))
    before = copy_of(frame)
    payload = seal_in(frame, box, ellipse=ellipse)
    assert form_of(payload) == form
    put_back(frame, box, payload)
    assert all((a == b).all() for a, b in zip(frame.planes, before.planes, strict=True))


@given(forms, st.integers(0, 2**32))
def test_under_the_mask_is_black_and_beside_it_nothing_changes(form, seed):
    frame = random_frame(np.random.default_rng(seed), form, (24, 24))
    before, patch = copy_of(frame), patch_of(frame, (4, 4, 20, 16), 1, ellipse=True)
    old_views = patch_of(before, (4, 4, 20, 16), 1).planes
    parse("").begin(patch, entropy=bytes).apply(patch)
    for view, old, mask, black in zip(patch.planes, old_views, patch.masks, form.black(), strict=True):
        assert (view[mask] == black).all()
        assert (view[~mask] == old[~mask]).all()
    for plane, old in zip(frame.planes, before.planes, strict=True):
        assert (plane[0] == old[0]).all() and (plane[:, -1] == old[:, -1]).all()


@pytest.mark.parametrize("form", FORMS)
def test_a_thousand_swaps_of_what_is_hidden_change_no_published_sample_and_no_length(form):
    rng = np.random.default_rng(0)
    frame = random_frame(rng, form, (16, 16))
    box, lengths = (4, 4, 12, 12), set()
    lengths.add(len(seal_in(frame, box)))
    reference = copy_of(frame)
    for _ in range(1000):
        for view in patch_of(frame, box, 1).planes:
            view[...] = rng.integers(0, form.peak + 1, view.shape)
        lengths.add(len(seal_in(frame, box)))
        assert all((a == b).all() for a, b in zip(frame.planes, reference.planes, strict=True))
    assert len(lengths) == 1


@pytest.mark.parametrize("form", FORMS)
def test_a_payload_that_does_not_fit_is_refused(form):
    frame = random_frame(np.random.default_rng(1), form, (16, 16))
    payload = pack(patch_of(frame, (4, 4, 12, 12), 1))
    other = next(f for f in FORMS if f != form)
    foreign = pack(patch_of(random_frame(np.random.default_rng(1), other, (16, 16)), (4, 4, 12, 12), 1))
    bad_heads = [bytes([9]) + payload[1:], payload[:1] + b"\x07" + payload[2:], payload[:7] + b"\x01" + payload[8:], b""]
    here = (4, 4, 12, 12)
    wrong_bytes = [(wrong, here) for wrong in (payload[:-1], payload + b"\0", foreign, *bad_heads)]
    for wrong, box in [*wrong_bytes, (payload, (4, 4, 12, 14)), (payload, (10, 4, 18, 12))]:
        with pytest.raises(BadInput, match=r"seal\.payload"):
            put_back(frame, box, wrong)


def test_it_is_found_by_its_name_says_its_limits_and_takes_no_parameters():
    method = METHODS.load("seal")("")
    assert method.limits == LIMITS and method.cosmetic is False and method.claims
    with pytest.raises(BadSpec, match=r"seal\.parameters"):
        METHODS.load("seal")("8")
