"""Three hospitals train on pictures together: folders of PNG files by class in, a model as ONNX out, and how each site judges it.

    python examples/federated/pictures/run_example.py [FOLDER]

FOLDER: a new one for pictures, run and model; without it all is removed at the end. The pictures are scikit-learn's digits, which stand for yours.
Needs pip install 'velatura[fl,train]'. Nothing leaves this machine.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent


def main() -> int:
    if len(sys.argv) > 1:
        folder = Path(sys.argv[1])
        folder.mkdir(parents=True)
        return show(folder)
    with tempfile.TemporaryDirectory(prefix="velatura-example-") as scratch:
        return show(Path(scratch))


def show(folder: Path) -> int:
    shutil.copy(HERE / "job.toml", folder)
    print(f"{pictures(folder / 'pictures')} pictures in folders by class")
    print(velatura("preview", str(folder / "job.toml")))
    told = json.loads(velatura("run", str(folder / "job.toml"), "-o", str(folder / "run"), "--quiet", "--json"))["result"]
    print(f"{told['rounds']} rounds of {told['sites']} sites: accuracy {told['accuracy']:.4f} on the server's test pictures")
    for site, accuracy in sorted(told["by_site"].items()):
        print(f"site {site} judges the model by pictures that it kept back: {accuracy:.4f}")
    print(velatura("export", str(folder / "run"), "--safetensors", str(folder / "model.safetensors"), "--onnx", str(folder / "model.onnx")))
    return 0


def pictures(folder: Path) -> int:
    """Write the digits as PNG files; how many."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    for number, (image, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        place = folder / str(label)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.uint8(image * 255 / 16)).save(place / f"{number:04d}.png")
    return len(digits.target)


def velatura(*words: str) -> str:
    """What the command line says. Ends the example where it fails; it has said why."""
    done = subprocess.run([Path(sys.executable).parent / "velatura", "fl", *words], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
