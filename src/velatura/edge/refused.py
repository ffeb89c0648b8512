"""Why vision could not be made ready, as an error with a name of its own. Its words are not passed on: only a code that is known here counts."""

from __future__ import annotations

import re
from collections.abc import Callable

from velatura.errors import BadInput, Missing, Unsupported, VelaturaError, Withheld

__all__ = ["named"]

_CODE = re.compile(r"\[([a-z]+\.[a-z-]+)\]$")
_KNOWN: dict[str, Callable[[], VelaturaError]] = {
    "edge.self-test": lambda: Withheld(
        "edge.self-test", "the network does not answer its self-test as where it was made; nothing was looked at", hint="bring the bundle anew"
    ),
    "edge.model": lambda: Withheld("edge.model-changed", "the model's file is not the one that was checked", hint="start again"),
    "edge.backend": lambda: Unsupported(
        "edge.backend", "this back end cannot be locked up; edge runs no network outside", hint="--backend onnxruntime"
    ),
    "edge.bundle-malformed": lambda: BadInput("edge.bundle-malformed", "the bundle's self-test does not hold together", hint="export it again"),
    "models.malformed": lambda: BadInput("models.malformed", "the runtime cannot load the network", hint="velatura models verify"),
    "models.run": lambda: BadInput("models.run", "the network does not run on its input", hint="name another head, or size"),
    "models.outputs": lambda: BadInput("models.outputs", "the network's outputs are not those of its head", hint="name another head"),
    "models.not-finite": lambda: BadInput("models.not-finite", "the network's output is not finite", hint="export it again"),
}


def named(error: Missing) -> VelaturaError:
    """What `sandbox.warm-failed` stands for; any other error as it is."""
    found = _CODE.search(error.sentence) if error.code == "sandbox.warm-failed" else None
    made = _KNOWN.get(found.group(1)) if found else None
    return made() if made else error
