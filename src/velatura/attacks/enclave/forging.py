"""Is forged evidence accepted? Documents are cut, spliced, replayed and signed anew, bits are flipped, bytes are drawn; none of it may pass.

The attacker has honest evidence, which is accepted, and no vendor's key. He knows the formats, makes certificates that look alike, and chooses when
his evidence is judged. What he cannot show here: that nobody holds a vendor's key, and that a machine whose evidence is real does not leak otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from velatura.attacks.attack import Arm, Deadline, Outcomes
from velatura.attacks.enclave.catalogue import forgeries
from velatura.attacks.enclave.classes import FAMILIES, family_of
from velatura.attacks.enclave.keys import Keys
from velatura.attacks.enclave.mutations import UNREADABLE, mutated, same_content
from velatura.attacks.enclave.opening import opened
from velatura.attacks.enclave.parts import Opened
from velatura.attacks.enclave.signatures import flipped, flips
from velatura.attacks.enclave.submission import Submission
from velatura.errors import BadInput

__all__ = ["EvidenceForgery"]

FLIPS, DRAWN = "flipped bits", "drawn bytes"
MOST_NAMED = 6


@dataclass(frozen=True, slots=True)
class EvidenceForgery:
    """An `Attack[Submission, bool]`: the arm says whether what it is shown is accepted.

    Attributes:
        others: further honest submissions, whose parts are spliced in.
        flips: bits that are flipped, drawn from all that are signed.
        mutations: random changes.
    """

    others: tuple[Submission, ...] = ()
    flips: int = 400
    mutations: int = 400
    name: ClassVar[str] = "evidence-forgery"
    knowledge: ClassVar[str] = (
        "has honest evidence of this machine and of others, knows every format, makes certificates that look like the vendor's; has no vendor's key"
    )

    def play(self, arm: Arm[Submission, bool], secrets: Sequence[Submission], rng: Generator, *, budget_s: float) -> Outcomes:
        """The share of forgeries that is accepted, of each family alone; see `Attack.play`.

        Raises:
            BadInput: `attack.evidence`: it is not accepted as it stands, or is not a document of its format.
        """
        deadline, tallies = Deadline(budget_s), list[_Tally]()
        seeds = rng.integers(2**63, size=(len(secrets), 2)).tolist()
        for secret, (seed, drawn) in zip(secrets, seeds, strict=True):
            if not arm(secret, rng):
                hint = "velatura enclave verify says why; where it is a warning, require.accept_warning = true in the policy"
                raise BadInput("attack.evidence", "the evidence is not accepted as it stands: nothing can be forged from it", hint=hint)
            tally = _Tally()
            for family, name, made in self._all(_opened(secret), Keys(seed), np.random.default_rng(drawn)):
                if deadline.passed():
                    tally.cut = True
                    break
                tally.count(family, name, arm(made(), rng))
            tallies.append(tally)
        return _outcomes(tallies)

    def _all(self, honest: Opened, keys: Keys, rng: Generator) -> Iterator[tuple[str, str, Callable[[], Submission]]]:
        """Family, what was done, and what does it."""
        known = [honest, *(_opened(other) for other in self.others)]
        for one in forgeries(honest, known, keys):
            yield family_of(one.number), f"{one.number} {one.name}", one.make
        places = [(part, place, bit) for part in honest.parts for place, bit in flips(part)]
        for index in rng.choice(len(places), min(self.flips, len(places)), replace=False).tolist():
            part, place, bit = places[index]
            yield FLIPS, f"bit {bit} of byte {place} of {part.name}", lambda part=part, place=place, bit=bit: part.put(flipped(part.raw, place, bit))  # type: ignore[misc]
        for number in range(self.mutations):
            made = mutated(honest, rng)
            if not same_content(honest, made):
                yield DRAWN, f"change {number}", lambda made=made: made  # type: ignore[misc]


@dataclass(slots=True)
class _Tally:
    """Of one submission."""

    tried: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*FAMILIES, FLIPS, DRAWN), 0))
    taken: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in (*FAMILIES, FLIPS, DRAWN)})
    cut: bool = False

    def count(self, family: str, name: str, accepted: bool) -> None:
        self.tried[family] += 1
        if accepted:
            self.taken[family].append(name)

    def share(self, family: str) -> float:
        return len(self.taken[family]) / max(self.tried[family], 1)


def _outcomes(tallies: Sequence[_Tally]) -> Outcomes:
    families = [name for name in (*FAMILIES, FLIPS, DRAWN) if any(tally.tried[name] for tally in tallies)]
    tried = sum(sum(tally.tried.values()) for tally in tallies)
    taken = [name for tally in tallies for names in tally.taken.values() for name in names]
    named = "; ".join(taken[:MOST_NAMED]) + (f"; and {len(taken) - MOST_NAMED} more" if len(taken) > MOST_NAMED else "")
    return Outcomes(
        np.array([[tally.share(name) for tally in tallies] for name in families]),
        tuple(families),
        0.0,
        "documents",
        "forgery rate",
        kind="proof",
        cut=any(tally.cut for tally in tallies),
        reference="an honest vendor",
        notes={"forgeries that were tried": f"{tried:,}", "accepted": named or "none"},
    )


def _opened(submission: Submission) -> Opened:
    try:
        return opened(submission)
    except UNREADABLE as error:
        raise BadInput("attack.evidence", f"this is no evidence of format {submission.format}: {type(error).__name__}") from error
