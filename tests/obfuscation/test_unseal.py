"""Putting back: all of it or one track, over frames and overlaps; and through real files."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.obfuscation.sealing import ALICE, FORMS, copy_of, plans, sealed_world

from velatura.errors import Withheld
from velatura.media.frame import PixelForm
from velatura.obfuscation.sidecar import SealReader
from velatura.obfuscation.unseal import Tally, restore

SIZE = (40, 30)


def put_back(public, raw, track=None):
    tally = Tally()
    frames = list(restore([copy_of(f) for f in public], SealReader(io.BytesIO(raw), ALICE), track=track, form=None, tally=tally))
    return frames, tally


@given(st.sampled_from(FORMS), plans(SIZE), st.integers(0, 2**32), st.booleans())
def test_whatever_was_covered_and_however_it_overlaps_all_of_it_comes_back_bit_by_bit(form, plan, seed, ellipse):
    original, public, raw = sealed_world(np.random.default_rng(seed), form, SIZE, plan, ellipse=ellipse)
    frames, tally = put_back(public, raw)
    assert all((a == b).all() for f, o in zip(frames, original, strict=True) for a, b in zip(f.planes, o.planes, strict=True))
    assert tally.restored == sum(map(len, plan)) and tally.frames == len(plan)


@given(plans(SIZE), st.integers(0, 2**32), st.integers(0, 3))
def test_one_track_comes_back_where_no_earlier_one_lies_over_it_and_nothing_else_does(plan, seed, track):
    original, public, raw = sealed_world(np.random.default_rng(seed), PixelForm("rgb"), SIZE, plan)
    frames, tally = put_back(public, raw, track)
    covered = set()
    for frame, before, black, regions in zip(frames, original, public, plan, strict=True):
        ours = np.zeros(SIZE[::-1], bool)
        for number, (name, box) in enumerate(regions):
            if name != track:
                continue
            ours[box[1] : box[3], box[0] : box[2]] = True
            for other, b in regions[:number]:
                hidden = np.zeros_like(ours)
                hidden[b[1] : b[3], b[0] : b[2]] = True
                covered |= {other} if (ours & hidden).any() else set()
                ours &= ~hidden
        for plane, was, now in zip(frame.planes, before.planes, black.planes, strict=True):
            assert (plane[ours] == was[ours]).all()
            assert (plane[~ours] == now[~ours]).all()
    assert tally.still_black == covered


def test_a_public_file_with_a_frame_too_few_is_refused():
    _, public, raw = sealed_world(np.random.default_rng(0), PixelForm("rgb"), SIZE, [[], [(1, (0, 0, 4, 4))]])
    with pytest.raises(Withheld, match=r"seal\.refused"):
        put_back(public[:1], raw)
