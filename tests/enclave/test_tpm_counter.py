"""A counter in a TPM: on a software TPM that speaks as a chip does, and against answers that no TPM gives."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.enclave.worlds import POLICY
from tests.programs import needs

from velatura.crypto.secret import Secret
from velatura.enclave.counters import CounterRequest
from velatura.enclave.dataset_key import DatasetKey, TpmIndex, load_dataset_key, save_dataset_key, uses_beside
from velatura.enclave.datasets import Terms
from velatura.enclave.policy import parse_policy
from velatura.enclave.run_sources import counters_beside
from velatura.enclave.sealing import Bound, open_state, seal_state, state_key
from velatura.enclave.tpm_counter import FIRST_INDEX, TpmCounters, Transport, define_counter, device
from velatura.errors import BadInput, Missing, VelaturaError, Withheld

STARTUP = struct.pack(">HIIH", 0x8001, 12, 0x144, 0)
ASKED = CounterRequest(name="a", nonce=bytes(32), increment=True)


@pytest.fixture(scope="module")
def tpm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Transport]:
    program = needs("swtpm", "swtpm")
    folder = tmp_path_factory.mktemp("tpm")
    place = f"type=unixio,path={folder}/s"
    command = [program, "socket", "--tpm2", "--tpmstate", f"dir={folder}", "--server", place, "--flags", "not-need-init"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield from _connected(folder / "s")
    finally:
        process.kill()
        process.wait(timeout=60)


def _connected(path: Path) -> Iterator[Transport]:
    for _ in range(200):
        if path.exists():
            break
        time.sleep(0.05)
    with socket.socket(socket.AF_UNIX) as plain:
        plain.connect(str(path))

        def send(raw: bytes) -> bytes:
            plain.sendall(raw)
            return plain.recv(4096)

        assert struct.unpack_from(">HII", send(STARTUP))[2] == 0
        yield send


def test_it_counts_up_alone(tpm: Transport) -> None:
    base = define_counter(tpm, FIRST_INDEX)
    counter = TpmCounters(tpm, FIRST_INDEX, base=base)
    assert [counter.value("a"), counter.answer(ASKED).value, counter.answer(ASKED).value, counter.value("a")] == [0, 1, 2, 2]
    with pytest.raises(BadInput) as taken:
        define_counter(tpm, FIRST_INDEX)
    assert taken.value.code == "enclave.tpm"


def test_deleted_and_made_again_it_counts_on(tpm: Transport) -> None:
    index = FIRST_INDEX + 1
    base = define_counter(tpm, index)
    counter = TpmCounters(tpm, index, base=base)
    assert counter.answer(ASKED).value == 1
    undefine = struct.pack(">HIIII", 0x8002, 31, 0x122, 0x40000001, index) + struct.pack(">I IHBH", 9, 0x40000009, 0, 0, 0)
    assert struct.unpack_from(">HII", tpm(undefine))[2] == 0
    with pytest.raises(BadInput):
        counter.value("a")
    define_counter(tpm, index)
    assert counter.value("a") > 1, "what was sealed before does not open again"


def test_an_index_that_can_be_set_is_no_counter(tpm: Transport) -> None:
    index = FIRST_INDEX + 2
    public = struct.pack(">IHIHH", index, 0x000B, 1 << 2 | 1 << 18, 0, 8)
    body = struct.pack(">I", 0x40000001) + struct.pack(">I IHBH", 9, 0x40000009, 0, 0, 0) + struct.pack(">HH", 0, len(public)) + public
    assert struct.unpack_from(">HII", tpm(struct.pack(">HII", 0x8002, 10 + len(body), 0x12A) + body))[2] == 0
    with pytest.raises(Withheld) as caught:
        TpmCounters(tpm, index, base=0).value("a")
    assert caught.value.code == "enclave.counter"


def test_another_tpm_is_noticed(tpm: Transport) -> None:
    define_counter(tpm, FIRST_INDEX + 3)
    with pytest.raises(Withheld):
        TpmCounters(tpm, FIRST_INDEX + 3, base=1 << 40).value("a")


def test_an_older_state_is_noticed_by_a_tpm(tpm: Transport) -> None:
    index, bound = FIRST_INDEX + 4, Bound(to="policy", value="ab" * 32, name="a")
    counter, key = TpmCounters(tpm, index, base=define_counter(tpm, index)), state_key(Secret(bytes(32)), bound)
    first = seal_state(b"1", key, bound, counter=counter.answer(ASKED).value, entropy=os.urandom)
    assert open_state(first, key, bound, counter=counter.value("a")) == b"1"
    counter.answer(ASKED)
    with pytest.raises(Withheld) as caught:
        open_state(first, key, bound, counter=counter.value("a"))
    assert caught.value.code == "enclave.rollback"


def test_a_key_file_says_which_counter(tpm: Transport, tmp_path: Path) -> None:
    policy = parse_policy(POLICY)
    terms = Terms(policy=policy.digest, purpose="count", uses=1, outputs=("a",))
    index = TpmIndex(index=FIRST_INDEX + 5, base=define_counter(tpm, FIRST_INDEX + 5))
    save_dataset_key(DatasetKey("ab" * 32, Secret(bytes(32)), terms, policy, uses_beside(tmp_path / "k"), True, index), tmp_path / "k")
    assert not (tmp_path / "k.counter").exists()
    with counters_beside([load_dataset_key(tmp_path / "k")], tpm=tpm, entropy=os.urandom) as counters:
        assert counters is not None
        assert counters.answer(ASKED).value == 1


@given(st.binary(max_size=64))
def test_answers_that_no_tpm_gives_are_refused(raw: bytes) -> None:
    with pytest.raises(VelaturaError):
        TpmCounters(lambda command: raw, FIRST_INDEX, base=0).value("a")


@pytest.mark.parametrize("index", [0, 0x01400001, 0x01C00002, 0xFFFFFFFF])
def test_an_index_of_others_is_left_alone(index: int) -> None:
    with pytest.raises(BadInput):
        define_counter(lambda command: pytest.fail("it was asked"), index)


def test_no_tpm_is_said(tmp_path: Path) -> None:
    with pytest.raises(Missing) as caught:
        define_counter(device(tmp_path / "tpmrm0"), FIRST_INDEX)
    assert caught.value.code == "enclave.no-tpm"
