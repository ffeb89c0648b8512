"""With given regions the public output is the same, byte by byte, whatever the covered pixels were."""

from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests.obfuscation.sealing import ALICE
from tests.obfuscation.street import RGB, YUV, document, noise
from tests.obfuscation.worlds import face

from velatura.detect.document import Row
from velatura.media.batch import Job
from velatura.media.frame import Frame, PixelForm
from velatura.media.reader import Facts
from velatura.media.sink import create
from velatura.obfuscation.mask import patches
from velatura.obfuscation.parameters import chosen
from velatura.obfuscation.policy import Covering
from velatura.obfuscation.run import Run
from velatura.obfuscation.sidecar import SealWriter
from velatura.obfuscation.treat import Treatments
from velatura.obfuscation.wanted import Wanted

SIZE = (62, 46)  # no multiple of a coder's block: regions meet the border
BOXES = [(9.0, 5.0, 20.0, 21.5), (15.0, 18.0, 33.0, 30.0), (50.0, 38.0, 70.0, 60.0)]
REGIONS = [face(box, track) for track, box in enumerate(BOXES)]
COVERING = Covering(shape="ellipse")
RGBA = PixelForm("rgb", alpha=True)


def swapped(planes: list[np.ndarray], form: PixelForm, rng: np.random.Generator) -> list[np.ndarray]:
    """Other samples under the masks, of any value; the rest as it was."""
    frame = Frame([plane.copy() for plane in planes], form)
    for patch in patches(frame, REGIONS, COVERING):
        for plane, mask in zip(patch.planes, patch.masks, strict=True):
            plane[mask] = rng.integers(0, form.peak + 1) if rng.random() < 0.2 else rng.integers(0, form.peak + 1, mask.sum())
    return frame.planes


def sealed(method: str, rng: np.random.Generator) -> tuple[io.BytesIO, SealWriter | None]:
    stream = io.BytesIO()
    return stream, SealWriter(stream, ALICE.recipient, entropy=rng.bytes) if method == "seal" else None


@pytest.mark.parametrize("method", ["fill", "seal"])
@pytest.mark.parametrize(("suffix", "form"), [(".jpg", RGB), (".png", RGBA), (".webp", RGB)])
def test_a_picture_in_a_thousand_random_swaps(method, suffix, form, tmp_path):
    rng = np.random.default_rng(7)
    planes = [rng.integers(0, 256, shape).astype(np.uint8) for shape in form.shapes(*SIZE)]
    published, sidecars = set(), set()
    path = tmp_path / f"a{suffix}"
    for _ in range(167):  # six of these make a thousand
        frame = Frame(swapped(planes, form, rng), form)
        stream, writer = sealed(method, rng)
        Treatments(chosen(method), COVERING, entropy=rng.bytes, sealed=writer).cover(frame, REGIONS)
        with create(path, Facts("picture", "png", *SIZE, form)) as file:
            file.write(frame)
            file.finish()
        published.add(path.read_bytes())
        sidecars.add(len(stream.getvalue()))
    assert len(published) == 1 and len(sidecars) == 1


def clip(path: Path, rng: np.random.Generator, size: tuple[int, int] = SIZE) -> Path:
    facts = Facts("clip", "", *size, YUV, rate=25.0, colour=(1, 1, 1))
    with create(path, facts, lossless=True) as writer:
        for i in range(8):
            planes = swapped(noise(i, YUV, size), YUV, rng)
            writer.write(Frame(planes, YUV, index=i, time=Fraction(i, 25), duration=Fraction(1, 25)))
        writer.finish()
    return path


@pytest.mark.parametrize("size", [(62, 46), (61, 47), (64, 48)])
@pytest.mark.parametrize("method", ["fill", "seal"])
def test_a_clip_through_decoder_and_coder(method, size, tmp_path, decoder):
    """What the covered pixels were reaches neither motion search nor rate control: they are gone before the coder sees a frame."""
    rng = np.random.default_rng(8)
    rows = [Row(box, track=track) for track, box in enumerate(BOXES)]
    published = set()
    for _ in range(14):
        source = clip(tmp_path / "a.mkv", rng, size)
        wanted = Wanted(chosen(method), method, COVERING, recheck=False, force=True, recipient=ALICE.recipient if method == "seal" else None)
        Run(wanted, ("face",), None, (), document(source, rows, size=size)).one(Job(source, tmp_path / "b.mp4"), decoder)
        published.add((tmp_path / "b.mp4").read_bytes())
    assert len(published) == 1


def test_the_test_itself_sees_a_pixel_that_is_not_covered(tmp_path, decoder):
    """The same with a mask that is one block too small: the outputs differ."""
    rng = np.random.default_rng(9)
    published = set()
    for _ in range(2):
        source = clip(tmp_path / "a.mkv", rng)
        rows = [Row(box, track=track) for track, box in enumerate(BOXES[:2])]
        wanted = replace(Wanted(recheck=False, force=True), covering=COVERING)
        Run(wanted, ("face",), None, (), document(source, rows, size=SIZE)).one(Job(source, tmp_path / "b.mp4"), decoder)
        published.add((tmp_path / "b.mp4").read_bytes())
    assert len(published) == 2
