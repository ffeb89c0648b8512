"""Drawn scenes before a camera that stands, surveyed and painted in memory: no file, no coder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from tests.removal import scenes

from velatura.detect.detection import Search
from velatura.media.frame import Box, Frame
from velatura.removal.painted import Painted, Wider
from velatura.removal.planes import Mask
from velatura.removal.shot import Shot
from velatura.removal.standing import Standing
from velatura.removal.survey import survey
from velatura.removal.targets import Targets
from velatura.removal.upright import stored_mask
from velatura.removal.wanted import Wanted

BOTH = Targets(("person",), motion=True)


def nothing(frame: Frame, boxes: Sequence[Box]) -> None:
    """A fallback that covers nothing."""


def wanted(targets: Targets = BOTH, **more: Any) -> Wanted:
    return Wanted(targets, nothing, **more)


@dataclass
class Done:
    """frames: as they came; painted: as they went; masks: the truth, stored."""

    shots: list[Shot]
    frames: list[Frame]
    painted: list[Painted]
    masks: list[Mask]

    @property
    def outputs(self) -> list[Frame]:
        return [copy(one.frame) for one in self.painted]


def copy(frame: Frame) -> Frame:
    return replace(frame, planes=[plane.copy() for plane in frame.planes])


def surveyed(scene: scenes.Scene, asked: Wanted, search: Search | None = None, frames: list[Frame] | None = None) -> list[Shot]:
    return survey(frames or list(scenes.frames(scene)), asked, search, warn=lambda _: None)


@cache
def walked() -> Done:
    """The walker; nobody may change it."""
    return done(scenes.SCENES["walker"])


def done(
    scene: scenes.Scene,
    asked: Wanted | None = None,
    search: Search | None = None,
    *,
    wider: Wider | None = None,
    given: Sequence[Mask] | None = None,
    corrupt: Sequence[int] = (),
) -> Done:
    """A scene of one shot, painted; `given`: stored masks; `corrupt`: frames that came damaged."""
    asked = asked or wanted()
    frames = list(scenes.frames(scene))
    for index in corrupt:
        frames[index].corrupt = True
    shots = surveyed(scene, asked, search, frames)
    (shot,) = shots
    painter = Standing(shot, asked, np.random.default_rng(0), wider or Wider())
    painted = list(painter.paint((copy(frame), given[frame.index] if given is not None else None) for frame in frames))
    truth = [stored_mask(scenes.mask(scene, index), scene.orientation) for index in range(scene.frames)]
    return Done(shots, frames, painted, truth)
