"""A guest's words: what it refused comes through, and nothing else does."""

from __future__ import annotations

import msgspec
import pytest

from velatura.errors import BadInput
from velatura.homomorphic.guest_answers import done, parameters_of, refusal, settings_of, understood
from velatura.homomorphic.parameters import parameters


def told(answer: bytes) -> tuple[str, str]:
    with pytest.raises(BadInput) as caught:
        understood(answer)
    return caught.value.code, caught.value.sentence


def test_a_payload_comes_through() -> None:
    assert bytes(understood(done(b"abc"))) == b"abc"
    assert bytes(understood(done())) == b""


def test_a_refusal_comes_through_by_its_code() -> None:
    assert told(refusal(BadInput("he.blob", "it is damaged", hint="again"))) == ("he.blob", "it is damaged")
    assert told(refusal(MemoryError()))[0] == "he.memory"
    code, sentence = told(refusal(RuntimeError("secret words of a library")))
    assert code == "he.engine"
    assert "secret" not in sentence


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"?",
        b"-",
        b"-{}",
        b"-\xff",
        b"-" + b"[" * 100_000,
        b"-" + msgspec.json.encode({"code": "files.exists", "sentence": "", "hint": ""}),
        b"-" + msgspec.json.encode({"code": "he.X\n", "sentence": "", "hint": ""}),
        b"-" + msgspec.json.encode({"code": "he.a", "sentence": "", "hint": "", "more": 1}),
    ],
)
def test_what_makes_no_sense_is_the_engines_failure(answer: bytes) -> None:
    assert told(answer)[0] == "he.engine"


def test_words_of_a_guest_stay_on_one_line() -> None:
    assert "\n" not in told(b"-" + msgspec.json.encode({"code": "he.blob", "sentence": "a\n\x1b[31mb" * 500, "hint": ""}))[1]


def test_parameters_come_back_from_settings() -> None:
    chosen = parameters(4096, [50, 50], 50, insecure_ok=True)
    assert parameters_of(msgspec.json.decode(msgspec.json.encode(settings_of(chosen)))) == chosen
