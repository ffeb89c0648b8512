"""A user's inpainter: every published contract is found by trying, doubt is refused, and only the hole's own pixels change.

The networks here fill a hole with the mean of what is known; each wears the dress of a published export.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from velatura.errors import BadInput, Missing, Withheld
from velatura.media.frame import PixelForm
from velatura.models.store import ModelStore
from velatura.removal.inpainter_contracts import Network, Tensor
from velatura.removal.inpainting import fill
from velatura.removal.onnx_inpainter import MOST_SIDE, OnnxInpainter, load

FLOAT, BYTE = TensorProto.FLOAT, TensorProto.UINT8
SIDE = 64

Node = tuple[str, str, str, dict[str, Any]]
"""Operator, inputs, output, attributes."""

MEAN: list[Node] = [
    ("Sub", "one hole", "known", {}),
    ("Mul", "x known", "shown", {}),
    ("ReduceSum", "shown axes", "sum", {}),
    ("ReduceSum", "known axes", "count", {}),
    ("Div", "sum count", "mean", {}),
    ("Mul", "mean hole", "paint", {}),
    ("Add", "shown paint", "y", {}),
]
"""From x (1, 3, H, W) and hole (1, 1, H, W) to y."""

NUMBERS = {"one": [1.0], "half": [0.5], "level": [255.0], "nought": [0.0], "nan": [float("nan")]}
INTEGERS = {"axes": [2, 3], "at0": [0], "at1": [1], "at4": [4], "channel": [1], "rows": [2]}


def network(
    path: Path, inputs: Sequence[tuple[str, int, Sequence[int | str]]], nodes: Sequence[Node], output: tuple[str, int] = ("output", FLOAT)
) -> Path:
    held = [helper.make_tensor(name, FLOAT, [1], values) for name, values in NUMBERS.items()]
    held += [helper.make_tensor(name, TensorProto.INT64, [len(values)], values) for name, values in INTEGERS.items()]
    made = [helper.make_node(kind, takes.split(), [gives], **more) for kind, takes, gives, more in nodes]
    takes = [helper.make_tensor_value_info(name, kind, list(shape)) for name, kind, shape in inputs]
    graph = helper.make_graph(made, "g", takes, [helper.make_tensor_value_info(*output, None)], held)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))
    return path


def same(source: str, target: str) -> Node:
    return ("Identity", source, target, {})


def cast(source: str, target: str, kind: int) -> Node:
    return ("Cast", source, target, {"to": kind})


PAIR = [("image", FLOAT, (1, 3, SIDE, SIDE)), ("mask", FLOAT, (1, 1, SIDE, SIDE))]
ANY = [("image", BYTE, ("n", 3, "h", "w")), ("mask", BYTE, ("n", 1, "h", "w"))]
ONE = [("input", FLOAT, (1, 4, SIDE, SIDE))]
SPLIT: list[Node] = [("Slice", "input at0 at1 channel", "first", {}), ("Slice", "input at1 at4 channel", "x", {})]


def lama(path: Path) -> Path:
    """Mask 1 = hole, output 0..255."""
    return network(path, PAIR, [same("image", "x"), same("mask", "hole"), *MEAN, ("Mul", "y level", "output", {})])


def lama_like(path: Path) -> Path:
    """Output 0..1, any size, the mask first."""
    free = [("mask", FLOAT, (1, 1, "h", "w")), ("image", FLOAT, (1, 3, "h", "w"))]
    return network(path, free, [same("image", "x"), same("mask", "hole"), *MEAN, same("y", "output")])


def inverted(path: Path) -> Path:
    """Like LaMa, but mask 1 = known."""
    return network(path, PAIR, [same("image", "x"), ("Sub", "one mask", "hole", {}), *MEAN, ("Mul", "y level", "output", {})])


def pipeline(path: Path) -> Path:
    """MI-GAN's: bytes, 255 = known, `result`."""
    before: list[Node] = [
        cast("image", "x", FLOAT),
        cast("mask", "given", FLOAT),
        ("Div", "given level", "open", {}),
        ("Sub", "one open", "hole", {}),
    ]
    return network(path, ANY, [*before, *MEAN, cast("y", "result", BYTE)], ("result", BYTE))


def generator(path: Path) -> Path:
    """MI-GAN's generator: known - .5 and the known picture, -1..1."""
    return network(path, ONE, [*SPLIT, ("Sub", "half first", "hole", {}), *MEAN, same("y", "output")])


def inverted_generator(path: Path) -> Path:
    return network(path, ONE, [*SPLIT, ("Add", "half first", "hole", {}), *MEAN, same("y", "output")])


CONTRACTS = {
    lama: ("pair", True, "0..255", (SIDE, SIDE)),
    lama_like: ("pair", True, "0..1", None),
    inverted: ("pair", False, "0..255", (SIDE, SIDE)),
    pipeline: ("pair", False, "0..255", None),
    generator: ("one", False, "-1..1", (SIDE, SIDE)),
    inverted_generator: ("one", True, "-1..1", (SIDE, SIDE)),
}
ALL = pytest.mark.parametrize("make", CONTRACTS, ids=lambda make: make.__name__)


def opened(make: Any, folder: Path) -> OnnxInpainter:
    return load(str(make(folder / "own.onnx")), ModelStore(folder))


def scene(height: int, width: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.clip(rng.normal((110, 120, 130), 6, (height, width, 3)), 0, 255).astype(np.uint8)


def disc(height: int, width: int, at: tuple[int, int], radius: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.asarray((y - at[0]) ** 2 + (x - at[1]) ** 2 <= radius**2)


@ALL
def test_the_self_test_finds_how_a_network_is_fed(make: Any, tmp_path: Path) -> None:
    way, mask_is_hole, output, size = CONTRACTS[make]
    contract = opened(make, tmp_path).contract
    # MI-GAN's first channel is high where the picture is known, and so is its pipeline's mask; LaMa's is high in the hole
    assert (contract.way, contract.mask_is_hole, contract.output, contract.size) == (way, mask_is_hole, output, size)


@ALL
def test_what_was_in_the_hole_goes_and_nothing_else_changes(make: Any, tmp_path: Path) -> None:
    picture, hole = scene(90, 130), disc(90, 130, (50, 70), 15)
    picture[hole] = (255, 0, 255)
    before = picture.copy()
    painted = opened(make, tmp_path)(picture, hole)
    assert np.array_equal(picture, before)
    assert np.array_equal(painted[~hole], picture[~hole])
    assert np.abs(painted[hole].astype(int) - (110, 120, 130)).max() <= 3


def refused(path: Path) -> str:
    with pytest.raises(BadInput) as caught:
        load(str(path), ModelStore(path.parent))
    assert caught.value.code == "remove.inpainter"
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_network_that_ignores_its_mask_is_refused(tmp_path: Path) -> None:
    identity = network(
        tmp_path / "identity.onnx", PAIR, [("Mul", "image level", "scaled", {}), ("Mul", "mask level", "unused", {}), same("scaled", "output")]
    )
    assert "what was in the hole stays" in refused(identity)


def test_a_network_that_passes_both_ways_round_is_refused(tmp_path: Path) -> None:
    """What it calls a hole is empty already: handing its input back, whatever the mask, looks like paint."""
    ambiguous = network(tmp_path / "ambiguous.onnx", ONE, [*SPLIT, same("x", "output")])
    assert "ambiguous" in refused(ambiguous)


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    broken = network(tmp_path / "broken.onnx", PAIR, [same("image", "x"), same("mask", "hole"), *MEAN, ("Mul", "y nan", "output", {})])
    assert "no picture comes out" in refused(broken)


def test_a_picture_of_another_size_is_refused(tmp_path: Path) -> None:
    small = [("Slice", "image at1 at4 rows", "output", {})]
    assert "no picture comes out" in refused(network(tmp_path / "small.onnx", PAIR, small))


def test_a_network_that_repaints_everything_is_refused(tmp_path: Path) -> None:
    flat: list[Node] = [("ReduceMean", "image", "mean", {"axes": [2, 3]}), ("Mul", "image nought", "none", {}), ("Add", "mean none", "y", {})]
    assert "around the hole changes" in refused(network(tmp_path / "flat.onnx", PAIR, [*flat, ("Mul", "y level", "output", {})]))


@pytest.mark.parametrize(
    "inputs",
    [
        [("image", FLOAT, (1, 3, 8, 8))],
        [("image", FLOAT, (1, 3, 8, 8)), ("mask", TensorProto.DOUBLE, (1, 1, 8, 8))],
        [("image", FLOAT, (1, 3, 8, 8)), ("other", FLOAT, (1, 3, 8, 8))],
        [("image", FLOAT, (1, 8, 8, 3)), ("mask", FLOAT, (1, 8, 8, 1))],
    ],
    ids=["one", "double", "two pictures", "channels last"],
)
def test_inputs_of_no_inpainter_are_refused_and_named(inputs: Any, tmp_path: Path) -> None:
    told = refused(network(tmp_path / "other.onnx", inputs, [same("image", "output")]))
    assert "image float32" in told


def test_a_network_that_does_not_run_is_refused(tmp_path: Path) -> None:
    inputs = [("image", FLOAT, (1, 3, "h", "w")), ("mask", FLOAT, (1, 1, "h2", "w2"))]
    nodes: list[Node] = [("Slice", "image at0 at4 rows", "few", {}), ("Add", "few image", "output", {})]
    assert "does not run" in refused(network(tmp_path / "fails.onnx", inputs, nodes))


def test_inputs_are_told_as_the_file_has_them(tmp_path: Path) -> None:
    assert Network(pipeline(tmp_path / "own.onnx").read_bytes()).inputs() == (
        Tensor("image", "uint8", (None, 3, None, None)),
        Tensor("mask", "uint8", (None, 1, None, None)),
    )


def test_a_name_that_is_neither_model_nor_file(tmp_path: Path) -> None:
    assert "neither" in refused(tmp_path / "nothing.onnx")
    (tmp_path / "text.onnx").write_text("not a network")
    assert "is no ONNX file" in refused(tmp_path / "text.onnx")


def test_a_catalogued_inpainter_is_checked_by_its_hash(tmp_path: Path) -> None:
    store, path = ModelStore(tmp_path), lama(tmp_path / "lama.onnx")
    content = path.read_bytes()
    store.folder.mkdir()
    store.user_catalogue.write_text(
        '[models.my-lama]\ntask = "inpaint"\nabout = "for a test"\nlicence = "ours"\ntraining_data = "none"\nfile = "lama.onnx"\n'
        f'size = {len(content)}\nsha256 = "{hashlib.sha256(content).hexdigest()}"\n'
    )
    with pytest.raises(Missing, match=r"models\.missing"):
        load("my-lama", store)
    store.add(path, "my-lama")
    assert load("my-lama", store).contract.mask_is_hole
    store.path("my-lama").write_bytes(content[:-1] + b"?")
    with pytest.raises(BadInput, match=r"models\.hash-mismatch"):
        load("my-lama", store)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, OnnxInpainter]:
    folder = tmp_path_factory.mktemp("networks")
    return {make.__name__: load(str(make(folder / f"{make.__name__}.onnx")), ModelStore(folder)) for make in CONTRACTS}


@given(st.integers(1, 80), st.integers(1, 80), st.integers(0, 2**32 - 1), st.sampled_from(["lama", "lama_like", "pipeline", "generator"]))
def test_any_shape_and_any_hole(ours: dict[str, OnnxInpainter], height: int, width: int, seed: int, name: str) -> None:
    """Nothing outside of the hole changes, and what was in it never matters."""
    rng = np.random.default_rng(seed)
    picture, hole = scene(height, width, seed), rng.random((height, width)) < rng.random() ** 3
    if hole.all():
        with pytest.raises(Withheld, match=r"remove\.nothing-seen"):
            ours[name](picture, hole)
        return
    other = picture.copy()
    other[hole] = rng.integers(0, 256, (int(hole.sum()), 3))
    painted = ours[name](picture, hole)
    assert painted.shape == picture.shape
    assert painted.dtype == np.uint8
    assert np.array_equal(painted[~hole], picture[~hole])
    assert np.array_equal(painted, ours[name](other, hole))


def test_an_empty_mask_gives_the_picture_back(ours: dict[str, OnnxInpainter]) -> None:
    picture = scene(20, 30)
    assert np.array_equal(ours["lama"](picture, np.zeros((20, 30), np.bool_)), picture)


def test_a_hole_larger_than_what_fits_is_painted_in_parts(ours: dict[str, OnnxInpainter], monkeypatch: pytest.MonkeyPatch) -> None:
    picture, hole = scene(300, 420), np.zeros((300, 420), np.bool_)
    hole[40:260, 50:370] = True
    picture[hole] = (255, 0, 255)
    seen, feed = [], Network.feed
    monkeypatch.setattr(Network, "feed", lambda self, values: seen.append(1) or feed(self, values))
    painted = ours["lama"](picture, hole)
    assert len(seen) == 12  # of at most 85 pixels a side: 4 in 320, 3 in 220
    assert np.abs(painted[hole].astype(int) - (110, 120, 130)).max() <= 6
    assert np.array_equal(painted[~hole], picture[~hole])


def test_two_holes_are_two_pieces_and_neither_is_shown_to_the_other(ours: dict[str, OnnxInpainter]) -> None:
    picture, hole = scene(60, 64), disc(60, 64, (20, 15), 6) | disc(60, 64, (40, 45), 8)
    picture[hole] = (0, 255, 0)
    assert np.abs(ours["lama"](picture, hole)[hole].astype(int) - (110, 120, 130)).max() <= 3


def test_a_network_of_any_size_gets_a_bounded_crop(ours: dict[str, OnnxInpainter], monkeypatch: pytest.MonkeyPatch) -> None:
    picture, hole = scene(40, 3000), np.zeros((40, 3000), np.bool_)
    hole[5:35, 800:2300] = True
    shapes, feed = [], Network.feed
    monkeypatch.setattr(Network, "feed", lambda self, values: shapes.append(values["image"].shape) or feed(self, values))
    ours["pipeline"](picture, hole)
    assert max(max(shape[2:]) for shape in shapes) <= MOST_SIDE
    assert all(side % 8 == 0 for shape in shapes for side in shape[2:])


def test_fill_takes_it_for_the_users_model(ours: dict[str, OnnxInpainter]) -> None:
    form = PixelForm("rgb")
    picture, hole = scene(50, 50), disc(50, 50, (25, 25), 8)
    picture[hole] = (0, 255, 0)
    planes = [np.ascontiguousarray(picture[..., i]) for i in range(3)]
    made = fill(planes, form, hole, rng=np.random.default_rng(0), inpainter=ours["generator"]).planes
    for plane, known, level in zip(made, planes, (110, 120, 130), strict=True):
        assert np.array_equal(plane[~hole], known[~hole])
        assert np.abs(plane[hole].astype(int) - level).max() <= 3
