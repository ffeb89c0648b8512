"""Who is attacked with what knowledge, by attacks that recover pictures.

Half of the people are the attacker's own, the other half is attacked, then they change places. Fewer than four people: each is attacked apart, the
others' mean is the blind guess (a flat grey without others), and filters are identified on pictures that the attacker makes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.attack import Photo, Picture
from velatura.attacks.pictures import Form, common_form, fitted
from velatura.errors import BadInput

__all__ = ["Round", "form_of", "guess_at", "left_over", "rounds"]

LEAST_PEOPLE = 4
MOST_PEOPLE = 40
PICTURES = 2
MOST_GUESS_PICTURES = 4
FLAT_GREY = 128


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """One attack with one state of knowledge.

    Attributes:
        number: 0, 1 ...
        attacked: at most `PICTURES` a person, not all that he has: the others are the gallery that a recovered picture is searched in.
        own: pictures of the attacker's own people, person by person; empty: he has none.
        others: whose mean is the blind guess, person by person.
    """

    number: int
    attacked: tuple[Photo, ...]
    own: tuple[tuple[Picture, ...], ...]
    others: tuple[tuple[Picture, ...], ...]


def rounds(secrets: Sequence[Photo], rng: Generator) -> tuple[Round, ...]:
    """Deal people out, at most `MOST_PEOPLE`; pictures of nobody (person -1) are the attacker's own.

    Raises:
        BadInput: `attack.no-people`, `attack.picture`.
    """
    common_form([photo.picture for photo in secrets])
    pictures: dict[int, list[Photo]] = {}
    for i in rng.permutation(len(secrets)):
        if secrets[i].person != -1:
            pictures.setdefault(secrets[i].person, []).append(secrets[i])
    people = [pictures[person] for person in sorted(pictures)]
    if not people:
        raise BadInput("attack.no-people", "no photo says who is on it: there is nothing to attack", hint="give each photo a person, 0, 1, 2 ...")
    dealt = [people[i] for i in rng.permutation(len(people))[:MOST_PEOPLE]]
    nobody = tuple((photo.picture,) for photo in secrets if photo.person == -1)
    if len(dealt) < LEAST_PEOPLE:
        return tuple(Round(i, _attacked([one]), nobody, _pictures(dealt[:i] + dealt[i + 1 :])) for i, one in enumerate(dealt))
    one, two = dealt[::2], dealt[1::2]
    return tuple(Round(i, _attacked(theirs), (*_pictures(his), *nobody), _pictures(his)) for i, (theirs, his) in enumerate(((one, two), (two, one))))


def _attacked(people: Sequence[Sequence[Photo]]) -> tuple[Photo, ...]:
    """The first pictures of each; one is left for the gallery where there are two."""
    return tuple(photo for photos in people for photo in photos[: max(1, min(PICTURES, len(photos) - 1))])


def _pictures(people: Iterable[Sequence[Photo]]) -> tuple[tuple[Picture, ...], ...]:
    return tuple(tuple(photo.picture for photo in photos) for photos in people)


def form_of(picture: Picture) -> Form:
    """Its own."""
    height, width = picture.shape[:2]
    return Form(height, width, picture.ndim == 3)


def guess_at(others: Sequence[Sequence[Picture]], form: Form) -> NDArray[np.float32]:
    """(height, width, channels): the mean of people, each the mean of at most four pictures; a flat grey if there is nobody."""
    channels = form.shape[2] if form.colour else 1
    if not others:
        return np.full((form.height, form.width, channels), FLAT_GREY, np.float32)
    means = [np.mean([fitted(picture, form) for picture in pictures[:MOST_GUESS_PICTURES]], axis=0, dtype=np.float32) for pictures in others]
    return np.asarray(np.mean(means, axis=0)).reshape(form.height, form.width, channels)


def left_over(secrets: Sequence[Photo], dealt: Sequence[Round]) -> list[Photo]:
    """The photos that are not attacked, of the people who are."""
    attacked = {id(photo) for round_ in dealt for photo in round_.attacked}
    people = {photo.person for round_ in dealt for photo in round_.attacked}
    return [photo for photo in secrets if photo.person in people and id(photo) not in attacked]
