"""Charged before drawn: never too little, whatever is cut off, repeated or damaged."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from velatura.dp.accounting import Event, epsilon
from velatura.dp.ledger import Budget, PrivacyLedger
from velatura.errors import BadInput, BadSpec, Withheld

pytest.importorskip("dp_accounting", reason="dp-accounting is not installed")
ROUND = Event("gaussian", 2.0, 0.25)
BUDGET = Budget(2.0, 1e-5)


def test_charges_add_up_and_survive(tmp_path: Path) -> None:
    with PrivacyLedger(tmp_path / "ledger", BUDGET) as ledger:
        assert ledger.spent() == 0
        assert all(ledger.charge(f"round {number}", ROUND) for number in range(3))
        spent = ledger.spent()
    assert spent == epsilon([(ROUND, 3)], 1e-5)
    with PrivacyLedger(tmp_path / "ledger", BUDGET) as again:
        assert (again.spent(), len(again)) == (spent, 3)
    assert (tmp_path / "ledger").stat().st_mode & 0o777 == 0o600


def test_what_is_beyond_the_budget_is_refused_before_it_is_written(tmp_path: Path) -> None:
    with PrivacyLedger(tmp_path / "ledger", BUDGET) as ledger:
        number = 0
        while ledger.after(ROUND) <= BUDGET.epsilon:
            ledger.charge(f"round {number}", ROUND)
            number += 1
        size = (tmp_path / "ledger").stat().st_size
        with pytest.raises(Withheld) as caught:
            ledger.charge("one more", ROUND)
        assert caught.value.code == "dp.budget" and number > 3
        assert ledger.spent() <= BUDGET.epsilon and (tmp_path / "ledger").stat().st_size == size


def test_the_same_release_again_is_free_and_another_under_its_name_is_refused(tmp_path: Path) -> None:
    with PrivacyLedger(tmp_path / "ledger", BUDGET) as ledger:
        assert ledger.charge("round 1 abc", ROUND)
        assert not ledger.charge("round 1 abc", ROUND)
        assert ledger.spent() == epsilon([(ROUND, 1)], 1e-5)
        with pytest.raises(BadInput):
            ledger.charge("round 1 abc", Event("gaussian", 1.0, 0.25))
        assert ledger.charge("round 1 abd", ROUND)


def test_disjoint_scopes_are_told_by_their_largest_and_everybody_is_in_each(tmp_path: Path) -> None:
    with PrivacyLedger(tmp_path / "ledger", BUDGET) as ledger:
        for number in range(2):
            ledger.charge(f"a {number}", ROUND, scope="a")
        ledger.charge("b 0", ROUND, scope="b")
        assert ledger.spent() == epsilon([(ROUND, 2)], 1e-5)
        ledger.charge("all", ROUND)
        assert ledger.spent("b") == epsilon([(ROUND, 2)], 1e-5)
        assert ledger.spent() == epsilon([(ROUND, 3)], 1e-5)
        assert ledger.after(ROUND) == epsilon([(ROUND, 4)], 1e-5)


def test_a_line_that_was_cut_off_was_not_synced(tmp_path: Path) -> None:
    with PrivacyLedger(tmp_path / "ledger", BUDGET) as ledger:
        ledger.charge("1", ROUND)
        ledger.charge("2", ROUND)
    whole = (tmp_path / "ledger").read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first, len(whole)):
        (tmp_path / "cut").write_bytes(whole[:cut])
        with PrivacyLedger(tmp_path / "cut", BUDGET) as ledger:
            assert len(ledger) == 1
            assert ledger.charge("2", ROUND)
        assert (tmp_path / "cut").read_bytes() == whole


def test_damage_is_refused(tmp_path: Path) -> None:
    with PrivacyLedger(tmp_path / "ledger", BUDGET) as ledger:
        for number in range(3):
            ledger.charge(str(number), ROUND)
    lines = (tmp_path / "ledger").read_bytes().splitlines(keepends=True)
    for damaged in (
        [lines[0], lines[2]],
        lines[1:],
        [lines[1], lines[0], lines[2]],
        [lines[0].replace(b"2.0", b"9.0"), *lines[1:]],
        [b"{}\n", *lines[1:]],
    ):
        (tmp_path / "damaged").write_bytes(b"".join(damaged))
        with pytest.raises(BadInput) as caught:
            PrivacyLedger(tmp_path / "damaged", BUDGET)
        assert caught.value.code == "dp.ledger"


def test_two_do_not_charge_one_file(tmp_path: Path) -> None:
    with PrivacyLedger(tmp_path / "ledger", BUDGET), pytest.raises(BadInput, match="another process"):
        PrivacyLedger(tmp_path / "ledger", BUDGET)


def _charges(path: Path, told: int) -> None:
    ledger = PrivacyLedger(path, Budget(1e6, 1e-5))
    for number in range(10_000):
        ledger.charge(str(number), ROUND, known=True)
        os.write(told, b"%d\n" % number)


def test_a_killed_process_has_counted_all_that_it_drew(tmp_path: Path) -> None:
    read, write = os.pipe()
    child = multiprocessing.get_context("fork").Process(target=_charges, args=(tmp_path / "ledger", write))
    child.start()
    os.close(write)
    drawn = b""
    while drawn.count(b"\n") < 40:
        drawn += os.read(read, 64)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join(timeout=60)
    while block := os.read(read, 4096):
        drawn += block
    os.close(read)
    with PrivacyLedger(tmp_path / "ledger", Budget(1e6, 1e-5)) as ledger:
        assert len(ledger) - drawn.count(b"\n") in (0, 1)


@pytest.mark.parametrize(("target", "delta"), [(0, 1e-5), (1, 1.0), (1, -1)])
def test_a_budget_that_is_none_is_refused(target: float, delta: float) -> None:
    with pytest.raises(BadSpec):
        Budget(target, delta)
