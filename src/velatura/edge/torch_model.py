"""A torch model as ONNX bytes: `module:callable` that gives one, or a `.pt2` file of `torch.export`. torch is asked for here alone.

Both are the caller's own code: a module is imported and a `.pt2` unpickled, with all that this can do. A model from a stranger comes as ONNX.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from velatura.errors import BadInput, BadSpec, Missing
from velatura.files import is_there
from velatura.models.silence import silent

__all__ = ["from_torch", "is_torch"]

OPSET = 18


def is_torch(model: str) -> bool:
    """By its form."""
    return model.endswith(".pt2") or (":" in model and "/" not in model and not is_there(Path(model)))


def from_torch(model: str, *, size: tuple[int, int], outputs: Sequence[str]) -> bytes:
    """One file, float32, for one input (1, 3, height, width).

    Args:
        size: (width, height).
        outputs: names for what the model gives, in its order; () for its own.

    Raises:
        Missing: `extra.train`, `extra.export`.
        BadSpec: `edge.model`: there is no such thing.
        BadInput: `edge.torch`: it cannot be exported.
    """
    try:
        import torch
    except ImportError as error:
        raise Missing("extra.train", f"{model}: a torch model needs torch", hint="pip install 'velatura[train]'") from error
    try:
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise Missing("extra.export", f"{model}: torch exports with the onnxscript package", hint="pip install 'velatura[export]'") from error
    with silent():
        return _exported(model, torch, size, outputs)


def _exported(model: str, torch: Any, size: tuple[int, int], outputs: Sequence[str]) -> bytes:
    made = _loaded(model, torch)
    example = torch.zeros(1, 3, size[1], size[0])
    names = list(outputs) or None
    store = io.BytesIO()
    try:
        program = made if isinstance(made, torch.export.ExportedProgram) else torch.export.export(made.eval(), (example,))
        exported = torch.onnx.export(program, (example,), input_names=["input"], output_names=names, opset_version=OPSET, verbose=False)
        assert exported is not None, "the exporter gives a program where it is given no file"
        exported.save(store)
    except Exception as error:  # torch's exporter raises whatever its many parts do
        raise BadInput("edge.torch", f"{model}: torch cannot export it: {type(error).__name__}", hint="export it to ONNX yourself") from error
    return store.getvalue()


def _loaded(model: str, torch: Any) -> Any:
    if model.endswith(".pt2"):
        if not is_there(Path(model)) or not Path(model).is_file():
            raise BadSpec("edge.model", f"{model}: is no file", hint="a .pt2 of torch.export.save")
        try:
            return torch.export.load(model)
        except Exception as error:  # a file of any kind
            raise BadInput("edge.torch", f"{model}: is no exported program: {type(error).__name__}", hint="torch.export.save writes one") from error
    module, _, name = model.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        made = getattr(import_module(module), name)()
    except (ImportError, AttributeError) as error:
        raise BadSpec("edge.model", f"{model}: cannot be imported", hint="MODULE:CALLABLE that takes nothing and gives a torch.nn.Module") from error
    except Exception as error:  # code of a person's own, or a callable that takes something
        raise BadSpec("edge.model", f"{model}: raised {type(error).__name__}", hint="MODULE:CALLABLE takes nothing") from error
    finally:
        sys.path.pop(0)
    if not isinstance(made, torch.nn.Module):
        raise BadSpec("edge.model", f"{model}: gives no torch.nn.Module", hint="a callable that takes nothing and gives one")
    return made
