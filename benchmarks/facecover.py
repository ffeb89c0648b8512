"""What is hidden of labelled faces and how much of the picture goes, with our own masks as the command line makes them and deface's real ones."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.facesets import Judged, Truth, covered, judge
from velatura.detect.finder import Finder
from velatura.detect.region import Region
from velatura.media.frame import Frame, PixelForm
from velatura.media.source import Decoder
from velatura.obfuscation.mask import patches
from velatura.obfuscation.policy import Covering

_GREY = PixelForm("grey")


@dataclass(slots=True)
class Hidden:
    """Of one set: faces covered, faces, and the mean share of a picture that is masked."""

    covered: int = 0
    faces: int = 0
    shares: list[float] = field(default_factory=list)

    def add(self, mask: NDArray[np.bool_], truth: Truth) -> None:
        self.covered += covered(mask, truth)
        self.faces += int(truth.counts.sum())
        self.shares.append(float(mask.mean()))

    @property
    def coverage(self) -> float:
        return self.covered / max(self.faces, 1)

    @property
    def area(self) -> float:
        return float(np.mean(self.shares))


@dataclass(slots=True)
class Searched:
    """What one way to search found in a set, down to its lowest bound: `found[k]` of picture k; `still`: from which score on it is covered."""

    still: float
    found: list[list[Region]] = field(default_factory=list)
    cpu_s: float = 0.0

    @property
    def ms(self) -> float:
        return 1000 * self.cpu_s / max(len(self.found), 1)

    def judged(self, truths: Sequence[Truth]) -> list[Judged]:
        return [judge(_rows(regions), truth) for regions, truth in zip(self.found, truths, strict=True)]


def search(files: Sequence[Path], finders: dict[str, Finder]) -> tuple[dict[str, Searched], list[tuple[int, int]]]:
    """Every picture through the confined decoder, and each finder on it; and the pictures' sizes."""
    told = {name: Searched(_still(finder)) for name, finder in finders.items()}
    sizes = []
    with Decoder() as decoder:
        for file in files:
            with decoder.open(file) as reader:
                frame = next(iter(reader))
                sizes.append(frame.size)
                for name, finder in finders.items():
                    begun = time.process_time()
                    regions = list(finder(frame, low=finder.scores["face"].low < told[name].still))
                    told[name].cpu_s += time.process_time() - begun
                    told[name].found.append(regions)
    return told, sizes


def _still(finder: Finder) -> float:
    scores = finder.scores["face"]
    return scores.still or scores.high


def _rows(regions: Sequence[Region]) -> NDArray[np.float64]:
    return np.array([(*region.box, region.score) for region in regions], np.float64).reshape(-1, 5)


def hide(searched: Searched, truths: Sequence[Truth], sizes: Sequence[tuple[int, int]], covering: Covering, still: float | None = None) -> Hidden:
    """Our masks on a set; `still`: another bound than the finder's own."""
    least, told = searched.still if still is None else still, Hidden()
    for regions, truth, size in zip(searched.found, truths, sizes, strict=True):
        told.add(mask([region for region in regions if region.score >= least], size, covering), truth)
    return told


def mask(regions: Sequence[Region], size: tuple[int, int], covering: Covering) -> NDArray[np.bool_]:
    """(height, width): what the command line overwrites in a picture of that size, once it is upright."""
    hidden = np.zeros((size[1], size[0]), np.bool_)
    frame = Frame([np.zeros((size[1], size[0]), np.uint8)], _GREY)
    numbered = [Region(region.box, region.label, region.score, track=number) for number, region in enumerate(regions)]
    for patch in patches(frame, numbered, covering):
        x0, y0, x1, y1 = patch.box
        hidden[y0:y1, x0:x1] |= patch.masks[0]
    return hidden
