"""A network of the user's own that turns a picture into a vector, such as a face embedding; a probe is the person of the nearest gallery vector.

It comes from the model store, so that its hash is checked, and is handed the release as detectors are handed a frame: channel order, mean, scale
and size are those of its catalogue entry. Nearest is by cosine. The network is not trained on releases; that its gallery is treated like its probes
is all that it is given.
Limit: it sees the whole release as a face; it aligns nothing.
Source: cosine of embeddings as in Deng et al., "ArcFace", CVPR 2019, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec.structs import asdict
from numpy.typing import NDArray

from velatura.attacks.attack import Deadline, Picture
from velatura.errors import BadInput
from velatura.media.frame import Frame, PixelForm
from velatura.models.store import ModelStore

__all__ = ["PREFIX", "Embedder", "cosine", "why_not"]

Floats = NDArray[np.float64]

PREFIX = "embedding:"
"""What a network's name in the list of attackers begins with."""


def why_not(attacker: str, store: ModelStore) -> str:
    """Why `embedding:NAME` cannot run here, with the next step; "" if it can."""
    name = attacker.removeprefix(PREFIX)
    if name not in store.known():
        return f"there is no model {name}; declare it in {store.user_catalogue.name} of velatura's models folder"
    return "" if store.path(name).exists() else f"the file of {name} is not here; velatura models add FILE --name {name}"


class Embedder:
    """The loaded network.

    Args:
        attacker: `embedding:NAME`.

    Raises:
        Missing: `models.missing`, `models.no-runtime`.
        BadInput: `models.hash-mismatch`, `models.malformed`.
    """

    def __init__(self, attacker: str, store: ModelStore) -> None:
        # onnxruntime and OpenCV: not before somebody brings a network.
        from velatura.media.view import InputForm, view
        from velatura.models.runtime import OnnxBackend

        self._name = attacker.removeprefix(PREFIX)
        entry = store.entry(self._name)
        self._view, self._form = view, InputForm(**asdict(entry.input))
        self._network = OnnxBackend(store.load(self._name), outputs=entry.outputs, free_sizes=bool(entry.free))

    def vectors(self, pictures: Sequence[Picture], deadline: Deadline) -> Floats | None:
        """(n, k), each of length 1; None if the time was over first.

        Raises:
            BadInput: `attack.embedding`: the network refuses the picture, or gives no finite vector of one length.
        """
        found: list[Floats] = []
        for picture in pictures:
            if deadline.passed():
                return None
            found.append(self._vector(picture))
        if len({vector.shape for vector in found}) != 1 or not np.isfinite(found).all():
            raise BadInput(
                "attack.embedding", f"{self._name} gives no finite vector of one length", hint="input.size in its catalogue entry fixes it"
            )
        stacked = np.array(found)
        return np.asarray(stacked / np.maximum(np.linalg.norm(stacked, axis=1, keepdims=True), 1e-12))

    def _vector(self, picture: Picture) -> Floats:
        try:
            outputs = self._network.run(self._view(_frame(picture), self._form).x[None])
        except Exception as error:  # onnxruntime's errors have no common parent of their own
            told = f"{self._name} does not take a picture of {picture.shape[1]}x{picture.shape[0]}: {type(error).__name__}"
            raise BadInput("attack.embedding", told, hint="check input in its catalogue entry (docs/how-to/own-models.md)") from error
        return next(iter(outputs.values())).reshape(-1).astype(np.float64)


def cosine(gallery: Floats, people: NDArray[np.int64], probes: Floats) -> Floats:
    """(m, P) scores: the largest cosine with a person's gallery vectors.

    Args:
        gallery, probes: (n, k) and (m, k), of length 1.
        people: (n,), 0 ... P-1, each at least once.
    """
    order = np.argsort(people, kind="stable")
    firsts = np.searchsorted(people[order], np.arange(people.max() + 1))
    return np.asarray(np.maximum.reduceat(probes @ gallery[order].T, firsts, axis=1))


def _frame(picture: Picture) -> Frame:
    colours = np.moveaxis(picture, 2, 0) if picture.ndim == 3 else picture[None]
    return Frame([np.ascontiguousarray(plane) for plane in colours], PixelForm("rgb" if picture.ndim == 3 else "grey"))
