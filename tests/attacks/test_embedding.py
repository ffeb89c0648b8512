"""A network of the user's, built here with `onnx`, in a store of its own."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="onnx builds the network of this test")

from tests.attacks.people import itself, made_people

from velatura.attacks.attack import Deadline, Photo, Picture
from velatura.attacks.embedding import Embedder, cosine
from velatura.attacks.reidentification import Reidentify, available
from velatura.audit.trial import trial
from velatura.errors import BadInput, BadSpec
from velatura.findings import Claim, Verdict
from velatura.models.store import ModelStore

ENTRY = """[models.{name}]
task = "embedding"
about = "random features"
licence = "ours"
training_data = "none"
file = "{name}.onnx"
size = {size}
sha256 = "{sha256}"
input = {{ order = "RGB", mean = [127.5, 127.5, 127.5], scale = [0.0078125, 0.0078125, 0.0078125], size = [12, 16] }}
"""


def network(gain: float = 1.0) -> bytes:
    """(1, 3, 16, 12) -> (1, 40): a random matrix of the pixels, its negative part cut away."""
    from onnx import TensorProto, helper, numpy_helper

    weights = gain * np.random.default_rng(0).normal(0, 0.1, (3 * 16 * 12, 40)).astype(np.float32)
    nodes = [helper.make_node("Flatten", ["x"], ["f"]), helper.make_node("MatMul", ["f", "w"], ["h"]), helper.make_node("Relu", ["h"], ["v"])]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "features",
        [value("x", TensorProto.FLOAT, [1, 3, 16, 12])],
        [value("v", TensorProto.FLOAT, [1, 40])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    return bytes(model.SerializeToString())


@pytest.fixture
def own(tmp_path: Path) -> ModelStore:
    store = ModelStore(tmp_path)
    store.folder.mkdir()
    contents = {"waves": network(), "broken": network(float("inf")), "absent": b"not here"}
    entries = [ENTRY.format(name=name, size=len(content), sha256=hashlib.sha256(content).hexdigest()) for name, content in contents.items()]
    store.user_catalogue.write_text("\n".join(entries))
    for name in ("waves", "broken"):
        store.place(contents[name], name)
    return store


def blank(photo: Photo, rng: np.random.Generator, /) -> Picture:
    return np.full_like(photo.picture, 90) + rng.integers(0, 3, photo.picture.shape, np.uint8)


@pytest.mark.parametrize("colour", [False, True])
def test_it_falls_on_clear_pictures_and_not_on_noise(own: ModelStore, colour: bool) -> None:
    attack, photos = Reidentify(("embedding:waves",), store=own), made_people(30, 10, colour=colour)
    seen = {"plain": itself, "claim": Claim(), "secrets": photos, "seed": 0, "budget_s": 60.0, "findings": 1}
    assert trial(attack, "clear", protected=itself, **seen).finding.verdict is Verdict.BROKEN
    held = trial(attack, "noise", protected=blank, **seen).finding
    assert held.verdict is Verdict.HELD, held.why


def test_vectors_have_length_1_and_the_size_of_a_picture_does_not_matter(own: ModelStore) -> None:
    pictures = [np.full((height, 9), height, np.uint8) for height in (5, 30, 200)]
    found = Embedder("embedding:waves", own).vectors(pictures, Deadline(60))
    assert found is not None and found.shape == (3, 40)
    np.testing.assert_allclose((found**2).sum(1), 1)


def test_a_person_s_nearest_vector_gives_his_score() -> None:
    gallery = np.array([[1.0, 0], [0, 1], [0.6, 0.8]])
    assert cosine(gallery, np.array([1, 0, 1]), np.array([[0.0, 1]])).tolist() == [[1.0, 0.8]]


def test_the_budget_ends_it_and_says_so(own: ModelStore) -> None:
    outcomes = Reidentify(("nearest", "embedding:waves"), store=own).play(itself, made_people(4, 4), np.random.default_rng(0), budget_s=0)
    assert outcomes.attackers == ("guess", "nearest") and outcomes.cut
    assert "not run: embedding:waves" in outcomes.notes


def test_a_network_without_finite_vectors_is_refused(own: ModelStore) -> None:
    with pytest.raises(BadInput) as refused:
        Reidentify(("embedding:broken",), store=own).play(itself, made_people(4, 4), np.random.default_rng(0), budget_s=60)
    assert refused.value.code == "attack.embedding"


def test_a_network_that_takes_other_sizes_is_refused(own: ModelStore) -> None:
    own.user_catalogue.write_text(own.user_catalogue.read_text().replace("[12, 16]", "[16, 12]"))
    with pytest.raises(BadInput) as refused:
        Embedder("embedding:waves", own).vectors([np.zeros((9, 9), np.uint8)], Deadline(60))
    assert refused.value.code == "attack.embedding"


def test_a_network_that_is_not_here_is_named_with_the_reason(own: ModelStore) -> None:
    names = ("embedding:waves", "embedding:absent", "embedding:nobody", "nearest")
    here, missing = available(names, own)
    assert here == ("embedding:waves", "nearest")
    assert "velatura models add" in missing["embedding:absent"]
    assert "catalogue.toml" in missing["embedding:nobody"]
    with pytest.raises(BadSpec):
        available(["embeding:waves"], own)
