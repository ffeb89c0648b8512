"""Text under pixelation and blur: guesses are rendered, sent through the same protection, and compared with what was released.

Rendered plates are read by template: single glyphs through the arm propose texts (`glyph_search`), and the best of them, rendered whole through the
arm, is bettered letter by letter. Photographs, whose font, size and place nobody knows, are read by a parrot (`plate_parrot`). Beside them stands
the blind guess, which is also what a reader says of a plate that tells him nothing, or that he had no time for.
Limit: the template attacker knows the font; the parrot is a small one. What they cannot read, a better one might.
Source: Hill, Zhou, Saul, Shacham, "On the (In)effectiveness of Mosaicing and Blurring as Tools for Document Redaction", PoPETs 2016(4).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from velatura.attacks.attack import Arm, Deadline, Outcomes, Photo, Picture, Shown
from velatura.attacks.blind_text import blind_texts, drawn_texts, edit_share, place_share, plain_text
from velatura.attacks.lettering import ALPHABET, MARGIN_PX, Lettering
from velatura.attacks.own_plates import Filter, levels, tells_apart
from velatura.attacks.plate_parrot import parrot, shape_groups
from velatura.attacks.template_reader import TemplateReader, TimeUp
from velatura.errors import BadInput

__all__ = ["ReadText"]


MOST_SHOWN = 6
MOST_SHAPES = 5
DRAWS = 20
"""Blind guesses a plate, averaged: one alone is right nowhere too often, and then its interval is that of a handful of plates."""


@dataclass(frozen=True, slots=True)
class ReadText:
    """Reads plates.

    Attributes:
        alphabet: letters that may be written; a plate's other letters are never read.
        beam: prefixes that the template attacker keeps after each letter.
        photographed: the plates are photographs: other attackers, counted by edit distance, and against a blind guess from other plates.
    """

    alphabet: str = ALPHABET
    beam: int = 12
    photographed: bool = False

    @property
    def name(self) -> str:
        return "text"

    @property
    def knowledge(self) -> str:
        if self.photographed:
            return (
                "sees the protected plates; has other plates of the same shape with their texts, protected in the same way, and renders plates of "
                "his own; knows neither font nor size nor place of the text that he reads"
            )
        return (
            "sees the protected plates; has the protection and renders texts of his own through it; knows the font, its size, the plate's size and "
            "how many letters a plate may have; knows neither the text nor, to six pixels, where it begins"
        )

    def play(self, arm: Arm[Photo, Picture], secrets: Sequence[Photo], rng: Generator, *, budget_s: float) -> Outcomes:
        """Read every plate.

        Rendered plates: success is the share of letters right, place by place, and chance one of the alphabet's letters. Photographs: success is
        1 - edit distance / length, at least 0, and chance what the blind guess of this set gets.

        Raises:
            BadInput: `attack.no-text`, a plate whose text is not known; `attack.alphabet`, nothing to choose from.
        """
        texts = _texts(secrets)
        alphabet = _alphabet(self.alphabet, texts if self.photographed else [])
        deadline = Deadline(budget_s)
        guesses = [drawn_texts(texts, alphabet, rng) for _ in range(DRAWS)]  # first, so that they are the same for every arm
        released = [arm(secret, rng) for secret in secrets]
        score = edit_share if self.photographed else place_share
        if self.photographed:
            guesses = [blind_texts(texts, shape_groups(released))]
            found = _by_parrot(arm, released, texts, alphabet, rng, deadline)
        else:
            found = _by_template(arm, released, {len(text) for text in texts}, alphabet, self.beam, rng, deadline)
        blind = np.mean([[score(said, text) for said, text in zip(guess, texts, strict=True)] for guess in guesses], axis=0)
        own = [by_chance if said is None else score(said, text) for said, text, by_chance in zip(found, texts, blind, strict=True)]
        read = [guess if said is None else said for said, guess in zip(found, guesses[0], strict=True)]
        success = np.array([own, blind])
        cut = deadline.passed() and None in found
        return Outcomes(
            success,
            ("parrot" if self.photographed else "template", "guess"),
            float(success[1].mean()) if self.photographed else 1 / len(alphabet),
            per="plates",
            unit="character rate",
            probes=max(1, round(float(np.mean([len(text) for text in texts])))),
            cut=cut,
            notes=_notes(read, texts, blind=found.count(None), cut=cut),
            shown=_shown(released, read, secrets, texts),
        )


def _by_parrot(
    arm: Arm[Photo, Picture], released: Sequence[Picture], texts: Sequence[str], alphabet: str, rng: Generator, deadline: Deadline
) -> list[str | None]:
    # A plate of a few pixels lets nothing through, whatever the arm: sizes from the smallest to the largest are tried.
    shapes = sorted({release.shape for release in released}, key=lambda shape: shape[0] * shape[1])
    tried = {shapes[at] for at in np.linspace(0, len(shapes) - 1, MOST_SHAPES).astype(int)}
    if not any(_tells_texts_apart(Filter(arm, rng, shape), alphabet, max(map(len, texts))) for shape in sorted(tried)):
        return [None] * len(released)
    return parrot(arm, released, texts, rng, alphabet=alphabet, deadline=deadline)


def _by_template(
    arm: Arm[Photo, Picture],
    released: Sequence[Picture],
    lengths: Collection[int],
    alphabet: str,
    beam: int,
    rng: Generator,
    deadline: Deadline,
) -> list[str | None]:
    """Plates of one size after each other, so that only one set of responses is held; None for what was not read."""
    found: list[str | None] = [None] * len(released)
    for shape in dict.fromkeys(release.shape for release in released):
        filtered = Filter(arm, rng, shape)
        if not _tells_texts_apart(filtered, alphabet, max(lengths)):
            continue
        try:
            reader = TemplateReader.over(filtered, alphabet, lengths, beam=beam, deadline=deadline)
            for at, release in enumerate(released):
                if release.shape == shape:
                    found[at] = reader.read(levels(release))
        except TimeUp:
            break
    return found


def _tells_texts_apart(filtered: Filter, alphabet: str, length: int) -> bool:
    """Whether the arm lets through anything of what is written, tried on two texts without a common letter at any place."""
    letters = np.resize(list(alphabet), length + 1)
    height, width = filtered.shape[:2]
    one, other = (Lettering(height).drawn("".join(part), MARGIN_PX, width) for part in (letters[:-1], letters[1:]))
    return tells_apart(filtered, one, other)


def _texts(secrets: Sequence[Photo]) -> list[str]:
    texts = [plain_text(secret.text) for secret in secrets]
    if not all(texts) or not texts:
        raise BadInput("attack.no-text", "a plate's text is not known, so that nobody can say whether it was read", hint="hand in plates with texts")
    return texts


def _alphabet(letters: str, texts: Sequence[str]) -> str:
    """Letters that may be written; those of the plates' own country in any case."""
    alphabet = "".join(sorted(set(letters).union(*texts)))
    if len(alphabet) < 2:
        raise BadInput("attack.alphabet", "an alphabet needs at least two letters", hint="e.g. A-Z without I, O and Q, and 0-9")
    return alphabet


def _notes(read: Sequence[str], texts: Sequence[str], *, blind: int, cut: bool) -> dict[str, str]:
    whole = sum(said == text for said, text in zip(read, texts, strict=True))
    notes = {"whole plates read": f"{whole} of {len(texts)}"}
    if blind:
        why = "the time was up" if cut else "nothing of what is written comes through"
        notes["guessed blindly"] = f"{blind} of {len(texts)} plates: {why}"
    return notes


def _shown(released: Sequence[Picture], read: Sequence[str], secrets: Sequence[Photo], texts: Sequence[str]) -> tuple[Shown, ...]:
    rows = list(zip(released, read, secrets, texts, strict=True))[:MOST_SHOWN]
    return tuple(Shown(seen, _drawn(said, seen), secret.picture, f'read "{said}", is "{text}"') for seen, said, secret, text in rows)


def _drawn(text: str, like: Picture) -> Picture:
    """What was read, on a plate of the same size."""
    height, width = like.shape[:2]
    wanted = Lettering(height).advance(text) + 2 * MARGIN_PX
    lettering = Lettering(height, stretch=min(1.0, width / wanted))
    return lettering.drawn(text, round(MARGIN_PX * lettering.stretch), width)
