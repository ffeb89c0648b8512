"""What an enclave may say: codes and declared names, and no word of its own."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.enclave.backends.refusals import CODES, Refusal, decoded
from velatura.errors import VelaturaError


@pytest.mark.parametrize("code", CODES)
def test_each_code_has_a_sentence_and_an_exit_status(code: str) -> None:
    error = decoded(Refusal(code, name="rows", line=7, kind="ValueError").encoded(), ["rows"])
    assert (error.code, error.exit_status in (3, 5)) == (code, True)
    assert "{" not in error.sentence


def test_a_name_that_is_not_declared_is_not_repeated() -> None:
    assert decoded(Refusal("enclave.input", name="rows").encoded(), ["digits"]).code == "enclave.answer"


SECRET = "canary"
words = st.one_of(st.just(SECRET), st.text(max_size=20).map(lambda text: text + SECRET))


@given(st.fixed_dictionaries({"code": st.one_of(words, st.sampled_from(sorted(CODES))), "name": words, "line": st.integers(), "kind": words}))
def test_no_text_from_inside_is_told(told: dict[str, object]) -> None:
    for name in ("", told["name"]):
        error = decoded(json.dumps({**told, "name": name}).encode(), ["rows"])
        assert SECRET not in error.sentence + error.hint + error.code


@given(st.binary(max_size=300))
def test_any_bytes_are_a_typed_error(raw: bytes) -> None:
    assert isinstance(decoded(raw, ["rows"]), VelaturaError)
