"""Code that may compute and answer, and nothing else: a child process under namespaces, Landlock, dropped capabilities, rlimits and seccomp.

`Warm` imports and warms a `Guest` in a fresh interpreter and never reads an untrusted byte; its forks are locked and do. A guest that is taken
over by its input keeps what it computes with: memory, its inbox, its outbox, the frames that were mapped for it. It is not protected against
faults of the kernel or of the processor, nor does it hide how long it computes; forks of one `Warm` share the layout of their memory.

Linux on x86-64 and aarch64 only. Elsewhere a guest runs in a plain child, and `Held` says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from velatura.sandbox.child import Child as Child
    from velatura.sandbox.confinement import ALL_LAYERS as ALL_LAYERS
    from velatura.sandbox.confinement import FILES as FILES
    from velatura.sandbox.confinement import Confinement as Confinement
    from velatura.sandbox.confinement import Layer as Layer
    from velatura.sandbox.frames import SharedFrames as SharedFrames
    from velatura.sandbox.guest import Guest as Guest
    from velatura.sandbox.guest import Inbox as Inbox
    from velatura.sandbox.guest import Outbox as Outbox
    from velatura.sandbox.held import Held as Held
    from velatura.sandbox.starting import start as start
    from velatura.sandbox.warm import Warm as Warm
    from velatura.sandbox.worker import Worker as Worker

# By name and late (PEP 562): the child imports this package too, and needs a third of it.
_DOOR = {
    "ALL_LAYERS": "confinement",
    "Child": "child",
    "Confinement": "confinement",
    "FILES": "confinement",
    "Guest": "guest",
    "Held": "held",
    "Inbox": "guest",
    "Layer": "confinement",
    "Outbox": "guest",
    "SharedFrames": "frames",
    "Warm": "warm",
    "Worker": "worker",
    "start": "starting",
}
__all__ = [
    "ALL_LAYERS",
    "FILES",
    "Child",
    "Confinement",
    "Guest",
    "Held",
    "Inbox",
    "Layer",
    "Outbox",
    "SharedFrames",
    "Warm",
    "Worker",
    "start",
]


def __getattr__(name: str) -> Any:
    if name not in _DOOR:
        raise AttributeError(f"module 'velatura.sandbox' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"velatura.sandbox.{_DOOR[name]}"), name)
