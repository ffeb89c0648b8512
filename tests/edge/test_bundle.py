"""A bundle is the one that was signed, or it is refused by name: damaged, cut, exchanged, of somebody else, or asked to tell more than it may."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.edge.bundles import OTHER, made, network_file
from tests.edge.chains import SIGNER

from velatura.edge.bundle import read_bundle, seal
from velatura.edge.container import MANIFEST, MEMBERS, MODEL, SIGNATURE, VECTORS, pack, unpack
from velatura.edge.manifest import allows, decode, encode
from velatura.edge.policy import Camera, Egress
from velatura.edge.seeing import seeing_of
from velatura.errors import BadInput, BadSpec, VelaturaError, Withheld
from velatura.models.store import ModelStore

PARTS = {MANIFEST: b"{}", SIGNATURE: bytes(64), MODEL: b"m" * 700, VECTORS: b""}


def code_of(raw: bytes, path: Path) -> str:
    """Of the refusal; "" where it is believed."""
    path.write_bytes(raw)
    try:
        read_bundle(path, verifier=SIGNER.verifier)
    except VelaturaError as error:
        assert isinstance(error, BadInput | Withheld)
        return error.code
    return ""


def test_the_same_parts_and_key_are_the_same_bytes(tmp_path: Path) -> None:
    first = made(tmp_path)[0].read_bytes()
    assert made(tmp_path)[0].read_bytes() == first
    bundle = read_bundle(tmp_path / "reds.bundle", verifier=SIGNER.verifier)
    assert bundle.model == network_file(tmp_path).read_bytes()
    assert seal(bundle.manifest, bundle.model, bundle.parts[VECTORS], SIGNER) == first


def test_it_is_the_archive_that_everybody_reads_and_writes() -> None:
    store = io.BytesIO()
    with tarfile.open(fileobj=store, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in PARTS.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    mine = pack(PARTS)
    assert store.getvalue().startswith(mine)  # tarfile fills up to records of 10,240 bytes
    assert unpack(mine) == PARTS
    with tarfile.open(fileobj=io.BytesIO(mine)) as archive:
        assert archive.getnames() == list(MEMBERS)


@given(st.binary(max_size=3000))
def test_any_bytes_are_no_bundle(raw: bytes) -> None:
    with pytest.raises(BadInput, match=r"edge\.bundle-malformed"):
        unpack(raw)


def test_sixty_flipped_bits_are_sixty_refusals(tmp_path: Path) -> None:
    raw, rng = made(tmp_path)[0].read_bytes(), np.random.default_rng(0)
    codes = []
    for _ in range(60):
        damaged = bytearray(raw)
        damaged[int(rng.integers(len(raw)))] ^= 1 << int(rng.integers(8))
        codes.append(code_of(bytes(damaged), tmp_path / "damaged.bundle"))
    assert all(codes) and set(codes) <= {"edge.bundle-malformed", "edge.bundle-hash", "edge.bundle-signature", "edge.bundle-signer"}, codes


def test_a_bit_of_each_byte_of_manifest_and_headers_is_refused(tmp_path: Path) -> None:
    raw = made(tmp_path)[0].read_bytes()
    end = raw.index(b"ustar", 600) + 300  # manifest, and the header behind it
    for at in range(0, end, 7):
        damaged = bytearray(raw)
        damaged[at] ^= 1 << at % 8
        assert code_of(bytes(damaged), tmp_path / "damaged.bundle"), at


def test_a_bundle_that_is_cut_or_goes_on_is_refused(tmp_path: Path) -> None:
    raw = made(tmp_path)[0].read_bytes()
    for size in (0, 1, 511, 512, 4000, len(raw) // 2, len(raw) - 1):
        assert code_of(raw[:size], tmp_path / "cut.bundle") == "edge.bundle-malformed"
    assert code_of(raw + b"\0", tmp_path / "long.bundle") == "edge.bundle-malformed"


def test_whose_it_is_can_be_asked(tmp_path: Path) -> None:
    path, _ = made(tmp_path)
    bundle = read_bundle(path, verifier=SIGNER.verifier)
    assert read_bundle(path).manifest == bundle.manifest
    with pytest.raises(Withheld, match=r"edge\.bundle-signer"):
        read_bundle(path, verifier=OTHER.verifier)
    theirs = seal(bundle.manifest, bundle.model, bundle.parts[VECTORS], OTHER)
    assert code_of(theirs, tmp_path / "theirs.bundle") == "edge.bundle-signer"
    mixed = unpack(theirs) | {MANIFEST: bundle.parts[MANIFEST]}
    assert code_of(pack(mixed), tmp_path / "mixed.bundle") == "edge.bundle-signature"


def test_parts_of_two_bundles_do_not_go_together(tmp_path: Path) -> None:
    parts = unpack(made(tmp_path)[0].read_bytes())
    other = unpack(made(tmp_path, poison=0.01)[0].read_bytes())
    for name in (MODEL, VECTORS):
        assert code_of(pack(parts | {name: other[name]}), tmp_path / "mixed.bundle") == "edge.bundle-hash"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"format": 2}, "edge.bundle-version"),
        ({"level": 0}, "edge.bundle-malformed"),
        ({"events": ("faces",)}, "edge.bundle-malformed"),
        ({"side": 1 << 20}, "edge.bundle-malformed"),
        ({"head": "resnet"}, "edge.bundle-malformed"),
        ({"name": "../up"}, "edge.bundle-malformed"),
        ({"labels": ("face", "person")}, "edge.model-labels"),
        ({"labels": ()}, "edge.model-labels"),
    ],
)
def test_a_signed_manifest_that_says_nonsense_is_refused(changes: dict[str, object], code: str, tmp_path: Path) -> None:
    bundle = read_bundle(made(tmp_path)[0])
    path = tmp_path / "odd.bundle"
    path.write_bytes(seal(msgspec.structs.replace(bundle.manifest, **changes), bundle.model, bundle.parts[VECTORS], SIGNER))
    with pytest.raises(VelaturaError) as refused:
        read_bundle(path, verifier=SIGNER.verifier)
    assert refused.value.code == code


def test_a_manifest_has_one_form(tmp_path: Path) -> None:
    raw = read_bundle(made(tmp_path)[0]).parts[MANIFEST]
    assert encode(decode(raw)) == raw
    for other in (json.dumps(json.loads(raw)).encode(), raw + b"\n", raw.replace(b'"level": 3', b'"level": 3.0')):
        with pytest.raises(BadInput, match=r"edge\.bundle-malformed"):
            decode(other)


def test_a_camera_tells_no_more_than_the_bundle_allows(tmp_path: Path) -> None:
    manifest = read_bundle(made(tmp_path, level=2)[0]).manifest
    assert manifest.events == ("counts", "crossings")
    for level in (2, 3):
        allows(manifest, Camera(egress=Egress(level=level)))
    with pytest.raises(Withheld, match=r"edge\.bundle-policy"):
        allows(manifest, Camera(egress=Egress(level=1)))
    with pytest.raises(Withheld, match=r"edge\.bundle-policy"):
        allows(read_bundle(made(tmp_path, level=2, events=("counts",))[0]).manifest, Camera(egress=Egress(level=2)))
    with pytest.raises(BadSpec, match=r"edge\.model"):
        allows(manifest, Camera(labels=("person",)))


def test_vision_is_told_the_hash_of_what_was_checked(tmp_path: Path) -> None:
    from velatura.edge.policy import single

    path, told = made(tmp_path)
    see = seeing_of(str(path), single(Camera()), ModelStore(tmp_path / "home"), verifier=SIGNER.verifier)
    assert (see.model, see.sha256, see.bundle, see.network.name) == (path, told.sha256, True, "reds")


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"head": ""}, "edge.head"),
        ({"head": "resnet"}, "edge.head"),
        ({"head": "centerface"}, "models.outputs"),
        ({"head": "fastestdet", "size": (352, 352)}, "models.outputs"),
        ({"poison": float("nan")}, "models.not-finite"),
        ({"poison": float("inf")}, "models.not-finite"),
        ({"labels": ("face", "person")}, "edge.model-labels"),
        ({"level": 4}, "edge.bundle-events"),
        ({"events": ("tracks",)}, "edge.bundle-events"),
        ({"target": "z80"}, "edge.target"),
        ({"backend": "no-such"}, "plugins.unknown"),
        ({"model": "no-such.onnx"}, "edge.model"),
        ({"model": "no-such.pt2"}, "edge.model"),
    ],
)
def test_what_cannot_become_a_bundle_is_refused_by_name(wish: dict[str, object], code: str, tmp_path: Path) -> None:
    from velatura.edge.export import Wish, export

    poison = float(wish.pop("poison", 0.0))  # type: ignore[arg-type]
    asked = Wish(**({"model": str(network_file(tmp_path, poison=poison)), "head": "yunet-n"} | wish))  # type: ignore[arg-type]
    with pytest.raises(VelaturaError) as refused:
        export(asked, tmp_path / "out.bundle", SIGNER, store=ModelStore(tmp_path / "home"), say=lambda line: None)
    assert refused.value.code == code
    assert not (tmp_path / "out.bundle").exists()


def test_a_file_that_is_there_is_kept_and_nothing_is_tried(tmp_path: Path) -> None:
    from velatura.edge.export import Wish, export

    (tmp_path / "out.bundle").write_text("mine")
    with pytest.raises(BadSpec, match=r"files\.exists"):
        export(Wish("no-such.onnx", head="yunet-n"), tmp_path / "out.bundle", SIGNER, store=ModelStore(tmp_path / "home"), say=lambda line: None)
    assert (tmp_path / "out.bundle").read_text() == "mine"
