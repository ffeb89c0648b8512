"""Running a network: the only file that imports onnxruntime.

Telemetry is off before the import (the wheels that velatura admits carry none on Linux and macOS; on Windows there are ETW events). One thread,
no spinning, the CPU named explicitly: the currency is CPU time, and the same input gives the same output on every run.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from velatura.errors import BadInput, Missing
from velatura.models.fold import fold

__all__ = ["InferenceBackend", "OnnxBackend", "OnnxRuntime"]

# The variable was renamed once between releases: both, before the import, for the decision is latched.
os.environ["ORT_DISABLE_TELEMETRY"] = os.environ["ORT_TELEMETRY_DISABLED"] = "1"

try:
    import onnxruntime
except ImportError as error:
    raise Missing("models.no-runtime", f"onnxruntime does not load: {error}", hint="pip install 'onnxruntime>=1.24,<1.29'") from error

onnxruntime.disable_telemetry_events()
onnxruntime.set_default_logger_severity(4)  # fatal only: libraries do not write to our stderr


class InferenceBackend(Protocol):
    """A loaded network."""

    def run(self, x: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        """Outputs by name, of one input (batch, ...)."""
        ...


class OnnxBackend:
    """An ONNX network on the CPU.

    Args:
        model: the file's bytes, hash already checked.
        threads: inside one operator.
        outputs: those that are wanted; what only others need is not computed. () for all.
        free_sizes: the file's input sizes are those of an example; see `fold`.

    Raises:
        BadInput: `models.malformed`.
    """

    def __init__(self, model: bytes, *, threads: int = 1, outputs: Sequence[str] = (), free_sizes: bool = False) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 4
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # The arena keeps the memory of the largest pass, which callers bound by tiles. Without it each pass asks the system anew and fragments
        # the heap: YuNet at 960x544 costs 35 ms of CPU instead of 10, and 171 MiB at its peak instead of 75.
        options.enable_cpu_mem_arena = True
        options.enable_mem_pattern = False  # planned for one size; views have many
        try:
            self._session: Any = onnxruntime.InferenceSession(fold(model, free_sizes=free_sizes), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors have no common parent of their own
            raise BadInput(
                "models.malformed", f"onnxruntime cannot load the network: {type(error).__name__}", hint="velatura models verify"
            ) from error
        self._input = self._session.get_inputs()[0].name
        self._outputs = list(outputs) or [output.name for output in self._session.get_outputs()]

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what `run` gives, in that order."""
        return tuple(self._outputs)

    def run(self, x: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        return dict(zip(self._outputs, self._session.run(self._outputs, {self._input: x}), strict=True))


class OnnxRuntime:
    """The built-in of `velatura.edge.backend`. After its first pass it opens no file, starts no thread and makes no code."""

    name = "onnxruntime"
    version = str(onnxruntime.__version__)
    sandboxable = True

    def load(self, model: bytes, *, outputs: Sequence[str] = (), free_sizes: bool = False) -> InferenceBackend:
        """As of `OnnxBackend`, on one thread."""
        return OnnxBackend(model, outputs=outputs, free_sizes=free_sizes)
