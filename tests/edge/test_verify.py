"""The probes inside the real vision: all denied here, and every kind of hole that we make is found."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.edge.watching import denied_everywhere, seeing

from velatura.edge import verify as verifying
from velatura.edge import verify_gateway
from velatura.edge.confinement import vision_confinement
from velatura.edge.egress import Egress
from velatura.edge.live import Live
from velatura.edge.pair import Seeing
from velatura.edge.policy import Camera
from velatura.edge.verify_gateway import GateProbe, gateway, probe_gateway
from velatura.errors import Missing
from velatura.sandbox.confinement import Confinement
from velatura.sandbox.layers import layers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="vision is confined by Linux")

CAMERA = Camera()


@pytest.fixture
def all_hold() -> None:
    """Root tries probes with every layer or not at all: one that got out would get out as root."""
    absent = {layer: why for layer, why in layers().items() if why}
    if absent:
        pytest.skip(f"verify: not with a layer absent ({absent})")


@pytest.mark.slow
def test_everything_is_denied_in_every_column(tmp_path: Path, all_hold: None) -> None:
    """Slow: the quick suite holds the same of the installed command (tests/system/test_edge_states.py)."""
    denied_everywhere(verifying.verify(CAMERA, seeing(tmp_path)))


@pytest.mark.parametrize(("call", "probe"), [("getrandom", "getrandom"), ("fcntl", "fcntl F_GETFL")])
def test_one_call_too_many_is_found(call: str, probe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, all_hold: None) -> None:
    def laxer(*, model: Path, degraded: tuple[str, ...]) -> Confinement:
        may = vision_confinement(model=model, degraded=degraded)
        return replace(may, calls=may.calls | {call})

    monkeypatch.setattr(verifying, "vision_confinement", laxer)
    told = verifying._tried(CAMERA, seeing(tmp_path), sys.executable)
    assert {name for name, word in told["alone"].items() if word not in verifying.DENIALS} == {probe}
    assert told["locked"] == {}, "none is tried beside one that gets out"


def test_where_no_probe_can_make_its_call_denials_prove_nothing(all_hold: None) -> None:
    may = vision_confinement()
    order = {"guest": "blinded:Blinded", "settings": {}, "may": may.to_json(), "path": [str(Path(__file__).parent)]}
    told = verifying._json([sys.executable, *verifying._boot("velatura.edge.verify_cell")], order)
    assert told["refused"]["code"] == "edge.no-controls" and "EPERM" in told["refused"]["sentence"]


def test_too_few_controls_prove_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "_json", lambda *_, **__: {f"probe {number}": "OPEN" for number in range(59)})
    with pytest.raises(Missing) as refusal:
        verifying.verify(CAMERA, seeing(tmp_path))
    assert (refusal.value.code, refusal.value.exit_status) == ("edge.no-controls", 4)


def test_a_cell_that_ends_says_whose_it_was_and_why(tmp_path: Path) -> None:
    who = "root" if os.getuid() == 0 else "an ordinary user"
    with pytest.raises(Missing, match=rf"as {who} ended before it had told anything: exit status 1 \[edge\.verify-ended\]"):
        verifying._tried(CAMERA, seeing(tmp_path), "/bin/false")


def test_a_probe_that_is_open_or_was_not_tried_is_named() -> None:
    denied = verifying.Tried("net", "tcp", "OPEN", {"root": "EPERM", "user": "OPEN"})
    ended = verifying.Tried("net", "udp", "EPERM", {"root": "sandbox.crashed", "user": "EACCES"})
    gates = [GateProbe("lengths", "9 messages", "3 records say something"), GateProbe("floods", "", ""), GateProbe("halves", "one", "")]
    found = verifying._leaks([denied, ended], gates, {"root": {"threads": 2}, "user": {"threads": 1}})
    assert found == [
        "tcp (user: OPEN)",
        "udp (root: sandbox.crashed)",
        "lengths (3 records say something)",
        "floods (could not be tried)",
        "threads (root: 2)",
    ]


def only(monkeypatch: pytest.MonkeyPatch, rogue: str) -> None:
    monkeypatch.setattr(verify_gateway, "_PROBES", [probe for probe in verify_gateway._PROBES if probe[1] == rogue])


class _Believes(Egress):
    """Takes a message of any length for one of the right length."""

    def take(self, raw: bytes) -> None:
        self.dropped += 1
        Egress.take(self, raw.ljust(4096, b"\0")[: 12 + 4 * len(self.schema.fields)])


class _Keeps(Egress):
    """Remembers what it was told: much of a little, as a slow machine reads few messages in the time."""

    def take(self, raw: bytes) -> None:
        kept = self.__dict__.setdefault("kept", [])
        if len(kept) < 200:
            kept.append(os.urandom(1 << 20))
        Egress.take(self, raw)


class _Waits(Egress):
    """Closes a window when it has been told something, and no earlier."""

    def close_window(self):  # type: ignore[no-untyped-def]
        if self._fresh is False:
            time.sleep(verify_gateway.TICK_S * 2)
        return Egress.close_window(self)


@pytest.mark.parametrize(
    ("rogue", "kind", "leak"),
    [("Lengths", _Believes, "say something"), ("Flood", _Keeps, "grew by"), ("Half", _Waits, "came late")],
)
def test_a_gateway_that_is_not_ours_leaks(
    rogue: str, kind: type[Egress], leak: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, all_hold: None
) -> None:
    only(monkeypatch, rogue)
    monkeypatch.setattr(verify_gateway, "AGAIN", 0)  # what comes late each time need not be heard three times

    def hear(camera: Camera, see: Seeing) -> Live:
        live = gateway(camera, see)
        live.egress = kind(camera, live.egress.level, os.urandom)
        return live

    (probe,) = probe_gateway(CAMERA, seeing(tmp_path), hear=hear)
    assert probe.did and leak in probe.leak


def test_an_honest_vision_in_a_rogues_place_is_no_attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, all_hold: None) -> None:
    only(monkeypatch, "Flood")
    monkeypatch.setattr(verify_gateway, "_rogue", lambda see, _: see)
    (probe,) = probe_gateway(CAMERA, seeing(tmp_path))
    assert probe == GateProbe("a million writes", "", ""), "what was not tried does not count as held"


def test_nothing_that_runs_a_camera_loads_a_probe() -> None:
    program = "import sys, velatura.edge.run, velatura.edge.vision, velatura.cli.edge; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=280).stdout
    assert "velatura.edge.run" in loaded
    assert "escapes" not in loaded and "rogues" not in loaded and "velatura.edge.verify" not in loaded
