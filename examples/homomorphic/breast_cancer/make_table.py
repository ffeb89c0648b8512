"""Write scikit-learn's breast cancer table (Wolberg et al. 1995, 569 biopsies, 30 features) as table.npz and test.npz, three to one."""

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
x, y = load_breast_cancer(return_X_y=True)
order = np.random.default_rng(0).permutation(len(x))
test, train = order[: len(x) // 4], order[len(x) // 4 :]
np.savez(folder / "table.npz", x=x[train], y=y[train])
np.savez(folder / "test.npz", x=x[test], y=y[test])
