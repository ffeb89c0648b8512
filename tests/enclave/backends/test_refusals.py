"""What an enclave may say: codes and declared names, and no word of its own."""

from __future__ import annotations

import builtins
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.enclave.backends.refusals import CODES, Refusal, bits_at_most, decoded
from velatura.errors import VelaturaError


@pytest.mark.parametrize("code", CODES)
def test_each_code_has_a_sentence_and_an_exit_status(code: str) -> None:
    error = decoded(Refusal(code, name="rows", line=7, kind="ValueError").encoded(), ["rows"], 9)
    assert (error.code, error.exit_status in (3, 5)) == (code, True)
    assert "{" not in error.sentence


def test_a_name_that_is_not_declared_is_not_repeated() -> None:
    assert decoded(Refusal("enclave.input", name="rows").encoded(), ["digits"], 9).code == "enclave.answer"


SECRET = "canary"
words = st.one_of(st.just(SECRET), st.text(max_size=20).map(lambda text: text + SECRET))


@given(st.fixed_dictionaries({"code": st.one_of(words, st.sampled_from(sorted(CODES))), "name": words, "line": st.integers(), "kind": words}))
def test_no_text_from_inside_is_told(told: dict[str, object]) -> None:
    for name in ("", told["name"]):
        error = decoded(json.dumps({**told, "name": name}).encode(), ["rows"], 9)
        assert SECRET not in error.sentence + error.hint + error.code


@given(st.binary(max_size=300))
def test_any_bytes_are_a_typed_error(raw: bytes) -> None:
    assert isinstance(decoded(raw, ["rows"], 9), VelaturaError)


def test_a_line_that_the_code_does_not_have_is_made_up() -> None:
    """A job that chooses the line chooses what is told: at most as much as is said."""
    told = [decoded(Refusal("enclave.job-failed", line=line, kind="OSError").encoded(), ["rows"], 4) for line in range(10)]
    assert [error.code for error in told] == ["enclave.job-failed"] * 5 + ["enclave.answer"] * 5


@pytest.mark.parametrize(("names", "lines"), [(0, 0), (2, 4), (5, 40)])
def test_a_refusal_carries_no_more_bits_than_are_told(names: int, lines: int) -> None:
    declared = [f"n{at}" for at in range(names)]
    kinds = [name for name, one in vars(builtins).items() if isinstance(one, type) and issubclass(one, BaseException)]
    said = {
        str(decoded(Refusal(code, name=name, line=line, kind=kind).encoded(), declared, lines))
        for code in CODES
        for name in ["", *declared]
        for line in range(lines + 3)
        for kind in kinds
    }
    assert math.log2(len(said)) <= bits_at_most(names, lines) <= math.log2(len(said)) + 0.5
