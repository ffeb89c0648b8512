"""Policies: what cannot be kept is refused when it is read, and what is kept is counted."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import pytest

from velatura.edge.policy import Camera, Egress, Line, Mask, Policy, Zone, capacity, digest, load_policy, single
from velatura.edge.promise import camera_of, told, words
from velatura.edge.schema import schema_of
from velatura.errors import BadSpec, Withheld

LINE = Line("gate", (0.2, 0.5), (0.8, 0.5))
ZONE = Zone("desk", ((0.1, 0.1), (0.5, 0.1), (0.5, 0.5)))

TOML = """
[[cameras]]
name = "door"
source = "rtsp://cam/one"
labels = ["face"]
[[cameras.lines]]
name = "gate"
a = [0.2, 0.5]
b = [0.8, 0.5]
[cameras.egress]
level = 3
tick_s = 900
bits_per_hour = 128

[[cameras]]
name = "hall"
[[cameras.zones]]
name = "desk"
polygon = [[0.1, 0.1], [0.5, 0.1], [0.5, 0.5]]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "policy.toml"
    path.write_text(text)
    return path


def test_a_file_of_two_cameras(tmp_path: Path) -> None:
    policy = load_policy(written(tmp_path, TOML))
    assert [camera.name for camera in policy.cameras] == ["door", "hall"]
    assert policy.cameras[0].egress == Egress(tick_s=900, bits_per_hour=128)
    assert policy.cameras[1].zones == (ZONE,)


def test_the_digest_is_of_what_may_leave_not_of_where_from() -> None:
    camera = Camera("door", source="rtsp://one/", lines=(LINE,))
    assert digest(camera) == digest(msgspec.structs.replace(camera, source="rtsp://two/"))
    assert digest(camera) == digest(msgspec.structs.replace(camera, egress=Egress(tick_s=60)))
    assert digest(camera) != digest(msgspec.structs.replace(camera, egress=Egress(tick_s=61)))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("[cameras.egress]\nlevel = 0", "level is 1, 2 or 3"),
        ("[cameras.egress]\nlevel = 9", "level is 1, 2 or 3"),
        ("[cameras.egress]\nbits_per_hour = 0", "bits_per_hour above 0"),
        ("[cameras.egress]\nbits_per_hour = nan", "finite"),
        ("[cameras.egress]\nburst_bits = 3", "less than one record"),
        ("[cameras.egress]\nk = -1", "k is 0 to most"),
        ("[cameras.egress]\nepsilon = 0", "epsilon above 0"),
        ("[cameras.egress]\nlevel = 1\nk = 3", "of counts"),
        ("[cameras.egress]\nkk = 3", "'kk'"),
        ("[cameras.egress]\ntick_s = 0.01", "tick_s is .2"),
        ("labels = []", "at least one"),
        ("[[cameras.zones]]\nname='z'\npolygon=[[0,0],[1,1]]", "three corners"),
        ("[[cameras.zones]]\nname='z'\npolygon=[[0,0],[1,1],[1,0],[0,1]]", "cross itself"),
        ("[[cameras.masks]]\npolygon=[[0,0],[1,0],[1,1.5]]", "0 to 1"),
        ("[[cameras.lines]]\nname='gate'\na=[0.1,0.1]\nb=[0.1,0.1]", "one point"),
        ("[[cameras.lines]]\nname='A b'\na=[0.1,0.1]\nb=[0.2,0.1]", "a name is"),
        ("[[cameras.lines]]\nname='x'\na=[0.1,0.1]\nb=[0.2,0.1]\n[[cameras.zones]]\nname='x'\npolygon=[[0,0],[1,0],[1,1]]", "names of their own"),
    ],
)
def test_what_cannot_be_kept_is_refused(tmp_path: Path, change: str, says: str) -> None:
    with pytest.raises(BadSpec) as caught:
        load_policy(written(tmp_path, f'[[cameras]]\nname = "door"\n{change}\n'))
    assert says in str(caught.value)


def test_names_of_cameras_are_their_own() -> None:
    with pytest.raises(BadSpec, match="a name of its own"):
        from velatura.edge.policy import check

        check(Policy((Camera("a"), Camera("a"))), where="here")
    assert single(Camera("a")).cameras[0].name == "a"


def test_a_record_costs_the_logarithm_of_its_alphabet() -> None:
    door = Camera("door", lines=(LINE,), egress=Egress(most=63))
    assert [field.name for field in schema_of(door).fields] == ["in", "out", "inside", "health"]
    assert schema_of(door).bits == pytest.approx(math.log2(64**3 * 8 + 1))
    told_all = Camera("door", lines=(LINE,), zones=(ZONE,), egress=Egress(level=2, most=3))
    assert [field.name for field in schema_of(told_all).fields] == ["gate.in", "gate.out", "desk.inside", "desk.dwell", "health"]
    tracks = Camera("door", labels=("face", "person"), egress=Egress(level=1, most_tracks=2))
    assert schema_of(tracks).bits == pytest.approx(2 * math.log2(3 * 32 * 32 * 8 * 8) + 3, abs=1e-6)


def test_the_bucket_holds_a_record_at_least() -> None:
    slow = Camera("door", egress=Egress(bits_per_hour=1))
    assert capacity(slow) == schema_of(slow).bits
    assert capacity(Camera("door", egress=Egress(bits_per_hour=4000))) == 1000


@pytest.mark.parametrize(
    ("egress", "says"),
    [
        (Egress(bits_per_hour=1024, tick_s=10, most=63), "1.8 hours"),
        (Egress(level=1, bits_per_hour=1e7, tick_s=1), "16 x 16"),
        (Egress(tick_s=900), "21.3 hours"),
        (Egress(tick_s=3600), "days"),
    ],
)
def test_the_bound_in_words(egress: Egress, says: str) -> None:
    assert says in words(Camera("door", lines=(LINE,), egress=egress))


def test_a_policy_event_is_checked_against_its_digest() -> None:
    camera = Camera("door", source="rtsp://u:p@cam/", lines=(LINE,), masks=(Mask(((0, 0), (0.1, 0), (0.1, 0.1))),))
    said = told(camera, signer="k", version="1", began_s=1)
    assert "source" not in said["camera"] and "rtsp" not in str(said)
    assert camera_of(msgspec.json.decode(msgspec.json.encode(said)), digest(camera)).lines == (LINE,)
    with pytest.raises(Withheld, match="another policy"):
        camera_of(said, "0" * 64)
    with pytest.raises(Withheld, match="states no policy"):
        camera_of({"camera": {"name": "x", "egress": {"level": 7}}}, digest(camera))
