"""What an audit of obfuscation works on: read once, shared by all its attacks."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from velatura.attacks.attack import Photo
from velatura.audit.obfuscation.options import ObfuscationOptions
from velatura.audit.obfuscation.people import People, read_people
from velatura.audit.obfuscation.plates import read_plates
from velatura.detect.finder import Finder
from velatura.media.source import Decoder
from velatura.obfuscation.policy import Covering

if TYPE_CHECKING:
    from velatura.models.store import ModelStore

__all__ = ["Material", "gather"]


@dataclass(slots=True)
class Material:
    """See the module.

    Attributes:
        covering: how much around a box is covered.
        people: None where the options name none.
        crops: what is covered of each picture, cut out.
        plates: with their texts; `plates_left_out`: what could not be read, and why.
        scratch: a private folder for files, removed after the audit.
    """

    options: ObfuscationOptions
    covering: Covering
    scratch: Path
    people: People | None = None
    crops: list[Photo] = field(default_factory=list)
    plates: list[Photo] = field(default_factory=list)
    plates_left_out: list[str] = field(default_factory=list)
    store: ModelStore | None = None

    @property
    def whole(self) -> bool:
        """All of each picture is covered: there is no context."""
        return self.options.region == "whole"

    def warnings(self) -> tuple[str, ...]:
        """What a person should know about the data."""
        told = [f"left out: {sentence}" for sentence in (self.people.left_out if self.people else [])]
        told += [f"left out: {sentence}" for sentence in self.plates_left_out]
        if self.people and self.people.unfound:
            count = len(self.people.unfound)
            told.append(f"in {count} pictures, the first {self.people.unfound[0]}, the detector found nobody: they stay as they are")
        return tuple(told)


def gather(options: ObfuscationOptions, *, base: Path, seed: int, stack: ExitStack, store: ModelStore | None) -> Material:
    """Read what the options name. Raises BadInput, BadSpec, Missing of what cannot be read or found."""
    from velatura.files import private_folder

    box = options.region if isinstance(options.region, tuple) else None
    covering = Covering(options.dilate, options.expand, options.shape) if options.region != "whole" else Covering(0.0, block=1)
    if box is not None:
        from velatura.obfuscation.policy import check_box

        check_box(box)
    material = Material(options, covering, stack.enter_context(private_folder()), store=store)
    decoder = stack.enter_context(Decoder())
    if options.people:
        finder = Finder.choose(("face",), store=store) if options.region == "detect" else None
        material.people = read_people(base / options.people, region=options.region, decoder=decoder, finder=finder)
        material.crops = material.people.crops(covering)
    if options.plates:
        material.plates, material.plates_left_out = read_plates(options.plates, base=base, decoder=decoder, seed=seed)
    return material
