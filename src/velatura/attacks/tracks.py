"""Tracks: the frames of one person, in order; and the people that enough of them show.

A still track is one picture again and again: what a camera on a stand sees of somebody who does not move. A moving one shows a person's pictures one
after the other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from velatura.attacks.attack import Photo, Picture
from velatura.attacks.pictures import Form, common_form, rows
from velatura.errors import BadInput

__all__ = ["Track", "common_size", "frames_of", "moving", "rounds", "still"]

Track = Sequence[Photo]


def still(photos: Sequence[Photo], frames: int) -> list[list[Photo]]:
    """A track a photo: the same photo `frames` times, held once."""
    return [[photo] * frames for photo in photos]


def moving(photos: Sequence[Photo]) -> list[list[Photo]]:
    """A track a person: his photos of the first one's shape, in order; people with one such photo have none."""
    tracks: dict[int, list[Photo]] = {}
    for photo in photos:
        track = tracks.setdefault(photo.person, [])
        if not track or track[0].picture.shape == photo.picture.shape:
            track.append(photo)
    return [track for track in tracks.values() if len(track) > 1]


def rounds(people: Sequence[int], *, least: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which tracks to attack, and whose they are.

    Args:
        people: (n,), who is on each track; any numbers.
        least: tracks that a person must have to be asked for.

    Returns:
        Indices of the tracks, everybody's first one before anybody's second, so that an attack that is stopped has asked for all alike;
        and the people, 0 ... P-1.

    Raises:
        BadInput: `attack.one-person`: fewer than two people have so many.
    """
    given = np.asarray(people, np.int64)
    names, numbers, counts = np.unique(given, return_inverse=True, return_counts=True)
    enough = counts >= least
    if enough.sum() < 2:
        raise BadInput(
            "attack.one-person",
            f"{int(enough.sum())} of {len(names)} people have {least} tracks or more: there is nobody to be taken for",
            hint=f"two people or more, with {least} tracks each",
        )
    turn = np.array([(given[:index] == person).sum() for index, person in enumerate(given)])
    kept = [index for index in np.lexsort((numbers, turn)) if enough[numbers[index]]]
    renumbered = np.cumsum(enough) - 1
    return np.array(kept), renumbered[numbers[kept]]


def common_size(tracks: Sequence[Track], *, longest_px: int) -> Form:
    """The form that suits the first frames of all tracks.

    Raises:
        BadInput: `attack.one-frame`: a track has fewer than two frames; `attack.picture`.
    """
    shortest = min((len(track) for track in tracks), default=0)
    if shortest < 2:
        raise BadInput("attack.one-frame", f"a track has {shortest} frames: this attack compares frames", hint="hand in tracks of two frames or more")
    return common_form([track[0].picture for track in tracks], longest_px=longest_px)


def frames_of(pictures: Sequence[Picture], form: Form) -> NDArray[np.uint8]:
    """(frames, height, width, channels) of a track's pictures in that form. Raises BadInput `attack.picture`."""
    return rows(pictures, form).reshape(len(pictures), form.height, form.width, -1)
