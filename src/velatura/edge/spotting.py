"""What is in a frame, and which of it was there before: a network's head, its duplicates suppressed, and the causal tracker.

Outputs that are not finite, or more boxes than anybody could be, are an error of the model and no detection. No OpenCV, no scipy: after the lock
nothing can be loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import av
import numpy as np

from velatura.detect.decode import regions
from velatura.detect.region import Region, Scores
from velatura.detect.settings import TrackSettings
from velatura.detect.tracker import Tracker
from velatura.edge.scaling import Scaler
from velatura.errors import BadInput
from velatura.media.input_form import InputForm
from velatura.models.runtime import OnnxBackend

__all__ = ["HEADS", "MOST_BOXES", "Network", "Spotter"]

HEADS = {
    "yunet-n": "velatura.detect.yunet:YuNet",
    "yunet-s": "velatura.detect.yunet:YuNet",
    "centerface": "velatura.detect.centerface:CenterFace",
    "fastestdet": "velatura.detect.fastestdet:FastestDet",
}
"""Name of a model of the catalogue -> who reads its outputs."""
MOST_BOXES = 1_000
MOST_TRACKED = 40  # of a look: more are told apart by a library that cannot be loaded any more


@dataclass(frozen=True, slots=True)
class Network:
    """What is known of a model file beside its bytes; plain values that JSON can carry."""

    name: str
    like: str
    form: InputForm
    scores: Scores
    outputs: tuple[str, ...] = ()
    free: bool = False
    side: int = 320


class _Checked:
    """A backend whose outputs are finite. Raises BadInput `models.not-finite`."""

    def __init__(self, backend: OnnxBackend) -> None:
        self._backend = backend

    def run(self, x: Any) -> Any:
        out = self._backend.run(x)
        if not all(np.isfinite(values).all() for values in out.values()):
            raise BadInput("models.not-finite", "the network's output is not finite")
        return out


class Spotter:
    """One network and its tracks.

    Raises:
        BadInput: `models.malformed`.
    """

    def __init__(self, model: bytes, network: Network) -> None:
        module, _, name = HEADS[network.like].partition(":")
        backend = _Checked(OnnxBackend(model, outputs=network.outputs, free_sizes=network.free))
        self._detector: Any = getattr(import_module(module), name)(backend, network.name, network.form, network.scores)
        self._scores = dict.fromkeys(self._detector.labels, network.scores)
        self.labels: frozenset[str] = self._detector.labels
        self.scaler = Scaler(network.form, network.side)
        self._low = network.scores.low
        self.cut()

    def cut(self) -> None:
        """Another scene: nothing is carried over."""
        self._tracker = Tracker(self._scores, TrackSettings(most=MOST_TRACKED))

    def rehearse(self) -> None:
        """A crowd that jostles: numpy too imports some of itself when it is first needed."""
        rng = np.random.default_rng(0)
        for look in range(30):
            corners = rng.uniform(0, 60, (MOST_TRACKED, 2))
            scores = rng.uniform(self._low, 1, MOST_TRACKED)
            crowd = [Region((x, y, x + 20, y + 20), min(self.labels), float(score)) for (x, y), score in zip(corners.tolist(), scores, strict=True)]
            self._tracker.update(crowd, time_s=0.04 * look)
        regions(np.column_stack([corners, corners + 20, scores]), "", (3, 64, 64), overlap=0.5)
        self.cut()

    def look(self, frame: av.VideoFrame, time_s: float) -> tuple[Sequence[Region], bool]:
        """Regions in pixels of the frame, those that belong to a track with its number; and whether there were more than anybody could be.

        Raises:
            BadInput: `models.not-finite`.
        """
        found = self._detector.detect(self.scaler.input_of(frame), threshold=self._low)
        size = frame.width, frame.height
        most = sorted(found, key=lambda region: -region.score)[:MOST_TRACKED]
        placed = [self.scaler.to_picture(region, size) for region in most]
        return self._tracker.update(placed, time_s=time_s), len(found) > MOST_BOXES
