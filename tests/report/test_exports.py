"""What other tools read: each form is checked by a reader that is not ours, where there is one."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from tests.report.samples import BROKEN, FINDINGS, HELD, NOT_RUN, hostile, report

from velatura.report.cyclonedx import cyclonedx
from velatura.report.dpia import dpia
from velatura.report.sarif import sarif

HOSTILE = "</script> | `x` **b** [l](javascript:alert(1)) <img src=x> \u202e\n# h\n\x00"

# The properties that the schema of SARIF 2.1.0 allows in the objects that are used here ("additionalProperties": false there).
ALLOWED = {
    "log": {"$schema", "version", "runs"},
    "run": {"tool", "automationDetails", "invocations", "columnKind", "results", "properties"},
    "driver": {"name", "version", "rules"},
    "rule": {"id", "shortDescription", "fullDescription"},
    "result": {"ruleId", "ruleIndex", "kind", "level", "message", "locations", "partialFingerprints", "properties"},
    "invocation": {"executionSuccessful", "toolExecutionNotifications", "commandLine"},
    "notification": {"level", "message"},
}


def run(raw: bytes) -> dict[str, Any]:
    whole = json.loads(raw)
    assert set(whole) == ALLOWED["log"] and whole["version"] == "2.1.0" and len(whole["runs"]) == 1
    return dict(whole["runs"][0])


def test_sarif_has_the_objects_that_its_schema_asks_for() -> None:
    for each in (report(), hostile(HOSTILE), report(NOT_RUN, command="")):
        made = run(sarif(each))
        assert set(made) == ALLOWED["run"] and set(made["tool"]["driver"]) == ALLOWED["driver"]
        assert all(set(rule) == ALLOWED["rule"] for rule in made["tool"]["driver"]["rules"])
        assert all(set(invocation) <= ALLOWED["invocation"] for invocation in made["invocations"])
        for result in made["results"]:
            assert set(result) == ALLOWED["result"] and result["message"]["text"]
            assert made["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
            assert result["kind"] in {"notApplicable", "pass", "fail", "review", "open", "informational"}
            assert (result["level"] == "none") == (result["kind"] != "fail")  # section 3.27.10


def test_sarif_fails_for_what_shows_through_and_for_nothing_else() -> None:
    found = {result["properties"]["verdict"]: (result["kind"], result["level"]) for result in run(sarif(report()))["results"]}
    assert found == {
        "broken": ("fail", "error"),
        "weakened": ("fail", "warning"),
        "held": ("pass", "none"),
        "stated": ("informational", "none"),
        "inconclusive": ("open", "none"),
        "error": ("open", "none"),
        "not-run": ("notApplicable", "none"),
    }


def test_sarif_says_that_a_run_with_a_failed_attack_did_not_succeed() -> None:
    failed, fine = run(sarif(report()))["invocations"][0], run(sarif(report(HELD)))["invocations"][0]
    assert not failed["executionSuccessful"] and len(failed["toolExecutionNotifications"]) == 1
    assert set(failed["toolExecutionNotifications"][0]) == ALLOWED["notification"]
    assert fine["executionSuccessful"] and not fine["toolExecutionNotifications"]


def test_a_finding_keeps_its_fingerprint_when_its_numbers_change() -> None:
    def prints(each: Any) -> list[str]:
        return [result["partialFingerprints"]["attackAndTarget/v1"] for result in run(sarif(each))["results"]]

    assert prints(report(BROKEN, HELD)) == prints(report(replace(BROKEN, why="other words"), HELD, seed=9))
    assert len(set(prints(report()))) == len(FINDINGS)


def test_sarif_holds_no_number_that_json_cannot() -> None:
    unprotected = next(result for result in run(sarif(report()))["results"] if result["ruleId"] == "dp")["properties"]["unprotected"]
    assert "high" not in unprotected and unprotected["low"] == 9.3


def test_the_model_card_is_valid_cyclonedx() -> None:
    validation = pytest.importorskip("cyclonedx.validation.json", reason="cyclonedx-python-lib is not installed")
    from cyclonedx.schema import SchemaVersion

    validator = validation.JsonStrictValidator(SchemaVersion.V1_6)
    for each in (report(), hostile(HOSTILE), report(NOT_RUN), *(report(f) for f in FINDINGS)):
        assert validator.validate_str(cyclonedx(each).decode()) is None
    assert validator.validate_str(cyclonedx(report()).decode().replace('"performanceMetrics"', '"performanceMetric"')) is not None


def test_the_model_card_has_every_measure_and_every_limit() -> None:
    card = json.loads(cyclonedx(report()))["components"][0]["modelCard"]
    metrics = card["quantitativeAnalysis"]["performanceMetrics"]
    assert len(metrics) == sum((f.estimate is not None) + (f.baseline is not None) for f in FINDINGS)
    held = next(metric for metric in metrics if metric["slice"] == HELD.target)
    assert held["value"] == "0.023" and held["confidenceInterval"] == {"lowerBound": "0.006", "upperBound": "0.046"}
    assert "upperBound" not in next(metric for metric in metrics if metric["value"] == "10.6")["confidenceInterval"]
    assert set(report().limits) <= set(card["considerations"]["technicalLimitations"])


def test_the_serial_number_is_made_from_the_content() -> None:
    serial = [json.loads(cyclonedx(each))["serialNumber"] for each in (report(), report(), report(seed=2))]
    assert serial[0] == serial[1] != serial[2]
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", serial[0])


def test_the_draft_says_that_it_is_one_and_claims_nothing() -> None:
    draft = dpia(report())
    assert draft.startswith("# DRAFT") and "draft for a person to judge" in draft.splitlines()[2]
    assert not re.search(r"\b(complies|compliant|is lawful|acceptable risk|in accordance)\b", draft)
    assert draft.count("[To be filled in by a person:") >= 8


def test_the_draft_follows_the_four_parts_of_article_35_7() -> None:
    heads = [line for line in dpia(report()).splitlines() if line.startswith("## ")]
    assert [re.search(r"35\(7\)\((.)\)", head)[1] for head in heads[:4]] == list("abcd")  # type: ignore[index]


def test_the_draft_carries_every_finding_and_every_limit() -> None:
    draft = dpia(report()).replace("\\", "")
    assert all(f.why in draft and f.knowledge in draft for f in FINDINGS)
    assert all(limit in draft for limit in report().limits)
    risks = draft[draft.index("Attacks that succeeded") : draft.index("Attacks that say nothing yet")]
    assert BROKEN.target in risks and HELD.target not in risks


def test_no_text_becomes_markup_in_the_draft() -> None:
    draft, plain = dpia(hostile(HOSTILE)), dpia(hostile("words"))
    assert draft.count("\n") == plain.count("\n")
    outside = re.sub(r"`` .*? ``(?!`)", "", draft)  # between them nothing is markup
    assert outside != draft and "<" not in outside and "](" not in outside.replace("\\](", "") and "\u202e" not in draft
    cells = [len(re.findall(r"(?<!\\)\|", line)) for line in draft.splitlines() if line.startswith("| ")]
    assert set(cells) == {7}


def test_the_same_report_gives_the_same_bytes() -> None:
    for form in (sarif, cyclonedx, dpia):
        assert form(report()) == form(report())
