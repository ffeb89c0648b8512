"""An audit of an enclave: the options that it refuses, its arms, and the whole of it on this machine."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from velatura.attacks.enclave.data_canary import DataCanary
from velatura.attacks.enclave.session_tampering import HONEST, WAYS
from velatura.attacks.escaping import Escapes
from velatura.audit.enclave.cases import plan
from velatura.audit.enclave.escaping import EscapeArm, Probing
from velatura.audit.enclave.jobs import LeakArm
from velatura.audit.enclave.material import CODE, small_job
from velatura.audit.enclave.names import ATTACKS
from velatura.audit.enclave.sessions import SessionArm, Stage
from velatura.audit.run import audit
from velatura.audit.spec import AuditSpec
from velatura.enclave.backends.process import ProcessBackend
from velatura.errors import BadSpec
from velatura.findings import Verdict
from velatura.specs import convert

LACKING = ProcessBackend().lacking()
needs_process = pytest.mark.skipif(bool(LACKING), reason=f"no process can be confined here: {', '.join(LACKING)}")


def spec(**options: Any) -> AuditSpec:
    return convert({"room": "enclave", "enclave": options, "pictures": False, "budget_s": 60}, AuditSpec, where="test")


def planned(tmp_path: Path, **options: Any) -> tuple[str, ...]:
    with ExitStack() as stack:
        return tuple(case.attack.name for case in plan(spec(**options), base=tmp_path, stack=stack).cases)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"attacks": ["forgery"]}, "audit.attack"),
        ({"attacks": ["escapes", "escapes"]}, "audit.twice"),
        ({"evidence": "e.bin"}, "audit.evidence"),
        ({"policy": "p.toml"}, "audit.evidence"),
        ({"flips": -1}, "audit.changes"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], code: str, tmp_path: Path) -> None:
    with pytest.raises(BadSpec) as refused:
        planned(tmp_path, **options)
    assert refused.value.code == code


def test_a_spec_without_its_table_says_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(BadSpec) as refused, ExitStack() as stack:
        plan(convert({"room": "enclave"}, AuditSpec, where="test"), base=tmp_path, stack=stack)
    assert refused.value.code == "audit.no-table"


@needs_process
def test_attacks_are_played_in_the_order_of_the_report(tmp_path: Path) -> None:
    assert tuple(dict.fromkeys(planned(tmp_path))) == ATTACKS
    assert tuple(dict.fromkeys(planned(tmp_path, attacks=["escapes", "data-canary"]))) == ("escapes", "data-canary")


def test_a_word_is_looked_for_in_every_place_and_judged_but_for_swap(tmp_path: Path) -> None:
    with ExitStack() as stack:
        cases = plan(spec(attacks=["data-canary"]), base=tmp_path, stack=stack).cases
    told = {case.target.partition(": ")[2].partition(", of which")[0]: case.claim is not None for case in cases}
    assert told == {
        "files, messages and outputs": True,
        "packets on every interface": True,
        "a core dump that is forced": True,
        "its process's memory, read under its own account": True,
        "its process's memory, read by root": False,
        "areas of its keys, read by root": True,
        "swap": False,
    }
    assert len({case.key for case in cases}) == len(cases), "an unprotected arm is shared by its key"


@needs_process
def test_a_session_serves_the_honest_and_nobody_else() -> None:
    rng = np.random.default_rng(0)
    with ExitStack() as stack:
        stage = Stage(stack)
        bound, unbound = SessionArm(stage, binding=True), SessionArm(stage, binding=False)
        assert bound(HONEST, rng)
        assert unbound(HONEST, rng)
        assert [way for way in WAYS if bound(way, rng)] == []
        assert [way for way in WAYS if not unbound(way, rng)] == []


@needs_process
def test_a_word_of_the_data_comes_out_of_a_plain_process_and_not_out_of_the_cell() -> None:
    rng = np.random.default_rng(0)
    assert DataCanary(1).play(LeakArm(confined=False), (), rng, budget_s=60).success.mean() == 1
    assert DataCanary(1).play(LeakArm(confined=True), (), rng, budget_s=60).success.mean() == 0


@needs_process
@pytest.mark.slow
def test_no_probe_gets_out_of_the_process_of_a_job(tmp_path: Path) -> None:
    probing = Probing(small_job(tmp_path, code=CODE, data=b"nothing"))
    outside = EscapeArm(probing, confined=False)(None, np.random.default_rng(0))
    assert len(outside) >= 60
    assert all(outside.values())
    inside = EscapeArm(probing, confined=True)
    assert [name for name, is_open in inside(None, np.random.default_rng(0)).items() if is_open] == []
    found = Escapes(lambda: probing.unproven).play(inside, (), np.random.default_rng(0), budget_s=60)
    assert found.success.mean() == 0
    assert set(found.notes["left out, since they work nowhere here"].split(", ")) == set(probing.inside) - set(outside)


@needs_process
def test_forged_evidence_of_this_machine_is_held_against_a_relying_party_that_believes(tmp_path: Path) -> None:
    done = audit(spec(attacks=["evidence-forgery"], flips=50, mutations=50), None, base=tmp_path)
    finding, anew = done.report.findings
    assert finding.verdict is Verdict.HELD
    assert finding.baseline is not None
    assert finding.baseline.value > 0.5
    assert finding.evidence["accepted"] == "none"
    assert "velatura attack enclave --flips 50" in finding.repeat
    assert (anew.verdict, anew.target) == (Verdict.STATED, "evidence of format process, made anew by who shows it")
    assert anew.estimate is not None
    assert anew.estimate.value == 1, "what its limit says is so"


@pytest.mark.parametrize("leaf", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"])
def test_evidence_that_is_not_accepted_is_an_error_and_no_verdict(leaf: bytes, tmp_path: Path) -> None:
    (tmp_path / "e.bin").write_bytes(bytes(1184))
    (tmp_path / "leaf").write_bytes(leaf)
    (tmp_path / "p.toml").write_text('version = 1\nformat = "sev-snp"\n[reference]\nany_measurement = true\n[with]\nleaf = "leaf"\n')
    done = audit(spec(evidence="e.bin", policy="p.toml", attacks=["evidence-forgery"]), None, base=tmp_path)
    assert done.report.findings[0].verdict is Verdict.ERROR
