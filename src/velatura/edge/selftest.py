"""Inputs with the outputs that they must give: what is asked of a network before it is used, on the machine that uses it.

A hash says that the file is the one that was signed; this says that here, with this runtime on this processor, it still computes what it did where it
was made. In float32 outputs have to be close; in 8-bit integers one rounding more moves an output by a step, so that the best boxes have to be the
same to a pixel, and outputs close as a whole. The pictures are drawn, of nobody: they travel with the bundle.
Limit: a change that no drawn picture shows is not seen (about half of the single flipped bits of a small detector); the hash sees all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from velatura.detect.decode import Candidates
from velatura.edge.backend import InferenceBackend
from velatura.edge.manifest import Manifest, Tensor, network_of
from velatura.edge.network import Network, head_class
from velatura.edge.spotting import Checked, checked_head
from velatura.errors import BadInput, Withheld
from velatura.media.input_form import InputForm

__all__ = ["BOX_PX", "answers", "check", "drawings", "input_of", "tensors_of", "vectors_of"]

FREE_SIZE = 160, 128
"""(width, height) of the inputs of networks that take any."""
COUNT = 3
CLOSE = 1e-3
"""Absolute and relative, of outputs in float32."""
RMS = 0.05
"""Of outputs in 8-bit integers: root mean square of the difference, against that of the output."""
BOX_PX, SCORE = 1.0, 0.1
BEST = 8

Outputs = Mapping[str, NDArray[np.float32]]


def drawings(form: InputForm) -> list[NDArray[np.uint8]]:
    """Pictures (height, width, 3) of half an input's size, RGB: two with drawn faces before bars, one of noise."""
    width, height = (-(-side // 2) for side in form.size or FREE_SIZE)
    made = [_drawn(width, height, np.random.default_rng(seed)) for seed in range(COUNT - 1)]
    return [*made, np.random.default_rng(COUNT).integers(0, 256, (height, width, 3), np.uint8)]


def _drawn(width: int, height: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    y, x = np.mgrid[0:height, 0:width]
    picture = np.stack([60 + 120 * x // width, 90 + 80 * y // height, np.full_like(x, 120)], 2)
    for _ in range(6):
        left, top = int(rng.integers(0, width)), int(rng.integers(0, height))
        picture[top : top + height // 3, left : left + width // 8] = rng.integers(0, 256, 3)
    for size in (height // 3, height // 6):
        _face(picture, int(rng.integers(size, width - size)), int(rng.integers(size, height - size)), size)
    return picture.astype(np.uint8)


def _face(picture: NDArray[Any], x: int, y: int, size: int) -> None:
    """Skin, hair, eyes, nose and mouth as ellipses: (across, down, half width, half height) in halves of the face."""
    parts: list[tuple[float, float, float, float, tuple[int, int, int]]] = [(0, -0.3, 0.85, 1.0, (50, 35, 30)), (0, 0, 0.75, 1.0, (224, 180, 150))]
    parts += [(side, -0.2, 0.2, 0.1, (250, 250, 250)) for side in (-0.33, 0.33)] + [(side, -0.2, 0.09, 0.09, (30, 25, 20)) for side in (-0.33, 0.33)]
    parts += [(side, -0.42, 0.24, 0.05, (60, 40, 30)) for side in (-0.33, 0.33)]
    parts += [(0, 0.15, 0.1, 0.2, (196, 150, 122)), (0, 0.55, 0.3, 0.09, (170, 70, 70))]
    down, across = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]]
    for right, below, half_width, half_height, colour in parts:
        u, v = ((across - x) / size - right) / half_width, ((down - y) / size - below) / half_height
        picture[u * u + v * v <= 1] = colour


def input_of(picture: NDArray[np.uint8], form: InputForm) -> NDArray[np.float32]:
    """(1, 3, height, width): every pixel four times, in the network's order and scale."""
    width, height = form.size or FREE_SIZE
    large = picture.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
    planes = large[:, :, ["RGB".index(letter) for letter in form.order]].transpose(2, 0, 1).astype(np.float32)
    mean, scale = (np.array(values, np.float32)[:, None, None] for values in (form.mean, form.scale))
    return np.ascontiguousarray(((planes - mean) * scale)[None])


def answers(pictures: Sequence[NDArray[np.uint8]], backend: InferenceBackend, network: Network) -> list[Outputs]:
    """Outputs for each picture. Raises BadInput: `models.run`, `models.outputs`, `models.not-finite`."""
    checked = Checked(backend, head_class(network.like))
    return [dict(checked.run(input_of(picture, network.form))) for picture in pictures]


def vectors_of(pictures: Sequence[NDArray[np.uint8]], shipped: Sequence[Outputs], fp32: Sequence[Outputs] = ()) -> tuple[tuple[Tensor, ...], bytes]:
    """The manifest's table and the bytes. fp32: where 8-bit integers are shipped, what they stand for."""
    table, out = [], bytearray()
    for number, picture in enumerate(pictures):
        every: dict[str, NDArray[Any]] = {f"{number}/input": picture}
        for kind, outputs in (("shipped", shipped), ("fp32", fp32)):
            if outputs:
                every |= {f"{number}/{kind}/{name}": values for name, values in sorted(outputs[number].items())}
        for name, values in every.items():
            kind = "<u1" if values.dtype == np.uint8 else "<f4"
            table.append(Tensor(name, kind, tuple(values.shape)))
            out += np.ascontiguousarray(values).astype(kind).tobytes()
    return tuple(table), bytes(out)


def tensors_of(table: Iterable[Tensor], raw: bytes) -> dict[str, NDArray[Any]]:
    """Raises BadInput `edge.bundle-malformed`."""
    at, found = 0, {}
    for one in table:
        if one.dtype not in ("<u1", "<f4") or not all(0 <= side <= 1 << 20 for side in one.shape) or one.name in found:
            raise _malformed()
        count = 1
        for side in one.shape:
            count *= side
        size = count * (4 if one.dtype == "<f4" else 1)
        if at + size > len(raw):
            raise _malformed()
        found[one.name] = np.frombuffer(raw, one.dtype, count, at).reshape(one.shape)
        at += size
    if at != len(raw):
        raise _malformed()
    return found


def check(manifest: Manifest, raw: bytes, backend: InferenceBackend) -> None:
    """Ask everything.

    Args:
        raw: `selftest.bin`.

    Raises:
        Withheld: `edge.self-test`: another answer, or none.
        BadInput: `edge.bundle-malformed`.
    """
    network = network_of(manifest)
    asked = list(_asked(tensors_of(manifest.tensors, raw), network.form))
    if len(asked) < COUNT:
        raise _malformed()
    for picture, expected in asked:
        try:
            given = answers([picture], backend, network)[0]
        except BadInput as error:
            raise _failed(error.sentence) from error
        wrong = _differ(given, expected, network) if manifest.precision.chosen == "int8" else _far(given, expected)
        if wrong:
            raise _failed(wrong)


def _asked(tensors: Mapping[str, NDArray[Any]], form: InputForm) -> Iterator[tuple[NDArray[np.uint8], Outputs]]:
    width, height = (-(-side // 2) for side in form.size or FREE_SIZE)
    for name, picture in tensors.items():
        number, _, kind = name.partition("/")
        if kind != "input":
            continue
        stem = f"{number}/shipped/"
        expected = {key.removeprefix(stem): values for key, values in tensors.items() if key.startswith(stem)}
        if picture.shape != (height, width, 3) or picture.dtype != np.uint8 or not expected:
            raise _malformed()
        yield picture, expected


def _far(given: Outputs, expected: Outputs) -> str:
    if given.keys() != expected.keys() or any(given[name].shape != expected[name].shape for name in expected):
        return "it has other outputs"
    close = all(np.allclose(given[name], expected[name], rtol=CLOSE, atol=CLOSE) for name in expected)
    return "" if close else f"its outputs differ by more than {CLOSE:g}"


def _differ(given: Outputs, expected: Outputs, network: Network) -> str:
    if given.keys() != expected.keys() or any(given[name].shape != expected[name].shape for name in expected):
        return "it has other outputs"
    for name, values in expected.items():
        if _rms(given[name] - values) > RMS * _rms(values) + CLOSE:
            return "its outputs differ"
    mine, theirs = (_best(outputs, network) for outputs in (given, expected))
    clear = [one for one in theirs[:BEST] if one[1][4] >= network.scores.low / 2]  # below, a rounding more decides which is the best
    if not all(_has(mine, one) for one in clear) or (clear and not _has(mine[:1], clear[0])):
        return f"its best boxes differ by more than {BOX_PX:g} pixel"
    return ""


def _best(outputs: Outputs, network: Network) -> list[tuple[str, NDArray[np.float64]]]:
    """Every candidate, best first."""
    width, height = network.form.size or FREE_SIZE
    candidates: Candidates = checked_head(_Told(outputs), network).candidates(np.zeros((3, height, width), np.float32), threshold=0.0)
    return sorted(((label, row) for label, rows in candidates for row in rows), key=lambda one: -one[1][4])


def _has(mine: Sequence[tuple[str, NDArray[np.float64]]], wanted: tuple[str, NDArray[np.float64]]) -> bool:
    label, row = wanted
    return any(name == label and np.abs(one[:4] - row[:4]).max() <= BOX_PX and abs(one[4] - row[4]) <= SCORE for name, one in mine)


def _rms(values: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


class _Told:
    """A backend that has given its answer already."""

    def __init__(self, outputs: Outputs) -> None:
        self._outputs = outputs

    def run(self, x: NDArray[np.float32]) -> Outputs:
        return self._outputs


def _failed(what: str) -> Withheld:
    return Withheld("edge.self-test", f"the network does not answer its self-test as where it was made: {what}", hint="bring the bundle anew")


def _malformed() -> BadInput:
    return BadInput("edge.bundle-malformed", "the bundle's self-test does not hold together", hint="export it again")
