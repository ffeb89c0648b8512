"""What follows the end of a picture is noticed; what only looks like an end is not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from velatura.media.picture_end import goes_on


def picture(name: str, **how: object) -> bytes:
    out = io.BytesIO()
    pixels = np.random.default_rng(1).integers(0, 256, (300, 400, 3), np.uint8)
    Image.fromarray(pixels).save(out, name, **how)
    return out.getvalue()


KINDS = {
    "jpeg": picture("JPEG", quality=95),
    "jpeg-progressive": picture("JPEG", progressive=True, restart_marker_rows=1, comment=b"\xff\xd9 no end"),
    "png": picture("PNG"),
    "webp": picture("WEBP"),
}


@pytest.mark.parametrize("name", KINDS)
def test_bytes_after_the_end_are_noticed_and_padding_is_not(name: str) -> None:
    raw, kind = KINDS[name], name.partition("-")[0]
    for rest, told in ((b"", False), (b"\0" * 300_000, False), (b"\0" * 300_000 + b"x", True), (KINDS["jpeg"], True), (b"\0\0\0\x18ftypmp42", True)):
        assert goes_on(io.BytesIO(raw + rest), kind) is told  # type: ignore[arg-type]


@pytest.mark.parametrize("name", KINDS)
def test_what_is_cut_off_has_no_rest(name: str) -> None:
    raw, kind = KINDS[name], name.partition("-")[0]
    for length in (0, 2, 9, 100, len(raw) // 2, len(raw) - 1):
        assert not goes_on(io.BytesIO(raw[:length]), kind)  # type: ignore[arg-type]
