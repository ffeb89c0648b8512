"""From the table `[edge]` to its cases: every camera of a policy, with a hostile post-processor behind its gateway.

Paths that no policy names are judged against nothing: not a bit may come through. The allowed output is judged against the policy's published
bound. Whether records of tracks can be linked to each other is stated: at level 1 places leave once a tick, and whoever follows them follows people.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from velatura.attacks.attack import Attack, Photo
from velatura.attacks.errand import FACE_BITS, SIDE
from velatura.attacks.made_pictures import dead_leaves
from velatura.attacks.smuggler import LIVE
from velatura.audit.case import Case, Plan
from velatura.audit.edge.arms import CameraArm
from velatura.audit.edge.options import ATTACKS, EdgeOptions
from velatura.audit.obfuscation.people import fingerprint, read_people
from velatura.edge.policy import LEVELS, Camera, capacity, digest, load_policy
from velatura.edge.promise import LIMITS, words
from velatura.errors import BadSpec, nearest
from velatura.findings import Claim
from velatura.media.source import Decoder

if TYPE_CHECKING:
    from velatura.audit.spec import AuditSpec
    from velatura.models.store import ModelStore

__all__ = ["offered", "plan", "ticks_of"]

OFFER = 150
"""Bits that the sender has at hand, over the bound of the run: what comes through is then bounded by the way out and not by the secret."""
PATH_FACES = 8
LEAST_TICKS, MOST_TICKS = 20, 20_000
MOST_FACES = 20_000
CROWDS, CROWD, CROWD_TICKS = 12, 4, 30
WALK_A_S, MOST_STEP = 0.05, 0.5
"""Shares of the picture that somebody walks in a second, and between two records at most."""


@dataclass(frozen=True, slots=True)
class _Material:
    options: EdgeOptions
    camera: Camera
    pictures: Sequence[Photo]
    policy: str
    seed: int
    store: ModelStore | None

    def arm(self, *, confined: bool) -> CameraArm:
        return CameraArm(confined, self.camera, ticks_of(self.camera, self.options.hours), self.options.periods, self.options.period_s)


def plan(spec: AuditSpec, *, base: Path, stack: ExitStack, store: ModelStore | None = None) -> Plan:
    """The cases of a spec with `room = "edge"`. Raises BadSpec, BadInput."""
    options = spec.edge
    if options is None:
        raise BadSpec("audit.no-table", "the spec has no table [edge]", hint='[edge] with policy = "door.toml"')
    options.check()
    cameras = _cameras(load_policy(base / options.policy).cameras, options.cameras)
    pictures, left_out = _pictures(base / options.pictures, stack) if options.pictures else ([], [])
    cases: list[Case] = []
    for camera in cameras:
        material = _Material(options, camera, pictures, options.policy, spec.seed, store)
        cases += [case for name in options.attacks or ATTACKS for case in _BUILDERS[name](material)]
    subject = {f"camera {camera.name}": f"level {camera.egress.level} ({LEVELS[camera.egress.level]}); {words(camera)}" for camera in cameras}
    return Plan(tuple(cases), (LIMITS,), subject, tuple(f"left out: {sentence}" for sentence in left_out))


def ticks_of(camera: Camera, hours: float) -> int:
    return min(max(math.ceil(hours * 3600 / camera.egress.tick_s), LEAST_TICKS), MOST_TICKS)


def offered(camera: Camera, ticks: int, pictures: Sequence[Photo], seed: int) -> list[Photo]:
    """Pictures that hold `OFFER` times the bits of the bound, one a tick at least; made ones where those at hand are too few."""
    bound = camera.egress.bits_per_hour * ticks * camera.egress.tick_s / 3600 + capacity(camera)
    count = min(math.ceil(OFFER * bound / FACE_BITS / ticks), max(MOST_FACES // ticks, 1)) * ticks
    made = dead_leaves(max(count - len(pictures), 1), (SIDE, SIDE, 1), np.random.default_rng([seed, 1]))
    return [*pictures, *(Photo(picture[..., 0]) for picture in made)][:count]


def _cameras(all_of_them: Sequence[Camera], names: Sequence[str]) -> list[Camera]:
    known = {camera.name: camera for camera in all_of_them}
    for name in names:
        if name not in known:
            raise BadSpec("audit.camera", f"the policy has no camera {name!r}", hint=nearest(name, list(known)))
    return [known[name] for name in names] if names else list(all_of_them)


def _pictures(place: Path, stack: ExitStack) -> tuple[list[Photo], list[str]]:
    people = read_people(place, region="whole", decoder=stack.enter_context(Decoder()))
    return list(people.photos), people.left_out


def _paths(material: _Material) -> Iterator[Case]:
    from velatura.attacks.exfiltration import ForbiddenWays

    pictures = offered(material.camera, 1, material.pictures, material.seed)[:PATH_FACES]
    yield _case(material, ForbiddenWays(), "ways that no policy names", Claim(), pictures)


def _output(material: _Material) -> Iterator[Case]:
    from velatura.attacks.exfiltration import AllowedOutput

    pictures = offered(material.camera, ticks_of(material.camera, material.options.hours), material.pictures, material.seed)
    rate = material.camera.egress.bits_per_hour
    yield _case(material, AllowedOutput(material.options.ways or LIVE), f"what may leave, {rate:,.0f} bit/h", Claim(1.0), pictures)


def _linkage(material: _Material) -> Iterator[Case]:
    """Only where records hold places."""
    from velatura.attacks.linkage import Crowd, Linkage
    from velatura.audit.edge.watching import TrackArm

    camera = material.camera
    if camera.egress.level != 1:
        return
    people, step = min(CROWD, camera.egress.most_tracks), min(WALK_A_S * camera.egress.tick_s, MOST_STEP)
    crowds = [Crowd.walking(people, CROWD_TICKS, step, np.random.default_rng([material.seed, number])) for number in range(CROWDS)]
    case = _case(material, Linkage(), f"who is it in the next record, {people} people", None, ())
    yield replace(case, plain=TrackArm(camera, True), protected=TrackArm(camera, False), secrets=crowds)


def _escapes(material: _Material) -> Iterator[Case]:
    from velatura.attacks.escaping import Escapes
    from velatura.audit.edge.watching import EscapeArm, Verification
    from velatura.edge.policy import Policy
    from velatura.edge.seeing import seeing_of
    from velatura.edge.verify import verify
    from velatura.models.store import ModelStore

    camera = material.camera

    def run() -> Any:
        return verify(camera, seeing_of(material.options.model, Policy((camera,)), material.store or ModelStore()))

    case = _case(material, Escapes(), f"ways out of the process that sees, {material.options.model}", Claim(), ())
    verification = Verification(run)
    yield replace(case, plain=EscapeArm(verification, False), protected=EscapeArm(verification, True), key="", secrets=())


_BUILDERS: dict[str, Callable[[_Material], Iterator[Case]]] = {
    "exfiltration-paths": _paths,
    "exfiltration": _output,
    "linkage": _linkage,
    "escapes": _escapes,
}


def _case(material: _Material, attack: Attack[Any, Any], view: str, claim: Claim | None, pictures: Sequence[Photo]) -> Case:
    camera, options = material.camera, material.options
    data = fingerprint(pictures)
    played = f"{options.hours:g} {options.periods} {options.period_s:g} {' '.join(options.ways)}"
    key = f"{attack.name} {digest(camera)} {played} {data}"
    told = ["velatura", "attack", "exfiltration", material.policy, "--camera", camera.name, "--only", attack.name]
    if attack.name.startswith("exfiltration"):
        told += ["--hours", f"{options.hours:g}", "--periods", str(options.periods), "--period-s", f"{options.period_s:g}"]
        told += [word for way in options.ways for word in ("--way", way)]
        told += ["--pictures", options.pictures] if options.pictures else []
    repeat = shlex.join(told + (["--model", options.model] if attack.name == "escapes" else []))
    arms = (material.arm(confined=False), material.arm(confined=True))
    return Case(attack, f"camera {camera.name} at level {camera.egress.level}, {view}", *arms, claim, pictures, key, repeat, data)
