"""A draft for a data protection impact assessment, in Markdown, along Art. 35(7) GDPR (Regulation (EU) 2016/679).

It carries what was measured into the places where an assessment needs it and marks every place that only a person can fill. It judges nothing:
whether a risk is acceptable, and whether the law is kept, is not in a report. Texts of the report are escaped: they cannot become markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from velatura.errors import one_line
from velatura.findings import Finding, Verdict
from velatura.report.report import Report, counts
from velatura.report.words import MEANING, WORD, against, happened, headline, interval, number, tally

__all__ = ["dpia"]

_FILL = "**[To be filled in by a person:"
_SHOWS = (Verdict.BROKEN, Verdict.WEAKENED)
_OPEN = (Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.NOT_RUN)


def dpia(report: Report) -> str:
    """The draft; the same text for the same report."""
    parts = [_head(report), _processing(report), _necessity(), _risks(report), _measures(report), _residual(report), _after(report)]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _head(report: Report) -> list[str]:
    return [
        f"# DRAFT of a data protection impact assessment: {_md(report.title)}",
        "",
        f"> **This is a draft for a person to judge.** velatura {_md(report.version)} wrote it from measurements. It is not an assessment and states",
        "> no compliance with any law; it knows nothing of the purpose, the people or the law that applies. Whoever is responsible completes it,",
        "> seeks the advice of the data protection officer (Art. 35(2) GDPR), and decides.",
    ]


def _processing(report: Report) -> list[str]:
    return [
        "## 1. The processing and its purposes (Art. 35(7)(a))",
        "",
        *_to_fill("who processes which data of whom, for what purpose, on what legal basis, for how long, who receives it"),
        "",
        f"What was given to velatura (protection: {_md(report.room or 'not named')}):",
        "",
        *_list(f"{_md(name)}: {_md(told)}" for name, told in report.subject.items()),
    ]


def _necessity() -> list[str]:
    return [
        "## 2. Necessity and proportionality (Art. 35(7)(b))",
        "",
        *_to_fill("why the purpose needs these data, and whether fewer data, or none, would do"),
        *_to_fill("how people are told, and how they exercise their rights"),
    ]


def _risks(report: Report) -> list[str]:
    return [
        "## 3. Risks to the rights and freedoms of people, as far as they were measured (Art. 35(7)(c))",
        "",
        f"{_md(headline(report))} All findings: {tally(report)}.",
        "",
        "| attack | against | verdict | success [interval] | unprotected | weighed against |",
        "|---|---|---|---|---|---|",
        *(_row(f) for f in report.findings),
        "",
        f"{_md(report.certainty)} What the verdicts mean:",
        "",
        *_list(f"{WORD[verdict]}: {MEANING[verdict]}" for verdict in counts(report.findings)),
        "",
        "### Attacks that succeeded, wholly or in part",
        "",
        *_findings(report.findings, _SHOWS),
        "",
        "### Attacks that say nothing yet",
        "",
        *_findings(report.findings, _OPEN),
        "",
        *_to_fill("how likely each of these attackers is, and how severe it is for the people if he succeeds"),
        *_to_fill("risks that no attack here measures: loss, misuse inside, other sources of the same data, function creep"),
    ]


def _measures(report: Report) -> list[str]:
    return [
        "## 4. Measures (Art. 35(7)(d))",
        "",
        "Held against the attacks that were run:",
        "",
        *_findings(report.findings, (Verdict.HELD,)),
        "",
        *_to_fill("access control, retention, contracts, training, and who answers for each"),
    ]


def _residual(report: Report) -> list[str]:
    return [
        "## 5. What remains",
        "",
        "Not protected, whatever the verdicts say:",
        "",
        *_list(map(_md, report.limits)),
        "",
        "Measured and shown, though nothing was promised against it:",
        "",
        *_findings(report.findings, (Verdict.STATED,)),
        "",
        "An attack that was not tried may succeed; a later and better one may too.",
        "",
        *_to_fill("whether what remains is acceptable; if the risk stays high, the supervisory authority is consulted first (Art. 36)"),
    ]


def _after(report: Report) -> list[str]:
    return [
        "## 6. Views, decision, review",
        "",
        *_to_fill("views of the people concerned or their representatives (Art. 35(9)); advice of the data protection officer; decision, name, date"),
        *_to_fill("when it is looked at again: with every change of data, options or version, and when attacks get better (Art. 35(11))"),
        "",
        f"The measurements are repeated by {_code(report.command)} (seed {report.seed}).",
    ]


def _findings(findings: Sequence[Finding], verdicts: Sequence[Verdict]) -> list[str]:
    return _list(_told(f) for f in findings if f.verdict in verdicts)


def _told(f: Finding) -> str:
    meant = f" That is: {_md(happened(f.estimate))}." if f.estimate and f.verdict in _SHOWS else ""
    return f"**{WORD[f.verdict]}**: {_md(f.attack)} against {_md(f.target)}. {_md(f.why)}{meant} The attacker: {_md(f.knowledge)}"


def _row(f: Finding) -> str:
    e, base = f.estimate, f.baseline
    success = f"{number(e.value, e.unit)} [{interval(e)}]" if e else "–"
    plain = number(base.value, base.unit) if base else "–"
    return f"| {_md(f.attack)} | {_md(f.target)} | {WORD[f.verdict]} | {success} | {plain} | {against(f) or '–'} |"


def _list(items: Iterable[str]) -> list[str]:
    return [f"- {item}" for item in items] or ["- none"]


def _to_fill(what: str) -> list[str]:
    return [f"- {_FILL} {what}]**"]


def _md(text: str) -> str:
    """Signs that mean something to a Markdown reader are escaped; `<` and `&`, and the colon of an address, are entities."""
    told = one_line(text, 4000).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]#|!~$^])", r"\\\1", told).replace("://", "&#58;//")


def _code(text: str) -> str:
    told = one_line(text, 4000)
    fence = "`" * (max((len(run) for run in re.findall("`+", told)), default=0) + 1)
    return f"{fence} {told} {fence}"
