"""The ways in which published inpainting networks want to be fed, and how a network's own is found: it is tried on a picture whose answer is known.

LaMa and MI-GAN differ in what the mask means and in the range of what comes out, and their files do not say so. A wrong guess leaves the person in
the picture and repaints the rest. So a grey slope with a magenta square is painted with every reading that fits the inputs; the network is taken
if exactly one of them makes the square go and leaves the rest.
Limits: NCHW, float32 or uint8, red-green-blue; a network that wants blue-green-red passes too, and paints with colours that it was not taught. A
generator that does not hand back what it was shown around the hole is refused like a wrong reading. Which reading a published file has was read, not
run: no weights of LaMa or MI-GAN were here.
Sources: Suvorov et al., "Resolution-robust Large Mask Inpainting with Fourier Convolutions", WACV 2022 (LaMa: f32 0..1, mask 1 = hole);
Sargsyan et al., "MI-GAN", ICCV 2023 (pipeline: u8, mask 255 = known; generator: four channels, known - .5 and the known picture in -1..1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from velatura.errors import BadInput
from velatura.models.runtime import OnnxBackend
from velatura.removal.planes import Mask

__all__ = ["Contract", "Network", "Tensor", "found"]

Picture = NDArray[np.uint8]
Size = tuple[int, int]

FREE_SIZE = (512, 512)
"""Rows and columns that a network of any size is tried at."""

LOW, HIGH = 32.0, 224.0  # the slope: off both ends, so that a clipped range shows
MAGENTA = (255, 0, 255)
CHANGED = 24.0  # grey levels, mean: the surroundings may change so much (a generator draws all of the picture anew)
NEAR, FAR = 48.0, 64.0  # grey levels, mean: of the square from the slope below it, and from magenta

_OUTPUTS: Mapping[str, tuple[float, float]] = {"0..255": (1.0, 0.0), "0..1": (255.0, 0.0), "-1..1": (127.5, 127.5)}


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input. `shape`: numbers where they are fixed, None where not; `kind`: "float32", "uint8" or what else the file says."""

    name: str
    kind: str
    shape: tuple[int | None, ...]


class Network(OnnxBackend):
    """A network with several inputs of several types. Raises as `OnnxBackend`."""

    def inputs(self) -> tuple[Tensor, ...]:
        """In the file's order."""
        kinds = {"tensor(float)": "float32", "tensor(uint8)": "uint8"}
        return tuple(
            Tensor(value.name, kinds.get(value.type, value.type), tuple(side if isinstance(side, int) and side > 0 else None for side in value.shape))
            for value in self._session.get_inputs()
        )

    def feed(self, values: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """All outputs. Raises BadInput `remove.inpainter`: it does not run."""
        try:
            return [np.asarray(value) for value in self._session.run(None, dict(values))]
        except Exception as error:  # onnxruntime's errors have no common parent of their own
            sentence = f"the inpainter does not run on what it says that it takes ({type(error).__name__})"
            raise BadInput("remove.inpainter", sentence, hint="docs of its export; or leave --inpainter out") from error


@dataclass(frozen=True, slots=True)
class Contract:
    """One reading of a network's inputs and outputs.

    Attributes:
        way: "pair": picture and mask; "one": four channels.
        image, mask: names of the inputs; the same one for "one".
        kind: of both inputs of a pair.
        size: (rows, columns) where they are fixed.
        mask_is_hole: the mask's high value means "paint here", not "this is known".
        output: range of what comes out.
    """

    way: Literal["pair", "one"]
    image: Tensor
    mask: Tensor
    size: Size | None
    mask_is_hole: bool
    output: str

    def __str__(self) -> str:
        return f"mask high = {'hole' if self.mask_is_hole else 'known'}, output {self.output}"

    def paint(self, network: Network, picture: Picture, hole: Mask) -> NDArray[np.float32] | None:
        """(height, width, 3) in 0..255, not clipped; None: nothing that comes out is a picture of this size.

        Args:
            picture: (height, width, 3) RGB, of `size` where that is fixed.
            hole: (height, width).
        """
        return self.read(network.feed(self.values(picture, hole)), hole.shape)

    def read(self, outputs: Sequence[NDArray[Any]], shape: tuple[int, ...]) -> NDArray[np.float32] | None:
        """The first output that is a picture of `shape`, (height, width, 3) in 0..255."""
        scale, offset = _OUTPUTS[self.output]
        for value in outputs:
            if value.shape == (1, 3, *shape) and value.dtype in (np.float32, np.uint8):
                return np.asarray(value[0].transpose(1, 2, 0).astype(np.float32) * np.float32(scale) + np.float32(offset))
        return None

    def values(self, picture: Picture, hole: Mask) -> dict[str, NDArray[Any]]:
        """What the network is fed, by its inputs' names."""
        planes, high = picture.transpose(2, 0, 1)[None], (hole if self.mask_is_hole else ~hole)[None, None]
        if self.way == "one":
            # MI-GAN's generator: what is not known is 0 in the picture, whatever the first channel calls it
            shown = np.where(hole[None, None], np.float32(0), planes.astype(np.float32) / 127.5 - 1)
            return {self.image.name: np.concatenate([high.astype(np.float32) - 0.5, shown], axis=1).astype(np.float32)}
        return {self.image.name: _typed(planes, 255, self.image.kind), self.mask.name: _typed(high, 1, self.mask.kind)}


def found(network: Network, name: str) -> Contract:
    """The only reading under which the network paints the square away.

    Costs one run for each meaning of the mask: two.

    Args:
        name: of the file, for errors.

    Raises:
        BadInput: `remove.inpainter`: no reading passes, or several do.
    """
    readings = _readings(network.inputs(), name)
    trial = _trial(readings[0].size or FREE_SIZE)
    outputs = {reading.mask_is_hole: network.feed(reading.values(trial.picture, trial.square)) for reading in readings[:: len(_OUTPUTS)]}
    told = {reading: trial.fault(reading.read(outputs[reading.mask_is_hole], trial.square.shape)) for reading in readings}
    passed = [reading for reading, fault in told.items() if not fault]
    if len(passed) == 1:
        return passed[0]
    if passed:
        finding = "its self-test is ambiguous: " + "; ".join(map(str, passed)) + " all pass"
    else:
        finding = "its self-test fails: " + "; ".join(f"{reading}: {fault}" for reading, fault in told.items())
    raise BadInput(
        "remove.inpainter", f"{name}: {finding}", hint="use another export of it, or leave --inpainter out: velatura paints without a network"
    )


def _readings(inputs: Sequence[Tensor], name: str) -> list[Contract]:
    """What fits the inputs. Mask high = hole comes first for LaMa, = known for MI-GAN; all are tried, and the order decides nothing."""
    if len(inputs) == 1 and inputs[0].kind == "float32" and len(inputs[0].shape) == 4 and inputs[0].shape[1] == 4:
        only = inputs[0]
        return [Contract("one", only, only, _size(only), high, output) for high, output in product((False, True), _OUTPUTS)]
    pair = _pair(inputs)
    if pair is None:
        told = ", ".join(f"{value.name} {value.kind} {'x'.join('?' if side is None else str(side) for side in value.shape)}" for value in inputs[:4])
        sentence = f"{name}: its inputs are those of no inpainter that velatura can feed ({told})"
        raise BadInput("remove.inpainter", sentence, hint="a picture (1,3,H,W) and a mask (1,1,H,W), or both in one (1,4,H,W); float32 or uint8")
    image, mask = pair
    return [Contract("pair", image, mask, _size(image), high, output) for high, output in product((True, False), _OUTPUTS)]


def _pair(inputs: Sequence[Tensor]) -> tuple[Tensor, Tensor] | None:
    """Picture and mask by their channels, and by their names where these are free."""
    if len(inputs) != 2 or any(len(value.shape) != 4 or value.kind not in ("float32", "uint8") for value in inputs):
        return None
    for image, mask in (tuple(inputs), tuple(reversed(inputs))):
        fits = image.shape[1] in (3, None) and mask.shape[1] in (1, None)
        if fits and ((image.shape[1], mask.shape[1]) != (None, None) or "mask" in mask.name.lower()):
            return image, mask
    return None


def _size(image: Tensor) -> Size | None:
    rows, columns = image.shape[2:]
    return None if rows is None or columns is None else (rows, columns)


def _typed(values: NDArray[Any], top: int, kind: str) -> NDArray[Any]:
    """Values of 0..top as 0..1 float32 or 0..255 uint8."""
    if kind == "uint8":
        return np.ascontiguousarray(values.astype(np.uint8) * np.uint8(255 // top))
    return np.ascontiguousarray(values.astype(np.float32) / np.float32(top))


@dataclass(frozen=True, slots=True)
class _Trial:
    """A grey slope from corner to corner (height, width), a square in its middle, and the picture in which the square is magenta."""

    slope: NDArray[np.float32]
    square: Mask
    picture: Picture

    def fault(self, painted: NDArray[np.float32] | None) -> str:
        """What is wrong with a painted picture, in words; "" if nothing is."""
        if painted is None or not np.isfinite(painted).all():
            return "no picture comes out"
        painted = np.clip(painted, 0, 255)
        away = np.abs(painted - self.slope[..., None]).mean(axis=2)
        if away[~self.square].mean() > CHANGED:
            return f"what is around the hole changes by {away[~self.square].mean():.0f} grey levels"
        if np.abs(painted[self.square] - np.asarray(MAGENTA, np.float32)).mean() < FAR:
            return "what was in the hole stays"
        if away[self.square].mean() > NEAR:
            return f"the paint is {away[self.square].mean():.0f} grey levels from what is around it"
        return ""


def _trial(size: Size) -> _Trial:
    rows, columns = size
    slope = np.rint(LOW + (HIGH - LOW) * (np.linspace(0, 0.5, rows)[:, None] + np.linspace(0, 0.5, columns)[None, :])).astype(np.float32)
    square = np.zeros(size, np.bool_)
    square[rows * 3 // 8 : rows - rows * 3 // 8, columns * 3 // 8 : columns - columns * 3 // 8] = True
    picture = np.where(square[..., None], np.asarray(MAGENTA, np.uint8), slope[..., None].astype(np.uint8))
    return _Trial(slope, square, picture)
