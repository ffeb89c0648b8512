import pytest

from velatura.media.frame import PixelForm
from velatura.media.pixel_formats import form_of, kept_as, matrix_of, name_of

KEPT = [f"yuv{s}p{d}" for s in ("420", "422", "444") for d in ("", "10le", "12le")] + ["gray", "gray10le", "gray12le"]


@pytest.mark.parametrize("name", KEPT)
def test_a_kept_format_has_a_form_and_the_form_its_name(name):
    form = form_of(name, full_range=False, matrix="bt709")
    assert name_of(form) == name
    assert kept_as(name, bits=form.bits, alpha=False, even=True) == name


def test_the_j_formats_are_full_range():
    assert form_of("yuvj420p", full_range=False, matrix="bt601").full_range
    assert name_of(form_of("yuvj422p", full_range=False, matrix="bt601")) == "yuv422p"


@pytest.mark.parametrize(
    ("name", "bits", "alpha", "even", "kept"),
    [
        ("nv12", 8, False, True, "yuv420p"),
        ("p010le", 10, False, True, "yuv420p10le"),
        ("yuyv422", 8, False, True, "yuv422p"),
        ("yuv411p", 8, False, True, "yuv444p"),
        ("yuv420p9le", 9, False, True, "yuv444p10le"),
        ("yuv420p16le", 16, False, True, "yuv444p12le"),
        ("yuva420p", 8, True, True, "yuva420p"),
        ("rgb24", 8, False, True, "yuv420p"),
        ("rgb24", 8, False, False, "yuv444p"),
        ("bgra", 8, True, True, "yuva420p"),
        ("pal8", 8, True, True, "yuva420p"),
    ],
)
def test_other_formats_become_the_nearest_kept_one(name, bits, alpha, even, kept):
    assert kept_as(name, bits=bits, alpha=alpha, even=even) == kept
    assert form_of(kept, full_range=False, matrix="bt601") is not None


def test_forms_without_a_format_have_no_name():
    assert name_of(PixelForm("rgb")) is None
    assert name_of(PixelForm("yuv", bits=9)) is None
    assert name_of(PixelForm("yuv", shift_x=2, shift_y=0)) is None
    assert name_of(PixelForm("yuv", alpha=True)) is None


def test_an_unstated_matrix_is_what_players_assume():
    assert (matrix_of(2, 576), matrix_of(2, 720), matrix_of(1, 100), matrix_of(6, 2000), matrix_of(9, 10)) == (
        "bt601",
        "bt709",
        "bt709",
        "bt601",
        "bt2020",
    )
