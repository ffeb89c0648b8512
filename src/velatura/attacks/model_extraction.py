"""A model rebuilt by asking it: a network of few squares is a polynomial, and whoever may ask often enough fits it.

Questions are drawn like the inputs that the model is for. Three surrogates learn from the answers by ridge regression: a linear one, and kernels of
degree two and four, which hold every polynomial of that degree whatever the number of inputs. From labels alone they learn 1 for the best, less for
the next, 0.
What counts is on how many fresh inputs the surrogate gives the model's own label, and how that grows with the number of questions.
Limit: questions are not chosen by what was learnt before, and networks are not fitted: a lower bound on what an extractor gets.
Source: Tramer et al., USENIX Security 2016; kernels: Schoelkopf, Smola, Learning with Kernels (2002), chapter 4.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.attack import Arm, Deadline, Outcomes
from velatura.errors import BadInput

__all__ = ["Asked", "ModelExtraction"]

Floats: TypeAlias = NDArray[np.float64]

RIDGE = 1e-9
LABEL_RIDGE = 1e-2
"""Of labels, which no polynomial fits: more of it smooths more."""
LEAST_ANSWERS = 8
LEAST_FRESH = 10
PARTS = (16, 4, 1)
"""Of all answers: after how many it is told how well the surrogate does."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """An input on which model and surrogate are compared.

    Attributes:
        x: (elements,).
        label: the model's.
    """

    x: Floats
    label: int


@dataclass(frozen=True, slots=True)
class ModelExtraction:
    """An `Attack[Floats, Floats]`. The arm answers questions (samples, elements) by (answered, outputs): scores, or the labels told, the best
    1, those after it less, the rest 0; fewer rows than it was asked for where a limit ends it.

    Attributes:
        draw: so many inputs -> (count, elements).
        queries: that are asked for.
    """

    draw: Callable[[int, Generator], Floats]
    queries: int = 1000
    name: ClassVar[str] = "extraction"
    knowledge: ClassVar[str] = "owns a key, may ask the server as often as it lets him, and knows what inputs look like"

    def play(self, arm: Arm[Floats, Floats], secrets: Sequence[Asked], rng: Generator, *, budget_s: float) -> Outcomes:
        """Agreement on inputs that were not asked about; see `Attack.play`.

        Raises:
            BadInput: `attack.too-few`: fresh inputs, or answers.
        """
        if len(secrets) < LEAST_FRESH:
            raise BadInput("attack.too-few", f"{len(secrets)} fresh inputs", hint=f"at least {LEAST_FRESH}")
        deadline = Deadline(budget_s)
        questions = self.draw(self.queries, rng)
        answers = arm(questions, rng)
        if len(answers) < LEAST_ANSWERS:
            raise BadInput("attack.too-few", f"{len(answers)} answers to learn from", hint=f"at least {LEAST_ANSWERS}")
        fresh, labels = np.stack([one.x for one in secrets]), np.array([one.label for one in secrets])
        notes, hits = {"answers": f"{len(answers):,} of {self.queries:,} asked for"}, np.zeros((1, 1))
        for part in PARTS:
            count = max(len(answers) // part, LEAST_ANSWERS)
            if part != PARTS[-1] and deadline.passed():
                continue
            hits = np.stack([_label(_fitted(questions[:count], answers[:count], fresh, degree)) == labels for degree in _DEGREES.values()])
            notes[f"agreement after {count:,} answers"] = f"{hits.mean(-1).max():.3f}"
        most = float(np.bincount(labels).max()) / len(labels)
        return Outcomes(hits.astype(np.float64), tuple(_DEGREES), most, "inputs", "agreement rate", reference="the most frequent label", notes=notes)


_DEGREES = {"linear": 1, "degree 2": 2, "degree 4": 4}


def _fitted(x: Floats, y: Floats, asked: Floats, degree: int) -> Floats:
    """(asked, outputs), kernel ridge regression in its dual form."""
    middle, spread = x.mean(0), x.std(0)
    scale = np.where(spread > 0, spread, 1.0) * np.sqrt(x.shape[1])
    known, unknown = (x - middle) / scale, (asked - middle) / scale
    kernel, offset = (known @ known.T + 1) ** degree, y.mean(0)
    ranks = len(np.unique(y)) <= y.shape[1] + 1
    ridge = (LABEL_RIDGE if ranks else RIDGE) * float(np.trace(kernel)) / len(x)
    weights = np.linalg.solve(kernel + ridge * np.eye(len(x)), y - offset)
    return np.asarray((unknown @ known.T + 1) ** degree @ weights + offset)


def _label(scores: Floats) -> NDArray[np.int64]:
    return scores.argmax(1) if scores.shape[1] > 1 else (scores[:, 0] > 0).astype(np.int64)
