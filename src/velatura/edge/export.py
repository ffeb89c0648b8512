"""`velatura edge export`, as a function: a network in, a signed bundle out.

Order: what the file may ask for, what it answers, 8-bit integers if they are worth it, the self-test of what is shipped, the signature. A network
that is not finite on drawn pictures, or whose outputs are not those of its head, never becomes a bundle.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from velatura.crypto import keytext
from velatura.crypto.keys import Signer
from velatura.edge.backend import backend_of
from velatura.edge.bundle import seal
from velatura.edge.integers import Chosen, Gate, choose
from velatura.edge.manifest import FORMAT, NAME, Manifest, Precision, refuse_labels
from velatura.edge.network import HEADS, Network
from velatura.edge.policy import LEVELS
from velatura.edge.seeing import network_of_entry
from velatura.edge.selftest import answers, drawings, vectors_of
from velatura.edge.torch_model import from_torch, is_torch
from velatura.errors import BadInput, BadSpec, nearest
from velatura.files import atomic_output, open_regular
from velatura.models.catalogue import Entry
from velatura.models.quantise import TARGETS
from velatura.models.store import ModelStore
from velatura.models.structure import MOST_MODEL_MB, Structure, admit

__all__ = ["Exported", "Wish", "export"]

FREE_SIDE = 320


@dataclass(frozen=True, slots=True)
class Wish:
    """What a bundle is to be.

    Attributes:
        model: a name of the catalogue, an ONNX file, `module:callable` or a .pt2 of torch.
        head: of `network.HEADS`; "": the model's own, where it is of the catalogue.
        labels: that it is used for; (): all of its head's.
        size: (width, height) that pictures are stretched to; None: the head's own.
        level: least privacy level; events: of `policy.LEVELS`, (): all from that level on.
        gate: of integers; None: float32 it is.
    """

    model: str
    head: str = ""
    labels: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    name: str = ""
    licence: str = ""
    training_data: str = ""
    level: int = 3
    events: tuple[str, ...] = ()
    target: str = "x86"
    backend: str = "onnxruntime"
    most_mb: int = MOST_MODEL_MB
    gate: Gate | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    """size: bytes of the bundle; sha256: of it; signer: as one word, for --verifier."""

    bundle: str
    name: str
    size: int
    sha256: str
    signer: str
    level: int
    events: tuple[str, ...]
    target: str
    precision: Precision


@dataclass(frozen=True, slots=True)
class _Given:
    """The network as it came, and what is said of it."""

    model: bytes
    network: Network
    entry: Entry
    labels: tuple[str, ...]


def export(wish: Wish, out: Path, signer: Signer, *, store: ModelStore | None = None, force: bool = False, say: Callable[[str], None]) -> Exported:
    """Write the bundle, whole or not at all.

    Args:
        say: told what is being done, a line each.

    Raises:
        BadSpec: `edge.model`, `edge.model-labels`, `edge.head`, `edge.target`, `edge.bundle-events`, `edge.calibration`, `files.exists` ...
        BadInput: `models.external-data`, `models.outputs`, `models.not-finite` ..., `edge.torch`, `edge.no-objects`.
        Unsupported: `models.foreign-operators`, `edge.backend`.
        Missing: `models.missing`, `extra.export`, `extra.train`.
    """
    events = _events(wish)
    if wish.target not in TARGETS:
        raise BadSpec("edge.target", f"there is no target {wish.target!r}", hint=nearest(wish.target, TARGETS))
    with atomic_output(out, force=force) as part:  # what is there is refused before minutes are spent
        raw, manifest = _made(wish, events, signer, store or ModelStore(), say)
        part.write_bytes(raw)
    word = keytext.encode(signer.verifier)
    return Exported(str(out), manifest.name, len(raw), hashlib.sha256(raw).hexdigest(), word, wish.level, events, wish.target, manifest.precision)


def _made(wish: Wish, events: tuple[str, ...], signer: Signer, store: ModelStore, say: Callable[[str], None]) -> tuple[bytes, Manifest]:
    """The file, and what it says."""
    runtime = backend_of(wish.backend)
    given = _given(wish, store)
    structure = _admitted(given, wish)
    network = given.network
    pictures = drawings(network.form)
    fp32 = runtime.load(given.model, outputs=network.outputs, free_sizes=network.free)
    expected = answers(pictures, fp32, network)
    chosen = choose(given.model, network, runtime, fp32, TARGETS[wish.target], wish.gate, say) if wish.gate else _as_it_is(given.model)
    shipped = answers(pictures, chosen.backend, network) if chosen.backend is not None else expected
    tensors, vectors = vectors_of(pictures, shipped, expected if chosen.backend is not None else ())
    opset = admit(chosen.model, most_mb=wish.most_mb).opset
    manifest = _manifest(given, wish, events, structure, chosen.precision)
    manifest = msgspec.structs.replace(manifest, tensors=tensors, opset=opset, backend_version=runtime.version)
    return seal(manifest, chosen.model, vectors, signer), manifest


def _manifest(given: _Given, wish: Wish, events: tuple[str, ...], structure: Structure, precision: Precision) -> Manifest:
    """What is known before the parts are."""
    network, entry = given.network, given.entry
    form, scores = msgspec.structs.replace(entry.input, size=network.form.size), entry.scores
    assert scores is not None, "heads have scores"
    return Manifest(
        format=FORMAT,
        name=network.name,
        signer="",
        head=network.like,
        input=form,
        scores=scores,
        labels=given.labels,
        outputs=network.outputs,
        free=network.free,
        side=network.side,
        level=wish.level,
        events=events,
        target=wish.target,
        backend=wish.backend,
        backend_version="",
        opset=structure.opset,
        licence=wish.licence or entry.licence,
        training_data=wish.training_data or entry.training_data,
        source_sha256=hashlib.sha256(given.model).hexdigest(),
        precision=precision,
        tensors=(),
        parts={},
    )


def _as_it_is(model: bytes) -> Chosen:
    return Chosen(model, None, Precision(why="int8 was not asked for, or there were no pictures to take its ranges from"))


def _events(wish: Wish) -> tuple[str, ...]:
    if wish.level not in LEVELS:
        raise BadSpec("edge.bundle-events", f"there is no privacy level {wish.level}", hint="1 tracks, 2 crossings, 3 counts")
    allowed = tuple(word for level, word in sorted(LEVELS.items(), reverse=True) if level >= wish.level)
    for word in wish.events:
        if word not in allowed:
            raise BadSpec("edge.bundle-events", f"{word!r} is nothing that is told from level {wish.level} on", hint=nearest(word, allowed))
    return wish.events or allowed


def _given(wish: Wish, store: ModelStore) -> _Given:
    known = store.known()
    ours = known.get(wish.model)
    head = wish.head or (ours.like or wish.model if ours else "")
    if not head:
        raise BadSpec("edge.head", f"{wish.model}: whose outputs does it have?", hint=f"--head NAME: {', '.join(HEADS)}")
    if head not in HEADS:
        raise BadSpec("edge.head", f"{head!r} is no head that edge can read the outputs of", hint=nearest(head, HEADS))
    entry = ours or msgspec.structs.replace(known[head], licence="not stated", training_data="not stated")
    labels, name = wish.labels or entry.labels, wish.name or (wish.model if ours else _name(wish.model))
    if not NAME.fullmatch(name):  # no reader would take the bundle
        raise BadSpec("edge.bundle-name", f"--name {name}: is 1 to 64 of a-z, 0-9, '.', '-' and '_', a letter or number first", hint="--name faces")
    refuse_labels(labels, head, name)
    network = replace(network_of_entry(name, msgspec.structs.replace(entry, like=head), backend=wish.backend), side=FREE_SIDE)
    if wish.size:
        network = replace(network, form=replace(network.form, size=wish.size))
    return _Given(store.load(wish.model) if ours else _foreign(wish, entry), network, entry, labels)


def _foreign(wish: Wish, entry: Entry) -> bytes:
    """An ONNX file, or a torch model for one size."""
    if is_torch(wish.model):
        return from_torch(wish.model, size=wish.size or entry.input.size or (FREE_SIDE, FREE_SIDE), outputs=entry.outputs)
    path = Path(wish.model)
    try:
        with open_regular(path) as stream:
            return stream.read((wish.most_mb << 20) + 1)
    except OSError as error:
        sentence = f"{wish.model}: is no model of the catalogue, and no file that can be read: {error.strerror}"
        raise BadSpec("edge.model", sentence, hint="velatura models list") from error


def _name(model: str) -> str:
    stem = Path(model).stem if "/" in model or model.endswith((".onnx", ".pt2")) else model
    clean = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in stem.lower()).strip("-")
    return clean[:64] or "network"


def _admitted(given: _Given, wish: Wish) -> Structure:
    structure = admit(given.model, most_mb=wish.most_mb)
    if len(structure.inputs) != 1:
        raise BadInput("models.inputs", f"the network has {len(structure.inputs)} inputs, and is given one picture", hint="fix the others")
    if missing := [name for name in given.network.outputs if name not in structure.outputs]:
        found = ", ".join(structure.outputs[:12])
        raise BadInput("models.outputs", f"the network has no output {missing[0]!r}, which its head reads", hint=f"it has: {found}")
    return structure
