"""Sealed data: they open under their own terms alone, whole and in order, and nothing of another file fits."""

from __future__ import annotations

import io
import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.enclave.worlds import POLICY

from velatura.crypto.aead import HEAD, SALT_BYTES, TAG_BYTES, ChunkedAead
from velatura.crypto.secret import Secret
from velatura.enclave import datasets
from velatura.enclave.dataset_key import DatasetKey, load_dataset_key, new_key, save_dataset_key, uses_beside, with_whole_paths
from velatura.enclave.datasets import Terms, header_of, identity, is_sealed, open_dataset, seal, unseal
from velatura.enclave.policy import parse_policy
from velatura.enclave.uses import charge_use, uses_spent
from velatura.errors import BadInput, BadSpec, VelaturaError, Withheld

TERMS = Terms(policy="ab" * 32, purpose="count", uses=2, outputs=("a", "b:metrics"))
KEY = Secret(bytes(range(32)))


def sealed(folder: Path, content: bytes, name: str = "x", terms: Terms = TERMS) -> bytes:
    (folder / name).write_bytes(content)
    sink = io.BytesIO()
    seal([folder / name], sink, terms, KEY, entropy=os.urandom)
    return sink.getvalue()


def opened(raw: bytes, terms: Terms = TERMS, key: Secret = KEY) -> bytes:
    return open_dataset(io.BytesIO(raw), terms, key)[1].read()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of 100 bytes, so that a few hundred bytes are several."""
    monkeypatch.setattr(datasets, "CHUNK", 100)


def parts(raw: bytes) -> tuple[bytes, list[bytes]]:
    """Everything before the chunks, and the chunks."""
    _, _, size, header = HEAD.unpack_from(raw)
    at, whole = HEAD.size + header + SALT_BYTES, size + TAG_BYTES
    return raw[:at], [raw[one : one + whole] for one in range(at, len(raw), whole)]


@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 300])
def test_it_opens_whole(tmp_path: Path, small: None, size: int) -> None:
    content = os.urandom(size)
    assert opened(sealed(tmp_path, content)) == content


@given(content=st.binary(max_size=300))
def test_nothing_of_it_is_readable(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    raw = sealed(tmp_path_factory.mktemp("d"), content)
    assert len(content) < 8 or content not in raw
    assert opened(raw) == content


def test_chunks_stay_where_they_are(tmp_path: Path, small: None) -> None:
    head, (first, second, third) = parts(sealed(tmp_path, bytes(250)))
    other_head, (other, _, last) = parts(sealed(tmp_path, bytes(250)))
    moved = {
        "reordered": [second, first, third],
        "cut": [first, second],
        "cut to nothing": [],
        "repeated": [first, first, second, third],
        "longer": [first, second, third, third],
        "of another file": [other, second, third],
        "the end of another file": [first, second, last],
        "begun later": [second, third],
    }
    for what, chunks in moved.items():
        with pytest.raises(Withheld) as caught:
            opened(head + b"".join(chunks))
        assert caught.value.code == "crypto.stream-refused", what
    with pytest.raises(Withheld):
        opened(other_head + first + second + third)


@pytest.mark.parametrize("terms", ["policy", "purpose", "uses", "outputs", "recipient", "code"])
def test_under_other_terms_it_does_not_open(tmp_path: Path, terms: str) -> None:
    other: dict[str, object] = {"policy": "cd" * 32, "purpose": "sell", "uses": 3, "outputs": ("a", "b"), "recipient": "x", "code": ("ef" * 32,)}
    with pytest.raises(Withheld):
        opened(sealed(tmp_path, b"secret"), terms=msgspec.structs.replace(TERMS, **{terms: other[terms]}))


def test_terms_in_the_file_cannot_be_changed(tmp_path: Path) -> None:
    raw = sealed(tmp_path, b"secret")
    assert raw.count(b'"count"') == 1
    changed = raw.replace(b'"count"', b'"sells"')
    for terms in (TERMS, msgspec.structs.replace(TERMS, purpose="sells")):
        with pytest.raises(Withheld):
            opened(changed, terms=terms)


def test_another_key_does_not_open_it(tmp_path: Path) -> None:
    with pytest.raises(Withheld):
        opened(sealed(tmp_path, b"secret"), key=Secret(bytes(32)))


def test_every_bit_counts(tmp_path: Path) -> None:
    raw = sealed(tmp_path, b"secret")
    for at in range(len(raw)):
        changed = bytearray(raw)
        changed[at] ^= 1
        with pytest.raises((Withheld, BadInput)):
            opened(bytes(changed))


def test_two_files_of_the_same_data_are_two(tmp_path: Path) -> None:
    one, two = (sealed(tmp_path, b"secret") for _ in range(2))
    assert identity(io.BytesIO(one)) != identity(io.BytesIO(two))
    assert is_sealed(io.BytesIO(one))
    assert not is_sealed(io.BytesIO(b"PK"))
    assert header_of(io.BytesIO(one)).terms == TERMS


def test_several_files_and_folders_come_back_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "a.txt").write_bytes(b"a" * 3000)
    (tmp_path / "in" / "b.txt").write_bytes(b"")
    (tmp_path / "in" / "link").symlink_to("/etc/passwd")
    (tmp_path / "c.txt").write_bytes(b"c")
    sink = io.BytesIO()
    seal([tmp_path / "in", tmp_path / "c.txt"], sink, TERMS, KEY, entropy=os.urandom)
    size = unseal(io.BytesIO(sink.getvalue()), tmp_path / "out", TERMS, KEY)
    found = {path.relative_to(tmp_path / "out").as_posix(): path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert found == {"deep/a.txt": b"a" * 3000, "b.txt": b"", "c.txt": b"c"}
    assert size == 3001


def test_an_archive_stays_within_its_folder(tmp_path: Path) -> None:
    import tarfile

    for name in ("../x", "/tmp/x", "a/../../x"):
        held, sink = io.BytesIO(), io.BytesIO()
        with tarfile.open(fileobj=held, mode="w") as archive:
            archive.addfile(tarfile.TarInfo(name))
        header = msgspec.json.encode(datasets.Header(terms=TERMS, archive=True), order="sorted")
        writer = ChunkedAead(KEY, TERMS.context).writer(sink, header=header, entropy=os.urandom)
        writer.write(held.getvalue())
        writer.finish()
        with pytest.raises(BadInput):
            unseal(io.BytesIO(sink.getvalue()), tmp_path / "out", TERMS, KEY)


def test_sources_that_cannot_be_sealed_are_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"1")
    (tmp_path / "x").write_bytes(b"2")
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "fifo")
    for sources in ([tmp_path / "none"], [tmp_path / "x", tmp_path / "a" / "x"], [tmp_path / "empty"], [tmp_path / "fifo"]):
        with pytest.raises(BadInput) as caught:
            seal(sources, io.BytesIO(), TERMS, KEY, entropy=os.urandom)
        assert caught.value.code == "enclave.data"


@pytest.mark.parametrize(
    "wrong",
    [
        {"uses": 0},
        {"uses": 1_000_001},
        {"purpose": " "},
        {"purpose": "a\nb"},
        {"outputs": ()},
        {"outputs": ("a", "a:metrics")},
        {"outputs": ("A",)},
        {"outputs": ("a:modle",)},
        {"outputs": ("state:ab",)},
        {"outputs": ("a:model:seald",)},
        {"outputs": ("a:model:sealed",)},
        {"policy": "ab"},
        {"code": ("ef",)},
    ],
)
def test_terms_that_say_nothing_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadSpec) as caught:
        msgspec.structs.replace(TERMS, **wrong).check()
    assert caught.value.code == "enclave.terms"


def kept(folder: Path, uses: int = 2) -> DatasetKey:
    policy = parse_policy(POLICY)
    terms = msgspec.structs.replace(TERMS, policy=policy.digest, uses=uses)
    made = DatasetKey("cd" * 32, new_key(os.urandom), terms, policy, uses_beside(folder / "k"))
    save_dataset_key(made, folder / "k")
    return made


def test_a_key_file_keeps_key_terms_and_policy(tmp_path: Path) -> None:
    made = kept(tmp_path)
    read = load_dataset_key(tmp_path / "k")
    assert (read.key, read.terms, read.policy, read.dataset) == (made.key, made.terms, made.policy, made.dataset)
    assert (tmp_path / "k").stat().st_mode & 0o777 == 0o600
    with pytest.raises(BadSpec):
        save_dataset_key(made, tmp_path / "k")


def test_companions_of_a_policy_are_found_from_anywhere(tmp_path: Path) -> None:
    policy = parse_policy(POLICY + '[with]\nleaf = "l.der"\ncrl = ["a.crl"]\n')
    whole = with_whole_paths(policy, tmp_path)
    assert (whole.companions.leaf, whole.companions.crl) == (str(tmp_path / "l.der"), (str(tmp_path / "a.crl"),))
    assert whole.digest == policy.digest


def test_a_key_file_that_is_open_or_changed_is_refused_and_shows_nothing(tmp_path: Path) -> None:
    made = kept(tmp_path)
    text = (tmp_path / "k").read_text()
    for wrong in (
        text.replace('"purpose": "count"', '"purpose": "sell"').replace(made.policy.digest, "00" * 32),
        text[:-20],
        text.replace(made.key.reveal().hex(), "zz" * 32),
        text.replace('"velatura"', '"extra": 1, "velatura"'),
    ):
        (tmp_path / "k").write_text(wrong)
        with pytest.raises(VelaturaError) as caught:
            load_dataset_key(tmp_path / "k")
        assert caught.value.code == "enclave.key-file"
        assert made.key.reveal().hex() not in str(caught.value)
    (tmp_path / "k").write_text(text)
    (tmp_path / "k").chmod(0o644)
    with pytest.raises(Withheld) as exposed:
        load_dataset_key(tmp_path / "k")
    assert exposed.value.code == "crypto.key-exposed"
    for other in (b"", b"\x7fELF", b"velatura key 1\n"):
        (tmp_path / "o").write_bytes(other)
        with pytest.raises(BadSpec):
            load_dataset_key(tmp_path / "o")


def test_uses_are_of_one_data_set(tmp_path: Path) -> None:
    made = kept(tmp_path)
    assert charge_use(made.uses, made.dataset, 2, {"job": "x"}) == 1
    for dataset, uses in (("ef" * 32, 2), (made.dataset, 3)):
        with pytest.raises(Withheld) as caught:
            charge_use(made.uses, dataset, uses, {})
        assert caught.value.code == "enclave.uses-unknown"
    assert uses_spent(made.uses, made.dataset, 2) == 1
    assert charge_use(made.uses, made.dataset, 2, {}) == 2
    with pytest.raises(Withheld) as spent:
        charge_use(made.uses, made.dataset, 2, {})
    assert spent.value.code == "enclave.uses-spent"
