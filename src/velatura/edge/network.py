"""What is known of a network beside its bytes, and what plugs in around it. Nothing here loads a runtime or a decoder: the gateway imports it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from velatura.detect.region import Scores
from velatura.media.input_form import InputForm
from velatura.plugins import Registry

__all__ = ["BACKENDS", "HEADS", "Network", "head_class"]

HEADS = {
    "yunet-n": "velatura.detect.yunet:YuNet",
    "yunet-s": "velatura.detect.yunet:YuNet",
    "centerface": "velatura.detect.centerface:CenterFace",
    "fastestdet": "velatura.detect.fastestdet:FastestDet",
}
"""Name of a model of the catalogue -> who reads its outputs."""

BACKENDS = Registry("velatura.edge_backends", "back end", {"onnxruntime": "velatura.models.runtime:OnnxRuntime"})
"""Runtimes, by name; see `backend`."""


@dataclass(frozen=True, slots=True)
class Network:
    """What is known of a model file beside its bytes; plain values that JSON can carry.

    like: of `HEADS`. free: sizes in the file are those of an example. side: the longer one of an input whose size is free. backend: of `BACKENDS`.
    """

    name: str
    like: str
    form: InputForm
    scores: Scores
    outputs: tuple[str, ...] = ()
    free: bool = False
    side: int = 320
    backend: str = "onnxruntime"


def head_class(like: str) -> Any:
    """Who reads the outputs of a network of `HEADS`."""
    module, _, name = HEADS[like].partition(":")
    return getattr(import_module(module), name)
