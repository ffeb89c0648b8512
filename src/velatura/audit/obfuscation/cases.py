"""From the options of an audit to its cases: which attacks meet which method, through which arms, against which promise.

What a method promises stands in its `claims`. A method that promises nothing (pixelate, blur) is judged against chance all the same where the
covered pixels are attacked: that is what people use it for. What stands around a region, and that somebody was there, is stated, not judged.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from velatura.attacks.attack import Arm, Attack, Photo
from velatura.audit.case import Case, Plan
from velatura.audit.obfuscation.arms import ALL_OF_IT, FileArm, PictureArm, TrackArm, frame_of
from velatura.audit.obfuscation.material import Material, gather
from velatura.audit.obfuscation.options import ATTACKS
from velatura.audit.obfuscation.people import NOBODY, fingerprint
from velatura.audit.obfuscation.plates import RENDERED
from velatura.errors import BadSpec, Missing
from velatura.findings import Claim
from velatura.obfuscation.method import Method
from velatura.obfuscation.parameters import chosen

if TYPE_CHECKING:
    from velatura.audit.spec import AuditSpec
    from velatura.models.store import ModelStore

__all__ = ["plan"]

ASKED_FOR = frozenset({"reconstruct-learned"})
"""Only where it is asked for: it takes minutes."""

TRACKS = frozenset({"averaging", "differences"})
ALONE, AROUND = "the region alone", "with what stands around it"
MOST_FILES = 8
DP_SIDE_PX = 48


@dataclass(frozen=True, slots=True)
class _Target:
    """A method under attack."""

    text: str
    method: Method
    material: Material

    def claim(self, attack: str) -> Claim:
        return self.method.claims.get(attack, Claim())


def plan(spec: AuditSpec, *, base: Path, stack: ExitStack, store: ModelStore | None = None) -> Plan:
    """The cases of a spec with `room = "obfuscation"`. Raises BadSpec, BadInput, Missing."""
    if spec.obfuscation is None:
        raise BadSpec("audit.no-table", "the spec has no table [obfuscation]", hint='[obfuscation] with methods = ["fill"] and people = "FOLDER"')
    options = spec.obfuscation
    options.check()
    targets = [(text, chosen(text)) for text in options.methods]  # a wrong name is told before anything is read
    material = gather(options, base=base, seed=spec.seed, stack=stack, store=store)
    cases = [case for text, method in targets for case in _cases(_Target(text, method, material))]
    if not cases:
        if options.people or options.plates or options.attacks == ("dp",):
            asked = ", ".join(options.attacks) or "none"
            sentence = f"{', '.join(options.methods)} promises nothing that the attacks asked for ({asked}) could break with this data"
            raise BadSpec("audit.no-data", sentence, hint="other methods, other attacks, or pictures of several people")
        raise BadSpec("audit.no-data", "nothing can be attacked with what is named", hint='people = "FOLDER", plates = "rendered:20", or both')
    limits = tuple(dict.fromkeys(method.limits for _, method in targets))
    return Plan(tuple(cases), limits, _subject(material), material.warnings())


def _cases(target: _Target) -> Iterator[Case]:
    asked = target.material.options.attacks
    for name in asked or [name for name in ATTACKS if name not in ASKED_FOR]:
        made = list(_BUILDERS[name](target))
        if not made and name in asked:
            _refuse_without_data(name, target)
        yield from made


def _refuse_without_data(name: str, target: _Target) -> None:
    """An attack that was asked for and has nothing to work on; one that does not concern a method is left out. Raises BadSpec."""
    if name == "text" and not target.material.plates:
        raise BadSpec("audit.no-data", "the attack 'text' needs plates", hint='plates = "rendered:20", or a folder')
    if name not in ("text", "dp") and target.material.people is None:
        raise BadSpec("audit.no-data", f"the attack {name!r} needs people", hint='people = "FOLDER"')


def _reidentify(target: _Target) -> Iterator[Case]:
    from velatura.attacks.reidentification import Reidentify, available

    material, options = target.material, target.material.options
    if material.people is None:
        return
    names, missing = available(options.attackers, store=material.store)
    for view, photos, covering in _views(material):
        claim = target.claim("reidentify") if view == ALONE else None
        words = {
            "view": "region" if view == ALONE else "context",
            "attackers": ",".join(options.attackers),
            "splits": str(options.splits),
        }
        if names:
            attack = Reidentify(tuple(names), splits=options.splits, store=material.store)
            networks = [name.partition(":")[2] for name in names if ":" in name]
            yield _with_models(_on_pictures(target, attack, view, photos, claim, covering, **words), networks, material.store)
        for name, reason in missing.items():
            alone = Reidentify((name,), splits=options.splits, store=material.store)
            yield replace(_on_pictures(target, alone, f"{view}, attacker {name}", photos, claim, covering, **words), missing=reason)


def _reconstruct(target: _Target) -> Iterator[Case]:
    from velatura.attacks.deconvolution import Deconvolve

    if target.material.crops:
        # A single person has no interval: shown, not judged.
        claim = target.claim("reconstruct") if len({photo.person for photo in target.material.crops}) > 1 else None
        yield _on_pictures(target, Deconvolve(), ALONE, target.material.crops, claim, ALL_OF_IT)


def _reconstruct_learned(target: _Target) -> Iterator[Case]:
    from velatura.attacks.reconstruction import Reconstruct

    if target.material.crops:
        yield _on_pictures(target, Reconstruct(), ALONE, target.material.crops, target.claim("reconstruct"), ALL_OF_IT)


def _averaging(target: _Target) -> Iterator[Case]:
    from velatura.attacks.averaging import Average
    from velatura.attacks.tracks import still

    options = target.material.options
    if _several_pictures(target) and "averaging" in target.method.claims:
        tracks = still(target.material.crops, options.releases)
        words = {"releases": str(options.releases), "splits": str(options.splits)}
        yield _on_tracks(target, Average(options.releases, options.splits), f"{options.releases} releases", tracks, **words)


def _differences(target: _Target) -> Iterator[Case]:
    from velatura.attacks.frame_difference import FrameDifferences
    from velatura.attacks.tracks import moving

    if _several_pictures(target) and "averaging" in target.method.claims:
        yield _on_tracks(target, FrameDifferences(), "a moving track", moving(target.material.crops))


def _dp(target: _Target) -> Iterator[Case]:
    from velatura.attacks.dp_audit import AuditEpsilon, neighbours

    claim = target.method.claims.get("dp")
    if claim is None:
        return
    pixels = getattr(target.method, "pixels", None)
    attack = AuditEpsilon(runs=target.material.options.runs)
    pairs = neighbours((DP_SIDE_PX, DP_SIDE_PX), pixels)
    arms = (PictureArm(None), PictureArm(target.method))
    where = f"pictures of {DP_SIDE_PX}x{DP_SIDE_PX} that differ in {'every pixel' if pixels is None else f'{pixels} pixels'}"
    key = f"dp {attack.runs} {pixels}"
    data = fingerprint([photo for pair in pairs for photo in pair])
    yield Case(attack, f"{target.text}, {where}", *arms, claim, pairs, key, _repeat("dp", target, runs=str(attack.runs)), data)


def _text(target: _Target) -> Iterator[Case]:
    from velatura.attacks.text_template import ReadText

    plates = target.material.plates
    if plates:
        rendered = target.material.options.plates.startswith(RENDERED)
        attack = ReadText(photographed=not rendered)
        yield _on_pictures(target, attack, "rendered plates" if rendered else "real plates", plates, target.claim("text"), ALL_OF_IT)


def _residue(target: _Target) -> Iterator[Case]:
    from velatura.attacks.residue import Redetect

    if target.material.people is not None:
        yield from _with_a_finder(target, "residue", lambda find: Redetect(find), target.method.claims.get("residue"))


def _existence(target: _Target) -> Iterator[Case]:
    from velatura.attacks.existence import Existence

    if target.material.people is not None and not target.material.whole:
        yield from _with_a_finder(target, "existence", lambda find: Existence(find), None)


def _leak_paths(target: _Target) -> Iterator[Case]:
    from velatura.attacks.canaries import LeakPaths

    people = target.material.people
    if people is None:
        return
    files = [file for file in people.files if file.suffix.lower() in (".jpg", ".jpeg", ".png")][:MOST_FILES]
    if files:
        arms = (FileArm(None, target.material.scratch), FileArm(target.text, target.material.scratch))
        data = " ".join(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
        yield Case(LeakPaths(), f"{target.text}, the file", *arms, Claim(), files, "leak-paths", _repeat("residue", target), data)


_VERBS = {"reconstruct-learned": "reconstruct --learned", "differences": "averaging", "existence": "residue", "leak-paths": "residue"}
"""Under which verb of `velatura attack` an attack runs, where that is not its name."""

_BUILDERS: dict[str, Callable[[_Target], Iterator[Case]]] = {
    "reidentify": _reidentify,
    "reconstruct": _reconstruct,
    "reconstruct-learned": _reconstruct_learned,
    "averaging": _averaging,
    "differences": _differences,
    "dp": _dp,
    "text": _text,
    "residue": _residue,
    "existence": _existence,
    "leak-paths": _leak_paths,
}


def _views(material: Material) -> Iterator[tuple[str, Sequence[Photo], Any]]:
    """What the attacker sees: (in words, the photos, how much around a box is covered)."""
    assert material.people is not None, "there are people"
    views = ("region",) if material.whole else material.options.views
    if "region" in views:
        yield ALONE, material.crops, ALL_OF_IT
    if "context" in views:
        yield AROUND, material.people.photos, material.covering


def _several_pictures(target: _Target) -> bool:
    """Somebody is on more than one picture."""
    persons = [photo.person for photo in target.material.crops]
    return len(persons) > len(set(persons)) > 1


def _on_pictures(
    target: _Target, attack: Attack[Any, Any], view: str, photos: Sequence[Photo], claim: Claim | None, covering: Any, /, **words: str
) -> Case:
    arms = (PictureArm(None, covering), PictureArm(target.method, covering))
    return _case(target, attack, view, arms, photos, claim, fingerprint(photos), **words)


def _on_tracks(target: _Target, attack: Attack[Any, Any], view: str, tracks: Sequence[Sequence[Photo]], /, **words: str) -> Case:
    arms = (TrackArm(None), TrackArm(target.method))
    return _case(target, attack, view, arms, tracks, target.claim("averaging"), fingerprint(target.material.crops), **words)


def _with_a_finder(target: _Target, name: str, make: Callable[[Any], Attack[Any, Any]], claim: Claim | None) -> Iterator[Case]:
    """A case whose attacker has the room's own detector, at its low threshold."""
    from velatura.detect.finder import Finder

    people = target.material.people
    assert people is not None, "there are people"
    photos = [_placed(photo) for photo in people.photos if photo.box != NOBODY]
    covering = target.material.covering
    try:
        finder = Finder.choose(("face",), store=target.material.store)
    except Missing as error:
        case = _on_pictures(target, make(None), AROUND, photos, claim, covering)
        yield replace(case, missing=f"{error.sentence}; {error.hint}")
        return
    case = _on_pictures(target, make(lambda picture: finder(frame_of(picture), low=True)), AROUND, photos, claim, covering)
    yield _with_models(case, finder.names, target.material.store)


def _with_models(case: Case, names: Sequence[str], store: ModelStore | None) -> Case:
    """A case whose attacker uses networks: with others it is another case."""
    from velatura.models.store import ModelStore

    used = store or ModelStore()
    told = "".join(f" {name}={used.entry(name).sha256}" for name in names)
    return replace(case, key=case.key + told, data=case.data + told)


def _placed(photo: Photo) -> Photo:
    """With its box written out where it is all of the picture."""
    height, width = photo.picture.shape[:2]
    return photo if photo.box is not None else replace(photo, box=(0.0, 0.0, float(width), float(height)))


def _case(
    target: _Target,
    attack: Attack[Any, Any],
    view: str,
    arms: tuple[Arm[Any, Any], Arm[Any, Any]],
    secrets: Sequence[Any],
    claim: Claim | None,
    data: str,
    /,
    **words: str,
) -> Case:
    name = _VERBS.get(attack.name, attack.name)
    options = target.material.options
    key = f"{attack.name} {view} {options.attackers} {options.splits} {options.releases} {data} {target.material.covering}"
    return Case(attack, f"{target.text}, {view}", *arms, claim, secrets, key, _repeat(name, target, **words), data)


def _repeat(name: str, target: _Target, /, **words: str) -> str:
    """The command that plays this case again, but for seed and budget."""
    options = target.material.options
    parts = ["velatura", "attack", *name.split()]
    place = "" if name == "dp" else options.plates if name == "text" else options.people
    parts += [f"./{place}" if place.startswith("-") else place] if place else []
    parts += ["--method", target.text]
    if name not in ("dp", "text"):
        parts += ["--region", options.region if isinstance(options.region, str) else ",".join(f"{side:g}" for side in options.region)]
    if name not in ("dp", "text") and not target.material.whole:
        parts += ["--dilate", f"{options.dilate:g}", "--shape", options.shape]
        parts += ["--expand", options.expand] if options.expand else []
    for key, value in words.items():
        parts += [f"--{key}", value]
    return shlex.join(parts)


def _subject(material: Material) -> dict[str, str]:
    told = {"where to repeat": "where the spec lies: paths in the commands are relative to it"}
    if material.people is not None:
        photos = material.people.photos
        told["people"] = f"{len({photo.person for photo in photos})} people, {len(photos)} pictures"
        told["region"] = material.options.region if isinstance(material.options.region, str) else str(material.options.region)
        if not material.whole:
            told["covered around it"] = f"dilate {material.covering.dilate:g}, expand {material.covering.expand or 'no'}, {material.covering.shape}"
        if material.people.left_out:
            told["left out"] = f"{len(material.people.left_out)} files that could not be read: " + "; ".join(material.people.left_out[:5])
        if material.people.unfound:
            told["nobody found in"] = f"{len(material.people.unfound)} pictures"
    if material.plates:
        told["plates"] = f"{len(material.plates)} ({material.options.plates})"
    return told
