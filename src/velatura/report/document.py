"""The form of report.json: what is written and what is read, strictly. `schema.json` beside this file is made from these types.

JSON has no infinity. An interval that has no lower or no upper end has `null` there; every other number is finite.
`to_document` and `from_document` are the only doors between this form and `Report`, whose own checks (a `held` needs an unprotected arm that
fell; a report is as its worst finding) apply to whatever was read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import inf, isfinite
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from velatura.findings import Claim, Estimate, Example, Finding, Verdict, judge
from velatura.report.report import Report
from velatura.specs import Spec

__all__ = ["PICTURE", "ReportDocument", "from_document", "schema", "to_document"]

PICTURE = r"^(pictures/[A-Za-z0-9][A-Za-z0-9._-]{0,150}\.(png|webp|jpg))?$(?!\n)"
"""A plain name in the folder beside report.json, or nothing: no path leads out of it. `(?!\\n)`: Python's `$` also stands before a last newline."""

SCHEMA_ID = "urn:velatura:report:1"
MOST_FINDINGS = 1000
MOST_FACTS = 100
MOST_EXAMPLES = 12
MOST_TEXT = 20_000
MOST_NAME = 400
_UNJUDGED = (Verdict.ERROR, Verdict.NOT_RUN)

Text = Annotated[str, Meta(max_length=MOST_TEXT)]
Count = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
Facts = Annotated[dict[Annotated[str, Meta(max_length=MOST_NAME)], Text], Meta(max_length=MOST_FACTS)]
Name = Annotated[str, Meta(pattern=PICTURE, description='a file in the folder pictures/ beside the report; "": not shown')]


class EstimateDocument(Spec, frozen=True, kw_only=True):
    """The strongest attacker's success with its interval."""

    value: float
    low: Annotated[float | None, Meta(description="lower end; null: there is none")]
    high: Annotated[float | None, Meta(description="upper end; null: there is none")]
    chance: Annotated[float, Meta(description="what a blind guess gets")]
    n: Annotated[Count, Meta(description="how many independent units stand behind it")]
    per: Annotated[Text, Meta(description="what is independent, in the plural: people, clips, keys")]
    unit: Annotated[Text, Meta(description='a unit that ends in "rate" is a share from 0 to 1')]
    below: Annotated[bool, Meta(description="significantly worse than guessing: the attack is faulty")] = False
    cut: Annotated[bool, Meta(description="the time budget ended the attack")] = False
    reference: Annotated[Text, Meta(description="what `chance` is called in sentences")] = "guessing"


class ClaimDocument(Spec, frozen=True, kw_only=True):
    """What the method promises against the attack."""

    bound: Annotated[float | None, Meta(description="in the attack's unit; null: no better than chance")] = None


class ExampleDocument(Spec, frozen=True, kw_only=True):
    """One case for the reader's eye."""

    seen: Name
    recovered: Name
    secret: Name = ""
    caption: Text = ""


class FindingDocument(Spec, frozen=True, kw_only=True):
    """One attack against one target, judged."""

    attack: Annotated[str, Meta(min_length=1, max_length=MOST_NAME)]
    target: Annotated[Text, Meta(description="what was attacked, in words")]
    verdict: Verdict
    estimate: Annotated[EstimateDocument | None, Meta(description="null: the attack did not come to a result")]
    baseline: Annotated[EstimateDocument | None, Meta(description="the same attack on the unprotected arm of the same run")]
    claim: Annotated[ClaimDocument | None, Meta(description="null: nothing was promised, the result is only stated")]
    knowledge: Annotated[Text, Meta(description="what the attacker was assumed to know and have")]
    why: Annotated[Text, Meta(description="the sentence of the finding")]
    repeat: Annotated[Text, Meta(description="the command that reproduces it")]
    evidence: Annotated[Facts, Meta(description="further numbers and facts, name -> words")] = {}  # noqa: RUF012
    examples: Annotated[tuple[ExampleDocument, ...], Meta(max_length=MOST_EXAMPLES)] = ()


class ReportDocument(Spec, frozen=True, kw_only=True):
    """What velatura's attacks on its own protection found. The same spec, data and seed give the same bytes."""

    schema: Literal["velatura-report/1"]
    title: Text
    room: Annotated[Text, Meta(description="which protection was attacked")]
    version: Annotated[Text, Meta(description="of velatura")]
    seed: Count
    command: Annotated[Text, Meta(description="repeats the whole run")]
    verdict: Annotated[Verdict, Meta(description="of the worst finding")]
    certainty: Annotated[Text, Meta(description="how sure the intervals are")]
    judged: Annotated[Count, Meta(description="how many findings were judged against chance and share the lower ends' error")]
    findings: Annotated[tuple[FindingDocument, ...], Meta(max_length=MOST_FINDINGS)]
    limits: Annotated[tuple[Text, ...], Meta(max_length=MOST_FACTS, description="what is not protected whatever the verdicts say")] = ()
    subject: Annotated[Facts, Meta(description="facts about what was attacked")] = {}  # noqa: RUF012
    pictures: Annotated[bool, Meta(description="it comes with pictures of the secrets and must be kept as they are")] = False


def to_document(report: Report) -> ReportDocument:
    """The form of a report that can be written.

    Raises:
        ValueError: a value or a chance level is infinite (only ends of intervals may be), or a picture lies elsewhere than in pictures/.
    """
    return ReportDocument(
        schema=report.schema,
        title=_text(report.title),
        room=_text(report.room),
        version=_text(report.version),
        seed=report.seed,
        command=_text(report.command),
        verdict=report.verdict,
        certainty=_text(report.certainty),
        judged=report.judged,
        findings=tuple(map(_finding_document, report.findings)),
        limits=tuple(map(_text, report.limits)),
        subject=_facts(report.subject),
        pictures=report.pictures,
    )


def from_document(document: ReportDocument) -> Report:
    """The report that a document holds.

    Raises:
        ValueError: its verdicts contradict its numbers.
    """
    fields = {name: getattr(document, name) for name in document.__struct_fields__}
    return Report(**{**fields, "findings": tuple(map(_finding, document.findings))})


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of report.json."""
    made: dict[str, Any] = msgspec.json.schema(ReportDocument)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, "title": "velatura report", **made}


def _finding_document(f: Finding) -> FindingDocument:
    return FindingDocument(
        attack=_text(f.attack, MOST_NAME),
        target=_text(f.target),
        verdict=f.verdict,
        estimate=_estimate_document(f.estimate),
        baseline=_estimate_document(f.baseline),
        claim=None if f.claim is None else ClaimDocument(bound=f.claim.bound),
        knowledge=_text(f.knowledge),
        why=_text(f.why),
        repeat=_text(f.repeat),
        evidence=_facts(f.evidence),
        examples=tuple(map(_example_document, f.examples)),
    )


def _example_document(e: Example) -> ExampleDocument:
    for name in (e.seen, e.recovered, e.secret):
        if not re.search(PICTURE, name):
            raise ValueError(f"a picture of a report is a plain name in pictures/, not {name!r}")
    return ExampleDocument(seen=e.seen, recovered=e.recovered, secret=e.secret, caption=_text(e.caption))


def _estimate_document(e: Estimate | None) -> EstimateDocument | None:
    if e is None:
        return None
    if not (isfinite(e.value) and isfinite(e.chance)):
        raise ValueError("only the ends of an interval may be infinite")
    low, high = (end if isfinite(end) else None for end in (e.low, e.high))
    return EstimateDocument(
        value=e.value,
        low=low,
        high=high,
        chance=e.chance,
        n=e.n,
        per=e.per,
        unit=e.unit,
        below=e.below,
        cut=e.cut,
        reference=e.reference,
    )


def _finding(f: FindingDocument) -> Finding:
    estimate, baseline = _estimate(f.estimate), _estimate(f.baseline)
    claim = None if f.claim is None else Claim(f.claim.bound)
    if estimate is not None and baseline is not None and f.verdict not in _UNJUDGED and f.verdict is not judge(estimate, baseline, claim):
        raise ValueError(f"the numbers of {f.attack!r} say {judge(estimate, baseline, claim)}, not {f.verdict}")
    examples = tuple(Example(e.seen, e.recovered, e.secret, e.caption) for e in f.examples)
    return Finding(f.attack, f.target, f.verdict, estimate, baseline, claim, f.knowledge, f.why, f.repeat, f.evidence, examples)


def _estimate(e: EstimateDocument | None) -> Estimate | None:
    if e is None:
        return None
    low, high = -inf if e.low is None else e.low, inf if e.high is None else e.high
    return Estimate(e.value, low, high, e.chance, e.n, e.per, e.unit, e.below, e.cut, e.reference)


def _facts(facts: Mapping[str, str]) -> dict[str, str]:
    return {_text(name, MOST_NAME): _text(words) for name, words in facts.items()}


def _text(text: str, most: int = MOST_TEXT) -> str:
    """Names of files may hold lone surrogates, which JSON cannot; what is longer than is read is cut."""
    clean = text.encode("utf-8", "replace").decode("utf-8")
    return clean if len(clean) <= most else clean[: most - 1] + "…"
