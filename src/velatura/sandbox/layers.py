"""What this machine can do, tried and not assumed: a guest that does nothing is confined, and its layers are read back."""

from __future__ import annotations

import platform
import sys

from velatura.errors import VelaturaError
from velatura.sandbox.confinement import Confinement, Layer
from velatura.sandbox.guest import Inbox, Outbox

__all__ = ["Idle", "layers"]


class Idle:
    """The guest that does nothing."""

    def warm(self) -> None:
        """Nothing."""

    def serve(self, inbox: Inbox, outbox: Outbox, frames: memoryview | None) -> None:
        """Wait for the end."""
        while inbox.get() is not None:
            pass


def layers() -> dict[Layer, str]:
    """Layer -> "" where it holds here, else why not. Takes a tenth of a second."""
    if sys.platform != "linux":
        return dict.fromkeys(Layer, f"no confinement on this system ({platform.system()})")
    from velatura.sandbox.warm import Warm

    try:
        with Warm("velatura.sandbox.layers:Idle", {}, Confinement(required=frozenset())) as warm:
            child, held = warm.fork()
            child.close()
    except VelaturaError as error:
        return dict.fromkeys(Layer, str(error))
    return {layer: held.absent.get(layer, "") for layer in Layer}
