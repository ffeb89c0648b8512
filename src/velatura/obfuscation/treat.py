"""A method at work on a file: one treatment a track, begun on the track's first patch.

What a treatment hands back for the key's holder goes into the sidecar, in the order in which the regions were overwritten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from velatura.detect.region import Region
from velatura.media.frame import Frame
from velatura.obfuscation.mask import patches
from velatura.obfuscation.method import Method, Treatment
from velatura.obfuscation.policy import Covering

if TYPE_CHECKING:
    from velatura.obfuscation.sidecar import SealWriter

__all__ = ["Treatments"]


class Treatments:
    """All tracks of one file.

    Args:
        entropy: `entropy(n)` gives n random bytes.
        sealed: where payloads go; None: they are thrown away.
    """

    def __init__(self, method: Method, covering: Covering, *, entropy: Callable[[int], bytes], sealed: SealWriter | None = None) -> None:
        self._method, self._covering, self._entropy, self._sealed = method, covering, entropy, sealed
        self._of_track: dict[int, Treatment] = {}

    def cover(self, frame: Frame, regions: Iterable[Region]) -> None:
        """Overwrite the regions in place. Raises BadSpec `obfuscate.bad-box`."""
        for patch in patches(frame, regions, self._covering):
            treatment = self._of_track.get(patch.track)
            if treatment is None:
                treatment = self._of_track[patch.track] = self._method.begin(patch, entropy=self._entropy)
                if self._sealed is not None:
                    self._sealed.begin_track(patch.track)
            payload = treatment.apply(patch)
            if self._sealed is not None and payload:
                self._sealed.record(patch.track, patch.frame, patch.box, payload)
