"""A model's file to a graph, read in a process that can only answer: models come from others, and protobuf's parser is C++.

Limit: the graph is checked for being one; that it is the model's is the word of whoever wrote the file in any case.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from velatura.errors import BadInput, Missing
from velatura.homomorphic.graph import Graph
from velatura.homomorphic.graph_form import load_graph
from velatura.homomorphic.guest_answers import understood
from velatura.homomorphic.guest_model import SIZES
from velatura.homomorphic.packed_arrays import MOST_BYTES
from velatura.homomorphic.trace import MOST_BYTES as MOST_MODEL
from velatura.homomorphic.trace import model_bytes
from velatura.sandbox.confinement import Confinement, Layer
from velatura.sandbox.worker import Worker

__all__ = ["read_model"]

GUEST = "velatura.homomorphic.guest_model:ModelGuest"
_DEADLINE_S = 600.0
_MEMORY_MB = 8192


def read_model(path: Path) -> Graph:
    """An ONNX file, with the file `<its name>.data` of weights beside it where there is one, or a `.pt2` file that torch.export.save wrote.

    Raises:
        BadInput, Unsupported: as `trace_onnx` and `trace_pt2`; `sandbox.*`. Missing: `he.onnx`, `sandbox.*`.
    """
    request = _request(path)
    if find_spec("onnx") is None:
        raise Missing("he.onnx", "the package onnx is not installed", hint="pip install 'velatura[he]'")
    required = frozenset({Layer.SECCOMP, Layer.RLIMITS}) if sys.platform == "linux" else frozenset()
    with Worker(GUEST, {}, Confinement(memory_mb=_MEMORY_MB, required=required), reuse=1) as worker:
        answer = worker.ask(request, deadline_s=_DEADLINE_S, limit=MOST_BYTES - 1)
    return load_graph(understood(answer))


def _request(path: Path) -> bytes:
    """What the guest is sent. It opens nothing: both files are read here, by names that no model chose."""
    data = model_bytes(path)
    if path.suffix == ".pt2":
        return b"T" + data
    beside = path.with_name(f"{path.name}.data")
    if not os.path.lexists(beside):
        weights = b""
    elif beside.is_symlink():  # whoever sent the model could let it point at a secret, which would become weights
        raise BadInput("he.model", f"{beside} is a link", hint="copy the file of weights there")
    else:
        weights = model_bytes(beside)
    if len(data) + len(weights) > MOST_MODEL:
        raise BadInput("he.model", f"{path} and {beside.name} are larger than {MOST_MODEL >> 20} MiB", hint="a smaller network")
    name = os.fsencode(beside.name)
    return b"".join((b"O", SIZES.pack(len(name), len(data)), name, data, weights))
