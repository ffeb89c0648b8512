"""What is in a frame, and which of it was there before: a network's head, its duplicates suppressed, and the causal tracker.

Outputs that are missing, of another shape or not finite are an error of the model and not "nobody is here"; of more boxes than anybody could be the
best are looked at, and it is told. No OpenCV, no scipy: after the lock nothing can be loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from velatura.detect.decode import Candidates, each, regions
from velatura.detect.region import Region
from velatura.detect.settings import TrackSettings
from velatura.detect.tracker import Tracker
from velatura.edge.backend import InferenceBackend, backend_of
from velatura.edge.network import Network, head_class
from velatura.edge.scaling import Scaler
from velatura.errors import BadInput

__all__ = ["MOST_BOXES", "Checked", "Spotter", "checked_head"]

MOST_BOXES = 1_000
MOST_TRACKED = 40  # of a look: more are told apart by a library that cannot be loaded any more


class Checked:
    """A backend whose outputs are there, shaped as the head reads them, and finite.

    Raises:
        BadInput: `models.run`, `models.outputs`, `models.not-finite`.
    """

    def __init__(self, backend: InferenceBackend, head: Any) -> None:
        self._backend, self._head = backend, head

    def run(self, x: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        try:
            out = self._backend.run(x)
        except Exception as error:  # runtimes' errors have no common parent
            raise BadInput("models.run", f"the network does not run on its input: {type(error).__name__}") from error
        for name, shape in self._head.shapes(x.shape[2], x.shape[3]).items():
            found = out.get(name) if name else next(iter(out.values())) if len(out) == 1 else None
            if found is None or found.shape != shape:
                raise BadInput("models.outputs", "the network's outputs are not those of its head", hint="name another --head")
        if not all(np.isfinite(values).all() for values in out.values()):
            raise BadInput("models.not-finite", "the network's output is not finite", hint="export it again")
        return out


def checked_head(backend: InferenceBackend, network: Network) -> Any:
    """A `Detector` on a backend that is not believed; see `Checked`."""
    kind = head_class(network.like)
    return kind(Checked(backend, kind), network.name, network.form, network.scores)


class Spotter:
    """One network and its tracks.

    Raises:
        BadInput: `models.malformed`.
        Unsupported: `edge.backend`.
    """

    def __init__(self, model: bytes, network: Network) -> None:
        self.backend = backend_of(network.backend).load(model, outputs=network.outputs, free_sizes=network.free)
        self._detector = checked_head(self.backend, network)
        self._scores = dict.fromkeys(self._detector.labels, network.scores)
        self.labels: frozenset[str] = self._detector.labels
        self.scaler = Scaler(network.form, network.side)
        self._low = network.scores.low
        self.cut()

    def cut(self) -> None:
        """Another scene: nothing is carried over."""
        self._tracker = Tracker(self._scores, TrackSettings(most=MOST_TRACKED))

    def rehearse(self) -> None:
        """An empty picture, and a crowd that jostles: numpy too imports some of itself when it is first needed.

        Raises:
            BadInput: `models.run`, `models.outputs`. Outputs that are not finite may be the empty picture's; they are told of each look.
        """
        width, height = self.scaler.form.size or (64, 64)
        try:
            self._detector.candidates(np.zeros((3, height, width), np.float32), threshold=self._low)
        except BadInput as error:
            if error.code != "models.not-finite":
                raise
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
            BadInput: `models.run`, `models.outputs`, `models.not-finite`.
        """
        x = self.scaler.input_of(frame)
        candidates, too_many = capped(self._detector.candidates(x, threshold=self._low))
        found = each(candidates, x.shape, overlap=self._detector.overlap)
        size = frame.width, frame.height
        most = sorted(found, key=lambda region: -region.score)[:MOST_TRACKED]
        placed = [self.scaler.to_picture(region, size) for region in most]
        return self._tracker.update(placed, time_s=time_s), too_many


def capped(candidates: Candidates) -> tuple[Candidates, bool]:
    """At most `MOST_BOXES` of a label, the best, and whether some were left out: dropping duplicates takes up to the square of their number."""
    if sum(len(boxes) for _, boxes in candidates) <= MOST_BOXES:
        return candidates, False
    every = np.concatenate([boxes[:, 4] for _, boxes in candidates])
    least = np.partition(every, -MOST_BOXES)[-MOST_BOXES]
    return [(label, boxes[boxes[:, 4] >= least][:MOST_BOXES]) for label, boxes in candidates], True
