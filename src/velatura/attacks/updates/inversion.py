"""What did the rows look like? Rows recovered from the update of a site: in closed form where the first layer allows it, else by search.

Several rows are matched to the true ones as they fit best (Hungarian method): in which order they come back says nothing of them.
Likeness is SSIM of pictures, and the correlation of rows that are none. The blind guess is the mean of the other units' rows, or noise where that is
nearer: the mean of standardised rows without one of them points away from it.
Limit: pictures are taken to lie in 0..1, as a job's do; other rows are taken for numbers of any size, about 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.attack import Arm, Deadline, Outcomes, Shown
from velatura.attacks.likeness import ssims
from velatura.attacks.updates.dense import rows_of
from velatura.attacks.updates.labels import labels_of, nearest_class
from velatura.attacks.updates.search import Effort, cosine, dlg
from velatura.attacks.updates.update import Batch, Update
from velatura.errors import BadInput

__all__ = ["Inversion", "likeness_of", "matched", "psnr_db"]

GUESS = "guess"
PEAK_DB = 160.0  # of rows that are equal to the last bit but some
SHOWN = 6
_GRID = 1 << 20  # sums of equal numbers are exact on it: who only guesses is at chance
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Inversion:
    """Attackers: guess, closed-form (of a dense first layer), dlg, cosine. See the module.

    Attributes:
        searches: names of searches that are run; after a closed form of one row none is.
    """

    searches: tuple[str, ...] = ("dlg", "cosine")
    effort: Effort = field(default_factory=Effort)
    name: ClassVar[str] = "inversion"
    knowledge: ClassVar[str] = (
        "sees what one site sends in one round, has the model and the job (learning rate, steps, clipping, order of rows); searches for "
        "rows that would have sent the same"
    )

    def play(self, arm: Arm[Batch, Update], secrets: Sequence[Batch], rng: Generator, *, budget_s: float) -> Outcomes:
        """See `Attack`. Units are batches.

        Raises:
            BadInput: `attack.no-rows`: fewer than two batches. Missing: `extra.train`.
        """
        if len(secrets) < 2:
            raise BadInput(
                "attack.no-rows", f"{len(secrets)} updates are too few: a blind guess is the others' mean", hint="two or more; 36 for a verdict"
            )
        deadline, seeds = Deadline(budget_s), rng.integers(1 << 62, size=(len(secrets), 2))
        found, cut = list[dict[str, Floats]](), False
        for left, (secret, (own, chance)) in zip(range(len(secrets), 0, -1), zip(secrets, seeds, strict=True), strict=True):
            update = arm(secret, np.random.default_rng(chance))
            rows, ended = self.found(update, np.random.default_rng(own), deadline.share(left))
            found, cut = [*found, rows], cut or ended
        return _counted(secrets, found, cut)

    def found(self, update: Update, rng: Generator, deadline: Deadline) -> tuple[dict[str, Floats], bool]:
        """Name of an attacker -> (rows, ...), pictures in 0..1; and whether the time ended one before its first start was done."""
        found, cut = dict[str, Floats](), False
        closed = rows_of(update)
        if closed is not None:
            found["closed-form"] = np.clip(closed, 0, 1) if update.picture else closed
        labels = labels_of(update, rng, self.effort.starts) if update.rows > 1 else [np.array([nearest_class(update)])]
        searches = self.searches if closed is None or update.rows > 1 else ()
        for left, name in zip(range(len(searches), 0, -1), searches, strict=True):
            one = (dlg if name == "dlg" else cosine)(update, labels, rng, self.effort, deadline.share(left))
            found[name], cut = one.x, cut or one.cut
        return found, cut


def matched(secret: Batch, rows: Floats) -> Floats:
    """(secret's rows, ...): to each of them one of `rows`, no one twice where there are enough, with the least squared error in all."""
    from scipy.optimize import linear_sum_assignment

    n = len(secret.x)
    far = ((secret.x.reshape(n, 1, -1) - rows.reshape(1, len(rows), -1)) ** 2).sum(-1)
    which = far.argmin(1) if len(rows) < n else linear_sum_assignment(far)[1]
    return np.asarray(rows[which])


def psnr_db(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Of rows in 0..1."""
    error = float(np.mean((np.asarray(a, np.float64) - b) ** 2))
    return float(min(-10 * np.log10(error), PEAK_DB)) if error else PEAK_DB


def _counted(secrets: Sequence[Batch], found: Sequence[dict[str, Floats]], cut: bool) -> Outcomes:
    blinds = _means(secrets)
    names = list(found[0])
    blind = np.array([likeness_of(one.x, guess) for one, guess in zip(secrets, blinds, strict=True)])
    blind = blind if blind.mean() > 0 else np.zeros_like(blind)  # noise is like nothing
    rows = {name: [matched(one, each[name]) for one, each in zip(secrets, found, strict=True)] for name in names}
    like = {name: np.array([likeness_of(one.x, each) for one, each in zip(secrets, rows[name], strict=True)]) for name in names}
    noise = {name: np.array([psnr_db(one.x, each) for one, each in zip(secrets, rows[name], strict=True)]) for name in names}
    chance = np.rint(blind.mean() * _GRID) / _GRID
    success = np.stack([np.full(len(secrets), chance), *(np.rint((like[name] - blind) * _GRID) / _GRID + chance for name in names)])
    best = max(names, key=lambda name: float(like[name].mean()))
    picture = _is_picture(secrets[0].x)
    notes = {f"PSNR {name}": _noise_told(noise[name], like[name]) for name in names}
    shown = [_shown(one, each, guess) for one, each, guess in list(zip(secrets, rows[best], blinds, strict=True))[:SHOWN]] if picture else []
    unit = "SSIM" if picture else "correlation"
    return Outcomes(success, (GUESS, *names), float(chance), "updates", unit, kind="gain", cut=cut, notes=notes, shown=shown)


def _noise_told(noise: Floats, like: Floats) -> str:
    share = f"{int((noise >= 40).sum())} of {len(noise)} at 40 dB or more"
    return f"median {np.median(noise):.1f} dB, {share}; likeness {np.median(like):.3f} (median), {like.max():.3f} (most)"


def _means(secrets: Sequence[Batch]) -> list[Floats]:
    """For each unit the mean row of the others, as often as it has rows."""
    total, count = sum(one.x.astype(np.float64).sum(0) for one in secrets), sum(len(one.x) for one in secrets)
    return [np.stack([(total - one.x.astype(np.float64).sum(0)) / max(count - len(one.x), 1)] * len(one.x)) for one in secrets]


def _is_picture(x: NDArray[np.floating]) -> bool:
    return x.ndim == 4 and x.shape[1] in (1, 3)


def likeness_of(x: NDArray[np.floating], rows: NDArray[np.floating]) -> float:
    """The mean over rows."""
    if _is_picture(x):
        a, b = (255.0 * np.moveaxis(np.asarray(one, np.float64), 1, -1) for one in (x, rows))
        return float(ssims(a, b).mean())
    a, b = (np.asarray(one, np.float64).reshape(len(one), -1) for one in (x, rows))
    a, b = (one - one.mean(1, keepdims=True) for one in (a, b))
    length = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    return float(((a * b).sum(1) / np.where(length > 0, length, 1.0)).mean())


def _shown(secret: Batch, rows: Floats, blind: Floats) -> Shown:
    caption = f"SSIM {likeness_of(secret.x[:1], rows[:1]):.2f}, {psnr_db(secret.x[0], rows[0]):.0f} dB"
    return Shown(_drawn(blind[0]), _drawn(rows[0]), _drawn(secret.x[0]), caption)


def _drawn(row: NDArray[np.floating]) -> NDArray[np.uint8]:
    picture = np.rint(255 * np.clip(np.moveaxis(row, 0, -1), 0, 1)).astype(np.uint8)
    return np.asarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
