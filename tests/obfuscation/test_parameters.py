from fractions import Fraction
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.errors import BadSpec
from velatura.obfuscation.limits import SENTENCES
from velatura.obfuscation.method import METHODS
from velatura.obfuscation.parameters import chosen, decimal, whole
from velatura.obfuscation.wanted import Wanted


@pytest.mark.parametrize("text", ["fill", "pixelate:8", "pixelate:12px", "blur:5", "blur:12%", "dp-pixelate:cells=8,m=roi,epsilon=2.5", "seal"])
def test_every_form_of_the_contract_is_read(text):
    method = chosen(text)
    assert method.limits and method.cosmetic == text.startswith(("pixelate", "blur"))


def test_the_readme_says_of_every_method_what_it_does_not_protect():
    readme = resources.files("velatura.obfuscation").joinpath("README.md").read_text(encoding="utf-8")
    assert set(SENTENCES) == set(METHODS.ours)
    assert all(sentence in readme for sentence in SENTENCES.values())


def test_an_unknown_method_comes_with_the_nearest_and_all_valid_ones():
    with pytest.raises(BadSpec) as refused:
        chosen("pixellate:8")
    assert "did you mean 'pixelate'" in refused.value.hint and all(name in refused.value.hint for name in METHODS.names())


@given(st.text(max_size=60))
def test_whatever_is_written_is_a_method_or_a_refusal(text):
    for name in ("", "fill:", "pixelate:", "blur:", "dp-pixelate:", "dp-pixelate:cells=4,m=roi,epsilon=", "seal:"):
        try:
            chosen(name + text)
        except BadSpec as refused:
            assert "\n" not in refused.sentence


@given(st.integers(1, 500))
def test_whole_numbers_are_digits_within_their_bounds(n):
    assert whole(str(n), 1, 500) == n and whole(str(n), 1, n - 1) is None and whole(f"{n}.0", 1, 500) is None


def test_decimals_are_exact():
    assert decimal("0.1", Fraction(0), Fraction(1)) == Fraction(1, 10)
    assert decimal("1e-3", Fraction(0), Fraction(1)) == Fraction(1, 1000)
    assert decimal("1/3", Fraction(0), Fraction(1)) == Fraction(1, 3)
    assert decimal("2", Fraction(0), Fraction(1)) is None and decimal("1/0", Fraction(0), Fraction(1)) is None


def test_an_unknown_preset_comes_with_the_nearest_before_anything_is_coded():
    with pytest.raises(BadSpec, match=r"obfuscate\.preset") as refused:
        Wanted(preset="veryfats")
    assert "did you mean 'veryfast'" in refused.value.hint and "placebo" in refused.value.hint
