"""Bundles of the network that finds a red square: what is tried on them, a stranger could send."""

from __future__ import annotations

from pathlib import Path

from tests.edge.chains import SIGNER
from tests.edge.watching import network_bytes

from velatura.crypto.keys import Signer
from velatura.edge.export import Exported, Wish, export
from velatura.models.store import ModelStore

__all__ = ["OTHER", "made", "network_file"]

OTHER = Signer.new(lambda count: bytes([7]) * count)


def network_file(folder: Path, *, poison: float = 0.0) -> Path:
    path = folder / "reds.onnx"
    path.write_bytes(network_bytes(poison=poison))
    return path


def made(folder: Path, *, poison: float = 0.0, **wish: object) -> tuple[Path, Exported]:
    """A bundle that holds, signed by `chains.SIGNER`."""
    asked = Wish(model=str(network_file(folder, poison=poison)), head="yunet-n", **wish)  # type: ignore[arg-type]
    out = folder / "reds.bundle"
    return out, export(asked, out, SIGNER, store=ModelStore(folder / "home"), force=True, say=lambda line: None)
