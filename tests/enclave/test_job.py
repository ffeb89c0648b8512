"""A job's file, strictly: what it may say, where its files may lie, and that everything that changes what it does changes its digest."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.enclave.worlds import CODE, JOB

from velatura.crypto.keys import Identity
from velatura.crypto.keytext import encode
from velatura.enclave.binding import Binding, framed, report_data
from velatura.enclave.job import Job, load_job
from velatura.enclave.manifest import digest_of, read_manifest
from velatura.errors import BadInput, BadSpec, VelaturaError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "job.py").write_text(CODE)
    np.save(tmp_path / "rows.npy", np.arange(3))
    (tmp_path / "rows.npy").rename(tmp_path / "rows.sealed")
    return tmp_path


def loaded(folder: Path, text: str) -> Job:
    (folder / "job.toml").write_text(text)
    return load_job(folder / "job.toml")


def somebody(number: int) -> Identity:
    """The same in every process: workers of a test run must collect the same parameters."""
    return Identity.new(lambda size: bytes([number]) * size)


WHOM = encode(somebody(1).recipient)
LONG = JOB.replace("[inputs.rows]", f'imports = ["torch"]\nmemory_mb = 64\nthreads = 2\ndeadline_s = 5\nrecipient = "{WHOM}"\n[inputs.rows]')
LONG += '[outputs.table]\ntype = "table"\ncolumns = ["a", "b"]\nrows = 3\n[config]\nepochs = 5\n'


def test_a_job_is_what_its_manifest_says(folder: Path) -> None:
    job = loaded(folder, LONG)
    assert read_manifest(job.manifest) == job.terms
    assert digest_of(job.manifest) == job.digest
    assert (job.threads, job.memory_mb, job.config["epochs"], job.imports) == (2, 64, 5, ("torch",))
    assert job.recipient is not None
    assert not job.inputs["rows"].sealed


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("epochs = 5", "epochs = 6"),
        ("epochs = 5", 'epochs = "5"'),
        ('"torch"', '"torch", "json"'),
        ("memory_mb = 64", "memory_mb = 65"),
        ("threads = 2", "threads = 1"),
        ("deadline_s = 5", "deadline_s = 6"),
        ("decimals = 1", "decimals = 2"),
        ("k = 20", "k = 21"),
        ("rows = 3", "rows = 4"),
        ('"a", "b"', '"b", "a"'),
        ('purpose = "count"', 'purpose = "sell"'),
        ('form = "npy"', 'form = "bytes"'),
        ("[inputs.rows]", "[inputs.lines]"),
        (WHOM, encode(somebody(2).recipient)),
        ('kind = "python"', 'kind = "train"'),
        ('type = "table"', 'type = "table"\nleave = "sealed"'),
    ],
)
def test_whatever_changes_what_it_does_changes_its_digest(folder: Path, old: str, new: str) -> None:
    before = loaded(folder, LONG).digest
    assert LONG.count(old)
    assert loaded(folder, LONG.replace(old, new)).digest != before


def test_so_do_code_and_data_and_nothing_else(folder: Path) -> None:
    before = loaded(folder, LONG).digest
    assert loaded(folder, LONG.replace("\n[config]", "\n\n# the same\n[config]")).digest == before
    (folder / "job.py").write_text(CODE + "\n")
    code = loaded(folder, LONG).digest
    (folder / "rows.sealed").write_bytes(b"other")
    assert len({before, code, loaded(folder, LONG).digest}) == 3


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('"job.py"', '"../job.py"', "enclave.job"),
        ('"job.py"', '"/etc/passwd"', "enclave.job"),
        ('"job.py"', '"link.py"', "enclave.job"),
        ('"job.py"', '"none.py"', "enclave.job-file"),
        ('"job.py"', '"."', "enclave.job-file"),
        ('"job.py"', '"fifo"', "enclave.job-file"),
        ('"job.py"', '"a\\u0000b"', "enclave.job"),
        ('"rows.sealed"', '"../rows.sealed"', "enclave.job"),
        ('"rows.sealed"', '"/dev/zero"', "enclave.job"),
        ("version = 1", "version = 2", "spec.wrong"),
        ("version = 1", "version = 1\nnetwork = true", "spec.unknown-key"),
        ('kind = "python"', 'kind = "shell"', "spec.wrong"),
        ('kind = "python"', 'kind = "inference"', "enclave.job"),
        ('code = "job.py"', "", "enclave.job"),
        ('"torch"', '"os; import x"', "enclave.job"),
        ("memory_mb = 64", "memory_mb = 0", "enclave.job"),
        ("threads = 2", "threads = 100000", "enclave.job"),
        ("deadline_s = 5", "deadline_s = nan", "enclave.job"),
        ("deadline_s = 5", "deadline_s = inf", "enclave.job"),
        ("k = 20", "k = 19", "enclave.job"),
        ("k = 20", "", "enclave.job"),
        ("decimals = 1", "decimals = 7", "enclave.job"),
        ("low = 0, high = 100", "low = 0, high = inf", "enclave.job"),
        ("rows = 3", 'rows = 3\ndtype = "float32"', "enclave.job"),
        ('"a", "b"', '"a", "a"', "enclave.job"),
        ("[outputs.table]", '[outputs."../table"]', "enclave.job"),
        ("[inputs.rows]", '[inputs."a/b"]', "enclave.job"),
        ('form = "npy"', 'form = "pickle"', "enclave.job"),
        ('purpose = "count"', 'purpose = ""', "enclave.job"),
        ("epochs = 5", "epochs = nan", "enclave.job"),
        ("epochs = 5", "epochs = 9007199254740993", "enclave.job"),
        ("epochs = 5", "epochs = 2026-01-01", "enclave.job"),
        (WHOM, WHOM[:-1] + ("a" if WHOM[-1] != "a" else "b"), "crypto.key-mistyped"),
        (WHOM, encode(somebody(3)), "crypto.secret-given"),
    ],
)
def test_what_a_job_may_not_say_is_refused_in_a_line(folder: Path, old: str, new: str, code: str) -> None:
    (folder.parent / "job.py").write_text(CODE)
    (folder / "link.py").symlink_to(folder.parent / "job.py")
    os.mkfifo(folder / "fifo")
    assert old in LONG
    with pytest.raises(VelaturaError) as caught:
        loaded(folder, LONG.replace(old, new))
    assert caught.value.code == code
    assert "velatura-identity" not in str(caught.value) + caught.value.hint


NETWORK = """version = 1
kind = "inference"
model = "job.py"
inputs.rows = { file = "rows.sealed", form = "npy", purpose = "score" }
outputs.scores = { type = "array", dtype = "float32", shape = [10, 3] }
config = { batch = 4 }
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("inputs.rows", 'inputs.more = { file = "rows.sealed", form = "npy", purpose = "score" }\ninputs.rows'),
        ('"npy"', '"bytes"'),
        ('"array", dtype = "float32", shape = [10, 3]', '"model"'),
        ('"array", dtype = "float32", shape = [10, 3]', '"metrics", k = 20, metrics = { scores = {} }'),
        ("batch = 4", "batch = 0"),
        ("batch = 4", 'batch = "4"'),
        ("batch = 4", "batch = true"),
        ("batch = 4", "size = 4"),
    ],
)
def test_what_a_network_cannot_be_asked_is_refused_before_it_starts(folder: Path, old: str, new: str) -> None:
    assert loaded(folder, NETWORK).kind == "inference"
    assert old in NETWORK
    with pytest.raises(BadSpec, match=r"enclave\.job"):
        loaded(folder, NETWORK.replace(old, new))


def test_a_private_model_that_leaves_sealed_is_reckoned_inside(folder: Path) -> None:
    text = LONG + '[outputs.model]\ntype = "model"\nleave = "sealed"\nprivacy = { epsilon = 1, delta = 1e-5 }\n'
    with pytest.raises(BadSpec):
        loaded(folder, text)
    loaded(folder, text.replace('"torch"', '"velatura.dp.sgd"'))


def test_an_input_may_lie_where_the_person_says(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other") / "rows"
    other.write_bytes(b"other")
    (folder / "job.toml").write_text(JOB)
    assert load_job(folder / "job.toml", places={"rows": other}).inputs["rows"].path == other
    with pytest.raises(BadSpec):
        load_job(folder / "job.toml", places={"lines": other})


@given(st.binary(max_size=400))
def test_hostile_bytes_are_no_manifest(raw: bytes) -> None:
    with pytest.raises(BadInput):
        read_manifest(raw)


@given(at=st.integers(min_value=0, max_value=400), byte=st.integers(min_value=0, max_value=255))
def test_a_changed_manifest_is_another_job_or_none(tmp_path_factory: pytest.TempPathFactory, at: int, byte: int) -> None:
    folder = tmp_path_factory.mktemp("m")
    (folder / "job.py").write_text(CODE)
    (folder / "rows.sealed").write_bytes(b"x")
    job = loaded(folder, JOB)
    raw = bytearray(job.manifest)
    raw[at % len(raw)] = byte
    try:
        assert (read_manifest(bytes(raw)) == job.terms) == (bytes(raw) == job.manifest)
    except BadInput:
        assert bytes(raw) != job.manifest


def test_report_data_are_a_known_hash() -> None:
    """By hand: SHA-512 of five parts, each after four bytes of length."""
    import hashlib

    by_hand = b"\0\0\0\x13velatura-enclave-v1" + b"".join(b"\0\0\0\x20" + bytes([one]) * 32 for one in (1, 2, 3, 4))
    assert report_data(*(bytes([one]) * 32 for one in (1, 2, 3, 4))) == hashlib.sha512(by_hand).digest()


@given(st.lists(st.binary(max_size=8), max_size=5), st.lists(st.binary(max_size=8), max_size=5))
def test_no_two_lists_of_parts_are_the_same_bytes(one: list[bytes], other: list[bytes]) -> None:
    assert (framed(*one) == framed(*other)) == (one == other)


@given(st.tuples(*[st.binary(min_size=32, max_size=32)] * 4), st.tuples(*[st.binary(min_size=32, max_size=32)] * 4))
def test_report_data_bind_each_part(one: tuple[bytes, ...], other: tuple[bytes, ...]) -> None:
    assert (report_data(*one) == report_data(*other)) == (one == other)


def test_each_format_carries_the_session_where_it_has_room() -> None:
    import hashlib

    binding = Binding(bytes([1]) * 32, bytes([2]) * 32, "03" * 32, "04" * 32)
    whole = binding.report_data
    for named in ("sev-snp", "tdx", "sgx"):
        assert binding.expected(named) == whole
        assert binding.missing(named, {}) == ()
    for named in ("tpm", "vm", "azure-snp", "azure-tdx", "nvidia"):
        assert binding.expected(named) == hashlib.sha256(whole).digest()
    nitro = {"user_data": whole.hex(), "public_key": "02" * 32}
    assert binding.expected("nitro") == bytes([1]) * 32
    assert binding.missing("nitro", nitro) == ()
    assert binding.missing("nitro", nitro | {"public_key": None}) == ("public_key",)
    assert binding.missing("nitro", {}) == ("user_data", "public_key")
    assert binding.missing("process", {"report_data": whole.hex(), "recipient": "02" * 32, "job": "04" * 32}) == ()
    assert binding.missing("process", {"report_data": whole.hex(), "recipient": "02" * 32, "job": "05" * 32}) == ("job",)


def test_a_job_does_not_change_under_its_digest(folder: Path) -> None:
    job = loaded(folder, LONG)
    with pytest.raises(AttributeError):
        job.code = b""  # type: ignore[misc]
    with pytest.raises(AttributeError):
        job.terms.threads = 3  # type: ignore[misc]
    assert msgspec.structs.replace(job.terms, threads=3) != job.terms
