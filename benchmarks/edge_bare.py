"""The loop that a person would write: `cv2.VideoCapture` on one thread, `blobFromImage`, ONNX Runtime, the same head and the same tracker.

    python -m benchmarks.edge_bare CLIP MODEL [--looks-per-s N]      one process; prints {"frames", "tracks"}

Network, input size, scores and one thread are those of `edge run`. What is not there: confinement, masks, a bit budget, signatures, an outbox.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "threads;1"
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

SIZE = (320, 192)
"""Of the network's input for 16:9, as `edge run` chooses it."""
CONFIRMED = 3


def frames(clip: str, looks_per_s: float) -> Iterator[tuple[Any, float]]:
    """(picture, seconds) of the frames to look at; the picture is None where it is passed over."""
    import cv2

    cv2.setNumThreads(1)
    capture = cv2.VideoCapture(clip, cv2.CAP_FFMPEG)
    rate, next_s, number = capture.get(cv2.CAP_PROP_FPS) or 25.0, 0.0, 0
    while capture.grab():  # decodes; only what is looked at is made into BGR
        time_s, number = number / rate, number + 1
        if looks_per_s and time_s < next_s - 1e-6:
            yield None, time_s
            continue
        next_s = time_s + (1 / looks_per_s if looks_per_s else 0.0)
        yield capture.retrieve()[1], time_s


def tracks(clip: str, model: str, looks_per_s: float) -> tuple[int, int]:
    """(frames, tracks that were found three times)."""
    import cv2

    from velatura.detect.region import Region
    from velatura.detect.settings import TrackSettings
    from velatura.detect.tracker import Tracker
    from velatura.edge.policy import Camera, Policy
    from velatura.edge.seeing import seeing_of
    from velatura.edge.spotting import head_class
    from velatura.models.runtime import OnnxBackend
    from velatura.models.store import ModelStore

    seeing = seeing_of(model, Policy((Camera(),)), ModelStore())
    network, scores = seeing.network, seeing.network.scores
    backend = OnnxBackend(seeing.model.read_bytes(), outputs=network.outputs, free_sizes=network.free)
    detector = head_class(network.like)(backend, network.name, network.form, scores)
    tracker = Tracker({"face": scores}, TrackSettings(most=40))
    hits: Counter[int] = Counter()
    count = 0
    for picture, time_s in frames(clip, looks_per_s):
        count += 1
        if picture is None:
            continue
        found = detector.detect(cv2.dnn.blobFromImage(picture, 1.0, SIZE)[0], threshold=scores.low)
        sx, sy = picture.shape[1] / SIZE[0], picture.shape[0] / SIZE[1]
        placed = [Region((a * sx, b * sy, c * sx, d * sy), one.label, one.score) for one in found for a, b, c, d in [one.box]]
        hits.update(one.track for one in tracker.update(placed, time_s=time_s) if one.track is not None)
    return count, sum(hit >= CONFIRMED for hit in hits.values())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("clip")
    parser.add_argument("model")
    parser.add_argument("--looks-per-s", type=float, default=0.0)
    given = parser.parse_args()
    count, found = tracks(given.clip, given.model, given.looks_per_s)
    print(json.dumps({"frames": count, "tracks": found}))


if __name__ == "__main__":
    main()
