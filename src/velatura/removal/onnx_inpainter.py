"""A user's own ONNX inpainter (LaMa, MI-GAN and their like) paints a hole: loaded, tried, and given pieces of a size that it takes.

Each piece is a crop around one part of the hole, with a hole's diameter of room on every side where the picture has it. What goes is overwritten
before the network sees it, so that a network that ignores its mask has nothing to show; and only the hole's own pixels are taken back.
Limits: what it paints is invented; paint of shrunken crops is softer than the picture; no weights are shipped.
Memory: the network's own, at its fixed size or at most 1024 pixels a side, and a crop.
Source: contracts and their papers in `inpainter_contracts`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.errors import BadInput, Withheld
from velatura.files import open_regular
from velatura.models.catalogue import MOST_BYTES
from velatura.models.store import ModelStore
from velatura.removal.inpainter_contracts import FREE_SIZE, Contract, Network, Size, found
from velatura.removal.planes import Mask

__all__ = ["OnnxInpainter", "load"]

IntBox = tuple[int, int, int, int]
"""(x0, y0, x1, y1), half-open."""

MOST_SIDE = 1024
"""Pixels: of a crop for a network that takes any size."""

MULTIPLE = 8
"""Sides of such a crop: LaMa halves its picture three times."""

MOST_SHRINK = 4.0
"""A hole whose crop would shrink more is painted in parts."""


class OnnxInpainter:
    """An `inpainting.Inpainter`. Holds the network; safe to call again and again, from one thread.

    Attributes:
        contract: how the network is fed.
    """

    def __init__(self, network: Network, contract: Contract, name: str) -> None:
        self.contract = contract
        self._network, self._name = network, name
        self._side = min(contract.size) if contract.size else MOST_SIDE

    def __call__(self, picture: NDArray[np.uint8], hole: Mask) -> NDArray[np.uint8]:
        """A copy of `picture` with the hole painted; every other pixel as it was.

        Args:
            picture: (height, width, 3) RGB.
            hole: (height, width), True where to paint.

        Raises:
            Withheld: `remove.nothing-seen`: all of the picture is hole.
            BadInput: `remove.inpainter`: the network fails on a piece.
        """
        made, left = picture.copy(), hole.copy()
        if hole.size and hole.all():
            raise Withheld(
                "remove.nothing-seen", "all of the picture is masked, and nothing is left to paint from", hint="mask less, or obfuscate it"
            )
        for box in _parts(hole, int(self._side * MOST_SHRINK / 3)):
            self._paint_part(made, left, box)
        return made

    def _paint_part(self, made: NDArray[np.uint8], left: Mask, box: IntBox) -> None:
        """Paint what is left of the hole in a box, in place; it is known from then on."""
        x0, y0, x1, y1 = _crop(box, left, self.contract.size or FREE_SIZE)
        crop, unknown = made[y0:y1, x0:x1], left[y0:y1, x0:x1]
        part = np.zeros(unknown.shape, np.bool_)
        part[box[1] - y0 : box[3] - y0, box[0] - x0 : box[2] - x0] = True
        part &= unknown
        crop[part] = self._painted(crop, unknown)[part]
        unknown[part] = False

    def _painted(self, crop: NDArray[np.uint8], unknown: Mask) -> NDArray[np.uint8]:
        """The crop through the network: shrunk where it must be, never enlarged, mirrored on to the network's size."""
        height, width = unknown.shape
        rows, columns = self._fed_size(unknown.shape)
        shrink = min(1.0, rows / height, columns / width)
        small = (max(1, min(columns, round(width * shrink))), max(1, min(rows, round(height * shrink))))
        blank = crop.copy()
        blank[unknown] = np.round(crop[~unknown].mean(axis=0)).astype(np.uint8)
        picture = np.asarray(cv2.resize(blank, small, interpolation=cv2.INTER_AREA), np.uint8)
        hole = np.asarray(cv2.resize(unknown.astype(np.float32), small, interpolation=cv2.INTER_AREA)) > 0
        if hole.all():  # shrunk, every sample has some of the hole in it: nothing to show the network
            return blank
        below, aside = rows - small[1], columns - small[0]
        picture = np.asarray(cv2.copyMakeBorder(picture, 0, below, 0, aside, cv2.BORDER_REFLECT), np.uint8)
        hole = cv2.copyMakeBorder(hole.view(np.uint8), 0, below, 0, aside, cv2.BORDER_REFLECT).view(np.bool_)
        painted = self.contract.paint(self._network, picture, hole)
        if painted is None or not np.isfinite(painted[hole]).all():
            raise BadInput(
                "remove.inpainter", f"{self._name}: no picture came out of it", hint="leave --inpainter out: velatura paints without a network"
            )
        whole = cv2.resize(np.ascontiguousarray(painted[: small[1], : small[0]]), (width, height), interpolation=cv2.INTER_CUBIC)
        return np.asarray(np.clip(np.rint(whole), 0, 255), np.uint8)

    def _fed_size(self, shape: tuple[int, ...]) -> Size:
        if self.contract.size:
            return self.contract.size
        shrink = min(1.0, MOST_SIDE / max(shape))
        rows, columns = (-(-max(1, round(side * shrink)) // MULTIPLE) * MULTIPLE for side in shape)
        return rows, columns


def load(name: str, store: ModelStore) -> OnnxInpainter:
    """Read a network, find out how it is fed, and refuse it if that is in doubt.

    Args:
        name: a name of the catalogue (`velatura models add`), whose hash is checked; or a file.
        store: where catalogued files are.

    Raises:
        BadInput: `remove.inpainter`: neither a name nor a file, or the self-test refuses it; `models.malformed`, `models.hash-mismatch`.
        Missing: `models.missing`.
    """
    content = store.load(name) if name in store.known() else _file(Path(name))
    try:
        network = Network(content)
    except BadInput as error:
        if error.code != "models.malformed":
            raise
        hint = "give --inpainter a network in ONNX format, or leave it out: velatura paints without one"
        raise BadInput("remove.inpainter", f"{name}: is no ONNX file that can be run", hint=hint) from error
    return OnnxInpainter(network, found(network, name), name)


def _file(path: Path) -> bytes:
    try:
        with open_regular(path) as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        hint = "a file.onnx, or a name that `velatura models list` shows"
        raise BadInput("remove.inpainter", f"{path}: is neither a model's name nor a file that can be read ({error.strerror})", hint=hint) from error
    if len(content) > MOST_BYTES:
        raise BadInput("remove.inpainter", f"{path}: is larger than {MOST_BYTES >> 20} MiB", hint="check the name")
    return content


def _parts(hole: Mask, side_px: int) -> Iterator[IntBox]:
    """Boxes of the hole's connected regions, the smallest first, cut to at most `side_px` a side."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(hole.view(np.uint8))
    for number in sorted(range(1, count), key=lambda at: int(stats[at, cv2.CC_STAT_AREA])):
        x, y, width, height = (int(value) for value in stats[number, :4])
        across, down = -(-width // side_px), -(-height // side_px)
        for row in range(down):
            for column in range(across):
                left, top = x + width * column // across, y + height * row // down
                yield left, top, x + width * (column + 1) // across, y + height * (row + 1) // down


def _crop(box: IntBox, hole: Mask, size: Size) -> IntBox:
    """A box with a diameter of room on each side, at least of `size`, inside the picture; all of the picture where the crop knows nothing."""
    height, width = hole.shape
    room = max(box[2] - box[0], box[3] - box[1])
    x0, x1 = _span(box[0], box[2], max(box[2] - box[0] + 2 * room, size[1]), width)
    y0, y1 = _span(box[1], box[3], max(box[3] - box[1] + 2 * room, size[0]), height)
    return (0, 0, width, height) if hole[y0:y1, x0:x1].all() else (x0, y0, x1, y1)


def _span(low: int, high: int, wanted: int, limit: int) -> tuple[int, int]:
    """`wanted` long around low..high, moved into 0..limit."""
    wanted = min(wanted, limit)
    start = min(max((low + high - wanted) // 2, 0), limit - wanted)
    return start, start + wanted
