"""What a network runs on: ONNX Runtime, or another package's back end by the entry points `velatura.edge_backends`.

An entry point names a class without arguments that is a `Backend`. It is loaded inside vision, before the lock, and by `edge export` on the
maker's own machine; never in the gateway, which holds the key. One that does not say of itself that it lives without files, threads and code made
at run time is refused: nothing here runs outside of the confinement.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from velatura.edge.network import BACKENDS
from velatura.errors import Unsupported
from velatura.models.runtime import InferenceBackend

__all__ = ["Backend", "InferenceBackend", "backend_of"]


class Backend(Protocol):
    """A runtime.

    Attributes:
        name, version: stand in bundles that it was measured with.
        sandboxable: once loaded and run, it opens no file, starts no thread and maps nothing executable.
    """

    name: str
    version: str
    sandboxable: bool

    def load(self, model: bytes, *, outputs: Sequence[str], free_sizes: bool) -> InferenceBackend:
        """A network of ONNX bytes. outputs: those that are wanted, () for all. free_sizes: the file's sizes are those of an example.

        Raises:
            BadInput: `models.malformed`.
        """
        ...


def backend_of(name: str) -> Backend:
    """Raises BadSpec `plugins.unknown`, Unsupported `edge.backend`."""
    found: Backend = BACKENDS.load(name)()
    if getattr(found, "sandboxable", False) is not True:
        raise Unsupported("edge.backend", f"the back end {name} does not say that it can be locked up", hint="edge runs no network outside")
    return found
