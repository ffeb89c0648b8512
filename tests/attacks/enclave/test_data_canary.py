"""A word of the data: it is found in whatever form it lies, and the code that carries it is harmless but for one folder."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping

import numpy as np
import pytest

from velatura.attacks.enclave.data_canary import CODE, CORE, ENDINGS, DataCanary, Leak


def played(seen: Callable[[Leak], Mapping[str, bytes]]) -> float:
    found = DataCanary().play(lambda leak, rng: seen(leak), (), np.random.default_rng(3), budget_s=1)
    return float(found.success.mean())


@pytest.mark.parametrize(
    "form", [bytes, lambda word: word.hex().encode(), base64.b64encode, lambda word: word[::-1], lambda word: word.hex().encode()[::-1]]
)
def test_a_word_is_found_in_every_form(form: Callable[[bytes], bytes]) -> None:
    assert played(lambda leak: {"a file": b"before " + form(leak.word) + b" after"}) == 1


def test_nothing_is_found_where_nothing_is() -> None:
    assert played(lambda leak: {"a file": leak.word[:-1], "another": b""}) == 0


def test_each_run_ends_in_a_way_of_its_own() -> None:
    codes: list[str] = []

    def seen(leak: Leak) -> Mapping[str, bytes]:
        codes.append(leak.code)
        return {}

    played(seen)
    assert len(set(codes)) == len(ENDINGS)
    for code in codes:
        compile(code, "job.py", "exec")


def test_the_code_names_no_place_but_the_folder_that_it_is_given() -> None:
    opens = [line for line in CODE.splitlines() if any(word in line for word in ("open(", "symlink(", "mkdir(", "sendto(", "chdir,"))]
    assert len(opens) == 8
    assert all('config["folder"]' in line or '"127.0.0.1", int(config["port"])' in line for line in opens)


def test_the_ending_that_asks_for_a_core_dump_is_code_too() -> None:
    codes: list[str] = []
    DataCanary(2, (CORE,)).play(lambda leak, rng: codes.append(leak.code) or {}, (), np.random.default_rng(3), budget_s=1)  # type: ignore[func-returns-value]
    assert len(codes) == 2
    for code in codes:
        compile(code, "job.py", "exec")
        assert "_core(data, outputs, config)" in code


@pytest.mark.parametrize("cut", range(1, 24))
def test_a_word_is_found_in_a_stream_wherever_it_is_cut_and_only_whole(cut: int) -> None:
    word = bytes(range(65, 89))
    before, behind = b"before" * 100 + word[:cut], word[cut:] + b"behind"
    assert word in Leak(word).sieved([before, behind])
    assert Leak(word).sieved([before, b"-", behind]) == b""
