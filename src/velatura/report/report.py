"""The report: the findings of one run, with what a reader needs to weigh them. It is what report.json holds.

A report's verdict is that of its worst finding; what was inconclusive or did not run is told beside it and never counts as held. There is no
clock in it: the same spec, data and seed give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from velatura.findings import Finding, Verdict
from velatura.specs import Spec

__all__ = ["SCHEMA", "Report", "counts", "worst"]

SCHEMA = "velatura-report/1"
_WORST_FIRST = (Verdict.BROKEN, Verdict.WEAKENED, Verdict.ERROR, Verdict.HELD, Verdict.INCONCLUSIVE, Verdict.NOT_RUN, Verdict.STATED)


class Report(Spec, frozen=True, kw_only=True):
    """What `report.json` holds.

    Attributes:
        title: as the spec says.
        room: which protection was attacked: "obfuscation".
        version: of velatura.
        seed: of every attack.
        command: repeats the whole run.
        verdict: of the worst finding; any other is a ValueError.
        certainty: how sure the intervals are, in words.
        judged: how many findings were judged against chance; the lower ends share their error among so many.
        findings: in the order of the spec.
        limits: what is not protected whatever the verdicts say, sentences.
        subject: facts about what was attacked: people, pictures, options; name -> words.
        pictures: it comes with pictures of the secrets: it must be kept as they are.
    """

    title: str
    room: str
    version: str
    seed: int
    command: str
    verdict: Verdict
    certainty: str
    judged: int
    findings: tuple[Finding, ...]
    limits: tuple[str, ...] = ()
    subject: Mapping[str, str] = {}
    pictures: bool = False
    schema: Literal["velatura-report/1"] = "velatura-report/1"

    def __post_init__(self) -> None:
        if self.verdict is not worst(self.findings):
            raise ValueError(f"a report's verdict is that of its worst finding: {worst(self.findings)}, not {self.verdict}")


def worst(findings: Sequence[Finding]) -> Verdict:
    """Broken before weakened before error before held; else inconclusive, not-run or stated, whichever comes first in that order."""
    return next(iter(counts(findings)), Verdict.STATED)


def counts(findings: Sequence[Finding]) -> dict[Verdict, int]:
    """How many findings have each verdict, the worst first; verdicts that nobody has are left out."""
    found = [finding.verdict for finding in findings]
    return {verdict: found.count(verdict) for verdict in _WORST_FIRST if verdict in found}
