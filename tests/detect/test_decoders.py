"""Each network's numbers become boxes: made-up outputs with a known answer, and hostile ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from velatura.detect.centerface import CenterFace
from velatura.detect.decode import regions
from velatura.detect.fastestdet import FastestDet
from velatura.detect.plate_clp import PlateClp
from velatura.detect.ppocr import PpOcr
from velatura.detect.region import Scores
from velatura.detect.ultralight import Ultralight
from velatura.detect.yunet import YuNet
from velatura.media.view import InputForm

FORM, SCALE = InputForm(), Scores(0.2, 0.5, 0.8)


class Says:
    """A backend that answers what it was told."""

    def __init__(self, **outputs: NDArray[Any]) -> None:
        self.outputs = outputs

    def run(self, x: NDArray[np.float32]) -> Mapping[str, NDArray[Any]]:
        return self.outputs


def blank(height: int = 64, width: int = 96) -> NDArray[np.float32]:
    return np.zeros((3, height, width), np.float32)


def yunet_outputs(height: int, width: int) -> dict[str, NDArray[np.float32]]:
    out = {}
    for stride in (8, 16, 32):
        cells = height // stride * (width // stride)
        for name, last in (("cls", 1), ("obj", 1), ("bbox", 4)):
            out[f"{name}_{stride}"] = np.zeros((1, cells, last), np.float32)
    return out


def test_yunet_is_the_cell_plus_offset_times_the_stride() -> None:
    out = yunet_outputs(64, 96)
    cell = 2 * (96 // 16) + 3  # row 2, column 3 of stride 16
    out["cls_16"][0, cell], out["obj_16"][0, cell] = 0.81, 1.0
    out["bbox_16"][0, cell] = (0.5, 0.25, np.log(1.5), np.log(2.0))
    (found,) = YuNet(Says(**out), "y", FORM, SCALE).detect(blank(), threshold=0.5)
    assert found.score == pytest.approx(0.9, abs=1e-6)
    assert found.box == pytest.approx((56 - 12, 36 - 16, 56 + 12, 36 + 16), abs=1e-4)


def test_centerface_is_the_peak_of_the_heat() -> None:
    heat, size, offset = (np.zeros((1, n, 16, 24), np.float32) for n in (1, 2, 2))
    heat[0, 0, 5, 7] = 0.7
    size[0, :, 5, 7] = (np.log(5), np.log(3))
    offset[0, :, 5, 7] = (0.25, -0.25)
    out = {"537": heat, "538": size, "539": offset}
    (found,) = CenterFace(Says(**out), "c", FORM, SCALE).detect(blank(), threshold=0.5)
    assert found.box == pytest.approx((29 - 6, 23 - 10, 29 + 6, 23 + 10), abs=1e-4)
    assert found.score == pytest.approx(0.7, abs=1e-6)


def test_ultralight_s_corners_are_shares_of_the_input() -> None:
    out = {"scores": np.array([[[0.1, 0.9], [0.8, 0.2]]], np.float32), "boxes": np.array([[[0.25, 0.5, 0.5, 1.5], [0, 0, 1, 1]]], np.float32)}
    (found,) = Ultralight(Says(**out), "u", FORM, SCALE).detect(blank(), threshold=0.5)
    assert found.box == (24, 32, 48, 64)


def test_fastestdet_tells_persons_from_vehicles_and_leaves_the_rest() -> None:
    out = np.zeros((1, 85, 4, 4), np.float32)
    for column, kind in enumerate((0, 2, 16)):
        out[0, 0, 1, column] = 1.0
        out[0, 5 + kind, 1, column] = 1.0
        out[0, 3:5, 1, column] = -2.0
    found = FastestDet(Says(o=out), "f", FORM, SCALE).detect(blank(64, 64), threshold=0.5)
    assert [region.label for region in found] == ["person", "vehicle"]
    middle = [((r.box[0] + r.box[2]) / 2, (r.box[1] + r.box[3]) / 2) for r in found]
    assert middle[1] == pytest.approx((16, 16))


def test_text_is_a_patch_of_the_map_grown_by_its_shape() -> None:
    certain = np.zeros((1, 1, 64, 96), np.float32)
    certain[0, 0, 20:30, 10:50] = 0.8
    certain[0, 0, 50, 90] = 0.9  # a speck
    (found,) = PpOcr(Says(o=certain), "p", FORM, SCALE).detect(blank(), threshold=0.5)
    by = 40 * 10 * 1.6 / (2 * 50)
    assert found.box == pytest.approx((10 - by, 20 - by, 50 + by, 30 + by))
    assert found.score == pytest.approx(0.8, abs=1e-6)


def test_plate_clp_is_a_prior_moved_and_stretched() -> None:
    cells = [(8, 8, 12), (16, 4, 6), (32, 2, 3)]
    count = sum(2 * rows * columns for _, rows, columns in cells)
    conf, loc = np.zeros((1, count, 2), np.float32), np.zeros((1, count, 4), np.float32)
    which = 2 * (8 * 12) + 2 * (2 * 6 + 3) + 1  # stride 16, row 2, column 3, the larger of two
    conf[0, which, 1] = 0.6
    loc[0, which] = (0.5, 0.0, np.log(0.25) / 0.2, np.log(0.125) / 0.2)
    (found,) = PlateClp(Says(conf=conf, loc=loc), "p", FORM, SCALE).detect(blank(), threshold=0.5)
    x, y = 56 + 0.5 * 0.1 * 192, 40
    assert found.box == pytest.approx((x - 24, y - 12, x + 24, y + 12), abs=1e-3)


@given(st.sampled_from((np.nan, np.inf, -np.inf, 1e30, -1e30)), st.integers(0, 3))
def test_numbers_that_are_none_make_no_region_outside_of_the_input(value: float, where: int) -> None:
    out = yunet_outputs(64, 96)
    out["cls_8"][...] = out["obj_8"][...] = 1.0
    out["bbox_8"][0, :, where] = value
    for found in YuNet(Says(**out), "y", FORM, SCALE).detect(blank(), threshold=0.5):
        x0, y0, x1, y1 = found.box
        assert 0 <= x0 < x1 <= 96 and 0 <= y0 < y1 <= 64


def test_regions_are_clipped_sorted_and_free_of_duplicates() -> None:
    found = regions(
        np.array([[0, 0, 10, 10, 0.5], [0, 0, 10, 11, 0.9], [-5, -5, 200, 4, 1.5], [7, 7, 7, 9, 0.9]], np.float64), "face", (3, 50, 60), overlap=0.4
    )
    assert [(r.box, r.score) for r in found] == [((0, 0, 60, 4), 1.0), ((0, 0, 10, 11), 0.9)]
