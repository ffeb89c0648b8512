"""From frames to a real public file with its sidecar, and back through the confined decoder into a real lossless file."""

from __future__ import annotations

import stat

import numpy as np
import pytest
from tests.obfuscation.sealing import ALICE, BOB, CASES, copy_of, publish

from velatura.errors import BadInput, BadSpec, VelaturaError, Withheld
from velatura.media.source import Decoder
from velatura.obfuscation.unseal import unseal


@pytest.fixture(scope="module")
def decoder():
    with Decoder() as warmed:
        yield warmed


def read(decoder, path):
    with decoder.open(path) as reader:
        return reader.facts, [copy_of(frame) for frame in reader]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("carry", [False, True], ids=["beside", "carried"])
def test_what_was_sealed_comes_back_bit_by_bit_and_the_rest_is_what_was_published(case, carry, tmp_path, decoder):
    _, form, size, plan, _, suffix = CASES[case]
    original, public, _ = publish(case, tmp_path, carry=carry)
    out = tmp_path / f"restored{suffix}"
    done = unseal(public, identity=ALICE, out=out, decoder=decoder)
    assert (done.frames, done.restored, done.still_black) == (len(plan), sum(map(len, plan)), ())
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    facts, restored = read(decoder, out)
    assert facts.form == form and len(restored) == len(original)
    published = [frame for _, frame in zip(plan, read(decoder, public)[1], strict=True)]
    for was, now, shown, regions in zip(original, restored, published, plan, strict=True):
        inside = np.zeros(size[::-1], bool)
        for _, (x0, y0, x1, y1) in regions:
            inside[y0:y1, x0:x1] = True
        for i, (before, after) in enumerate(zip(was.planes, now.planes, strict=True)):
            sx, sy = form.subsampled(i)
            here = inside[:: 1 << sy, :: 1 << sx]
            assert (before[here] == after[here]).all()
            if shown.form == form:
                assert (shown.planes[i][~here] == after[~here]).all()
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


def test_one_track_alone_comes_back_and_the_other_stays_black(tmp_path, decoder):
    original, public, _ = publish("png-alpha", tmp_path)
    done = unseal(public, identity=ALICE, out=tmp_path / "one.png", track=1)
    assert (done.tracks, done.restored, done.still_black) == ((1,), 1, (0,))
    now = read(decoder, tmp_path / "one.png")[1][0].planes[0]
    assert (now[24:32, 16:32] == original[0].planes[0][24:32, 16:32]).all()
    assert (now[14:18, 14:18] == 0).all()
    with pytest.raises(BadSpec, match=r"seal\.no-track") as told:
        unseal(public, identity=ALICE, out=tmp_path / "none.png", track=7)
    assert "0, 1" in told.value.hint


@pytest.mark.parametrize("case", ["jpeg", "mp4"])
def test_a_changed_bit_in_either_file_is_refused_and_leaves_nothing(case, tmp_path):
    _, public, beside = publish(case, tmp_path)
    rng, out = np.random.default_rng(0), tmp_path / f"out{CASES[case][5]}"
    for path in (public, beside):
        whole = path.read_bytes()
        for place in [0, len(whole) - 1, *rng.integers(0, len(whole), 30)]:
            path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << rng.integers(8))]) + whole[place + 1 :])
            with pytest.raises(Withheld, match=r"seal\.refused"):
                unseal(public, beside, identity=ALICE, out=out)
        for other in (whole + b"\0", whole[:-1], b""):
            path.write_bytes(other)
            with pytest.raises(Withheld, match=r"seal\.refused"):
                unseal(public, beside, identity=ALICE, out=out)
        path.write_bytes(whole)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([public.name, beside.name])


def test_another_key_and_another_sidecar_are_refused_in_the_same_words(tmp_path):
    (tmp_path / "a").mkdir()
    _, public, beside = publish("jpeg", tmp_path)
    _, _, foreign = publish("odd-jpeg", tmp_path / "a")
    said = set()
    for sidecar, identity in ((beside, BOB), (foreign, ALICE)):
        with pytest.raises(Withheld) as told:
            unseal(public, sidecar, identity=identity, out=tmp_path / "o.png")
        said.add((str(told.value), told.value.hint))
    assert len(said) == 1 and not (tmp_path / "o.png").exists()


def test_every_changed_byte_of_a_carried_sidecar_is_refused(tmp_path):
    _, public, _ = publish("jpeg", tmp_path, carry=True)
    whole, rng = public.read_bytes(), np.random.default_rng(1)
    for place in [*rng.integers(0, len(whole), 40), *range(len(whole) - 16, len(whole))]:
        public.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(VelaturaError) as told:
            unseal(public, identity=ALICE, out=tmp_path / "o.png")
        assert told.value.code in {"seal.refused", "media.missing"}
    assert [p.name for p in tmp_path.iterdir()] == [public.name]


def test_outputs_that_would_lose_or_overwrite_something_are_refused(tmp_path):
    _, public, beside = publish("jpeg", tmp_path)
    with pytest.raises(BadSpec, match=r"o\.jpg: .*media\.not-lossless"):
        unseal(public, identity=ALICE, out=tmp_path / "o.jpg")
    for taken in (public, beside):
        with pytest.raises(BadSpec, match=r"files\.same"):
            unseal(public, identity=ALICE, out=taken, force=True)
    (tmp_path / "there.png").write_bytes(b"mine")
    with pytest.raises(BadSpec, match=r"files\.exists"):
        unseal(public, identity=ALICE, out=tmp_path / "there.png")
    assert (tmp_path / "there.png").read_bytes() == b"mine"
    beside.unlink()
    with pytest.raises(BadInput, match=r"media\.missing"):
        unseal(public, identity=ALICE, out=tmp_path / "o.png")
