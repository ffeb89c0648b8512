"""An audit: a spec in, a report out. Each case is a trial; a finished one is kept, so that an audit that was interrupted goes on where it was.

The folder gets `report.json`, `report.html`, `pictures/` and `findings/` (what was kept). With pictures of the secrets in it, it is as secret as
they are, and nobody else may read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.random import Generator

from velatura import __version__
from velatura.attacks.attack import Arm
from velatura.audit.case import Case, Plan
from velatura.audit.folder import Folder
from velatura.audit.rooms import ROOMS
from velatura.audit.spec import AuditSpec, read_spec
from velatura.audit.trial import Baselines, Tried, not_run, trial
from velatura.audit.wording import ERRORS
from velatura.findings import Finding
from velatura.progress import SILENT, Progress
from velatura.report.report import Report, worst

if TYPE_CHECKING:
    from velatura.models.store import ModelStore

__all__ = ["Audited", "audit"]


@dataclass(frozen=True, slots=True)
class Audited:
    """What came of it.

    Attributes:
        warnings: what a person should know: pictures that were left out.
        kept: how many findings were there from an earlier run.
        folder: where the report lies; None where none was asked for.
    """

    report: Report
    warnings: tuple[str, ...]
    kept: int
    folder: Path | None


def audit(
    spec: AuditSpec | Path | str,
    out: Path | str | None = None,
    *,
    base: Path | None = None,
    command: str = "",
    force: bool = False,
    store: ModelStore | None = None,
    progress: Progress = SILENT,
) -> Audited:
    """Protect, attack, judge.

    Args:
        spec: or the path of its file.
        out: a folder for the report; None: only the findings, without pictures.
        base: what the spec's paths are relative to; by default its file's folder, or the current one.
        command: how it can be repeated, for the report.
        force: replace a report that is there; findings that fit are still reused.
        store: of the detectors' files; the user's by default.

    Raises:
        BadSpec: the spec is wrong; `files.exists`: there is a report already.
        BadInput: the data cannot be read.
        Missing: a detector's file is not here.
    """
    checked, place = _checked(spec, base)
    with ExitStack() as stack:
        plan: Plan = ROOMS.load(checked.room)(checked, base=place, stack=stack, store=store)
        folder = None if out is None else Folder(Path(out), secret=checked.pictures, force=force)
        if folder is not None:
            stack.callback(folder.close)
        share = checked.share or sum(case.judged for case in plan.cases)
        run = _Run(checked, plan.cases, share, folder, progress)
        findings = run.all()
        report = _report(checked, plan, findings, share, command)
        if folder is not None:
            folder.write(report)
    return Audited(report, plan.warnings, run.kept, None if folder is None else folder.path)


def _checked(spec: AuditSpec | Path | str, base: Path | None) -> tuple[AuditSpec, Path]:
    if isinstance(spec, AuditSpec):
        spec.check()
        return spec, base or Path()
    return read_spec(Path(spec)), base or Path(spec).parent


class _Run:
    """The trials, one after the other."""

    def __init__(self, spec: AuditSpec, cases: Sequence[Case], share: int, folder: Folder | None, progress: Progress) -> None:
        self._spec, self._cases, self._share, self._folder, self._progress = spec, cases, share, folder, progress
        self._baselines = Baselines()
        self.kept = 0

    def all(self) -> tuple[Finding, ...]:
        self._progress.start(self._spec.title or "audit", len(self._cases), "attacks")
        found = []
        for case in self._cases:
            found.append(self._one(case))
            self._progress.advance()
        self._progress.finish()
        return tuple(found)

    def _one(self, case: Case) -> Finding:
        digest = case.digest(seed=self._spec.seed, budget_s=self._spec.budget_s, findings=self._share, pictures=self._spec.pictures)
        before = self._folder.kept(digest) if self._folder else None
        if before is not None:
            self.kept += 1
            return before
        tried = self._try(case)
        return tried.finding if self._folder is None else self._folder.keep(digest, tried)

    def _try(self, case: Case) -> Tried:
        repeat = f"{case.repeat} --seed {self._spec.seed} --budget-s {self._spec.budget_s:g} --of {max(self._share, 1)}"
        if case.missing:
            return Tried(not_run(case.attack.name, case.target, case.claim, case.attack.knowledge, case.missing, repeat))
        tried = trial(
            case.attack,
            case.target,
            plain=self._told(case, case.plain, "unprotected"),
            protected=self._told(case, case.protected, "protected"),
            claim=case.claim,
            secrets=case.secrets,
            seed=self._spec.seed,
            budget_s=self._spec.budget_s,
            findings=self._share,
            repeat=repeat,
            baselines=self._baselines,
            key=case.key,
        )
        return tried if self._spec.pictures else replace(tried, shown=())

    def _told(self, case: Case, arm: Arm[Any, Any], side: str) -> Arm[Any, Any]:
        """The same arm, that says when it is played: one case may take minutes."""
        numbers = count(1)

        def play(secret: Any, rng: Generator, /) -> Any:
            self._progress.standing(f"{case.attack.name}, {side}, run {next(numbers)}")
            return arm(secret, rng)

        return play


def _report(spec: AuditSpec, plan: Plan, findings: tuple[Finding, ...], share: int, command: str) -> Report:
    return Report(
        title=spec.title or f"What still shows: {spec.room}",
        room=spec.room,
        version=__version__,
        seed=spec.seed,
        command=command or findings[0].repeat,
        verdict=worst(findings),
        certainty=ERRORS,
        judged=share,
        findings=findings,
        limits=plan.limits,
        subject=plan.subject,
        pictures=any(finding.examples for finding in findings),
    )
