"""What a site trains on: rows with labels, checked before round 1."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from velatura.errors import BadInput

__all__ = ["MOST_CLASSES", "Schema", "Table"]

MOST_CLASSES = 1 << 16  # three times as many as the largest set of pictures has; a network has a row of weights for each


@dataclass(frozen=True, slots=True)
class Schema:
    """What all sites must share. shape: of one row; classes: labels are below it."""

    shape: tuple[int, ...]
    classes: int


@dataclass(frozen=True, slots=True)
class Table:
    """Rows with labels.

    Attributes:
        x: (n, ...) float32, finite.
        y: (n,) int64, from 0.
        classes: number of labels.
        where: for messages.
        names: of the classes; (): they have none.
        features: names of the columns of x; (): they have none.
        label: of the column that y was.
    """

    x: NDArray[np.float32]
    y: NDArray[np.int64]
    classes: int
    where: str = ""
    names: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    label: str = ""

    def __post_init__(self) -> None:
        if self.x.ndim < 2 or self.y.shape != (len(self.x),):
            raise BadInput("federated.data", f"{self.where}: {self.x.shape} rows and {self.y.shape} labels are no table")
        if self.classes > MOST_CLASSES:
            sentence = f"{self.where}: {self.classes} classes, and at most {MOST_CLASSES} are learned"
            raise BadInput("federated.data", sentence, hint="labels are numbers of classes, from 0: is it the column that you mean?")
        finite = np.isfinite(self.x).all(axis=tuple(range(1, self.x.ndim)))  # no reshape: a table may be empty
        if not finite.all():
            raise BadInput("federated.data", f"{self.where}: row {int(np.argmin(finite)) + 1} has a value that is no finite number")
        known = (self.y >= 0) & (self.y < self.classes)
        if not known.all():
            row = int(np.argmin(known))
            raise BadInput("federated.data", f"{self.where}: row {row + 1} has label {self.y[row]}, and there are {self.classes} classes")

    def __len__(self) -> int:
        return len(self.y)

    @property
    def schema(self) -> Schema:
        return Schema(tuple(self.x.shape[1:]), self.classes)

    def rows(self, which: NDArray[np.int64]) -> Table:
        return replace(self, x=self.x[which], y=self.y[which])
