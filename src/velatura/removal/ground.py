"""What a standing or swaying camera sees where nobody is: the shot's background, with all that painting and checking need of it.

Samples are carried onto one of them, brought to its brightness, and given to `background`; then detectors look at the result, for a person frozen
into it would show in every frame. What they find there counts as never seen. What was never seen is painted from around it where it is a thin
rim; where it is more, inventing it would be guessing, and the place is in doubt: every frame that would take something from it says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.media.frame import PixelForm, Plane
from velatura.removal.background import Plate, estimate
from velatura.removal.camera import Camera
from velatura.removal.exposure import Exposure, applied, fit
from velatura.removal.inpainting import Inpainter, fill
from velatura.removal.planes import Mask, luma
from velatura.removal.registration import warp
from velatura.removal.sampled import Sample

__all__ = ["Ground", "Judge", "ground", "thick"]

Floats = NDArray[np.float32]
IntBox = tuple[int, int, int, int]
Judge = Callable[[Sequence[Plane]], Sequence[IntBox]]
"""Detectors on a background: boxes in stored pixels."""

RIM = 0.03
"""Of the shorter side: what lies no further than this from something seen can be painted from it (a limb, a strip between two walkers)."""
LEAST_RIM_PX = 6
FLICKER = 4.0
"""Grey levels of light, less than `motion_mask` calls faint: a median has the middle of it by itself; a correction adds its error and a rounding."""


@dataclass(frozen=True, slots=True)
class Ground:
    """See the module.

    Attributes:
        planes: the background in the light of the reference, or a middling one where the camera stands.
        form: how to read them.
        sigma: (height, width) noise over time, grey levels of 8 bits.
        unstable: leaves, water, screens: a difference there says nothing.
        doubt: what may not be the background: never seen and too thick to invent, or somebody may have stood there all the time.
        invented: never seen, painted from around.
        anchor: brightness of the reference sample, `usable`: where nobody is on it: to find the way from it to a frame; None: the camera stands.
    """

    planes: list[Plane]
    form: PixelForm
    sigma: Floats
    unstable: Mask
    doubt: Mask
    invented: Mask
    anchor: NDArray[np.uint8] | None = None
    usable: Mask | None = None


def ground(
    samples: Sequence[Sample],
    masks: Sequence[Mask],
    camera: Camera,
    form: PixelForm,
    *,
    judge: Judge | None,
    rng: Generator,
    inpainter: Inpainter | None = None,
) -> Ground:
    """The background of one shot.

    Args:
        samples: in the order of time.
        masks: for each, what must not vote: detections, and what a person masked.
        camera: of these samples.
        judge: detectors; None: nobody looks.
        inpainter: of the user.
    """
    even, shown, covered = _carried(samples, masks, camera, form)
    plate = estimate(even, form, covered, shown=shown, judge=judge)
    found = _frozen(plate, judge)
    doubt = thick(plate.doubt)
    hole = plate.never | found | (plate.doubt & ~doubt)  # a thin doubt is painted over; a thick one must be told
    doubt |= thick(hole)
    planes = list(plate.planes)
    if hole.any():
        if not hole.all():
            planes = fill(planes, form, hole, rng=rng, inpainter=inpainter).planes
        doubt |= _frozen(replace(plate, planes=planes), judge) & hole
    made = Ground(planes, form, plate.sigma, plate.unstable, doubt, hole)
    if camera.kind == "standing":
        return made
    return replace(made, anchor=luma(samples[camera.reference].planes, form), usable=~masks[camera.reference])


def thick(mask: Mask) -> Mask:
    """The parts of a mask that hold more than a rim (see `RIM`), whole."""
    if not mask.any():
        return mask.copy()
    rim = max(LEAST_RIM_PX, round(RIM * min(mask.shape)))
    padded = np.asarray(cv2.copyMakeBorder(mask.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE))  # nothing is seen beyond the border either
    core = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1] > rim
    count, labels = cv2.connectedComponents(mask.view(np.uint8))
    keep = np.zeros(count, np.bool_)
    keep[np.unique(labels[core])] = True
    keep[0] = False
    return np.asarray(keep[labels])


def _carried(
    samples: Sequence[Sample], masks: Sequence[Mask], camera: Camera, form: PixelForm
) -> tuple[list[list[Plane]], list[list[Plane]], list[Mask]]:
    """Samples in place and of one light, the same for the picture, and what must not vote of each; what cannot be brought there is left out.

    The light is that of the reference, to which frames are registered, where the camera sways; else that of a sample of middling brightness, and for
    the picture whoever is within `FLICKER` of it stays as he is.
    """
    reference = samples[camera.reference].planes
    placed: list[tuple[list[Plane], Mask, Exposure]] = []
    for number, (sample, mask, motion) in enumerate(zip(samples, masks, camera.motions, strict=True)):
        planes: list[Plane] = sample.planes
        if motion is None:
            continue
        if camera.kind == "swaying" and number != camera.reference:
            back = np.asarray(np.linalg.inv(motion), np.float64)
            planes, inside = warp(planes, form, back)
            height, width = mask.shape
            mask = cv2.warpPerspective(mask.view(np.uint8), back, (width, height), flags=cv2.INTER_LINEAR).astype(np.bool_) | ~inside
        light = fit(reference, planes, form, ~(mask | masks[camera.reference]))
        if not light.fits and number != camera.reference:  # a sample is as bright as itself, however little of it is seen
            continue
        placed.append((planes, mask, light))
    middle = _middle([light for *_, light in placed], form) if camera.kind == "standing" else None
    lights = [light if middle is None else light.after(middle) for *_, light in placed]
    own, covered = [planes for planes, *_ in placed], [mask for _, mask, _ in placed]
    even = [applied(planes, form, light) for planes, light in zip(own, lights, strict=True)]
    if middle is None:
        return even, even, covered
    shown = [planes if light.reach(form) < FLICKER else lit for planes, lit, light in zip(own, even, lights, strict=True)]
    return even, shown, covered


def _middle(lights: Sequence[Exposure], form: PixelForm) -> Exposure:
    """Of a sample in the middle between the darkest and the brightest, so that most need the least correction."""
    grey = form.peak / 2
    levels = [light.gains[0] * grey + light.offsets[0] for light in lights]
    return lights[int(np.argsort(levels)[len(levels) // 2])]


def _frozen(plate: Plate, judge: Judge | None) -> Mask:
    """Where detectors find somebody on a background."""
    mask = np.zeros(plate.never.shape, np.bool_)
    for x0, y0, x1, y1 in judge(plate.planes) if judge else ():
        mask[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = True
    return mask
