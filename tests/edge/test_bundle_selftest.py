"""The self-test: what it catches, what it lets through, and that it catches everything that it is shown."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pytest
from tests.edge.bundles import made

from velatura.edge.backend import backend_of
from velatura.edge.bundle import Bundle, read_bundle
from velatura.edge.container import VECTORS
from velatura.edge.manifest import network_of
from velatura.edge.selftest import CLOSE, answers, check, drawings, input_of, tensors_of, vectors_of
from velatura.errors import BadInput, VelaturaError, Withheld
from velatura.media.input_form import InputForm
from velatura.models.quantise import TARGETS, quantise


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return read_bundle(made(tmp_path)[0])


def loaded(bundle: Bundle, model: bytes) -> object:
    return backend_of("onnxruntime").load(model, outputs=bundle.manifest.outputs, free_sizes=False)


def flips(model: bytes, count: int) -> list[bytes]:
    rng, out = np.random.default_rng(1), []
    for _ in range(count):
        damaged = bytearray(model)
        damaged[int(rng.integers(len(model)))] ^= 1 << int(rng.integers(8))
        out.append(bytes(damaged))
    return out


def outcome(bundle: Bundle, model: bytes) -> str:
    """What becomes of a network that was damaged before it was signed."""
    try:
        backend = loaded(bundle, model)
    except BadInput:
        return "does not load"
    network = network_of(bundle.manifest)
    held = tensors_of(bundle.manifest.tensors, bundle.parts[VECTORS])
    try:
        given = answers(drawings(network.form), backend, network)
        far = max(float(np.max(np.abs(values - held[f"{k}/shipped/{name}"]))) for k, one in enumerate(given) for name, values in one.items())
    except (BadInput, ValueError):
        far = np.inf
    try:
        check(bundle.manifest, bundle.parts[VECTORS], backend)
    except Withheld:
        assert far > CLOSE, "refused though it answers alike"
        return "refused"
    assert far < 1, "let through though it answers otherwise"
    return "the same to a thousandth" if far else "the same"


def test_the_network_itself_passes(bundle: Bundle) -> None:
    check(bundle.manifest, bundle.parts[VECTORS], loaded(bundle, bundle.model))


def test_a_flipped_bit_that_changes_an_answer_is_caught(bundle: Bundle) -> None:
    counts = Counter(outcome(bundle, model) for model in flips(bundle.model, 60))
    assert counts["refused"] + counts["does not load"] > 10, counts


def test_of_a_real_detector_too(weights: object, tmp_path: Path) -> None:
    from tests.edge.chains import SIGNER

    from velatura.edge.export import Wish, export

    store = weights("centerface")  # type: ignore[operator]
    out = tmp_path / "faces.bundle"
    export(Wish("centerface"), out, SIGNER, store=store, say=lambda line: None)
    bundle = read_bundle(out)
    check(bundle.manifest, bundle.parts[VECTORS], backend_of("onnxruntime").load(bundle.model, outputs=bundle.manifest.outputs, free_sizes=True))


def eight_bits(bundle: Bundle) -> tuple[Bundle, bytes]:
    """The same bundle with 8-bit integers in it, as `export` would make it were they quick enough."""
    network = network_of(bundle.manifest)
    pictures = drawings(network.form)
    model = quantise(bundle.model, [input_of(picture, network.form)[0] for picture in pictures], scheme=TARGETS["x86-vnni"])
    shipped = answers(pictures, loaded(bundle, model), network)
    tensors, vectors = vectors_of(pictures, shipped, answers(pictures, loaded(bundle, bundle.model), network))
    manifest = msgspec.structs.replace(bundle.manifest, tensors=tensors, precision=msgspec.structs.replace(bundle.manifest.precision, chosen="int8"))
    return Bundle(bundle.path, "", manifest, bundle.parts | {VECTORS: vectors}), model


def test_integers_answer_with_the_same_boxes(bundle: Bundle) -> None:
    integers, model = eight_bits(bundle)
    check(integers.manifest, integers.parts[VECTORS], loaded(bundle, model))
    with pytest.raises(Withheld, match=r"edge\.self-test"):
        check(integers.manifest, integers.parts[VECTORS], _Moved(loaded(bundle, model), 1.5 / 8))


def test_a_step_of_the_integers_is_let_through(bundle: Bundle) -> None:
    integers, model = eight_bits(bundle)
    check(integers.manifest, integers.parts[VECTORS], _Moved(loaded(bundle, model), 0.5 / 8))
    with pytest.raises(Withheld):  # in float32 it is not
        check(bundle.manifest, bundle.parts[VECTORS], _Moved(loaded(bundle, bundle.model), 0.5 / 8))


class _Moved:
    """A backend whose boxes lie so many cells further to the right."""

    def __init__(self, inner: object, cells: float) -> None:
        self._inner, self._cells = inner, cells

    def run(self, x: np.ndarray) -> dict[str, np.ndarray]:
        out = dict(self._inner.run(x))  # type: ignore[attr-defined]
        out["bbox_8"] = out["bbox_8"] + np.array([self._cells, 0, 0, 0], np.float32)
        return out


@pytest.mark.parametrize("damage", ["short", "long", "fewer", "other-size"])
def test_vectors_that_do_not_hold_together_are_refused(damage: str, bundle: Bundle) -> None:
    tensors, raw = bundle.manifest.tensors, bundle.parts[VECTORS]
    if damage == "short":
        raw = raw[:-1]
    elif damage == "long":
        raw += b"\0"
    elif damage == "fewer":
        tensors, raw = (), b""
    else:
        first = tensors[0]
        tensors = (msgspec.structs.replace(first, shape=(first.shape[1], first.shape[0], 3)), *tensors[1:])
    with pytest.raises(VelaturaError) as refused:
        check(msgspec.structs.replace(bundle.manifest, tensors=tensors), raw, loaded(bundle, bundle.model))
    assert refused.value.code == "edge.bundle-malformed"


@pytest.mark.parametrize("size", [None, (352, 352), (321, 241)])
def test_pictures_fill_the_input(size: tuple[int, int] | None) -> None:
    form = InputForm("BGR", scale=(1 / 255,) * 3, size=size)
    for picture in drawings(form):
        x = input_of(picture, form)
        assert x.shape == (1, 3, *((size or (160, 128))[::-1])) and 0 <= x.min() < x.max() <= 1
        assert np.allclose(x[0, 2, 0, 0] * 255, picture[0, 0, 0])  # blue first: red is the last
