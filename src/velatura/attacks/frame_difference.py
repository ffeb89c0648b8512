"""Frame differences: whether a released track moves as the hidden one does.

Noise that is drawn once and added to every frame cancels in the difference of two frames; what is left is the motion of the hidden picture, whatever
the privacy budget was. The attacker has clear clips of everybody (candidates) and asks which of them was released. Two attackers:

- cells: the release is constant within cells, whose borders he reads off it; he compares its differences with those of the candidates' cell means.
- parrot: he plays the protection on the candidates and compares differences of releases; he need not know what it does to a frame.

Samples at 0 or 255 say nothing of the noise under them and are left out. Where no difference is left (one grid
repainted) he guesses blindly, which counts as what it gets on average: one in as many as there are people.
Limit: he knows the very clip. Somebody who knows only the person is weaker; the averaging attack is that one.
Source: none that we know; the cancelling is arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.attack import Arm, Deadline, Outcomes, Picture, Shown
from velatura.attacks.pictures import Form
from velatura.attacks.tracks import Track, common_size, frames_of, rounds
from velatura.errors import BadInput, BadSpec

__all__ = ["FrameDifferences"]

Clip = NDArray[np.uint8]
"""(frames, height, width, channels)."""

Floats = NDArray[np.float32]
Borders = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Where cells begin: rows, columns."""

LONGEST_PX = 256
MOST_SHOWN = 3
MOST_CELLS = 32
"""Across each side; of a finer release (no cells, or cells of single pixels) so many rows and columns are compared."""

ATTACKERS = ("cells", "parrot")


@dataclass(frozen=True, slots=True)
class FrameDifferences:
    """See the module. A secret is a moving track of one person.

    Attributes:
        frames: the first so many frames of each track are compared.
        repeats: how often each track is released, with fresh chance.
    """

    frames: int = 10
    repeats: int = 5
    name: ClassVar[str] = "differences"
    knowledge: ClassVar[str] = "has clear clips of all the people, one of which is the hidden one, and can protect them himself"

    def play(self, arm: Arm[Track, Sequence[Picture]], secrets: Sequence[Track], rng: Generator, *, budget_s: float) -> Outcomes:
        """Rank-1 of the nearest candidate.

        Raises:
            BadInput: `attack.one-person`, `attack.one-frame`, `attack.picture`, `attack.release`.
            BadSpec: `attack.budget`: it ended before every track was released once.
        """
        deadline = Deadline(budget_s)
        form = common_size(secrets, longest_px=LONGEST_PX)
        order, people = rounds([track[0].person for track in secrets], least=1)
        length = min(self.frames, *map(len, secrets))
        tracks = [secrets[index][:length] for index in order]
        own = _Candidates([frames_of([photo.picture for photo in track], form) for track in tracks], [_released(arm, t, form, rng) for t in tracks])
        found: list[NDArray[np.int64] | None] = []
        shown: list[Shown] = []
        for index in np.tile(np.arange(len(tracks)), self.repeats):
            if deadline.passed():
                break
            release = _released(arm, tracks[index], form, rng)
            clips = _nearest(release, own)
            found.append(clips)
            if clips is not None and len(shown) < MOST_SHOWN:
                shown.append(_shown(release, tracks[clips[0]], tracks[index]))
        if len(found) < len(tracks):
            raise BadSpec("attack.budget", f"the budget of {budget_s:g} s ended after {len(found)} of {len(tracks)} tracks", hint="a larger budget")
        return _outcomes(found, people, cut=len(found) < len(tracks) * self.repeats, shown=shown)


@dataclass(slots=True)
class _Candidates:
    """The attacker's clips, clear and protected by himself; their cell means are kept for the grid that was last asked for."""

    clear: list[Clip]
    protected: list[Clip]
    _grid: tuple[bytes, bytes] = (b"", b"")
    _means: Floats = field(default_factory=lambda: np.zeros(0, np.float32))

    def means(self, borders: Borders) -> Floats:
        """(clips, frames, rows, columns, channels), of the clear clips."""
        grid = (borders[0].tobytes(), borders[1].tobytes())
        if grid != self._grid:
            self._grid, self._means = grid, np.stack([_cell_means(clip, borders) for clip in self.clear])
        return self._means

    def samples(self, borders: Borders) -> Floats:
        """(clips, frames, rows, columns, channels), of the protected clips."""
        return np.stack([_corners(clip, borders) for clip in self.protected])


def _released(arm: Arm[Track, Sequence[Picture]], track: Track, form: Form, rng: Generator) -> Clip:
    frames = arm(track, rng)
    if len(frames) != len(track):
        raise BadInput("attack.release", f"a track of {len(track)} frames was released as {len(frames)}", hint="the arm must give a picture for each")
    return frames_of(frames, form)


def _nearest(release: Clip, own: _Candidates) -> NDArray[np.int64] | None:
    """Which clip each attacker takes the release for; None if there is nothing to go by."""
    borders = _borders(release)
    seen = _corners(release, borders)
    sure = _unsaturated(seen)
    steps = (seen - seen[0]) * sure
    if not steps.any():
        return None
    means, samples = own.means(borders), own.samples(borders)
    guesses = means - means[:, :1], (samples - samples[:, :1]) * _unsaturated(samples)
    # A step that the parrot cannot see for saturation counts as none.
    costs = (((candidates - steps) ** 2 * sure).sum((1, 2, 3, 4)) for candidates in guesses)
    return np.array([cost.argmin() for cost in costs])


def _borders(release: Clip) -> Borders:
    """Where the release changes from one row, or column, to the next, in any frame."""
    down, across = (release[:, 1:] != release[:, :-1]).any((0, 2, 3)), (release[:, :, 1:] != release[:, :, :-1]).any((0, 1, 3))
    return _starts(down), _starts(across)


def _starts(changes: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.flatnonzero(changes) + 1])


def _few(starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """At most so many of the cells, evenly chosen."""
    return np.arange(len(starts)) if len(starts) <= MOST_CELLS else np.arange(MOST_CELLS) * len(starts) // MOST_CELLS


def _corners(clip: Clip, borders: Borders) -> Floats:
    """(frames, rows, columns, channels): a sample of each cell."""
    down, across = (starts[_few(starts)] for starts in borders)
    return clip[:, down][:, :, across].astype(np.float32)


def _cell_means(clip: Clip, borders: Borders) -> Floats:
    """(frames, rows, columns, channels), of the same cells as `_corners`."""
    down, across = borders
    sums = np.add.reduceat(np.add.reduceat(clip, down, axis=1, dtype=np.int64), across, axis=2)
    sizes = np.diff(np.append(down, clip.shape[1]))[:, None] * np.diff(np.append(across, clip.shape[2]))
    return np.asarray((sums / sizes[..., None])[:, _few(down)][:, :, _few(across)], np.float32)


def _unsaturated(samples: Floats) -> NDArray[np.bool_]:
    """Where neither this frame nor the first one is at the end of the scale; of (frames, ...) or (clips, frames, ...)."""
    inside = (samples > 0) & (samples < 255)
    first = inside[:1] if samples.ndim == 4 else inside[:, :1]
    return np.asarray(inside & first)


def _outcomes(found: Sequence[NDArray[np.int64] | None], people: NDArray[np.int64], *, cut: bool, shown: Sequence[Shown]) -> Outcomes:
    """Of each release, in rounds over all tracks, the clip that each attacker took it for."""
    count = people.max() + 1
    hidden = np.resize(people, len(found))
    guesses = np.zeros((len(ATTACKERS), count, count))
    for person, clips in zip(hidden, found, strict=True):
        if clips is None:
            guesses[:, person] += 1 / count
        else:
            guesses[np.arange(len(ATTACKERS)), person, people[clips]] += 1
    probes = np.bincount(hidden)
    shares = guesses / probes[:, None]
    blind = sum(clips is None for clips in found)
    notes = {"blind guesses": f"{blind} of {len(found)} released tracks had no difference between frames to go by"} if blind else {}
    success = np.diagonal(shares, axis1=1, axis2=2)
    return Outcomes(success, ATTACKERS, 1 / count, "people", "rank-1 rate", int(probes.min()), guesses=shares, cut=cut, notes=notes, shown=shown)


def _shown(release: Clip, taken_for: Track, hidden: Track) -> Shown:
    told = "taken for the right clip" if taken_for is hidden else f"taken for a clip of person {taken_for[0].person}"
    return Shown(np.squeeze(release[0], 2) if release.shape[3] == 1 else release[0], taken_for[0].picture, hidden[0].picture, f"first frame; {told}")
