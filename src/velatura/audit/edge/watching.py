"""Arms of what whoever reads the records learns of people: tracks as vision counts them, with names and without.

And of what the room's own list of escapes finds: `edge verify`, played once for both arms.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from msgspec.structs import replace
from numpy.random import Generator

from velatura.attacks.linkage import Crowd, Places
from velatura.edge.egress import Egress
from velatura.edge.policy import Camera, capacity
from velatura.edge.schema import GRID, schema_of
from velatura.edge.tally import Tally, pack
from velatura.edge.verify import Verified

__all__ = ["EscapeArm", "TrackArm", "Verification"]


@dataclass(frozen=True, slots=True)
class TrackArm:
    """Crowd -> places of each record at level 1. with_names: the unprotected arm: tracks keep their numbers."""

    camera: Camera
    with_names: bool

    def __call__(self, crowd: Crowd, rng: Generator, /) -> Sequence[Places]:
        # Enough bits for every record: what is withheld is followed no worse for it, only later.
        rich = replace(self.camera, egress=replace(self.camera.egress, bits_per_hour=1e9, burst_bits=0.0))
        schema, gate = schema_of(rich), Egress(rich, capacity(rich), os.urandom)
        records = list[Places]()
        for places in crowd.ways.tolist():
            cells = [(int(x * GRID), int(y * GRID)) for x, y in places]
            if self.with_names:
                records.append([(name, *_middle(x, y)) for name, (x, y) in enumerate(cells)])
                continue
            told = {f"{slot}.{part}": value for slot, (x, y) in enumerate(cells) for part, value in (("label", 1), ("x", x), ("y", y))}
            gate.take(pack(Tally(0.0, 1, tuple(told.get(one.name, 0) for one in schema.fields)), schema))
            records.append(_read(gate.close_window().values or {}))
        return records


def _read(values: Mapping[str, int]) -> Places:
    slots = [name.partition(".")[0] for name, value in values.items() if name.endswith(".label") and value]
    return [(-1, *_middle(values[f"{slot}.x"], values[f"{slot}.y"])) for slot in slots]


def _middle(x: int, y: int) -> tuple[float, float]:
    return (x + 0.5) / GRID, (y + 0.5) / GRID


class Verification:
    """`edge verify`, when it is asked for first. Args: run: does it; raises Missing."""

    def __init__(self, run: Callable[[], Verified]) -> None:
        self._run = run

    @cached_property
    def found(self) -> Verified:
        return self._run()


@dataclass(frozen=True, slots=True)
class EscapeArm:
    """Nothing -> probe -> whether it was open, of those that work outside; inside: in the real vision, and with rogues at the real gateway."""

    verification: Verification
    inside: bool

    def __call__(self, secret: None, rng: Generator, /) -> Mapping[str, bool]:
        found = self.verification.found
        proven = {one.name: one for one in found.probes if one.outside == "OPEN"}
        if not self.inside:
            return dict.fromkeys(proven, True)
        tried = {name: bool(one.open_in) for name, one in proven.items()}
        return tried | {f"gateway: {one.name}": bool(one.leak) or not one.did for one in found.gateway}
