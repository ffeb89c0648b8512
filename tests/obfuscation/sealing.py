"""A sealing world in memory: frames of any form, patches of boxes, and a sidecar made as the pipeline makes it.

original, public, sidecar = sealed_world(rng, form, (64, 48), [[(1, (8, 8, 24, 24))], []])
"""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import replace
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from velatura.crypto.keys import Identity
from velatura.media.frame import Frame, PixelForm
from velatura.media.reader import Facts
from velatura.media.sink import create
from velatura.obfuscation.attachment import attach
from velatura.obfuscation.method import Patch
from velatura.obfuscation.seal import parse
from velatura.obfuscation.sidecar import SealWriter

ALICE, BOB = (Identity.new(lambda _, b=b: bytes([b]) * 32) for b in (1, 2))
DIGEST = bytes(range(32))

FORMS = [
    PixelForm("rgb"),
    PixelForm("rgb", 16, alpha=True),
    PixelForm("grey"),
    PixelForm("grey", 16),
    PixelForm("yuv", 8, 1, 1, full_range=False, matrix="bt709"),
    PixelForm("yuv", 10, 1, 0, full_range=False),
    PixelForm("yuv", 12, 0, 0),
]
Sealed = list[tuple[int, tuple[int, int, int, int]]]


def random_frame(rng: np.random.Generator, form: PixelForm, size: tuple[int, int], index: int = 0) -> Frame:
    planes = [rng.integers(0, form.peak + 1, shape).astype(form.dtype) for shape in form.shapes(*size)]
    return Frame(planes, form, index=index)


def copy_of(frame: Frame) -> Frame:
    return Frame([plane.copy() for plane in frame.planes], frame.form, index=frame.index)


def patch_of(frame: Frame, box: tuple[int, int, int, int], track: int, *, ellipse: bool = False) -> Patch:
    x0, y0, x1, y1 = box
    views, masks = [], []
    for i, plane in enumerate(frame.planes):
        sx, sy = frame.form.subsampled(i)
        view = plane[y0 >> sy : -(-y1 >> sy), x0 >> sx : -(-x1 >> sx)]
        v, u = ((np.arange(n) + 0.5) / n * 2 - 1 for n in view.shape)
        views.append(view)
        masks.append(v[:, None] ** 2 + u[None, :] ** 2 <= 1.3 if ellipse else np.ones(view.shape, bool))
    return Patch(tuple(views), tuple(masks), frame.form, box, frame.index, track)


def seal_frames(frames: list[Frame], plan: list[Sealed], writer: SealWriter, *, ellipse: bool = False) -> None:
    """Overwrite the regions of `plan` (for each frame: track, box) in place, as the pipeline does."""
    treatments = {}
    for frame, regions in zip(frames, plan, strict=True):
        for track, box in regions:
            patch = patch_of(frame, box, track, ellipse=ellipse)
            if track not in treatments:
                treatments[track] = parse("").begin(patch, entropy=bytes)
                writer.begin_track(track)
            writer.record(track, frame.index, patch.box, treatments[track].apply(patch))


def sealed_world(rng, form, size, plan, *, ellipse: bool = False, entropy=None, digest: bytes = DIGEST) -> tuple[list[Frame], list[Frame], bytes]:
    """Original frames, public frames, sidecar for Alice."""
    frames = [random_frame(rng, form, size, index) for index in range(len(plan))]
    original, stream = [copy_of(frame) for frame in frames], io.BytesIO()
    writer = SealWriter(stream, ALICE.recipient, entropy=entropy or rng.bytes)
    seal_frames(frames, plan, writer, ellipse=ellipse)
    writer.finish(digest)
    return original, frames, stream.getvalue()


@st.composite
def plans(draw, size: tuple[int, int] = (40, 30)) -> list[Sealed]:
    """For each of some frames, some regions, overlapping at will, even corners (the chroma grid) or the border."""

    def box():
        x0, y0 = (draw(st.integers(0, side // 2 - 1)) * 2 for side in size)
        return (x0, y0, draw(st.integers(x0 // 2 + 1, size[0] // 2)) * 2, draw(st.integers(y0 // 2 + 1, size[1] // 2)) * 2)

    return [[(track, box()) for track in draw(st.lists(st.integers(0, 3), max_size=4, unique=True))] for _ in range(draw(st.integers(1, 3)))]


YUV = PixelForm("yuv", 8, 1, 1, full_range=False, matrix="bt709")
SIZE = (48, 32)
ONE = [[(0, (8, 8, 24, 24)), (1, (16, 16, 32, 32))]]
MOVING = [[(0, (2 * i, 8, 2 * i + 16, 24)), (1, (16, 16, 32, 32))] for i in range(5)]
CASES = {
    "jpeg": ("picture", PixelForm("rgb"), SIZE, ONE, ".jpg", ".png"),
    "odd-jpeg": ("picture", PixelForm("rgb"), (47, 31), [[(0, (24, 8, 47, 31))]], ".jpg", ".png"),
    "png-alpha": ("picture", PixelForm("rgb", alpha=True), SIZE, ONE, ".png", ".png"),
    "alpha-lost-in-jpeg": ("picture", PixelForm("rgb", alpha=True), SIZE, ONE, ".jpg", ".png"),
    "grey-16-cut-to-jpeg": ("picture", PixelForm("grey", 16), SIZE, ONE, ".jpg", ".tif"),
    "webp": ("picture", PixelForm("rgb"), SIZE, ONE, ".webp", ".png"),
    "pages": ("pages", PixelForm("rgb"), SIZE, [ONE[0], [], ONE[0]], ".tif", ".tif"),
    "animation": ("animation", PixelForm("rgb"), SIZE, MOVING, ".png", ".png"),
    "mp4": ("clip", YUV, SIZE, MOVING, ".mp4", ".mkv"),
    "mp4-odd": ("clip", YUV, (47, 31), [[(0, (24, 8, 47, 31))], [], [(0, (8, 0, 32, 16))]], ".mp4", ".mkv"),
    "mkv-10-bit": ("clip", PixelForm("yuv", 10, 1, 1, full_range=False, matrix="bt709"), SIZE, MOVING, ".mkv", ".mkv"),
    "mp4-turned": ("clip", YUV, SIZE, MOVING, ".mp4", ".mkv"),
}


def publish(case: str, folder, *, carry: bool = False):
    """Original frames, a public file made by the real writers, its sidecar beside it (or, with `carry`, at its end)."""
    kind, form, size, plan, suffix, _ = CASES[case]
    orientation = 6 if case == "mp4-turned" else 1
    upright = size[::-1] if orientation >= 5 else size
    facts = Facts(kind, "x", *upright, form, orientation=orientation, frames=len(plan), time_base=Fraction(1, 1000))
    if kind == "clip":
        facts = replace(facts, rate=25.0, colour=(1, 1, 1))
    frames = [random_frame(np.random.default_rng(i), form, size, i) for i in range(len(plan))]
    for i, frame in enumerate(frames):
        frame.orientation, frame.time, frame.duration = orientation, Fraction(i, 25), Fraction(1, 25)
        if form.alpha:
            frame.planes[-1][...] = np.maximum(frame.planes[-1], 1)
    original, sidecar = [copy_of(frame) for frame in frames], io.BytesIO()
    writer = SealWriter(sidecar, ALICE.recipient, entropy=os.urandom)
    seal_frames(frames, plan, writer, ellipse=True)
    public, beside = folder / f"public{suffix}", folder / f"public{suffix}.vseal"
    with create(public, facts) as sink:
        for frame in frames:
            sink.write(frame)
        sink.finish()
    writer.finish(hashlib.sha256(public.read_bytes()).digest())
    beside.write_bytes(sidecar.getvalue())
    if carry:
        attach(public, beside)
        beside.unlink()
    return original, public, beside
