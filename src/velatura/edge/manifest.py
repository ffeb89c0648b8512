"""What a bundle says of its network: what it may be used for, what it is, how it was measured. Read strictly, written in one way only.

The manifest has the sha256 of the other parts, and its own bytes are signed: whoever trusts the signer's key trusts all of it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from velatura.detect.region import Scores
from velatura.edge.container import MODEL, VECTORS
from velatura.edge.network import HEADS, Network, head_class
from velatura.edge.policy import LEVELS
from velatura.errors import BadInput, BadSpec, VelaturaError, Withheld, nearest
from velatura.media.input_form import InputForm
from velatura.models.catalogue import Input, Thresholds
from velatura.specs import Spec, read_json

if TYPE_CHECKING:
    from velatura.edge.policy import Camera

__all__ = ["FORMAT", "NAME", "Manifest", "Part", "Precision", "Tensor", "allows", "decode", "encode", "network_of", "refuse_labels", "refuse_parts"]

FORMAT = 1
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class Part(Spec, frozen=True):
    """A member of the file. size: bytes."""

    sha256: str
    size: int


class Tensor(Spec, frozen=True):
    """One of `selftest.bin`, where they lie one after the other, little-endian. name: VECTOR/input, VECTOR/shipped/OUTPUT, VECTOR/fp32/OUTPUT."""

    name: str
    dtype: str
    shape: tuple[int, ...]


class Precision(Spec, frozen=True):
    """Why the network is in float32 or in 8-bit integers, as measured where it was exported.

    Attributes:
        chosen: "fp32" or "int8".
        why: in words.
        scheme: of the integers that were tried; "" where none were.
        pictures: that the ranges were taken from.
        fp32_ms, int8_ms: CPU milliseconds a pass, one thread, medians of interleaved rounds; 0: not measured.
        ap50_fp32, ap50_int8: average precision at an overlap of .5, per cent.
        against: "labels", or "fp32" where there were none and float32's own boxes were taken for the truth.
        objects: that the precision was counted on.
        processor: that all was measured on.
    """

    chosen: str = "fp32"
    why: str = ""
    scheme: str = ""
    pictures: int = 0
    fp32_ms: float = 0.0
    int8_ms: float = 0.0
    gain: float = 0.0
    min_gain: float = 0.0
    ap50_fp32: float = 0.0
    ap50_int8: float = 0.0
    drop: float = 0.0
    max_drop: float = 0.0
    against: str = ""
    objects: int = 0
    processor: str = ""


class Manifest(Spec, frozen=True):
    """See the module.

    Attributes:
        format: of the file, `FORMAT`.
        signer: public half of the key that signed, as one word.
        head: of `network.HEADS`.
        level: the least privacy level that the network may be used at.
        events: what may be told of it, of `policy.LEVELS`.
        target: of `models.quantise.TARGETS`.
        source_sha256: of the network that was exported.
        parts: of the file, by name.
    """

    format: int
    name: str
    signer: str
    head: str
    input: Input
    scores: Thresholds
    labels: tuple[str, ...]
    outputs: tuple[str, ...]
    free: bool
    side: int
    level: int
    events: tuple[str, ...]
    target: str
    backend: str
    backend_version: str
    opset: int
    licence: str
    training_data: str
    source_sha256: str
    precision: Precision
    tensors: tuple[Tensor, ...]
    parts: dict[str, Part]


def encode(manifest: Manifest) -> bytes:
    """Its one form: JSON with sorted keys."""
    same = msgspec.convert(msgspec.to_builtins(manifest), Manifest)  # 1 and 1.0 are one number
    return msgspec.json.format(msgspec.json.encode(same, order="sorted"), indent=1) + b"\n"


def decode(raw: bytes) -> Manifest:
    """Raises BadInput `edge.bundle-malformed`, `edge.bundle-version`; BadSpec `edge.bundle-labels`."""
    try:
        manifest = read_json(raw, Manifest, where="manifest.json")
    except VelaturaError as error:
        raise _malformed(error.sentence) from error
    if manifest.format != FORMAT:
        raise BadInput("edge.bundle-version", f"the bundle is of format {manifest.format}, and {FORMAT} is read here", hint="export it again")
    if encode(manifest) != raw:
        raise _malformed("written in another way")
    if wrong := _wrong(manifest):
        raise _malformed(wrong)
    refuse_labels(manifest.labels, manifest.head, manifest.name)
    return manifest


def _wrong(manifest: Manifest) -> str:
    """What types alone do not refuse."""
    if not NAME.fullmatch(manifest.name) or manifest.head not in HEADS:
        return "name or head"
    if set(manifest.parts) != {MODEL, VECTORS}:
        return "parts"
    if manifest.level not in LEVELS or not set(manifest.events) <= set(LEVELS.values()):
        return "level or events"
    form, scores = manifest.input, manifest.scores
    if sorted(form.order) != ["B", "G", "R"] or form.fit not in ("pad", "resize") or not 1 <= form.multiple <= 256 or not 32 <= form.max_side <= 8192:
        return "input"
    if (form.size and not all(32 <= side <= 2048 for side in form.size)) or not 32 <= manifest.side <= 2048:
        return "size of the input"
    return "" if 0 < scores.low <= scores.high <= scores.sure <= 1 else "scores"


def refuse_labels(labels: tuple[str, ...], head: str, name: str) -> None:
    """Raises BadSpec `edge.model-labels`: one that the head never finds, so that its count would be a 0 that means nothing."""
    found = sorted(head_class(head).labels)
    for label in labels:
        if label not in found:
            raise BadSpec(
                "edge.model-labels", f"{name} names the label {label!r}, which its head {head} does not find", hint=f"it finds: {', '.join(found)}"
            )
    if not labels or len(set(labels)) < len(labels):
        raise BadSpec("edge.model-labels", f"{name} names no label, or one twice", hint=f"it finds: {', '.join(found)}")


def refuse_parts(manifest: Manifest, parts: Mapping[str, bytes]) -> None:
    """Raises Withheld `edge.bundle-hash`."""
    for name, part in manifest.parts.items():
        if len(parts[name]) != part.size or hashlib.sha256(parts[name]).hexdigest() != part.sha256:
            raise Withheld("edge.bundle-hash", f"{name} is not the one that the bundle's manifest names", hint="bring the bundle anew")


def network_of(manifest: Manifest, *, backend: str = "") -> Network:
    """What vision is told. backend: instead of the bundle's own."""
    form, scores = InputForm(**msgspec.structs.asdict(manifest.input)), Scores(**msgspec.structs.asdict(manifest.scores))
    return Network(manifest.name, manifest.head, form, scores, manifest.outputs, manifest.free, manifest.side, backend or manifest.backend)


def allows(manifest: Manifest, camera: Camera) -> None:
    """Raises Withheld `edge.bundle-policy`: the camera would tell more than the bundle's maker allows."""
    level, word = camera.egress.level, LEVELS[camera.egress.level]
    if level < manifest.level or word not in manifest.events:
        told = ", ".join(manifest.events)
        sentence = f"camera {camera.name} tells {word} (level {level}); {manifest.name} may be used from level {manifest.level} on, for {told}"
        raise Withheld("edge.bundle-policy", sentence, hint=f"--level {max(manifest.level, level)}, or a bundle that allows it")
    for label in camera.labels:
        if label not in manifest.labels:
            sentence = f"camera {camera.name} counts {label!r}, which {manifest.name} does not find"
            raise BadSpec("edge.model", sentence, hint=nearest(label, manifest.labels))


def _malformed(what: str) -> BadInput:
    return BadInput("edge.bundle-malformed", f"the bundle's manifest does not hold: {what}", hint="export it again")
