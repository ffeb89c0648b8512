"""Progress where there is no terminal: a line every ten seconds, whichever way the work tells that it goes on."""

from __future__ import annotations

import pytest

from velatura.cli import progress as drawn


def test_a_piece_that_takes_minutes_says_how_it_stands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    monkeypatch.setattr(drawn.time, "monotonic", lambda: now[0])
    told = drawn.progress(quiet=False)
    told.start("audit", 3, "attacks")
    for second in range(1, 31):
        now[0] = float(second)
        told.standing(f"exfiltration, protected, run {second}")
    told.advance()
    now[0] = 41.0
    told.advance()
    now[0] = 52.0
    told.standing("escapes, protected, run 1")
    assert capsys.readouterr().err.splitlines() == [
        "audit: 0 of 3 attacks; exfiltration, protected, run 10",
        "audit: 0 of 3 attacks; exfiltration, protected, run 20",
        "audit: 0 of 3 attacks; exfiltration, protected, run 30",
        "audit: 2 of 3 attacks, 0:20 left; exfiltration, protected, run 30",
        "audit: 2 of 3 attacks; escapes, protected, run 1",
    ]
