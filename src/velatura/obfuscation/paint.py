"""New samples under a mask; alpha under it becomes opaque, so that a mask never shows what lies behind the picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from velatura.media.frame import Plane
from velatura.obfuscation.method import Patch

__all__ = ["colour_planes", "paint"]


def colour_planes(patch: Patch) -> tuple[Plane, ...]:
    """The planes without alpha."""
    return patch.planes[: len(patch.planes) - patch.form.alpha]


def paint(patch: Patch, samples: Sequence[Any]) -> None:
    """Overwrite what is under the masks.

    Args:
        samples: for each colour plane an array of its view's shape, or one value.
    """
    values = [*samples, patch.form.peak] if patch.form.alpha else samples
    for plane, mask, value in zip(patch.planes, patch.masks, values, strict=True):
        np.copyto(plane, np.asarray(value).astype(plane.dtype, copy=False), where=mask)
