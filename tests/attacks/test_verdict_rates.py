"""A few hundred simulated reports: how often verdicts are wrong, loosely; the figures stand in docs/benchmarks/verdicts.md."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.simulated import Setting, accused, acquitted, faulty_by_interval, in_a_report

from velatura.attacks.intervals import estimate
from velatura.findings import Claim, Verdict, judge

REPORTS = 1500


@pytest.mark.parametrize(
    "setting",
    [Setting(40, 10, 0.0), Setting(40, 5, 0.3), Setting(10, 10, 0.1), Setting(40, 10, 0.3, attackers=1), Setting(40, 5, None)],
    ids=lambda s: s.words,
)
@pytest.mark.parametrize("findings", [5, 20])
def test_a_report_of_findings_at_chance_accuses_falsely_in_at_most_one_of_twenty(setting: Setting, findings: int) -> None:
    success = setting.play(REPORTS, np.random.default_rng(1))
    assert in_a_report(float(accused(setting, success, findings).mean()), findings) <= 0.05
    assert in_a_report(faulty_by_interval(setting, success, findings), findings) <= 0.05


@pytest.mark.parametrize("setting", [Setting(40, 10, 0.1, 3), Setting(40, 5, 0.0, 3), Setting(100, 5, 0.1, 3)], ids=lambda s: s.words)
def test_three_attackers_at_three_times_chance_are_held_in_at_most_two_of_a_hundred(setting: Setting) -> None:
    success = setting.play(REPORTS, np.random.default_rng(2))
    assert acquitted(setting, success, 10).mean() <= 0.02
    assert accused(setting, success, 10).mean() >= 0.5  # and most are found


def test_three_attackers_at_chance_are_mostly_held_on_forty_people_of_ten_pictures() -> None:
    setting = Setting(40, 10, 0.0)
    assert acquitted(setting, setting.play(REPORTS, np.random.default_rng(3)), 10).mean() >= 0.9


def test_attackers_at_chance_are_not_called_faulty_by_their_guesses() -> None:
    setting, rng = Setting(40, 5, 0.1), np.random.default_rng(4)
    verdicts = [judge(estimate(setting.named(guesses), findings=20), setting.unprotected(), Claim()) for guesses in setting.guesses(400, rng)]
    assert verdicts.count(Verdict.ERROR) <= 1
    assert verdicts.count(Verdict.HELD) >= 60
    assert not {Verdict.WEAKENED, Verdict.BROKEN} & set(verdicts)
