"""A network's outputs are not believed: another shape, none, or what is not finite is an error; of too many boxes the best are looked at."""

from __future__ import annotations

import time
from collections.abc import Mapping

import av
import numpy as np
import pytest
from tests.edge.watching import network_bytes

from velatura.detect.region import Scores
from velatura.edge.network import Network, head_class
from velatura.edge.spotting import MOST_BOXES, Checked, Spotter, capped
from velatura.errors import BadInput
from velatura.media.input_form import InputForm

Outputs = dict[str, np.ndarray]
X = np.zeros((1, 3, 64, 64), np.float32)


class Says:
    """A backend that says what it was told to."""

    def __init__(self, out: Outputs | Exception) -> None:
        self._out = out

    def run(self, x: np.ndarray) -> Mapping[str, np.ndarray]:
        if isinstance(self._out, Exception):
            raise self._out
        return self._out


def good() -> Outputs:
    return {name: np.zeros(shape, np.float32) for name, shape in head_class("yunet-n").shapes(64, 64).items()}


def refusal(out: Outputs | Exception, like: str = "yunet-n") -> str:
    try:
        Checked(Says(out), head_class(like)).run(X)
    except BadInput as error:
        return error.code
    return ""


def test_outputs_as_the_head_reads_them_are_let_through() -> None:
    assert refusal(good()) == ""
    assert refusal({"whatever": np.zeros((1, 85, 4, 4), np.float32)}, "fastestdet") == ""


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_an_error_and_not_nobody(value: float) -> None:
    out = good()
    out["bbox_32"][0, 3, 1] = value
    assert refusal(out) == "models.not-finite"


def test_other_outputs_are_an_error() -> None:
    missing = good()
    del missing["obj_16"]
    assert refusal(missing) == "models.outputs"
    assert refusal(good() | {"cls_8": np.zeros((1, 64, 2), np.float32)}) == "models.outputs"
    assert refusal(good() | {"cls_8": np.zeros((1, 63, 1), np.float32)}) == "models.outputs"
    assert refusal({"a": np.zeros((1, 85, 4, 4), np.float32), "b": np.zeros(1, np.float32)}, "fastestdet") == "models.outputs"
    assert refusal({"a": np.zeros((1, 84, 4, 4), np.float32)}, "fastestdet") == "models.outputs"
    assert refusal({}, "fastestdet") == "models.outputs"


def test_a_runtime_that_raises_is_an_error_of_ours() -> None:
    assert refusal(RuntimeError("whatever it says")) == "models.run"


def test_of_too_many_boxes_the_best_are_kept() -> None:
    rng = np.random.default_rng(0)
    boxes = np.column_stack([rng.uniform(0, 50, (10_000, 4)), rng.permutation(10_000) / 10_000])
    kept, told = capped([("face", boxes[:6000]), ("person", boxes[6000:])])
    scores = np.concatenate([rows[:, 4] for _, rows in kept])
    assert told and len(scores) == MOST_BOXES and scores.min() == pytest.approx(0.9)
    assert [label for label, _ in kept] == ["face", "person"]
    few, told = capped([("face", boxes[:MOST_BOXES])])
    assert not told and few[0][1] is not None and len(few[0][1]) == MOST_BOXES


def test_of_equal_boxes_no_more_are_kept() -> None:
    boxes = np.tile([0, 0, 9, 9, 0.95], (10_000, 1))
    kept, told = capped([("face", boxes)])
    assert told and len(kept[0][1]) == MOST_BOXES


def test_ten_thousand_boxes_are_flagged_in_a_moment() -> None:
    form = InputForm("BGR", size=(832, 832))
    spotter = Spotter(network_bytes(poison=1.0), Network("reds", "yunet-n", form, Scores(0.3, 0.45, 0.8)))
    frame = av.VideoFrame.from_ndarray(np.full((240, 320, 3), 90, np.uint8), format="rgb24")
    spotter.look(frame, 0.0)
    begun = time.process_time()
    found, too_many = spotter.look(frame, 0.04)
    assert too_many and len(found) <= 40
    assert time.process_time() - begun < 2.0
