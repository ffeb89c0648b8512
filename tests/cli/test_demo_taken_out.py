"""The demo's removal: somebody who walks through is gone, without any model, and the page says what happened."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from velatura.cli.demo.street import PASSAGE_FRAMES
from velatura.cli.demo.taken_out import SIZE, make_passage, show_removed, take_out
from velatura.media.source import Decoder
from velatura.progress import SILENT


def lumas(clip: Path) -> list[NDArray[np.int16]]:
    with Decoder() as decoder:
        return [frame.planes[0].astype(np.int16) for frame in decoder.open(clip)]


def test_the_passer_by_is_gone_and_no_model_is_asked_for(tmp_path: Path, portrait: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VELATURA_HOME", str(tmp_path / "no-models"))
    clip = tmp_path / "passage.mp4"
    make_passage(portrait, clip)
    done = take_out(clip, force=False, progress=SILENT)
    shown = show_removed(done, tmp_path)
    before, after = lumas(clip), lumas(done.out)
    street = before[0]  # nobody is on stage yet
    middle = PASSAGE_FRAMES // 2
    assert (np.abs(before[middle] - street) > 20).mean() > 0.03, "somebody is there"
    assert max((np.abs(frame - street) > 20).mean() for frame in after) < 0.0005
    assert (len(after), street.shape[::-1], done.covered, done.detectors) == (PASSAGE_FRAMES, SIZE, 0, ())
    assert shown.clip and (tmp_path / shown.sheet).is_file()
    assert f"in {done.touched} of {PASSAGE_FRAMES} frames" in shown.facts[0]
