"""One leak case as a file, and how to see whether its secret is still there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LeakCase:
    """A file to treat.

    Attributes:
        case: "L01" to "L40".
        name: of the input; `out` of the output.
        make: writes the input to a path.
        leaks: what of the secret the file at a path still holds, in words; "" for nothing. Of the input it is never "".
        found: `velatura scan` names the case from the file alone.
        harm: what is wrong with an output that leaks nothing, in words; "" for nothing.
        run: how the benchmark plays it, where it is more than one call ("folder", "kill", "log", "stale", "edge").
    """

    case: str
    name: str
    out: str
    make: Callable[[Path], None]
    leaks: Callable[[Path], str]
    found: bool = True
    harm: Callable[[Path], str] = field(default=lambda _: "")
    run: str = ""

    @property
    def is_clip(self) -> bool:
        return self.name.endswith((".mp4", ".mkv", ".mov"))
