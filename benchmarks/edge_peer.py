"""supervision and trackers doing what `edge run` does, and their lines and zones; runs in the peers' environment, with velatura's source on the path.

    python edge_peer.py clip CLIP MODEL.onnx      frames, tracks: their loop over a clip, suppression, ByteTrack, a line and a zone
    python edge_peer.py cases                     every case of tests/edge/crossing_cases.py: name -> whether theirs is right

The network, its input size and the reading of its outputs are ours on both sides. Lines get the middle of the lower edge, as ours do.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from typing import Any

os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "threads;1"
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import cv2
import numpy as np
import supervision as sv

SIZE = (320, 192)
WIDE, HIGH = 1000, 1000
BOX = 40
LOW = 0.3


class Session:
    """The network on one thread, as `velatura.models.runtime.OnnxBackend` has it."""

    def __init__(self, path: str) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._names = [f"{part}_{stride}" for stride in (8, 16, 32) for part in ("cls", "obj", "bbox")]
        self._input = self._session.get_inputs()[0].name

    def run(self, x: Any) -> dict[str, Any]:
        return dict(zip(self._names, self._session.run(self._names, {self._input: x}), strict=True))


def clip(path: str, model: str) -> dict[str, int]:
    from trackers import ByteTrackTracker

    from velatura.detect.yunet import YuNet

    cv2.setNumThreads(1)
    network: Any = YuNet(Session(model), "yunet-n", None, None)  # type: ignore[arg-type]
    tracker, hits, count = ByteTrackTracker(), Counter[int](), 0
    line = sv.LineZone(sv.Point(960, 0), sv.Point(960, 1080), triggering_anchors=[sv.Position.BOTTOM_CENTER])
    zone = sv.PolygonZone(np.array([[480, 270], [1440, 270], [1440, 1080], [480, 1080]]), triggering_anchors=[sv.Position.BOTTOM_CENTER])
    for picture in sv.get_video_frames_generator(path):
        [(_, found)] = network.candidates(cv2.dnn.blobFromImage(picture, 1.0, SIZE)[0], threshold=LOW)
        scale = [picture.shape[1] / SIZE[0], picture.shape[0] / SIZE[1]] * 2
        boxes = sv.Detections(xyxy=found[:, :4] * scale, confidence=found[:, 4], class_id=np.zeros(len(found), int)).with_nms(0.45)
        tracked = tracker.update(boxes)
        line.trigger(tracked)
        zone.trigger(tracked)
        hits.update(int(one) for one in tracked.tracker_id if one >= 0)
        count += 1
    return {"frames": count, "tracks": sum(hit >= 3 for hit in hits.values())}


def sightings(case: Any) -> list[tuple[float, dict[int, tuple[float, float]]]]:
    """(time, track -> place), in order of time."""
    found: dict[float, dict[int, tuple[float, float]]] = {}
    for track, places in case.tracks.items():
        times = case.times[track] if case.times else [0.04 * k for k in range(len(places))]
        for time, place in zip(times, places, strict=True):
            found.setdefault(time, {})[track] = place
    return sorted(found.items())


def boxes_of(places: dict[int, tuple[float, float]]) -> Any:
    """Boxes whose lower edge has its middle there."""
    feet = np.array(list(places.values())) * [WIDE, HIGH]
    corners = np.column_stack([feet[:, 0] - BOX / 2, feet[:, 1] - BOX, feet[:, 0] + BOX / 2, feet[:, 1]])
    return sv.Detections(xyxy=corners, tracker_id=np.array(list(places)), class_id=np.zeros(len(places), int))


def crossed(case: Any) -> tuple[int, int]:
    (ax, ay), (bx, by) = case.line
    line = sv.LineZone(sv.Point(ax * WIDE, ay * HIGH), sv.Point(bx * WIDE, by * HIGH), triggering_anchors=[sv.Position.BOTTOM_CENTER])
    for _, places in sightings(case):
        line.trigger(boxes_of(places))
    return line.in_count, line.out_count


def presence(case: Any) -> bool:
    """How many are inside at the last look; it does not measure how long."""
    corners = np.round(np.array(case.polygon) * [WIDE, HIGH]).astype(int)
    zone = sv.PolygonZone(corners, triggering_anchors=[sv.Position.BOTTOM_CENTER])
    inside = 0
    for _, places in sightings(case):
        inside = int(zone.trigger(boxes_of(places)).sum())
    return inside == case.inside


def cases() -> dict[str, bool]:
    """Which way they call "in" is theirs to say: the sense that makes more of the cases right is taken."""
    from tests.edge.crossing_cases import LINE_CASES, ZONE_CASES

    told = {case.name: crossed(case) for case in LINE_CASES}
    senses = [{f"line: {case.name}": told[case.name][::way] == tuple(case.right) for case in LINE_CASES} for way in (1, -1)]
    return {**max(senses, key=lambda found: sum(found.values())), **{f"zone: {case.name}": presence(case) for case in ZONE_CASES}}


def main() -> None:
    print(json.dumps(clip(*sys.argv[2:]) if sys.argv[1] == "clip" else cases()))


if __name__ == "__main__":
    main()
