"""A session as it goes, and everybody who tries to stand in its way: replay, relay, another key, another job, old evidence, terms that do not fit."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.enclave.worlds import CODE, JOB, POLICY, HereEnclave, World

from velatura.crypto.hpke import open_sealed
from velatura.crypto.keys import Identity, Signer
from velatura.crypto.keytext import encode
from velatura.crypto.log import SignedLog, verify_log
from velatura.enclave.binding import info, report_data
from velatura.enclave.exchange import Challenge, Request
from velatura.enclave.manifest import digest_of
from velatura.enclave.permits import hold_terms
from velatura.enclave.sealing import open_output
from velatura.enclave.session import Source, admit
from velatura.enclave.uses import uses_spent
from velatura.errors import BadInput, VelaturaError, Withheld


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def request_of(world: World, enclave: HereEnclave, challenge: Challenge, **changed: Any) -> Request:
    """What an honest enclave would ask, but for what a test changes of it."""
    given = {"nonce": challenge.nonce, "policy": challenge.policy, "job": enclave.job.digest, "key": enclave.recipient.raw} | changed
    bound = report_data(given["nonce"], given["key"], bytes.fromhex(given["policy"]), bytes.fromhex(given["job"]))
    return Request(
        dataset=changed.get("dataset", world.key.dataset),
        nonce=changed.get("sent_nonce", challenge.nonce),
        key=changed.get("sent_key", enclave.recipient.raw),
        manifest=changed.get("manifest", enclave.job.manifest),
        evidence=enclave.evidence(bound, given["nonce"]).evidence,
    )


def refused(world: World, request: Request) -> VelaturaError:
    before = uses_spent(world.key.uses, world.key.dataset, world.terms.uses)
    with pytest.raises(VelaturaError) as caught:
        world.holder.grant(request)
    assert uses_spent(world.key.uses, world.key.dataset, world.terms.uses) == before, "a refusal costs no use"
    return caught.value


def test_the_whole_way(world: World) -> None:
    ran = world.run()
    assert b"49.5" in ran.outputs["metrics"].content
    assert (ran.grants["rows"].use, ran.grants["rows"].verdict) == (1, "affirming")
    assert ("binding", "passed") in [check[:2] for check in ran.grants["rows"].checks]


def test_a_nonce_is_good_once(world: World) -> None:
    enclave, challenge = world.enclave(), world.holder.challenge(world.key.dataset)
    request = request_of(world, enclave, challenge)
    world.holder.grant(request)
    assert refused(world, request).code == "enclave.replay"
    assert refused(world, request_of(world, enclave, challenge)).code == "enclave.replay", "evidence made anew has the same nonce and report data"


def test_old_evidence_does_not_answer_a_new_challenge(world: World) -> None:
    enclave = world.enclave()
    old = request_of(world, enclave, world.holder.challenge(world.key.dataset))
    fresh = world.holder.challenge(world.key.dataset)
    request = Request(dataset=old.dataset, nonce=fresh.nonce, key=old.key, manifest=old.manifest, evidence=old.evidence)
    assert "nonce-mismatch" in refused(world, request).sentence


def test_a_nonce_that_nobody_gave_is_refused(world: World) -> None:
    challenge = world.holder.challenge(world.key.dataset)
    own = Challenge(dataset=challenge.dataset, nonce=os.urandom(32), format="process", policy=challenge.policy, expires_s=300)
    for nonce in (own.nonce, b"", bytes(32), challenge.nonce[:31], challenge.nonce + b"\0"):
        assert refused(world, request_of(world, world.enclave(), own, nonce=own.nonce, sent_nonce=nonce)).code == "enclave.nonce"


def test_a_refused_answer_spends_the_nonce(world: World) -> None:
    enclave, challenge = world.enclave(), world.holder.challenge(world.key.dataset)
    refused(world, request_of(world, enclave, challenge, job="00" * 32))
    assert refused(world, request_of(world, enclave, challenge)).code == "enclave.replay"


def test_a_nonce_grows_old(world: World) -> None:
    challenge = world.holder.challenge(world.key.dataset)
    world.later(301)
    assert refused(world, request_of(world, world.enclave(), challenge)).code == "enclave.nonce"


@pytest.mark.parametrize(
    "splice",
    [
        pytest.param(lambda other: {"sent_key": other.recipient.raw}, id="relay: an honest machine's evidence, another's key"),
        pytest.param(lambda other: {"key": other.recipient.raw}, id="evidence of another key"),
        pytest.param(lambda other: {"policy": "00" * 32}, id="another policy"),
        pytest.param(lambda other: {"job": "00" * 32}, id="another job"),
    ],
)
def test_a_part_of_another_session_is_refused(world: World, splice: Callable[[HereEnclave], dict[str, Any]]) -> None:
    request = request_of(world, world.enclave(), world.holder.challenge(world.key.dataset), **splice(world.enclave()))
    error = refused(world, request)
    assert (error.code, error.exit_status) == ("enclave.contraindicated", 3)
    assert "binding-mismatch" in error.sentence


def test_what_evidence_says_beside_its_report_data_must_fit_too(world: World) -> None:
    for name, value in (("recipient", "77" * 32), ("job", "77" * 32), ("report_data", "77" * 64)):
        request = request_of(world, world.enclave(**{name: value}), world.holder.challenge(world.key.dataset))
        assert "binding-mismatch" in refused(world, request).sentence


def test_a_man_in_the_middle_gets_a_box_that_opens_for_the_enclave_alone(world: World) -> None:
    enclave, challenge = world.enclave(), world.holder.challenge(world.key.dataset)
    request = request_of(world, enclave, challenge)
    grant = world.holder.grant(request)
    bound = report_data(challenge.nonce, request.key, bytes.fromhex(challenge.policy), bytes.fromhex(enclave.job.digest))
    place = info(bound, world.key.dataset, "count")
    assert open_sealed(grant.box, enclave.identity, info=place) == world.key.key.reveal()
    for identity, other in (
        (Identity.new(os.urandom), place),
        (enclave.identity, info(bound, world.key.dataset, "sell")),
        (enclave.identity, info(bound, "00" * 32, "count")),
        (enclave.identity, info(bytes(64), world.key.dataset, "count")),
    ):
        with pytest.raises(Withheld):
            open_sealed(grant.box, identity, info=other)


def test_a_box_of_an_earlier_session_does_not_open_in_a_later_one(world: World) -> None:
    """Reordering: the carrier keeps a grant back and hands it over in another session of the same enclave."""
    enclave = world.enclave()
    first = world.holder.grant(request_of(world, enclave, world.holder.challenge(world.key.dataset)))

    class Reordering:
        def challenge(self, dataset: str) -> Challenge:
            return world.holder.challenge(dataset)

        def grant(self, request: Request) -> Any:
            world.holder.grant(request)
            return first

    with pytest.raises(Withheld):
        admit(enclave, world.job, "rows", Source(Reordering(), lambda: (world.folder / "rows.sealed").open("rb")))


@pytest.mark.parametrize(("seconds", "code"), [(-61, "too-old"), (61, "from-the-future")])
def test_evidence_of_another_time_is_refused(world: World, seconds: float, code: str) -> None:
    world.later(3600)
    challenge = world.holder.challenge(world.key.dataset)
    iat = int(world.now.timestamp() + seconds)
    assert code in refused(world, request_of(world, world.enclave(iat=iat), challenge)).sentence


def test_a_measurement_that_the_policy_does_not_list_gets_no_key(tmp_path: Path) -> None:
    world = World(tmp_path, policy=POLICY.replace("any_measurement = true", f'measurement = ["{"ab" * 32}"]'))
    assert "measurement-mismatch" in refused(world, request_of(world, world.enclave(), world.holder.challenge(world.key.dataset))).sentence


def test_a_policy_that_lists_the_job_takes_that_job_alone(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    digest = World(tmp_path / "a").job.digest
    world = World(tmp_path / "b", policy=POLICY.replace("any_measurement = true", f'job = ["{digest}"]'))
    assert "measurement-mismatch" in refused(world, request_of(world, world.enclave(), world.holder.challenge(world.key.dataset))).sentence


def test_uses_are_counted_and_spent(tmp_path: Path) -> None:
    world = World(tmp_path, uses=2)
    assert [world.run().grants["rows"].use for _ in range(2)] == [1, 2]
    with pytest.raises(Withheld) as caught:
        world.run()
    assert caught.value.code == "enclave.uses-spent"


def test_a_crash_after_the_count_costs_a_use_and_before_it_none(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object, **__: object) -> bytes:
        raise KeyboardInterrupt

    def spent() -> int:
        return uses_spent(world.key.uses, world.key.dataset, world.terms.uses)

    for name, count in (("hold_terms", 0), ("charge_use", 0), ("seal", 1)):
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(f"velatura.enclave.holder.{name}", crash)
            world.run()
        assert spent() == count
    assert world.run().grants["rows"].use == 2


def test_many_at_once_get_no_more_than_there_is(tmp_path: Path) -> None:
    world = World(tmp_path, uses=3)
    requests = [request_of(world, world.enclave(), world.holder.challenge(world.key.dataset)) for _ in range(8)]

    def ask(request: Request) -> int:
        try:
            return world.holder.grant(request).use
        except Withheld as error:
            assert error.code == "enclave.uses-spent"
            return 0

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(ask, requests)) == [0, 0, 0, 0, 0, 1, 2, 3]


def test_without_its_account_nothing_is_released(world: World) -> None:
    world.key.uses.unlink()
    with pytest.raises(Withheld) as caught:
        world.run()
    assert caught.value.code == "enclave.uses-unknown"


@pytest.mark.parametrize(
    ("job", "why"),
    [
        (JOB.replace('purpose = "count"', 'purpose = "sell"'), "'sell'"),
        (JOB + '[outputs.model]\ntype = "model"\n', "'model'"),
        (JOB.replace('type = "metrics"\nk = 20\nmetrics = { mean', 'type = "metrics"\nk = 19\nmetrics = { mean'), ""),
    ],
)
def test_a_job_beyond_the_terms_gets_no_key(world: World, job: str, why: str) -> None:
    if not why:
        with pytest.raises(VelaturaError) as small:
            world.written(job)
        assert "20 or more" in small.value.hint
        return
    with pytest.raises(Withheld) as caught:
        world.run(world.written(job))
    assert caught.value.code == "enclave.terms"
    assert why in caught.value.sentence


@pytest.mark.parametrize(
    ("allowed", "passes"),
    [("metrics", True), ("metrics:metrics", True), ("metrics:metrics:released", True), ("metrics:array", False), ("metrics:metrics:sealed", False)],
)
def test_terms_say_which_type_and_how(tmp_path: Path, allowed: str, passes: bool) -> None:
    world = World(tmp_path, outputs=(allowed,), recipient=encode(Identity.new(os.urandom).recipient))
    if passes:
        world.run()
        return
    with pytest.raises(Withheld) as caught:
        world.run()
    assert caught.value.code == "enclave.terms"


def test_a_job_that_keeps_state_needs_leave_for_that_state(tmp_path: Path) -> None:
    """Another holder of the state's key could hand what it holds to another job."""
    theirs, ours = "ab" * 32, "cd" * 32
    world = World(tmp_path, outputs=("metrics", f"state:{ours}"))
    for state, passes in ((theirs, False), (ours, True)):
        manifest = world.written(JOB + f'[state]\nid = "{state}"\npurpose = "count"\n').terms
        if passes:
            hold_terms(world.terms, world.key.dataset, manifest)
            continue
        with pytest.raises(Withheld) as caught:
            hold_terms(world.terms, world.key.dataset, manifest)
        assert caught.value.code == "enclave.terms"


def test_code_that_the_owner_did_not_read_gets_no_key(tmp_path: Path) -> None:
    world = World(tmp_path, may_run=CODE)
    world.run()
    with pytest.raises(Withheld) as caught:
        world.run(world.written(JOB, CODE + "    print(inputs)\n"))
    assert caught.value.code == "enclave.terms"


def test_sealed_outputs_go_to_whom_the_owner_names(tmp_path: Path) -> None:
    owner, other = Identity.new(os.urandom), Identity.new(os.urandom)
    job = JOB.replace("[inputs.rows]", 'recipient = "WHOM"\n[inputs.rows]') + '[outputs.model]\ntype = "model"\nleave = "sealed"\n'
    code = CODE + '    outputs.put("model", {"w": inputs["rows"]})\n'
    whom = encode(owner.recipient)
    world = World(tmp_path, outputs=("metrics", "model:model:sealed"), recipient=whom, job=job.replace("WHOM", whom), code=code)
    ran = world.run()
    head, content = open_output(ran.outputs["model"].content, owner)
    assert (head.name, head.job) == ("model", world.job.digest)
    assert content.startswith(b"PK")
    with pytest.raises(Withheld):
        open_output(ran.outputs["model"].content, other)
    with pytest.raises(Withheld) as caught:
        world.run(world.written(job.replace("WHOM", encode(other.recipient)), code))
    assert caught.value.code == "enclave.terms"


def test_a_manifest_that_is_written_otherwise_is_refused(world: World) -> None:
    for manifest in (world.job.manifest + b" ", world.job.manifest.replace(b'"config":{}', b'"config":{},"config":{}'), b"{}", b"", b"[" * 5000):
        request = request_of(world, world.enclave(), world.holder.challenge(world.key.dataset), manifest=manifest, job=digest_of(manifest))
        error = refused(world, request)
        assert isinstance(error, BadInput)
        assert error.code == "enclave.manifest"


def test_every_answer_is_in_the_signed_log(tmp_path: Path) -> None:
    signer = Signer.new(os.urandom)
    with SignedLog.create(tmp_path / "log", signer, entropy=os.urandom) as log:
        world = World(tmp_path, uses=1, log=log)
        world.run()
        with pytest.raises(Withheld):
            world.run()
        refused(world, request_of(world, world.enclave(), world.holder.challenge(world.key.dataset), job="00" * 32))
    with (tmp_path / "log").open("rb") as stream:
        granted, spent, forged = verify_log(stream, signer.verifier)
    assert (granted["granted"], granted["policy"], granted["job"]) == (1, world.policy.digest, world.job.digest)
    assert spent["refused"] == "enclave.uses-spent"
    assert (forged["refused"], forged["code"]) == ("enclave.contraindicated", "binding-mismatch")
    assert world.key.key.reveal().hex() not in (tmp_path / "log").read_text()


@pytest.mark.parametrize("wrong", [{"nonce": b""}, {"nonce": bytes(33)}, {"policy": "xyz"}, {"policy": ""}, {"dataset": "00" * 32}])
def test_a_holder_elsewhere_that_sends_nonsense_is_refused(world: World, wrong: dict[str, Any]) -> None:
    class Hostile:
        def challenge(self, dataset: str) -> Challenge:
            return msgspec.structs.replace(world.holder.challenge(dataset), **wrong)

        def grant(self, request: Request) -> Any:
            raise AssertionError("it is not asked")

        def counter(self, asked: Any) -> Any:
            raise AssertionError("it is not asked")

    with pytest.raises(BadInput) as caught:
        admit(world.enclave(), world.job, "rows", Source(Hostile(), lambda: (world.folder / "rows.sealed").open("rb")))
    assert caught.value.code == "enclave.message"


def test_many_challenges_wait_for_each_other(world: World) -> None:
    world.challenges.most = 3
    for _ in range(3):
        world.holder.challenge(world.key.dataset)
    with pytest.raises(VelaturaError) as caught:
        world.holder.challenge(world.key.dataset)
    assert (caught.value.code, caught.value.exit_status) == ("enclave.busy", 4)
    world.later(301)
    world.holder.challenge(world.key.dataset)


def test_a_data_set_that_is_not_here_is_said(world: World) -> None:
    with pytest.raises(Withheld) as caught:
        world.holder.challenge("00" * 32)
    assert caught.value.code == "enclave.no-dataset"
