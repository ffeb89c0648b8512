"""From the table `[removal]` to its cases: each picture of each person walks through a scene, is taken out, and is looked for in what took his place.

Who it was, and whether anything of him is left, is judged against guessing: nothing of him may be there. That somebody was there is stated: removal
never claims to hide it.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from velatura.attacks.attack import Attack, Photo, Picture
from velatura.audit.case import Case, Plan
from velatura.audit.obfuscation.arms import frame_of
from velatura.audit.obfuscation.people import fingerprint, read_people
from velatura.audit.removal.arms import HIGHER, WIDER, ClipArm
from velatura.audit.removal.options import ATTACKS, RemovalOptions
from velatura.errors import BadInput, BadSpec, Missing
from velatura.findings import Claim
from velatura.media.source import Decoder
from velatura.removal.limits import REMOVAL

if TYPE_CHECKING:
    from velatura.audit.spec import AuditSpec
    from velatura.models.store import ModelStore

__all__ = ["plan"]


@dataclass(frozen=True, slots=True)
class _Material:
    options: RemovalOptions
    photos: Sequence[Photo]
    scene: Picture | None
    store: ModelStore | None
    data: str

    def arm(self, *, removing: bool) -> ClipArm:
        return ClipArm(removing, self.scene, self.options.frames, self.options.stands)


def plan(spec: AuditSpec, *, base: Path, stack: ExitStack, store: ModelStore | None = None) -> Plan:
    """The cases of a spec with `room = "removal"`. Raises BadSpec, BadInput."""
    options = spec.removal
    if options is None:
        raise BadSpec("audit.no-table", "the spec has no table [removal]", hint='[removal] with people = "FOLDER"')
    options.check()
    decoder = stack.enter_context(Decoder())
    people = read_people(base / options.people, region="whole", decoder=decoder)
    scene = _scene(base / options.scene, decoder, people.photos) if options.scene else None
    photos = _first(people.photos, options.pictures)
    data = fingerprint(photos) + (fingerprint([Photo(scene)]) if scene is not None else "")
    material = _Material(options, photos, scene, store, data)
    cases = [case for name in options.attacks or ATTACKS for case in _BUILDERS[name](material)]
    subject = {
        "people": f"{len({photo.person for photo in photos})} people, {len(photos)} pictures, each a clip of {options.frames} frames",
        "scene": options.scene or "a made wall",
        "how they move": "walk through" if not options.stands else f"halt for {options.stands:.0%} of the clip",
    }
    return Plan(tuple(cases), (REMOVAL,), subject, tuple(f"left out: {sentence}" for sentence in people.left_out))


def _first(photos: Sequence[Photo], count: int) -> list[Photo]:
    """So many of each person."""
    taken: Counter[int] = Counter()
    kept = []
    for photo in photos:
        taken[photo.person] += 1
        if taken[photo.person] <= count:
            kept.append(photo)
    return kept


def _scene(file: Path, decoder: Decoder, photos: Sequence[Photo]) -> Picture:
    """Raises BadInput `audit.scene`: it is no picture, or too small."""
    read = read_people(file, region="whole", decoder=decoder)
    picture = read.photos[0].picture
    least = (max(photo.picture.shape[0] for photo in photos) * HIGHER, max(photo.picture.shape[1] for photo in photos) * WIDER)
    if picture.shape[0] < least[0] or picture.shape[1] < least[1]:
        told = f"{file}: the scene is {picture.shape[1]}x{picture.shape[0]}, the people need {least[1]:.0f}x{least[0]:.0f}"
        raise BadInput("audit.scene", told, hint="take a larger picture of the place, or smaller pictures of people")
    return picture


def _reidentify(material: _Material) -> Iterator[Case]:
    from velatura.attacks.reidentification import Reidentify, available

    names, missing = available(material.options.attackers, store=material.store)
    if names:
        yield _case(material, Reidentify(tuple(names), splits=material.options.splits, store=material.store), "who was it", Claim())
    for name, reason in missing.items():
        alone = Reidentify((name,), splits=material.options.splits, store=material.store)
        yield replace(_case(material, alone, f"who was it, attacker {name}", Claim()), missing=reason)


def _ghosting(material: _Material) -> Iterator[Case]:
    from velatura.attacks.ghosting import Ghosting

    yield _case(material, Ghosting(), "is a shadow of him left", Claim())


def _residue(material: _Material) -> Iterator[Case]:
    from velatura.attacks.residue import Redetect

    yield from _with_a_finder(material, lambda find: Redetect(find), "does a detector still find him", Claim())


def _existence(material: _Material) -> Iterator[Case]:
    from velatura.attacks.existence import Existence

    yield from _with_a_finder(material, lambda find: Existence(find), "was somebody there", None)


_BUILDERS: dict[str, Callable[[_Material], Iterator[Case]]] = {
    "reidentify": _reidentify,
    "ghosting": _ghosting,
    "residue": _residue,
    "existence": _existence,
}


def _with_a_finder(material: _Material, make: Callable[[Any], Attack[Any, Any]], view: str, claim: Claim | None) -> Iterator[Case]:
    """A case whose attacker has a face detector, at its low threshold."""
    from velatura.detect.finder import Finder

    try:
        finder = Finder.choose(("face",), store=material.store)
    except Missing as error:
        yield replace(_case(material, make(None), view, claim), missing=f"{error.sentence}; {error.hint}")
        return
    case = _case(material, make(lambda picture: finder(frame_of(picture), low=True)), view, claim)
    told = " ".join(finder.names)
    yield replace(case, key=f"{case.key} {told}", data=f"{case.data} {told}")


def _case(material: _Material, attack: Attack[Any, Any], view: str, claim: Claim | None) -> Case:
    options = material.options
    target = f"removal from a clip of {options.frames} frames, {view}"
    key = f"{attack.name} {options.attackers} {options.splits} {options.frames} {options.stands} {material.data}"
    repeat = shlex.join(["velatura", "audit", "AUDIT.toml", "-o", "audit-out"])
    arms = (material.arm(removing=False), material.arm(removing=True))
    return Case(attack, target, *arms, claim, material.photos, key, repeat, material.data)
