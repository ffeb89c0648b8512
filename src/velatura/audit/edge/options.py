"""The table `[edge]` of an audit's spec: whose policy is attacked, with which pictures, for how long."""

from __future__ import annotations

from velatura.attacks.smuggler import LIVE
from velatura.errors import BadSpec, nearest
from velatura.specs import Spec

__all__ = ["ATTACKS", "EdgeOptions"]

ATTACKS = ("exfiltration-paths", "exfiltration", "linkage", "escapes")
"""Names of attacks, in the order of the report."""


class EdgeOptions(Spec, frozen=True, kw_only=True):
    """See the module.

    Attributes:
        policy: the file that `velatura edge run --policy` takes.
        cameras: by name, which of them; () means all.
        pictures: a picture, or a folder of them: what is to be smuggled out, as 16 x 16 grey levels; "": made pictures. Where they are too few
            for a run, made ones follow.
        hours: of the camera's time in which numbers go out.
        periods: of each run against the clock.
        period_s: seconds of each; ticks and rate are quickened to it.
        ways: which runs against the clock; () means all.
        attacks: which to run; () means all.
        model: whose vision the escape probes run in.
    """

    policy: str
    cameras: tuple[str, ...] = ()
    pictures: str = ""
    hours: float = 1.0
    periods: int = 40
    period_s: float = 0.25
    ways: tuple[str, ...] = ()
    attacks: tuple[str, ...] = ()
    model: str = "yunet-n"

    def check(self) -> None:
        """Raises BadSpec `audit.attack`, `audit.way`, `audit.twice`, `audit.hours`, `audit.periods`."""
        for names in (self.attacks, self.cameras, self.ways):
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                raise BadSpec("audit.twice", f"{twice!r} is named twice", hint="name it once: its findings would be the same")
        for name in self.attacks:
            if name not in ATTACKS:
                raise BadSpec("audit.attack", f"there is no attack {name!r} on a camera's output", hint=nearest(name, ATTACKS))
        for name in self.ways:
            if name not in LIVE:
                raise BadSpec("audit.way", f"there is no way {name!r} to play against the clock", hint=nearest(name, LIVE))
        if not 0.01 <= self.hours <= 1000:
            raise BadSpec("audit.hours", f"hours = {self.hours:g} is not possible", hint="of the camera's own time, from .01 to 1000")
        if not 20 <= self.periods <= 10_000 or not 0.2 <= self.period_s <= 10:
            told = f"periods = {self.periods}, period_s = {self.period_s:g}: not possible"
            raise BadSpec("audit.periods", told, hint="20 to 10000 periods of .2 to 10 seconds")
