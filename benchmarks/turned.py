"""One photograph stored in the eight ways of EXIF orientation, through both command lines.

PNG with an eXIf chunk keeps the pixels to the bit. A turned JPEG does not, even with all quantisation steps 1 and sides that are multiples of 16:
its transform rounds, so only inputs that decode alike can give outputs that are alike. What counts is what a viewer shows: the tag applied.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from benchmarks.measure import cpu_of

VELATURA = Path(sys.executable).parent / "velatura"
SIZE = (512, 400)
ORIENTATION_TAG = 0x0112
STORED = {  # what a viewer undoes, by orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@dataclass(frozen=True, slots=True)
class Turned:
    """Of eight files how many are like the first: decoded inputs, regions (to the last bit), our outputs, deface's outputs.

    Attributes:
        apart_levels: the largest difference between decoded inputs.
        apart_px: the largest difference between the sides of their regions; infinite where their number differs.
    """

    inputs: int
    regions: int
    ours: int
    deface: int
    apart_levels: int
    apart_px: float


def measure(photo: Path, home: Path, deface: Path, folder: Path) -> dict[str, Turned]:
    """By format. `home`: VELATURA_HOME; `deface`: its program."""
    with Image.open(photo) as opened:
        upright = opened.convert("RGB").crop((0, 0, *SIZE))
    return {kind: _measure(kind, upright, home, deface, folder / kind) for kind in ("png", "jpg")}


def _measure(kind: str, upright: Image.Image, home: Path, deface: Path, folder: Path) -> Turned:
    stored, out = folder / "stored", folder / "out"
    stored.mkdir(parents=True)
    files = [_store(upright, orientation, stored / f"{orientation}.{kind}") for orientation in range(1, 9)]
    env = {**os.environ, "VELATURA_HOME": str(home)}
    told = subprocess.run([str(VELATURA), "detect", str(stored), "--json", "--quiet"], env=env, capture_output=True, check=True)
    regions = [_regions(item) for item in sorted(json.loads(told.stdout)["result"]["items"], key=lambda item: str(item["file"]))]
    assert all(regions), "the photograph has a face"
    cpu_of([str(VELATURA), "obfuscate", str(stored), "-o", str(out), "--quiet"], env=env)
    cpu_of([str(deface), *map(str, files), "--replacewith", "solid"])
    theirs = [file.with_name(f"{file.stem}_anonymized{file.suffix}") for file in files]
    inputs = [_shown(file) for file in files]
    return Turned(
        _alike(inputs),
        sum(one == regions[0] for one in regions),
        _alike([_shown(out / file.name) for file in files]),
        _alike([_shown(file) for file in theirs]),
        max(int(np.abs(one.astype(int) - inputs[0]).max()) for one in inputs),
        max(_apart(one, regions[0]) for one in regions),
    )


def _store(upright: Image.Image, orientation: int, file: Path) -> Path:
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    how = STORED.get(orientation)
    turned = upright if how is None else upright.transpose(how)
    options: dict[str, Any] = {"qtables": [[1] * 64] * 2, "subsampling": 0} if file.suffix == ".jpg" else {}
    turned.save(file, exif=exif, **options)
    with Image.open(file) as read:
        assert ImageOps.exif_transpose(read).size == upright.size, "the tag undoes the turn"
    return file


def _regions(item: dict[str, Any]) -> list[list[float]]:
    return [[*region["box"], region["score"]] for region in item["regions"]]


def _apart(one: list[list[float]], first: list[list[float]]) -> float:
    if len(one) != len(first):
        return float("inf")
    return max(float(np.abs(np.array(a[:4]) - b[:4]).max()) for a, b in zip(sorted(one), sorted(first), strict=True))


def _shown(file: Path) -> NDArray[np.uint8]:
    with Image.open(file) as opened:
        return np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))


def _alike(shown: list[NDArray[np.uint8]]) -> int:
    return sum(np.array_equal(one, shown[0]) for one in shown)
