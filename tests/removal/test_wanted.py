"""What a person asked for: refused where it cannot be, with the nearest word; and told apart by everything that changes an output."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest

from velatura.errors import BadSpec
from velatura.media.frame import Frame, PixelForm
from velatura.removal.targets import Targets
from velatura.removal.wanted import Pick, Wanted

PLAIN = Wanted(Targets((), motion=True), lambda *_: None)


@pytest.mark.parametrize(
    ("option", "code", "said"),
    [
        ({"camera": "still"}, "remove.camera", "'still'"),
        ({"fallback_name": "blurr"}, "remove.fallback", "'blurr'"),
        ({"preset": "quick"}, "remove.preset", "'quick'"),
        ({"every": 0}, "remove.every", "0"),
        ({"dilate": nan}, "remove.dilate", "nan"),
        ({"dilate": 2.1}, "remove.dilate", "2.1"),
        ({"seed": -1}, "remove.seed", "-1"),
        ({"from_s": -0.1}, "remove.span", "--from -0.1"),
        ({"to_s": inf}, "remove.span", "--to inf"),
        ({"from_s": 1.0, "to_s": 1.0}, "remove.span", "--from 1 is not before --to 1"),
        ({"mask": Path("m.png"), "pick": Pick(0, 1, 1)}, "remove.pick", "--mask"),
    ],
)
def test_what_cannot_be_is_refused(option: dict[str, object], code: str, said: str) -> None:
    with pytest.raises(BadSpec, match=said) as refused:
        replace(PLAIN, **option)  # type: ignore[arg-type]
    assert refused.value.code == code and refused.value.hint


@pytest.mark.parametrize(
    ("from_s", "to_s", "inside"), [(None, None, "abcd"), (0.5, None, "bcd"), (None, 1.0, "ab"), (0.5, 1.0, "b"), (0.2, 0.4, ""), (0.0, 9.0, "abcd")]
)
def test_a_span_holds_its_start_and_not_its_end(from_s: float | None, to_s: float | None, inside: str) -> None:
    wanted = replace(PLAIN, from_s=from_s, to_s=to_s)
    frames = [Frame([np.zeros((1, 1), np.uint8)], PixelForm("grey"), 1, index, Fraction(index, 2)) for index in range(4)]
    assert "".join(name for name, frame in zip("abcd", frames, strict=True) if wanted.is_inside(frame)) == inside


@pytest.mark.parametrize(
    "option",
    [
        {"targets": Targets(("face",))},
        {"camera": "static"},
        {"fallback_name": "blur"},
        {"mask": Path("m")},
        {"whole_object": True},
        {"pick": Pick(0, 1, 2)},
        {"from_s": 0.5},
        {"to_s": 2.0},
        {"dilate": 0.2},
        {"every": 2},
        {"recheck": False},
        {"inpainter_name": "lama"},
        {"keep_audio": True},
        {"preset": "slow"},
        {"seed": 1},
    ],
)
def test_what_changes_an_output_changes_the_words(option: dict[str, object]) -> None:
    assert replace(PLAIN, **option).in_words() != PLAIN.in_words()  # type: ignore[arg-type]


def test_what_changes_no_output_does_not() -> None:
    assert replace(PLAIN, force=True).in_words() == PLAIN.in_words()
