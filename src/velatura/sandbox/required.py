"""The one place that says no to a machine on which a required layer is absent."""

from __future__ import annotations

from collections.abc import Mapping

from velatura.errors import Missing
from velatura.sandbox.confinement import Confinement, Layer

__all__ = ["INTERPRETER_UNREADABLE", "refuse_absent"]

INTERPRETER_UNREADABLE = "sandbox.interpreter-unreadable"

_CODES = {
    Layer.UID: "sandbox.no-uid",
    Layer.NAMESPACES: "sandbox.no-namespaces",
    Layer.LANDLOCK: "sandbox.no-landlock",
    Layer.CAPS: "sandbox.no-caps",
    Layer.RLIMITS: "sandbox.no-rlimits",
    Layer.SECCOMP: "sandbox.no-seccomp",
}
_HINTS = {
    Layer.UID: "run as an ordinary user",
    Layer.NAMESPACES: "allow user namespaces (in a container: a seccomp profile that allows unshare and mount), or lift this layer by name",
    Layer.LANDLOCK: "needs Linux 5.13 with landlock in its list of security modules",
    Layer.SECCOMP: "needs Linux on x86-64 or aarch64 with CONFIG_SECCOMP_FILTER",
}


def refuse_absent(absent: Mapping[Layer, str], may: Confinement) -> None:
    """Raise Missing for the first required layer in `absent` (layer -> why). `sandbox.no-<layer>`, `sandbox.interpreter-unreadable`."""
    for layer in sorted(absent.keys() & may.required, key=list(Layer).index):
        if absent[layer].startswith(INTERPRETER_UNREADABLE):
            raise Missing(
                "sandbox.interpreter-unreadable",
                absent[layer].partition(": ")[2] or "the interpreter is closed to the child's uid",
                hint="run as an ordinary user, or with a Python that lies outside a home of mode 0700",
            )
        raise Missing(_CODES[layer], f"this machine cannot confine by {layer}: {absent[layer]}", hint=_HINTS.get(layer, ""))
