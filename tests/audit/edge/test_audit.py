"""The edge room's part of an audit: a policy in, findings out; a wrong table is told."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from velatura.attacks.attack import Photo
from velatura.attacks.errand import FACE_BITS
from velatura.attacks.escaping import Escapes
from velatura.attacks.linkage import Crowd, Linkage
from velatura.audit.edge.cases import OFFER, offered, plan, ticks_of
from velatura.audit.edge.faces_clip import write_clip
from velatura.audit.edge.watching import EscapeArm, TrackArm, Verification
from velatura.audit.run import audit
from velatura.audit.spec import AuditSpec, read_spec
from velatura.edge.policy import Camera, Egress, capacity
from velatura.edge.verify import Tried, Verified
from velatura.edge.verify_gateway import GateProbe
from velatura.errors import BadSpec
from velatura.findings import Verdict

POLICY = """
[[cameras]]
name = "door"
[cameras.egress]
level = 3
tick_s = 60
bits_per_hour = 1024
[[cameras]]
name = "yard"
[cameras.egress]
level = 1
tick_s = 1
bits_per_hour = 64
"""


def spec_of(tmp_path: Path, table: str = "") -> Path:
    (tmp_path / "site.toml").write_text(POLICY)
    path = tmp_path / "AUDIT.toml"
    path.write_text(f'room = "edge"\npictures = false\n[edge]\npolicy = "site.toml"\n{table}')
    return path


def test_each_camera_has_its_cases(tmp_path: Path) -> None:
    with ExitStack() as stack:
        made = plan(read_spec(spec_of(tmp_path, "hours = 0.01\n")), base=tmp_path, stack=stack)  # twenty ticks, with fewer pictures to make
    told = [(case.attack.name, case.target.split(" ")[1], case.claim is not None) for case in made.cases]
    door, yard = ([row for row in told if row[1] == name] for name in ("door", "yard"))
    assert [name for name, _, _ in door] == ["exfiltration-paths", "exfiltration", "escapes"]
    assert [(name, judged) for name, _, judged in yard if name == "linkage"] == [("linkage", False)]
    assert "takes" in made.subject["camera door"] and len(made.limits) == 1
    assert len({case.key for case in made.cases if case.key}) == len([case for case in made.cases if case.key])


@pytest.mark.parametrize(
    ("table", "word"),
    [
        ('attacks = ["exfiltraton"]\n', "did you mean 'exfiltration'"),
        ('ways = ["presense"]\n', "did you mean 'presence'"),
        ('cameras = ["dor"]\n', "did you mean 'door'"),
        ('cameras = ["door", "door"]\n', "named twice"),
        ("hours = 0\n", "from .01"),
        ("periods = 3\n", "20 to 10000"),
        ("period_s = 0.01\n", ".2 to 10"),
        ('polcy = "x"\n', "policy"),
    ],
)
def test_a_wrong_table_is_told(tmp_path: Path, table: str, word: str) -> None:
    with pytest.raises(BadSpec) as told, ExitStack() as stack:
        plan(read_spec(spec_of(tmp_path, table)), base=tmp_path, stack=stack)
    assert word in f"{told.value.sentence} {told.value.hint}"


def test_no_table(tmp_path: Path) -> None:
    with pytest.raises(BadSpec, match=r"audit\.no-table"), ExitStack() as stack:
        plan(AuditSpec(room="edge"), base=tmp_path, stack=stack)


@pytest.mark.parametrize("rate", [64, 1024, pytest.param(90_000, marks=pytest.mark.slow)])
def test_a_sender_has_more_to_send_than_may_leave(rate: float) -> None:
    camera = Camera(egress=Egress(tick_s=60, bits_per_hour=rate))
    ticks = ticks_of(camera, 1.0)
    pictures = offered(camera, ticks, [Photo(np.zeros((16, 16), np.uint8))], 1)
    assert len(pictures) * FACE_BITS >= OFFER * (rate + capacity(camera))
    assert len(pictures) % ticks == 0
    assert not pictures[0].picture.any() and pictures[1].picture.any(), "one's own first"
    assert len({photo.picture.tobytes() for photo in pictures}) == len(pictures), "no bit is offered twice"


def test_a_clip_keeps_every_bit(tmp_path: Path) -> None:
    import av

    from velatura.audit.edge.hostile import _face

    rng = np.random.default_rng(1)
    faces = [rng.integers(0, 256, 256, np.uint8).tobytes() for _ in range(5)]
    write_clip(tmp_path / "a.mkv", faces, [0.0, 60.0, 61.5, 900.0, 3600.0])
    with av.open(str(tmp_path / "a.mkv")) as container:
        frames = list(container.decode(video=0))
    assert [_face(frame) for frame in frames] == faces
    assert [round(frame.time - frames[0].time, 2) for frame in frames] == [0, 60, 61.5, 900, 3600]


def test_names_are_kept_free_and_dropped_by_the_gateway() -> None:
    camera = Camera(egress=Egress(level=1, tick_s=1))
    crowd = Crowd.walking(4, 30, 0.05, np.random.default_rng(1))
    free, held = (TrackArm(camera, named)(crowd, np.random.default_rng(1)) for named in (True, False))
    assert [name for name, _, _ in free[5]] == [0, 1, 2, 3] and {name for name, _, _ in held[5]} == {-1}
    assert sorted(place[1:] for place in held[5]) == sorted(place[1:] for place in free[5])
    assert Linkage().play(TrackArm(camera, True), [crowd], np.random.default_rng(1), budget_s=9).success.min() > 0.9


def verified(**inside: str) -> Verified:
    probes = [Tried("net", name, "OPEN", {"user": word}) for name, word in {"tcp": "EPERM", "udp": "EPERM", **inside}.items()]
    probes.append(Tried("net", "unproven", "EPERM", {"user": "OPEN"}))
    return Verified(probes, [GateProbe("flood", "10 messages", "")], {}, {}, {}, 2)


@pytest.mark.parametrize(("inside", "leaks"), [({}, 0.0), ({"udp": "OPEN"}, 1.0)])
def test_a_verification_is_a_finding(inside: dict[str, str], leaks: float) -> None:
    """What cannot be shown to work outside proves nothing, inside or out."""
    seen = Verification(lambda: verified(**inside))
    plain, held = (Escapes().play(EscapeArm(seen, where), (), np.random.default_rng(1), budget_s=1) for where in (False, True))
    assert plain.success[0, 0] == 1 and held.success[0, 0] == leaks


@pytest.mark.skipif(sys.platform != "linux", reason="vision is confined by Linux")
def test_an_audit_of_a_camera_holds_and_its_free_twin_falls(tmp_path: Path) -> None:
    table = 'cameras = ["door"]\nattacks = ["exfiltration-paths", "exfiltration"]\nways = ["timing"]\nhours = 0.5\nperiods = 20\nperiod_s = 0.2\n'
    paths, output = audit(spec_of(tmp_path, table), tmp_path / "out").report.findings
    assert (paths.verdict, output.verdict) == (Verdict.HELD, Verdict.HELD)
    assert paths.evidence["bits by TCP"].startswith("0 of") and paths.baseline is not None and paths.baseline.value == 1
    assert output.estimate is not None and output.baseline is not None
    assert output.estimate.value <= 1 and output.baseline.value > 100
    assert set(output.evidence) >= {"values", "timing", "attacker values", "attacker timing", "attacker all at once"}
