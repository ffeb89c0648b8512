"""What leaves sealed: outputs for their recipient, state for its kind alone, and counters against state that is put back."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.crypto.keys import Identity, Signer
from velatura.crypto.secret import Secret
from velatura.enclave.counters import CounterRequest, CounterValue, NoCounter, RemoteCounter, SigningCounters
from velatura.enclave.sealing import Bound, open_output, open_state, seal_output, seal_state, state_key
from velatura.errors import BadInput, VelaturaError, Withheld

OWNER = Identity.new(os.urandom)
ROOT = Secret(bytes(32))
POLICY = Bound(to="policy", value="ab" * 32, name="model")


@given(st.binary(max_size=200))
def test_an_output_opens_for_its_recipient(content: bytes) -> None:
    raw = seal_output(content, OWNER.recipient, job="cd" * 32, name="model")
    head, found = open_output(raw, OWNER)
    assert (head.job, head.name, found) == ("cd" * 32, "model", content)
    with pytest.raises(Withheld):
        open_output(raw, Identity.new(os.urandom))


def test_its_head_and_every_bit_of_it_count() -> None:
    raw = seal_output(b"weights", OWNER.recipient, job="cd" * 32, name="model")
    for at in range(len(raw)):
        changed = bytearray(raw)
        changed[at] ^= 1
        with pytest.raises((Withheld, BadInput)):
            open_output(bytes(changed), OWNER)
    for cut in range(0, len(raw), 7):
        with pytest.raises((Withheld, BadInput)):
            open_output(raw[:cut], OWNER)


@pytest.mark.parametrize("other", [{"to": "measurement"}, {"value": "cd" * 32}, {"name": "optimiser"}])
def test_state_opens_for_what_it_is_bound_to(other: dict[str, str]) -> None:
    raw = seal_state(b"weights", state_key(ROOT, POLICY), POLICY, counter=None, entropy=os.urandom)
    assert open_state(raw, state_key(ROOT, POLICY), POLICY, counter=None) == b"weights"
    elsewhere = msgspec.structs.replace(POLICY, **other)
    own, foreign = state_key(ROOT, POLICY), state_key(Secret(bytes(31) + b"1"), POLICY)
    for key, bound in ((state_key(ROOT, elsewhere), elsewhere), (own, elsewhere), (foreign, POLICY)):
        with pytest.raises(Withheld):
            open_state(raw, key, bound, counter=None)


def test_an_older_state_is_noticed_where_something_counts(tmp_path: Path) -> None:
    key = state_key(ROOT, POLICY)
    with SigningCounters(tmp_path / "counters", Signer.new(os.urandom), new=True) as broker:
        counter = RemoteCounter(broker.answer, broker.verifier, "model", entropy=os.urandom)
        first = seal_state(b"1", key, POLICY, counter=counter.increment(), entropy=os.urandom)
        assert open_state(first, key, POLICY, counter=counter.read()) == b"1"
        second = seal_state(b"2", key, POLICY, counter=counter.increment(), entropy=os.urandom)
        assert open_state(second, key, POLICY, counter=counter.read()) == b"2"
        uncounted = seal_state(b"3", key, POLICY, counter=None, entropy=os.urandom)
        for old in (first, uncounted):
            with pytest.raises(Withheld) as caught:
                open_state(old, key, POLICY, counter=counter.read())
            assert caught.value.code == "enclave.rollback"


def test_where_nothing_counts_an_older_state_opens() -> None:
    """The limit that a run states: this is what `none` means."""
    key, counter = state_key(ROOT, POLICY), NoCounter()
    states = [seal_state(content, key, POLICY, counter=counter.increment(), entropy=os.urandom) for content in (b"1", b"2")]
    assert open_state(states[0], key, POLICY, counter=counter.read()) == b"1"


def test_counters_go_on_after_a_restart_and_never_back(tmp_path: Path) -> None:
    signer = Signer.new(os.urandom)
    for expected in (1, 2, 3):
        with SigningCounters(tmp_path / "c", signer, new=expected == 1) as broker:
            ask = RemoteCounter(broker.answer, broker.verifier, "a", entropy=os.urandom)
            assert ask.increment() == expected
            assert ask.read() == expected
            assert RemoteCounter(broker.answer, broker.verifier, "b", entropy=os.urandom).read() == 0


def test_an_answer_that_was_changed_kept_or_made_by_another_is_refused(tmp_path: Path) -> None:
    with (
        SigningCounters(tmp_path / "c", Signer.new(os.urandom), new=True) as broker,
        SigningCounters(tmp_path / "d", Signer.new(os.urandom), new=True) as other,
    ):
        old = broker.answer(CounterRequest(name="a", nonce=bytes(32), increment=False))

        def higher(asked: CounterRequest) -> CounterValue:
            return msgspec.structs.replace(broker.answer(asked), value=7)

        def of_another_counter(asked: CounterRequest) -> CounterValue:
            return broker.answer(msgspec.structs.replace(asked, name="b"))

        for ask in (lambda asked: old, higher, of_another_counter, other.answer):
            with pytest.raises(Withheld) as caught:
                RemoteCounter(ask, broker.verifier, "a", entropy=os.urandom).read()
            assert caught.value.code == "enclave.counter"


def test_a_broker_that_did_not_count_is_noticed(tmp_path: Path) -> None:
    with SigningCounters(tmp_path / "c", Signer.new(os.urandom), new=True) as broker:

        def lazy(asked: CounterRequest) -> CounterValue:
            return broker.answer(msgspec.structs.replace(asked, increment=False))

        with pytest.raises(Withheld):
            RemoteCounter(lazy, broker.verifier, "a", entropy=os.urandom).increment()


@pytest.mark.parametrize(("name", "nonce"), [("", bytes(32)), ("a/b", bytes(32)), ("a" * 129, bytes(32)), ("a", b"")])
def test_what_is_no_counter_is_refused(tmp_path: Path, name: str, nonce: bytes) -> None:
    with SigningCounters(tmp_path / "c", Signer.new(os.urandom), new=True) as broker, pytest.raises(VelaturaError) as caught:
        broker.answer(CounterRequest(name=name, nonce=nonce, increment=True))
    assert caught.value.code == "enclave.counter"


def test_an_account_that_is_none_of_counters_is_refused(tmp_path: Path) -> None:
    from velatura.crypto.chain import ChainedFile

    with ChainedFile(tmp_path / "c", new=True) as account:
        account.append({"counter": "a", "value": 2})
    with pytest.raises(BadInput):
        SigningCounters(tmp_path / "c", Signer.new(os.urandom))
