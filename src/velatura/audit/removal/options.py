"""The table `[removal]` of an audit's spec: who is taken out of which scene, attacked how."""

from __future__ import annotations

from velatura.errors import BadSpec, nearest
from velatura.specs import Spec

__all__ = ["ATTACKS", "RemovalOptions"]

ATTACKS = ("reidentify", "ghosting", "residue", "existence")
"""Names of attacks, in the order of the report."""


class RemovalOptions(Spec, frozen=True, kw_only=True):
    """See the module.

    Attributes:
        people: a folder with a folder of pictures for each person; each picture is somebody who walks through the scene.
        scene: a picture of the place; "": a made wall. Larger than the people's pictures.
        stands: share of the clip for which he stands still: 0 walks through, .4 halts.
        frames: of each clip.
        pictures: of each person, the first so many; each is a clip, and half a second of work.
        attacks: which to run; () means all.
        attackers: of `reidentify`: nearest, ridge, lda, cnn (needs torch), embedding:NAME.
        splits: of gallery and probes.
    """

    people: str
    scene: str = ""
    stands: float = 0.0
    frames: int = 20
    pictures: int = 2
    attacks: tuple[str, ...] = ()
    attackers: tuple[str, ...] = ("nearest", "ridge", "lda")
    splits: int = 5

    def check(self) -> None:
        """Raises BadSpec `audit.attack`, `audit.attackers`, `audit.twice`, `audit.splits`, `audit.frames`, `audit.pictures`, `audit.stands`."""
        if not self.attackers:
            raise BadSpec("audit.attackers", "no attacker is named", hint='attackers = ["nearest", "ridge", "lda"]')
        for names in (self.attacks, self.attackers):
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                raise BadSpec("audit.twice", f"{twice!r} is named twice", hint="name it once: its findings would be the same")
        for name in self.attacks:
            if name not in ATTACKS:
                raise BadSpec("audit.attack", f"there is no attack {name!r} on a removal", hint=nearest(name, ATTACKS))
        if not 5 <= self.splits <= 100:
            raise BadSpec("audit.splits", f"splits = {self.splits} is not possible", hint="a whole number from 5 to 100")
        if not 10 <= self.frames <= 300:
            raise BadSpec("audit.frames", f"frames = {self.frames} is not possible", hint="a whole number from 10 to 300")
        if not 2 <= self.pictures <= 1000:
            raise BadSpec(
                "audit.pictures", f"pictures = {self.pictures} is not possible", hint="a whole number from 2: one to know him by, one to ask"
            )
        if not 0 <= self.stands <= 0.9:
            raise BadSpec("audit.stands", f"stands = {self.stands:g} is not possible", hint="a share of the clip, from 0 to .9")
