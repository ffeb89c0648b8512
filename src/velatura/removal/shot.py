"""A shot of a clip, as the first pass leaves it for the others: where it begins and ends, how the camera moved, who is in it.

Its background waits in a file without a name until the shot is painted, so that a clip of a thousand cuts needs the memory of one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from velatura.removal.given_nearby import GivenNearby
from velatura.removal.ground import Ground
from velatura.removal.tracks import Track

__all__ = ["Kept", "Kind", "Shot"]

Kind = Literal["standing", "swaying", "moving", "short"]
"""short: too few frames for a background; each is treated as a picture of its own."""


class Kept:
    """A background on disk; private, gone with this object."""

    def __init__(self, ground: Ground) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `close`
        self._form, self._count = ground.form, len(ground.planes)
        arrays: dict[str, NDArray[Any]] = {f"p{i}": plane for i, plane in enumerate(ground.planes)}
        arrays |= {"sigma": ground.sigma, "unstable": ground.unstable, "doubt": ground.doubt, "invented": ground.invented}
        if ground.anchor is not None and ground.usable is not None:
            arrays |= {"anchor": ground.anchor, "usable": ground.usable}
        np.savez(self._file, **arrays)  # type: ignore[arg-type]  # the stubs mix up its keyword with ours
        self.doubt_share = float(ground.doubt.mean())
        self.invented_share = float((ground.invented & ~ground.doubt).mean())
        self.restless_share = float(ground.unstable.mean())

    def load(self) -> Ground:
        self._file.seek(0)
        with np.load(self._file, allow_pickle=False) as read:
            arrays = dict(read)
        planes = [arrays.pop(f"p{i}") for i in range(self._count)]
        return Ground(planes, self._form, **arrays)

    def close(self) -> None:
        self._file.close()


@dataclass(slots=True)
class Shot:
    """Attributes:
    first, last: indices of its frames in the clip, both inclusive.
    start_s: seconds.
    tracks: what detectors found and what goes, boxes by frame index of the clip.
    beside: what was found and stays.
    signs: what detectors take for somebody, and is left (`posters`).
    given: masks that a person gave.
    ground: of a camera that stands or sways.
    sway_px: how far it sways.
    """

    first: int
    last: int
    start_s: float
    kind: Kind
    tracks: Sequence[Track] = ()
    beside: Sequence[Track] = ()
    signs: Sequence[Track] = ()
    given: GivenNearby | None = None
    ground: Kept | None = None
    sway_px: float = 0.0

    @property
    def frames(self) -> int:
        return self.last - self.first + 1
