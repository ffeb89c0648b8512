"""What rendered clips are made of: real faces cut out softly with their surroundings, and real pictures and footage without faces.

Faces: the public-domain portrait of scikit-image, the clear ones of faces_wider_val with the stretch of their source undone, one picture each of
twenty people of orl. A crop's context must not hold a second face: it would have no truth. Backgrounds: kodak (04, 15 and 17 show faces),
urban100, clips.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

W, H = 640, 360
CONTEXT = 0.7  # of the box, kept on each side of a crop
STILLS = ("01", "03", "07", "09", "11", "19", "21", "23", "24")
FOOTAGE = ("tree.avi", "road_top.avi", "walk_gopro.mp4")
SMALLEST = 36.0

Picture = NDArray[np.uint8]
Footage = list[Picture]


@dataclass(frozen=True, slots=True)
class Crop:
    """A face with its surroundings: `rgba` float32 with premultiplied colour, `box` (x0, y0, x1, y1) inside it."""

    rgba: NDArray[np.float32]
    box: NDArray[np.float64]


def picture(path: Path) -> Picture:
    return cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def cut_out(rgb: Picture, box: tuple[float, float, float, float], aspect: float = 1.0) -> Crop:
    """A soft super-ellipse around a box; `aspect` undoes a stretch of the source (the width is multiplied by it)."""
    x0, y0, x1, y1 = box
    mx, my = CONTEXT * (x1 - x0), CONTEXT * (y1 - y0)
    left, top = round(max(0, x0 - mx)), round(max(0, y0 - my))
    right, bottom = round(min(rgb.shape[1], x1 + mx)), round(min(rgb.shape[0], y1 + my))
    patch = rgb[top:bottom, left:right].astype(np.float32)
    patch = cv2.resize(patch, (max(8, round(patch.shape[1] * aspect)), patch.shape[0]), interpolation=cv2.INTER_CUBIC).clip(0, 255)
    inner = np.array([(x0 - left) * aspect, y0 - top, (x1 - left) * aspect, y1 - top])
    h, w = patch.shape[:2]
    yy, xx = np.mgrid[0:h, 0:w]
    radius = np.abs((xx + 0.5) / w * 2 - 1) ** 3 + np.abs((yy + 0.5) / h * 2 - 1) ** 3
    alpha = np.clip((1 - radius) / 0.25, 0, 1).astype(np.float32)[..., None]
    return Crop(np.concatenate([patch * alpha, alpha * 255], axis=2), inner)


def crops(data: Path) -> list[Crop]:
    """All faces, always in the same order."""
    from skimage import data as samples

    found = [cut_out(samples.astronaut(), (177, 72, 269, 196)), *_wider(data / "faces_wider_val")]
    return found + [cut_out(picture(data / f"orl/s{k}/1.pgm"), (14, 22, 78, 108)) for k in range(1, 21)]


def _wider(folder: Path) -> list[Crop]:
    found = []
    for name, about in sorted(json.loads((folder / "boxes.json").read_text()).items()):
        boxes = np.array([face["box"] for face in about["faces"]])
        for face in about["faces"]:
            x, y, w, h = face["box"]
            far = np.abs(boxes[:, :2] + boxes[:, 2:] / 2 - (x + w / 2, y + h / 2)) / (max(w, 1), max(h, 1))
            alone = ((far < 0.5 + CONTEXT).all(axis=1)).sum() == 1
            clear = not any(face.get(key) for key in ("invalid", "blur", "occlusion", "pose", "illumination"))
            if alone and clear and min(w, h) >= SMALLEST:
                wide, high = about.get("original", (about["width"], about["height"]))
                aspect = (wide / about["width"]) / (high / about["height"])
                found.append(cut_out(picture(folder / "images" / name), (x, y, x + w, y + h), aspect))
    return found


def backgrounds(data: Path) -> list[Picture | Footage]:
    """Pictures 1280 wide, and lists of frames."""
    stills = [picture(data / f"kodak/kodim{number}.png") for number in STILLS]
    stills += [picture(path) for path in sorted((data / "urban100").glob("*.png"))]
    found: list[Picture | Footage] = [cv2.resize(p, (1280, max(720, round(p.shape[0] * 1280 / p.shape[1])))) for p in stills]
    for name in FOOTAGE:
        with av.open(str(data / "clips" / name)) as container:
            frames = zip(range(80), container.decode(video=0), strict=False)
            found.append([frame.reformat(W, H, "rgb24").to_ndarray() for _, frame in frames])
    return found


def paste(
    frame: NDArray[np.float32], crop: Crop, centre: NDArray[np.float64], height: float, motion: NDArray[np.float64], turn: float
) -> NDArray[np.float64]:
    """Draw a face in place, blurred along its motion, turned away by `turn` (0..1); returns its box on the frame."""
    k = height / (crop.box[3] - crop.box[1])
    size = (max(4, round(crop.rgba.shape[1] * k)), max(4, round(crop.rgba.shape[0] * k)))
    rgba = cv2.resize(crop.rgba, size, interpolation=cv2.INTER_AREA if k < 1 else cv2.INTER_LINEAR)
    scale = np.array([size[0] / crop.rgba.shape[1], size[1] / crop.rgba.shape[0]])
    if turn > 0:
        rgba = _turned(rgba, size, turn)
    rgba, border = _shuttered(rgba, motion)
    corner = centre - (crop.box[:2] + crop.box[2:]) / 2 * scale - border
    x, y = np.floor(corner).astype(int)
    fraction = np.array([[1, 0, corner[0] - x], [0, 1, corner[1] - y]], dtype=np.float32)
    rgba = cv2.warpAffine(rgba, fraction, (rgba.shape[1] + 1, rgba.shape[0] + 1))
    left, top, right, bottom = max(0, x), max(0, y), min(W, x + rgba.shape[1]), min(H, y + rgba.shape[0])
    if right > left and bottom > top:
        part = rgba[top - y : bottom - y, left - x : right - x]
        frame[top:bottom, left:right] = frame[top:bottom, left:right] * (1 - part[..., 3:] / 255) + part[..., :3]
    half = (crop.box[2:] - crop.box[:2]) * scale / 2
    return np.concatenate([centre - half, centre + half])


def _turned(rgba: NDArray[np.float32], size: tuple[int, int], turn: float) -> NDArray[np.float32]:
    """A head from behind: smeared sideways and darker."""
    side = cv2.blur(rgba, (max(3, size[0] // 2), max(1, size[1] // 12)))
    side[..., :3] *= 0.55
    return (1 - turn) * rgba + turn * side


def _shuttered(rgba: NDArray[np.float32], motion: NDArray[np.float64]) -> tuple[NDArray[np.float32], int]:
    """Blurred along the motion, and the border that this added."""
    length = float(np.hypot(*motion))
    if length <= 1.5:
        return rgba, 0
    border = int(np.ceil(length / 2)) + 1
    kernel = np.zeros((2 * border + 1, 2 * border + 1), np.float32)
    ends = (np.array([border, border]) + sign * motion / 2 for sign in (-1, 1))
    a, b = (tuple(round(float(v)) for v in end) for end in ends)
    cv2.line(kernel, a, b, 1.0)
    rgba = cv2.copyMakeBorder(rgba, border, border, border, border, cv2.BORDER_CONSTANT)
    return cv2.filter2D(rgba, -1, kernel / kernel.sum()), border
