"""The table `[obfuscation]` of an audit's spec: which methods, on what, attacked how."""

from __future__ import annotations

from typing import Literal

from velatura.errors import BadSpec, nearest
from velatura.specs import Spec

__all__ = ["ATTACKS", "ObfuscationOptions"]

ATTACKS = (
    "reidentify",
    "reconstruct",
    "reconstruct-learned",
    "averaging",
    "differences",
    "dp",
    "text",
    "residue",
    "existence",
    "leak-paths",
)
"""Names of attacks, as in `velatura attack NAME`, in the order of the report."""


class ObfuscationOptions(Spec, frozen=True, kw_only=True):
    """See the module.

    Attributes:
        methods: as after `--method`: "fill", "pixelate:16px".
        people: a folder with a folder of pictures for each person, or a picture, or a folder of pictures of different people.
        plates: a folder of pictures, each with a .txt beside it (file, x, y, width, height, text; tabs), or "rendered:N".
        region: what is protected: "whole" picture, what the room's own detector finds ("detect"), or one box (x0, y0, x1, y1) for all pictures.
        dilate, expand, shape: as of `velatura obfuscate`; not used for "whole".
        views: attacks on "region" see the covered pixels alone; those on "context" the whole picture.
        attacks: which to run; () means all that the data allows, but for reconstruct-learned.
        attackers: of `reidentify`: nearest, ridge, lda, cnn (needs torch), embedding:NAME (a network from `velatura models`).
        splits: of gallery and probes.
        runs: of the epsilon audit, for each of two neighbours.
        releases: of the averaging attack.
    """

    methods: tuple[str, ...]
    people: str = ""
    plates: str = ""
    region: Literal["whole", "detect"] | tuple[float, float, float, float] = "whole"
    dilate: float = 0.3
    expand: Literal["head", "person"] | None = None
    shape: Literal["box", "ellipse"] = "box"
    views: tuple[Literal["region", "context"], ...] = ("region", "context")
    attacks: tuple[str, ...] = ()
    attackers: tuple[str, ...] = ("nearest", "ridge", "lda")
    splits: int = 5
    runs: int = 20_000
    releases: int = 100

    def check(self) -> None:
        """Raises BadSpec `audit.no-method`, `audit.attackers`, `audit.twice`, `audit.attack`, `audit.splits`, `audit.runs`, `audit.releases`."""
        if not self.methods:
            raise BadSpec("audit.no-method", "no method is named", hint='methods = ["fill"]')
        if not self.attackers:
            raise BadSpec("audit.attackers", "no attacker is named", hint='attackers = ["nearest", "ridge", "lda"]')
        for names in (self.methods, self.attacks, self.attackers, self.views):
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                raise BadSpec("audit.twice", f"{twice!r} is named twice", hint="name it once: its findings would be the same")
        for name in self.attacks:
            if name not in ATTACKS:
                raise BadSpec("audit.attack", f"there is no attack {name!r}", hint=nearest(name, ATTACKS))
        _within("splits", self.splits, 5, 100)
        _within("runs", self.runs, 100, 10_000_000)
        _within("releases", self.releases, 2, 10_000)


def _within(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise BadSpec(f"audit.{name}", f"{name} = {value} is not possible", hint=f"a whole number from {low} to {high}")
