"""Audits from end to end, with rooms of a test's own: what is kept, what a crash does, what is counted."""

from __future__ import annotations

import stat
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from numpy.random import Generator
from tests.audit.obfuscation.faces import drawn_people, write_people

from velatura.attacks.attack import Outcomes, Shown
from velatura.audit.case import Case, Plan
from velatura.audit.folder import Folder
from velatura.audit.obfuscation.options import ObfuscationOptions
from velatura.audit.rooms import ROOMS
from velatura.audit.run import audit
from velatura.audit.spec import AuditSpec, read_spec
from velatura.errors import BadSpec
from velatura.findings import Claim, Verdict
from velatura.progress import Silent
from velatura.report.reading import read_report

PEOPLE, PICTURES = 40, 6


class Guess:
    """Names the person of a number that an arm gives back; plays are counted."""

    name, knowledge = "guess", "sees a number"

    def __init__(self, fails: type[BaseException] | None = None) -> None:
        self.plays, self.fails = 0, fails

    def play(self, arm: object, secrets: list[int], rng: Generator, *, budget_s: float) -> Outcomes:
        self.plays += 1
        if self.fails is not None:
            raise self.fails("on purpose")
        right = np.array([[[arm(s, rng) == s for _ in range(10)] for s in secrets]], float).mean(-1)  # type: ignore[operator]
        picture = np.full((4, 5), 7, np.uint8)
        return Outcomes(right, ("guess",), 1 / len(secrets), "people", "rank-1 rate", probes=10, shown=[Shown(picture, picture, picture, "a case")])


def world(monkeypatch: pytest.MonkeyPatch, *attacks: Guess) -> AuditSpec:
    """A room "world" whose cases are `attacks`, each against a protection that hides everything."""
    secrets = list(range(PEOPLE))

    def plan(spec: AuditSpec, *, base: Path, stack: ExitStack, store: object) -> Plan:
        cases = [
            Case(a, f"case {i}", lambda s, rng: s, lambda s, rng: rng.integers(PEOPLE), Claim(), secrets, f"k{i}", "velatura attack x", "data")
            for i, a in enumerate(attacks)
        ]
        return Plan(tuple(cases), ("It hides nothing else.",), {"people": "40"})

    monkeypatch.setitem(ROOMS.ours, "world", "tests_world:plan")
    monkeypatch.setattr("velatura.plugins._attribute", lambda target: plan)
    return AuditSpec(room="world", title="A world")


def test_an_audit_that_was_interrupted_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first = Guess()
    with pytest.raises(KeyboardInterrupt):
        audit(world(monkeypatch, first, Guess(KeyboardInterrupt)), tmp_path / "out")
    assert not (tmp_path / "out" / "report.json").exists()
    again, second = Guess(), Guess()
    done = audit(world(monkeypatch, again, second), tmp_path / "out")
    assert (first.plays, again.plays, second.plays) == (2, 0, 2)
    assert done.kept == 1
    whole = audit(world(monkeypatch, Guess(), Guess()), tmp_path / "whole")
    assert (tmp_path / "out" / "report.json").read_bytes() == (tmp_path / "whole" / "report.json").read_bytes()
    assert whole.kept == 0
    assert (tmp_path / "out" / "report.html").read_bytes() == (tmp_path / "whole" / "report.html").read_bytes()


def test_an_attack_that_crashes_says_so_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    done = audit(world(monkeypatch, Guess(ZeroDivisionError), Guess()), tmp_path / "out")
    assert [finding.verdict for finding in done.report.findings] == [Verdict.ERROR, Verdict.HELD]
    assert "ZeroDivisionError: on purpose" in done.report.findings[0].why
    assert done.report.verdict is Verdict.ERROR
    crashed_again = Guess()
    audit(world(monkeypatch, crashed_again, Guess()), tmp_path / "out", force=True)
    assert crashed_again.plays == 2, "a failure is not kept"


def test_findings_are_counted_before_anything_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    alone = audit(world(monkeypatch, Guess()))
    among = audit(world(monkeypatch, *(Guess() for _ in range(10))))
    assert (alone.report.judged, among.report.judged) == (1, 10)
    low = [done.report.findings[0].estimate for done in (alone, among)]
    assert low[0] is not None and low[1] is not None and low[1].low < low[0].low and low[1].high == low[0].high
    assert among.report.findings[0].repeat.endswith("--of 10")


def test_a_kept_finding_of_other_data_options_or_seed_is_played_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    audit(world(monkeypatch, Guess()), tmp_path / "out")
    for change in ({"seed": 2}, {"budget_s": 7.0}, {"share": 9}):
        fresh = Guess()
        spec = world(monkeypatch, fresh)
        audit(AuditSpec(room="world", title=spec.title, **change), tmp_path / "out", force=True)  # type: ignore[arg-type]
        assert fresh.plays == 2, change


def test_a_kept_finding_that_was_tampered_with_is_played_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    audit(world(monkeypatch, Guess()), tmp_path / "out")
    kept = next((tmp_path / "out" / "findings").iterdir())
    kept.write_bytes(b"{" + kept.read_bytes())
    fresh = Guess()
    audit(world(monkeypatch, fresh), tmp_path / "out", force=True)
    assert fresh.plays == 2


def test_a_report_with_pictures_is_for_its_owner_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    audit(world(monkeypatch, Guess()), tmp_path / "out")
    for path in (tmp_path / "out").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert read_report(tmp_path / "out").pictures
    spec = world(monkeypatch, Guess())
    done = audit(AuditSpec(room="world", title=spec.title, pictures=False), tmp_path / "bare")
    assert not done.report.pictures
    assert not list((tmp_path / "bare" / "pictures").iterdir())


def test_pictures_switched_off_are_gone_and_switched_on_are_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for pictures in (True, False, True):
        spec = world(monkeypatch, Guess())
        done = audit(AuditSpec(room="world", title=spec.title, pictures=pictures), tmp_path / "out", force=True)
        assert done.report.pictures is pictures
        assert bool(list((tmp_path / "out" / "pictures").iterdir())) is pictures
        assert (b"data:image" in (tmp_path / "out" / "report.html").read_bytes()) is pictures


def test_two_audits_never_write_into_one_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    held = Folder(tmp_path / "out", secret=False, force=False)
    waiting = Guess()
    with pytest.raises(BadSpec, match="another audit"):
        audit(world(monkeypatch, waiting), tmp_path / "out")
    assert waiting.plays == 0, "it is told before the work, not after"
    held.close()
    assert audit(world(monkeypatch, Guess()), tmp_path / "out").report.verdict is Verdict.HELD


def test_nothing_is_replaced_without_force(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    audit(world(monkeypatch, Guess()), tmp_path / "out")
    with pytest.raises(BadSpec, match="already there"):
        audit(world(monkeypatch, Guess()), tmp_path / "out")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(BadSpec, match="not a folder"):
        audit(world(monkeypatch, Guess()), tmp_path / "file")


def test_real_people_are_recognised_in_a_mosaic_and_not_under_a_fill(tmp_path: Path) -> None:
    write_people(tmp_path / "faces", drawn_people(PEOPLE, PICTURES))
    options = ObfuscationOptions(methods=("fill", "pixelate:8px"), people="faces", attacks=("reidentify",))
    done = audit(AuditSpec(room="obfuscation", obfuscation=options), tmp_path / "out", base=tmp_path)
    assert [finding.verdict for finding in done.report.findings] == [Verdict.HELD, Verdict.BROKEN]
    assert done.report.subject["people"] == "40 people, 240 pictures"
    assert len(done.report.limits) == 2
    again = audit(AuditSpec(room="obfuscation", obfuscation=options), tmp_path / "again", base=tmp_path)
    assert again.report == done.report


@pytest.mark.parametrize(
    ("text", "code", "hint"),
    [
        ('room = "obfuscation"\nsed = 1', "spec.unknown-key", "'seed'"),
        ('room = "obfuscation"\n[obfuscation]\nmethod = ["fill"]', "spec.unknown-key", "'methods'"),
        ('room = "obfuscation"\n[obfuscation]\nmethods = ["fil"]\npeople = "."', "plugins.unknown", "'fill'"),
        ('room = "obfuscation"\n[obfuscation]\nmethods = []', "audit.no-method", ""),
        ('room = "obfuscation"\n[obfuscation]\nmethods = ["fill"]', "audit.no-data", ""),
        ('room = "obfuscation"\n[obfuscation]\nmethods = ["fill"]\nattacks = ["reidentfy"]', "audit.attack", "'reidentify'"),
        ('room = "obfuscation"\n[obfuscation]\nmethods = ["fill"]\nattacks = ["text"]', "audit.no-data", "plates"),
        ('room = "obfuscation"\n[obfuscation]\nmethods = ["fill"]\nsplits = 1', "audit.splits", ""),
        ('room = "obfuscation"\n[obfuscation]\nmethods = ["fill"]\nregion = "face"', "spec.wrong", ""),
        ('room = "obfuscation"\n[obfuscation]\nmethods = ["fill", "fill"]', "audit.twice", ""),
        ('room = "obfuscation"\n[obfuscation]\nmethods = ["fill"]\nattackers = []', "audit.attackers", ""),
        ('room = "obfuscation"', "audit.no-table", ""),
        ('room = "obfuscatoin"', "plugins.unknown", "'obfuscation'"),
        ('room = "obfuscation"\nseed = -1', "audit.seed", ""),
        ('room = "obfuscation"\nbudget_s = 0', "audit.budget", ""),
        ("room = ", "spec.syntax", ""),
    ],
)
def test_a_wrong_spec_is_refused_with_what_is_right(text: str, code: str, hint: str, tmp_path: Path) -> None:
    (tmp_path / "AUDIT.toml").write_text(text)
    with pytest.raises(BadSpec) as refused:
        audit(tmp_path / "AUDIT.toml", tmp_path / "out")
    assert refused.value.code == code
    assert hint in refused.value.hint
    assert not (tmp_path / "out").exists(), "nothing is made for a spec that is wrong"


def test_the_spec_of_the_help_is_one(tmp_path: Path) -> None:
    from velatura.cli.audit import EPILOG

    lines = [line.strip() for line in EPILOG.splitlines()]
    start = lines.index('title = "Faces of the spring issue"')
    text = "\n".join(line.partition("   ")[0] for line in lines[start : lines.index("\b", start)])
    (tmp_path / "AUDIT.toml").write_text(text)
    assert read_spec(tmp_path / "AUDIT.toml").obfuscation is not None


class Standing(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def standing(self, words: str) -> None:
        self.words.append(words)


def test_each_run_of_an_arm_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Standing()
    audit(world(monkeypatch, Guess()), progress=told)
    assert told.words[0] == "guess, unprotected, run 1" and told.words[-1] == f"guess, protected, run {10 * PEOPLE}"
    assert len(told.words) == 2 * 10 * PEOPLE
