"""Runs inside deface's own environment and needs nothing of ours: its detector, the masks that it really paints, its CPU time.

JSON lines come in and go out:
  {"open": FILE, "backend": "opencv" | "onnxrt"}   a picture to be timed; says its size and the version of OpenCV
  {"time": N}                                      N detections; CPU seconds that this process spent since its last answer
  {"masks": FILE, "out": FILE.npz}                 boxes and masks of one picture, with deface's defaults

CPU counts all threads. What they spend on spinning after the last detection is in the next answer; `during_s` is what was spent in the calls alone.
A mask is read off deface's own `anonymize_frame`: on a black frame, with a blur that returns white.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from typing import Any

import cv2
import deface.deface as program
import numpy as np
from deface.centerface import CenterFace

THRESHOLD, MASK_SCALE = 0.2, 1.3  # the defaults of its command line
LOWEST = 0.05  # for its curve of precision and recall


class Peer:
    def __init__(self) -> None:
        self.networks: dict[str, Any] = {}
        self.picture: Any = None
        self.spent_s = 0.0
        self.network: Any = None

    def load(self, backend: str) -> Any:
        if backend not in self.networks:
            with contextlib.redirect_stdout(sys.stderr):  # it prints the provider
                self.networks[backend] = CenterFace(backend=backend)
        return self.networks[backend]

    def open(self, request: dict[str, str]) -> dict[str, Any]:
        self.picture, self.network = rgb(request["open"]), self.load(request["backend"])
        self.spent_s = time.process_time()
        return {"size": self.picture.shape[1::-1], "opencv": cv2.__version__}

    def time(self, request: dict[str, int]) -> dict[str, float]:
        before, begun = self.spent_s, time.process_time()
        for _ in range(request["time"]):
            self.network(self.picture, threshold=THRESHOLD)
        self.spent_s = time.process_time()
        return {"cpu_s": self.spent_s - before, "during_s": self.spent_s - begun}

    def masks(self, request: dict[str, str]) -> dict[str, int]:
        picture = rgb(request["masks"])
        faces, _ = self.load("opencv")(picture, threshold=LOWEST)
        strong = faces[faces[:, 4] > THRESHOLD]
        masks = {shape: painted(strong, picture.shape, ellipse=shape == "ellipse") for shape in ("ellipse", "box")}
        np.savez_compressed(request["out"], faces=faces, **masks)
        return {"faces": len(strong)}


def rgb(path: str) -> Any:
    return np.ascontiguousarray(cv2.imread(path, cv2.IMREAD_COLOR)[:, :, ::-1])


def painted(faces: Any, shape: tuple[int, ...], *, ellipse: bool) -> Any:
    """(height, width) bool: the pixels that deface replaces."""
    frame, blur = np.zeros(shape, np.uint8), program.cv2.blur
    program.cv2.blur = lambda region, _size: np.full_like(region, 255)
    try:
        program.anonymize_frame(faces, frame, MASK_SCALE, "blur", ellipse, False, None, 20)
    finally:
        program.cv2.blur = blur
    return frame[:, :, 0] > 0


def main() -> None:
    peer = Peer()
    for line in sys.stdin:
        request = json.loads(line)
        verb = next(name for name in ("open", "time", "masks") if name in request)
        print(json.dumps(getattr(peer, verb)(request)), flush=True)


if __name__ == "__main__":
    main()
