import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.obfuscation.sealing import copy_of, random_frame
from tests.obfuscation.worlds import boxes, face, forms, sizes

from velatura.errors import BadSpec
from velatura.obfuscation.fill import LIMITS, parse
from velatura.obfuscation.mask import patches
from velatura.obfuscation.policy import Covering

ELLIPSE = Covering(shape="ellipse")


def filled(frame, regions):
    for patch in patches(frame, regions, ELLIPSE):
        assert parse("").begin(patch, entropy=bytes).apply(patch) == b""
    return frame


@given(forms, sizes, boxes(), st.integers(0, 2**32 - 1))
def test_what_is_covered_becomes_black_and_opaque_and_the_rest_stays(form, size, box, seed):
    frame = random_frame(np.random.default_rng(seed), form, size)
    before, masks = copy_of(frame), [np.zeros(p.shape, bool) for p in frame.planes]
    for patch in patches(copy_of(frame), [face(box)], ELLIPSE):
        for i, mask in enumerate(patch.masks):
            sx, sy = form.subsampled(i)
            masks[i][patch.box[1] >> sy :, patch.box[0] >> sx :][: mask.shape[0], : mask.shape[1]] |= mask
    filled(frame, [face(box)])
    for plane, old, mask, black in zip(frame.planes, before.planes, masks, form.black(), strict=True):
        assert (plane[mask] == black).all() and np.array_equal(plane[~mask], old[~mask])


@given(forms, sizes, boxes(), st.integers(0, 2**32 - 1))
def test_nothing_of_what_is_covered_is_left_whatever_it_was(form, size, box, seed):
    rng = np.random.default_rng(seed)
    one = random_frame(rng, form, size)
    other = copy_of(one)
    for patch in patches(other, [face(box)], ELLIPSE):
        for plane, mask in zip(patch.planes, patch.masks, strict=True):
            plane[mask] = rng.integers(0, form.peak + 1, mask.sum())
    filled(one, [face(box)])
    filled(other, [face(box)])
    assert all(np.array_equal(a, b) for a, b in zip(one.planes, other.planes, strict=True))


def test_it_takes_no_parameters_and_says_what_it_leaves():
    with pytest.raises(BadSpec, match="no parameters"):
        parse("red")
    assert parse("").limits == LIMITS and not parse("").cosmetic
