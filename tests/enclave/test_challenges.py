"""Nonces, each good once; and why what was shown is remembered by nonce and report data, and not by the evidence's bytes."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.enclave.challenges import Challenges
from velatura.enclave.companions import Companions
from velatura.enclave.policy import parse_policy
from velatura.enclave.verify import verify
from velatura.errors import Missing, VelaturaError, Withheld

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973
"""Of P-384's base point."""


class World:
    """A clock, and entropy that counts."""

    def __init__(self) -> None:
        self.now, self.drawn = 0.0, 0
        self.challenges = Challenges(self.entropy, lambda: self.now, expire_s=10, most=5)

    def entropy(self, size: int) -> bytes:
        self.drawn += 1
        return self.drawn.to_bytes(size, "big")

    def spend(self, nonce: bytes, subject: str = "a", report_data: bytes = b"r") -> str:
        try:
            self.challenges.spend(nonce, subject, report_data)
        except VelaturaError as error:
            return error.code
        return ""


def test_another_signature_of_the_same_report_is_a_replay(shared: Path) -> None:
    """(r, n - s) verifies where (r, s) does: a real SEV-SNP report has two forms, and both are accepted as evidence."""
    folder = shared / "data" / "enclave-evidence"
    case = next(one for one in json.loads((folder / "cases.json").read_text())["cases"] if one["id"] == "snp-v3-milan-vcek")
    report = (folder / case["evidence"]).read_bytes()
    s = int.from_bytes(report[0x2E8:0x330], "little")
    twin = report[:0x2E8] + (ORDER - s).to_bytes(72, "little") + report[0x330:]
    policy = parse_policy('version = 1\nformat = "sev-snp"\n[reference]\nany_measurement = true\n')
    companions = Companions(leaf=(folder / case["with"]["leaf"]).read_bytes())
    one, other = (verify(raw, policy, companions, now=datetime.fromtimestamp(case["time"], UTC)) for raw in (report, twin))
    assert one.verdict == other.verdict and one.claims["report_data"] == other.claims["report_data"]
    assert next(check for check in other.checks if check.name == "signature").outcome == "passed"
    assert hashlib.sha256(report).digest() != hashlib.sha256(twin).digest()

    world = World()
    nonce, shown = world.challenges.issue("a"), bytes.fromhex(one.claims["report_data"])
    assert world.spend(nonce, report_data=shown) == ""
    assert world.spend(nonce, report_data=bytes.fromhex(other.claims["report_data"])) == "enclave.replay"


def test_a_nonce_is_of_one_subject_and_good_once() -> None:
    world = World()
    first, second = world.challenges.issue("a"), world.challenges.issue("b")
    assert world.spend(first, "b") == "enclave.nonce"
    assert world.spend(first, "a") == "enclave.replay", "the wrong answer spent it"
    assert world.spend(second, "b", b"one") == ""
    assert world.spend(second, "b", b"two") == "enclave.nonce"


def test_a_nonce_that_is_too_old_is_no_more() -> None:
    world = World()
    nonce = world.challenges.issue("a")
    world.now = 10
    assert world.spend(nonce) == "enclave.nonce"


def test_there_are_only_so_many_at_once() -> None:
    world = World()
    for _ in range(5):
        world.challenges.issue("a")
    with pytest.raises(Missing):
        world.challenges.issue("a")
    world.now = 11
    world.challenges.issue("a")


def test_what_was_shown_takes_no_more_memory_than_so_much() -> None:
    world = World()
    for number in range(1000):
        assert world.spend(number.to_bytes(32, "big")) == "enclave.nonce"
    assert len(world.challenges._shown) <= 21


@given(st.lists(st.sampled_from(["issue", "spend", "again", "wait"]), max_size=40))
def test_whatever_happens_no_nonce_is_taken_twice(steps: list[str]) -> None:
    world, given_out, taken = World(), list[bytes](), set[bytes]()
    for step in steps:
        if step == "issue":
            try:
                given_out.append(world.challenges.issue("a"))
            except Missing:
                continue
        elif step == "wait":
            world.now += 3
        elif given_out:
            nonce = given_out[-1] if step == "again" else given_out[0]
            if world.spend(nonce) == "":
                assert nonce not in taken
                taken.add(nonce)


def test_entropy_that_repeats_itself_is_our_own_mistake() -> None:
    stuck = Challenges(lambda size: bytes(size), lambda: 0.0)
    stuck.issue("a")
    with pytest.raises(ValueError, match="twice"):
        stuck.issue("a")
    with pytest.raises(Withheld):
        stuck.spend(b"other", "a", b"")
