"""Which attacks concern a job, and what it promises against each; nothing is trained here."""

from __future__ import annotations

from contextlib import ExitStack
from math import e
from pathlib import Path

import msgspec
import pytest

from velatura.audit.case import Plan
from velatura.audit.federated.cases import _BUILDERS, plan
from velatura.audit.federated.names import ATTACKS
from velatura.audit.spec import AuditSpec
from velatura.cli.main import load_verb
from velatura.errors import BadSpec, VelaturaError
from velatura.specs import convert

JOB = '[model]\nnetwork = "linear"\n[data]\nsource = "digits"\nsites = 20\n'
KRUM = '[strategy]\nname = "multikrum"\noptions = {num_malicious_nodes = 4}\n'
PRIVATE = '[privacy]\nlevel = "client"\nepsilon = 0.5\ndelta = 1e-3\n'


def planned(folder: Path, job: str, **options: object) -> Plan:
    (folder / "job.toml").write_text(job)
    spec = convert({"room": "federated", "federated": {"job": "job.toml", **options}}, AuditSpec, where="test")
    with ExitStack() as stack:
        return plan(spec, base=folder, stack=stack)


def claims(found: Plan) -> dict[str, float | None]:
    return {case.attack.name: None if case.claim is None else case.claim.bound for case in found.cases}


def test_a_job_promises_what_it_has(tmp_path: Path) -> None:
    updates = {"inversion": None, "labels": None}
    assert claims(planned(tmp_path, JOB)) == {**updates, "membership": None, "poisoning": None, "backdoor": None}
    assert claims(planned(tmp_path, JOB + KRUM)) == {**updates, "membership": None, "poisoning": 0.03, "backdoor": None}
    private = claims(planned(tmp_path, JOB + PRIVATE))
    assert private["membership"] == pytest.approx(0.01 * e + 1e-3 * (1 + e**0.5)) and private["poisoning"] is None


@pytest.mark.parametrize("level", ["client", "local", "sample"])
def test_a_claim_can_be_written_into_a_report(tmp_path: Path, level: str) -> None:
    found = planned(tmp_path, JOB + PRIVATE.replace("client", level))
    assert msgspec.json.encode([case.claim for case in found.cases])
    assert claims(found)["labels"] is not None or level == "client", "it was looked at"


def test_there_is_one_list_of_attacks_and_both_helps_have_all_of_it() -> None:
    assert set(_BUILDERS) == set(ATTACKS)
    for command in (load_verb("attack").commands["federated"], load_verb("fl").commands["audit"]):  # type: ignore[attr-defined]
        only = next(one for one in command.params if one.name == "only")
        assert ", ".join(ATTACKS) in only.help


def test_without_anything_against_membership_both_arms_are_one(tmp_path: Path) -> None:
    """It is stated, and costs one set of trainings."""
    membership = planned(tmp_path, JOB, attacks=["membership"]).cases[0]
    assert membership.plain is membership.protected
    private = planned(tmp_path, JOB + PRIVATE, attacks=["membership"]).cases[0]
    assert private.plain is not private.protected and private.plain.job.privacy.level == "none"


def test_under_secure_aggregation_only_rows_can_be_poisoned_and_it_says_so(tmp_path: Path) -> None:
    found = planned(tmp_path, 'aggregation = "secagg"\n' + JOB)
    assert [case.attack.name for case in found.cases] == ["inversion", "inversion", "labels", "labels", "membership", "poisoning"]
    assert found.cases[-1].attack.poisons == ("label-flip",) and "not played" in found.warnings[0]
    with pytest.raises(BadSpec, match="nothing of it concerns"):
        planned(tmp_path, 'aggregation = "secagg"\n' + JOB, attacks=["backdoor"])


def test_a_row_names_the_command_that_repeats_it(tmp_path: Path) -> None:
    found = planned(tmp_path, JOB, attacks=["membership", "poisoning"], poisons=["alie"], shadows=8)
    assert found.cases[0].repeat == "velatura attack federated job.toml --only membership --records 2000 --shadows 8 --targets 2"
    assert found.cases[1].repeat == "velatura attack federated job.toml --only poisoning --malicious 0.2 --poison alie"
    assert "4 of 20 sites" in found.cases[1].target and found.cases[0].key != planned(tmp_path, JOB + KRUM, attacks=["membership"]).cases[0].key


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"attacks": ["membershp"]}, "no attack on a training 'membershp'"),
        ({"attacks": ["backdoor", "backdoor"]}, "named twice"),
        ({"poisons": ["gaus"]}, "no poison 'gaus'"),
        ({"shadows": 5}, "5 shadow models"),
        ({"malicious": 0.5}, "0.5 of the sites"),
        ({"base": "nowhere", "data": "none.npz"}, "none.npz"),
    ],
)
def test_a_wrong_option_is_refused(tmp_path: Path, options: dict[str, object], told: str) -> None:
    with pytest.raises(VelaturaError, match=told) as caught:
        planned(tmp_path, JOB, **options)
    assert caught.value.exit_status == 2


def test_updates_are_promised_to_be_hidden_where_they_are_masked_or_noised(tmp_path: Path) -> None:
    def told(job: str) -> list[tuple[str, str, bool]]:
        found = planned(tmp_path, job, attacks=["inversion", "labels"]).cases
        return [(case.attack.name, case.target.partition(" of ")[0], case.claim is not None) for case in found]

    assert told(JOB) == [("inversion", "the update", False), ("labels", "the update", False)]
    masked = [("inversion", "the masked update", True), ("inversion", "the sum", False)]
    assert told('aggregation = "secagg"\n' + JOB) == [*masked, ("labels", "the masked update", True), ("labels", "the sum", False)]
    private = [("inversion", "the update", False), ("inversion", "the sum", True), ("labels", "the update", False), ("labels", "the sum", True)]
    assert told(JOB + PRIVATE) == private
    local = '[privacy]\nlevel = "local"\nepsilon = 8\n'
    assert told(JOB + local) == [("inversion", "the update", True), ("labels", "the update", False)]
    both = planned(tmp_path, JOB, attacks=["inversion"]).cases[0]
    assert both.plain is both.protected and both.repeat == "velatura attack federated job.toml --only inversion --updates 36"


def test_rows_that_are_elsewhere_are_asked_for_by_the_options_that_name_them(tmp_path: Path) -> None:
    with pytest.raises(BadSpec, match=r"own\.npz: there is no such file") as caught:
        planned(tmp_path, JOB.replace("digits", "own.npz"))
    assert "--base" in caught.value.hint and "--data" in caught.value.hint
