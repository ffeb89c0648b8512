"""Train on digits, compile to ciphertext, encrypt, run, decrypt: every step a command that you can type yourself.

python examples/homomorphic/digits/run_example.py [FOLDER] [--mnist FOLDER]
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from torch import nn

VELATURA = [sys.executable, "-m", "velatura"]


class Square(nn.Module):
    """The activation that costs one multiplication on ciphertext."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * x


def pictures(mnist: Path | None) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """(count, 1, height, width) in [0, 1] and labels: scikit-learn's 1797 digits of 8 x 8, or the first 4000 of MNIST's four files, of 28 x 28."""
    if mnist is None:
        digits = load_digits()
        return (digits.images[:, None] / 16).astype(np.float32), digits.target.astype(np.int64)
    raw, labels = (gzip.decompress((mnist / f"train-{name}-ubyte.gz").read_bytes()) for name in ("images-idx3", "labels-idx1"))
    x = np.frombuffer(raw, np.uint8, 4000 * 784, offset=16).reshape(-1, 1, 28, 28)
    return (x / 255).astype(np.float32), np.frombuffer(labels, np.uint8, 4000, offset=8).astype(np.int64)


def trained(x: NDArray[np.float32], y: NDArray[np.int64]) -> nn.Module:
    torch.manual_seed(0)
    kernel, stride = (3, 2) if x.shape[-1] == 8 else (7, 3)
    across = (x.shape[-1] - kernel) // stride + 1
    first = nn.Conv2d(1, 4, kernel, stride=stride)
    model = nn.Sequential(first, Square(), nn.Flatten(), nn.Linear(4 * across**2, 24), Square(), nn.Linear(24, 10))
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    inputs, labels = torch.tensor(x), torch.tensor(y)
    for _ in range(400):
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(inputs), labels).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # squares have steep slopes
        optimiser.step()
    return model.eval()


def command(*words: str | Path) -> str:
    """Runs velatura and returns what it says."""
    print("$ velatura", *words, flush=True)
    done = subprocess.run([*VELATURA, *map(str, words)], text=True, stdout=subprocess.PIPE, check=False)
    print(done.stdout, flush=True)
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout


def main(folder: Path, mnist: Path | None) -> None:
    owner, server = folder / "owner", folder / "server"
    for one in (owner, server):
        one.mkdir(parents=True, exist_ok=True)
    x, y = pictures(mnist)
    known = len(x) * 2 // 3
    model = trained(x[:known], y[:known])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's older exporter says that there is a newer one
        torch.onnx.export(model, (torch.tensor(x[:1]),), str(server / "model.onnx"), input_names=["x"], dynamo=False)
    np.savez(server / "calibration.npz", x=x[:200])
    np.savez(owner / "test.npz", x=x[known:], y=y[known:])
    np.savez(owner / "ten.npz", x=x[known : known + 10])

    command("he", "compile", server / "model.onnx", "--calibration", server / "calibration.npz", "--range", "0,1", "-o", server / "program")
    command("he", "simulate", server / "program", owner / "test.npz")
    shutil.copy(server / "program" / "client.vlhe", owner / "client.vlhe")  # all that the owner needs; no weight is in it

    command("he", "keygen", owner / "client.vlhe", "-o", owner / "keys")
    command("he", "encrypt", owner / "client.vlhe", "--key", owner / "keys" / "secret.key", owner / "ten.npz", "-o", owner / "in.ct")
    shutil.copy(owner / "keys" / "eval.keys", server / "eval.keys")  # what the owner sends: keys that decrypt nothing, and ciphertexts
    shutil.copy(owner / "in.ct", server / "in.ct")

    command("he", "run", server / "program" / "server.vlhe", "--keys", server / "eval.keys", server / "in.ct", "-o", server / "out.ct")
    answered = command("he", "decrypt", owner / "client.vlhe", "--key", owner / "keys" / "secret.key", server / "out.ct")
    labels = np.array([int(line) for line in answered.split()])
    with torch.no_grad():
        plain = model(torch.tensor(x[known : known + 10])).argmax(1).numpy()
    print(f"{np.sum(labels == plain)} of 10 labels are those of the network in the open; {np.sum(labels == y[known : known + 10])} are right")
    sys.exit(int(not np.array_equal(labels, plain)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Digits that the server does not see.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("digits-example"))
    parser.add_argument("--mnist", type=Path, metavar="FOLDER", help="with train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz")
    given = parser.parse_args()
    main(given.folder, given.mnist)
