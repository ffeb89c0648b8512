"""Train on encrypted digits inside a confined process, and take out only a private model.

    python examples/enclave/train_digits/run_example.py [FOLDER]

The owner has read train.py, and seals scikit-learn's digits for it, for one purpose and two uses. The job gets the key only after its evidence meets
the owner's policy. What leaves is a model whose epsilon is reckoned anew from its noise, and one rounded number. Then the owner looks at what he got,
and at how much can have left.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

HERE = Path(__file__).parent
VELATURA = [sys.executable, "-m", "velatura"]
TERMS = ["--purpose", "train a classifier of digits", "--uses", "2", "--outputs", "metrics:metrics,model:model", "--code", "train.py"]


def velatura(*words: str, folder: Path) -> None:
    print("$ velatura", *words, flush=True)
    subprocess.run([*VELATURA, *words], cwd=folder, check=True)


def main(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name in ("job.toml", "train.py", "policy.toml"):
        shutil.copy(HERE / name, folder)
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    np.savez(folder / "digits.npz", x=digits.data[order], y=digits.target[order])

    velatura("enclave", "seal", "digits.npz", "-o", "digits.sealed", "--policy", "policy.toml", *TERMS, "--quiet", folder=folder)
    velatura("enclave", "run", "job.toml", "--key", "digits.sealed.key", "-o", "run", "--quiet", folder=folder)

    record = json.loads((folder / "run" / "run.json").read_text())
    accuracy = record["outputs"]["metrics"]["metrics"]["accuracy"]
    privacy = record["outputs"]["model"]["privacy"]
    weights = np.load(folder / "run" / "model.npz")
    shapes = {name: weights[name].shape for name in weights.files if name != "privacy.json"}
    print(f"accuracy {accuracy} on rows that it did not see; epsilon {privacy['epsilon']:.2f} at delta {privacy['delta']:g}")
    print(f"the model: {shapes}")
    print(f"at most {record['outputs']['metrics']['bits_at_most']} bits of metrics left; the model is {record['outputs']['model']['bytes']} bytes")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
