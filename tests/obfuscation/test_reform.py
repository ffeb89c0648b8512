"""A frame in another form: what a coder had to change for its own sake is undone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.obfuscation.sealing import FORMS, random_frame

from velatura.errors import Unsupported
from velatura.media.frame import Frame, PixelForm
from velatura.obfuscation.reform import reform

YUV420 = PixelForm("yuv", 8, 1, 1, full_range=False, matrix="bt709")


@pytest.mark.parametrize("form", FORMS)
def test_a_frame_in_its_own_form_stays_what_it_is(form):
    frame = random_frame(np.random.default_rng(0), form, (5, 7))
    assert reform(frame, form) is frame


@pytest.mark.parametrize("size", [(8, 6), (7, 5), (1, 1)])
def test_chroma_that_was_repeated_for_an_odd_side_goes_back_without_loss(size):
    frame = random_frame(np.random.default_rng(1), YUV420, size)
    full = reform(frame, replace(YUV420, shift_x=0, shift_y=0))
    assert [p.shape for p in full.planes] == full.form.shapes(*size)
    back = reform(full, YUV420)
    assert all((a == b).all() for a, b in zip(frame.planes, back.planes, strict=True))


@pytest.mark.parametrize(("low", "high"), [(8, 10), (8, 16), (10, 12)])
def test_more_bits_and_back_is_without_loss(low, high):
    for form in (PixelForm("grey", low), replace(YUV420, bits=low)):
        frame = random_frame(np.random.default_rng(2), form, (9, 9))
        more = reform(frame, replace(form, bits=high))
        assert more.planes[0].max() <= more.form.peak
        back = reform(more, form)
        assert all((a == b).all() for a, b in zip(frame.planes, back.planes, strict=True))


def test_black_and_neutral_chroma_stay_black_and_neutral_with_other_bits():
    for low, high in ((8, 10), (12, 8)):
        form = replace(YUV420, bits=low)
        frame = random_frame(np.random.default_rng(2), form, (4, 4))
        frame.blacken()
        other = reform(frame, replace(form, bits=high))
        assert all((plane == black).all() for plane, black in zip(other.planes, other.form.black(), strict=True))


def test_a_lost_alpha_plane_comes_back_opaque():
    frame = random_frame(np.random.default_rng(3), PixelForm("rgb"), (4, 4))
    whole = reform(frame, PixelForm("rgb", 16, alpha=True))
    assert len(whole.planes) == 4 and (whole.planes[3] == 65535).all() and (whole.planes[0] == frame.planes[0].astype(int) * 257).all()


def test_grey_goes_through_colour_and_back():
    frame = random_frame(np.random.default_rng(4), PixelForm("grey"), (4, 4))
    assert (reform(reform(frame, PixelForm("rgb")), PixelForm("grey")).planes[0] == frame.planes[0]).all()
    middle = np.full((2, 2), 128, np.uint8)
    yuv = Frame([frame.planes[0], middle, middle], PixelForm("yuv", 8, 1, 1, full_range=True))
    assert (reform(yuv, PixelForm("grey")).planes[0] == frame.planes[0]).all()


def test_what_cannot_be_converted_is_refused_and_said():
    frame = random_frame(np.random.default_rng(5), YUV420, (4, 4))
    with pytest.raises(Unsupported, match=r"seal\.form"):
        reform(frame, PixelForm("rgb"))
    with pytest.raises(Unsupported, match=r"seal\.form"):
        reform(random_frame(np.random.default_rng(5), PixelForm("rgb"), (4, 4)), YUV420)


def test_a_lost_tag_changes_no_sample():
    frame = random_frame(np.random.default_rng(6), YUV420, (4, 4))
    for form in (replace(YUV420, matrix="bt601"), replace(YUV420, full_range=True)):
        other = reform(frame, form)
        assert other.form == form and all((a == b).all() for a, b in zip(frame.planes, other.planes, strict=True))
