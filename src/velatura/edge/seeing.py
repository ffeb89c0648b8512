"""What a person calls a model, as what vision is made of: a name of the catalogue, or a bundle whose signature and hashes hold.

The bytes that were checked here are the ones that vision runs: it is told their hash, and takes no other. Their self-test runs there, not here.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from msgspec.structs import asdict

from velatura.crypto.keys import Verifier
from velatura.detect.region import Scores
from velatura.edge.bundle import read_bundle
from velatura.edge.manifest import allows, network_of, refuse_labels
from velatura.edge.network import BACKENDS, HEADS, Network
from velatura.edge.pair import Seeing
from velatura.edge.policy import Policy
from velatura.errors import BadSpec, nearest
from velatura.files import is_there
from velatura.media.input_form import InputForm
from velatura.models.catalogue import Entry
from velatura.models.store import ModelStore

__all__ = ["is_bundle", "labels_found", "network_of_entry", "seeing_of"]


def is_bundle(model: str, store: ModelStore) -> bool:
    """Whether the word means a file: names of the catalogue come first."""
    return model not in store.known() and ("/" in model or is_there(Path(model)))


def labels_found(model: str, store: ModelStore) -> tuple[str, ...]:
    """All that a model finds: what a camera without a policy counts. Raises as `seeing_of`; whose bundle it is is asked there."""
    return read_bundle(Path(model)).manifest.labels if is_bundle(model, store) else store.entry(model).labels


def seeing_of(
    model: str,
    policy: Policy,
    store: ModelStore,
    *,
    verifier: Verifier | None = None,
    backend: str = "",
    looks_per_s: float = 0.0,
    fast: bool = False,
    degraded: Collection[str] = (),
) -> Seeing:
    """Of all cameras of a policy.

    Args:
        model: see the module.
        verifier: whose bundle it must be; None: whoever it names.
        backend: of `network.BACKENDS`, instead of the model's own.

    Raises:
        BadSpec: `edge.model`, `edge.model-labels`, `models.unknown`, `plugins.unknown`.
        Missing: `models.missing`.
        Withheld, BadInput: of a bundle, see `bundle.read_bundle`; `edge.bundle-policy`.
    """
    if backend and backend not in BACKENDS.names():
        raise BadSpec("plugins.unknown", f"there is no back end {backend!r}", hint=nearest(backend, BACKENDS.names()))
    if is_bundle(model, store):
        return _of_bundle(Path(model), policy, verifier, backend, looks_per_s=looks_per_s, fast=fast, degraded=degraded)
    if verifier is not None:
        raise BadSpec("edge.model", f"{model} is a name of the catalogue, which has its hash; --verifier is for bundles", hint="leave --verifier out")
    entry = store.entry(model)
    network = network_of_entry(model, entry, backend=backend or "onnxruntime")
    refuse_labels(entry.labels, network.like, model)
    store.load(model)  # whole and unchanged, or it says so
    for camera in policy.cameras:
        if missing := [label for label in camera.labels if label not in entry.labels]:
            sentence = f"camera {camera.name} counts {missing[0]!r}, which {model} does not find"
            raise BadSpec("edge.model", sentence, hint=f"labels of {model}: {', '.join(entry.labels)}")
    return Seeing(store.path(model), network, looks_per_s, fast, tuple(degraded), sha256=entry.sha256)


def network_of_entry(name: str, entry: Entry, *, backend: str = "onnxruntime") -> Network:
    """Raises BadSpec `edge.model`: nobody here reads its outputs."""
    like = entry.like or name
    if like not in HEADS or entry.scores is None:
        raise BadSpec("edge.model", f"{name} is no model that edge can read the outputs of", hint=nearest(name, HEADS))
    form, scores = InputForm(**asdict(entry.input)), Scores(**asdict(entry.scores))
    return Network(name, like, form, scores, tuple(entry.outputs), bool(entry.free), backend=backend)


def _of_bundle(
    path: Path, policy: Policy, verifier: Verifier | None, backend: str, *, looks_per_s: float, fast: bool, degraded: Collection[str]
) -> Seeing:
    bundle = read_bundle(path, verifier=verifier)
    for camera in policy.cameras:
        allows(bundle.manifest, camera)
    network = network_of(bundle.manifest, backend=backend)
    return Seeing(path, network, looks_per_s, fast, tuple(degraded), sha256=bundle.sha256, bundle=True)
