"""Faults are told once when they begin; what vision has a part in is not told."""

from __future__ import annotations

from velatura.edge.board import CameraStates
from velatura.edge.faults import Faults


def states(camera: str = "streaming", *, sink: str = "ok", outbox: str = "ok", error: str = "", **more: str) -> CameraStates:
    return CameraStates("door", {"camera": camera, "vision": "running", "health": "ok", "outbox": outbox, **more}, {"mqtts://b": sink}, error=error)


def told(*several: CameraStates) -> list[str]:
    lines: list[str] = []
    faults = Faults(lines.append)
    for one in several:
        faults.look([(one, "rtsp://cam/x")])
    return [line.partition(";")[0] for line in lines]


def test_a_camera_that_is_tried_again_and_again_is_told_once() -> None:
    assert told(states("connecting"), states("refused"), states("refused"), states("stalled"), states("refused")) == [
        "door: rtsp://cam/x: refused: nobody listens there, or it declined",
        "door: rtsp://cam/x: stalled: connected, and nothing comes (frozen)",
    ]


def test_a_fault_that_comes_back_is_told_again() -> None:
    assert len(told(states("lost"), states(), states("lost"))) == 2
    assert len(told(states(sink="down"), states(sink="starting"), states(sink="down"), states(), states(sink="down"))) == 2


def test_what_vision_could_bring_about_is_not_told() -> None:
    assert told(states(vision="restarting"), states(vision="refused"), states(health="model-error"), states(health="no-frames")) == []


def test_a_camera_whose_run_ended_has_told_why() -> None:
    assert told(states("auth", error="it ended")) == []
    assert told(states(outbox="disk-full"))[0].startswith("door: outbox: disk-full")
