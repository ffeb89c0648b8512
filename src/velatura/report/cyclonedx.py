"""CycloneDX 1.6 ML-BOM: a model card of the protection, with what the attacks got out of it as its performance metrics.

The card's component is the protection as it was configured, not a trained network. Values of metrics are strings (the schema says so); an end
of an interval that is infinite is left out. There is no date in it, and its serial number is made from the report's content.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from math import isfinite
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from velatura.errors import one_line
from velatura.findings import Estimate, Finding
from velatura.report.reading import write_report
from velatura.report.report import Report
from velatura.report.words import MEANING, WORD, headline, tally
from velatura.specs import dump_json

__all__ = ["cyclonedx"]


def cyclonedx(report: Report) -> bytes:
    """One component with its model card; the same bytes for the same report."""
    serial = uuid5(NAMESPACE_OID, sha256(write_report(report)).hexdigest())
    return dump_json(
        {
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "serialNumber": f"urn:uuid:{serial}",
            "version": 1,
            "metadata": {"tools": {"components": [{"type": "application", "name": "velatura", "version": _text(report.version)}]}},
            "components": [_component(report)],
        }
    )


def _component(report: Report) -> dict[str, Any]:
    name = f"velatura {report.room}" if report.room else "velatura"
    return {
        "type": "machine-learning-model",
        "bom-ref": _text(f"{name}@{report.version}"),
        "name": _text(name),
        "version": _text(report.version),
        "description": _text(f"Protection of {report.title}, attacked: {tally(report)}. {headline(report)}"),
        "modelCard": {
            "modelParameters": {"task": _text(report.room or "protection"), "architectureFamily": "privacy protection"},
            "quantitativeAnalysis": {"performanceMetrics": [metric for f in report.findings for metric in _metrics(f)]},
            "considerations": {
                "useCases": [_text(report.title)],
                "technicalLimitations": [_text(sentence) for sentence in (*report.limits, report.certainty) if sentence],
                "ethicalConsiderations": [_consideration(f) for f in report.findings],
            },
        },
        "properties": [
            {"name": "velatura:verdict", "value": report.verdict.value},
            {"name": "velatura:seed", "value": str(report.seed)},
            {"name": "velatura:repeat", "value": _text(report.command)},
            *({"name": _text(f"velatura:subject:{name}"), "value": _text(told)} for name, told in report.subject.items()),
        ],
    }


def _metrics(f: Finding) -> Iterator[dict[str, Any]]:
    for e, how in ((f.estimate, f.target), (f.baseline, f"{f.target} (unprotected)")):
        if e is not None:
            yield {
                "type": _text(f"attack success: {f.attack}, {e.unit}"),
                "value": f"{e.value:.6g}",
                "slice": _text(how),
                "confidenceInterval": _ends(e),
            }


def _ends(e: Estimate) -> dict[str, str]:
    return {name: f"{end:.6g}" for name, end in (("lowerBound", e.low), ("upperBound", e.high)) if isfinite(end)}


def _consideration(f: Finding) -> dict[str, str]:
    name = f"{WORD[f.verdict]}: {f.attack} against {f.target}. {f.why}"
    return {"name": _text(name), "mitigationStrategy": _text(f"{MEANING[f.verdict]} To repeat it: {f.repeat}")}


def _text(text: str) -> str:
    return one_line(text, 4000)
