"""How vision is locked up: no file, no network, no new process; it reads its inbox, writes its outbox, and may ask whether more has come.

One place, so that what runs and what the probes are tried in are the same.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from velatura.errors import BadSpec, nearest
from velatura.sandbox.confinement import ALL_LAYERS, Confinement, Layer

__all__ = ["vision_confinement"]

MEMORY_MB = 1024


def vision_confinement(*, model: Path | None = None, degraded: Collection[str] = ()) -> Confinement:
    """What vision may do.

    Args:
        model: read while it warms; nothing can be opened later.
        degraded: layers that may be absent, by name; never seccomp.

    Raises:
        BadSpec: `edge.layer`.
    """
    may_be_absent = [layer.value for layer in Layer if layer != Layer.SECCOMP]
    for name in degraded:
        if name not in may_be_absent:
            raise BadSpec("edge.layer", f"{name!r} is no layer that vision can do without", hint=nearest(name, may_be_absent))
    lifted = frozenset(Layer(name) for name in degraded)
    reads = () if model is None else (model.resolve(),)
    return Confinement(reads=reads, calls=frozenset({"poll"}), memory_mb=MEMORY_MB, required=ALL_LAYERS - lifted)
