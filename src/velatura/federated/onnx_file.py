"""A trained network as ONNX, believed only after onnxruntime gave what torch gives."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from velatura.errors import BadInput, Missing
from velatura.models.silence import silent

if TYPE_CHECKING:
    from torch import nn

__all__ = ["checked", "to_onnx"]

OPSET = 18
BATCHES = (1, 5)
"""Of the check; the export itself sees two rows."""


def to_onnx(network: nn.Module, shape: tuple[int, ...]) -> bytes:
    """One file, float32, for `input` (any number of rows, *shape); gives `logits` (rows, classes).

    Raises:
        Missing: `extra.export`. BadInput: `federated.onnx`: torch cannot export it.
    """
    import torch

    try:
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise Missing("extra.export", "torch exports with the onnxscript package", hint="pip install 'velatura[export]'") from error
    example, store = torch.zeros(2, *shape), io.BytesIO()
    try:
        with silent():
            program = torch.export.export(network.eval(), (example,), dynamic_shapes=({0: torch.export.Dim("rows")},))
            exported: Any = torch.onnx.export(program, (example,), input_names=["input"], output_names=["logits"], opset_version=OPSET, verbose=False)
            assert exported is not None, "the exporter gives a program where it is given no file"
            exported.save(store)
    except Exception as error:  # torch's exporter raises whatever its many parts do
        sentence = f"torch cannot export the network: {type(error).__name__}"
        raise BadInput("federated.onnx", sentence, hint="--safetensors has the same weights") from error
    return store.getvalue()


def checked(raw: bytes, network: nn.Module, shape: tuple[int, ...], *, seed: int = 0) -> float:
    """The largest difference of a logit between onnxruntime and torch, on random rows.

    Raises:
        BadInput: `federated.onnx`: more than rounding explains (1e-4 of the largest logit).
    """
    import torch

    from velatura.models.runtime import OnnxBackend

    backend, rng, worst = OnnxBackend(raw), np.random.default_rng(seed), 0.0
    for rows in BATCHES:
        x = rng.standard_normal((rows, *shape)).astype(np.float32)
        with torch.no_grad():
            wanted = network.eval()(torch.from_numpy(x)).numpy()
        (given,) = backend.run(x).values()
        apart = float(np.abs(given - wanted).max())
        if given.shape != wanted.shape or not apart <= 1e-4 * max(1.0, float(np.abs(wanted).max())):
            sentence = f"the exported network gives logits that differ by {apart:.3g} from torch's"
            raise BadInput("federated.onnx", sentence, hint="--safetensors has the same weights")
        worst = max(worst, apart)
    return worst
