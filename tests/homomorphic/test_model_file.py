"""Models are read in a cell: what comes out is the graph that a reader in this process makes, and refusals keep their words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.homomorphic.onnx_models import model, node

from velatura.errors import BadInput, Unsupported
from velatura.homomorphic.graph import Activation, Add, Graph, Input, Polynomial, evaluate
from velatura.homomorphic.graph_form import dump_graph, load_graph
from velatura.homomorphic.model_file import read_model
from velatura.homomorphic.trace import trace_onnx

W = np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32)
STEPS = (node("MatMul", "x", "w", out="a"), node("Mul", "a", "a", out="b"), node("Add", "a", "b", out="c"), node("Tanh", "c", out="y"))


def graph() -> Graph:
    """Every kind of node."""
    traced = trace_onnx(model(*STEPS, w=W))
    square = Polynomial("p", (traced.output,), (4,), np.array([[0.0], [1.0], [0.5]]), 2.0)
    return Graph((*traced.nodes, square, Add("sum", ("p", traced.output), (4,))), "sum")


def test_a_model_is_read_as_in_this_process(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(model(*STEPS, w=W))
    x = np.random.default_rng(1).normal(size=(5, 4))
    found, here = read_model(tmp_path / "net.onnx"), trace_onnx(model(*STEPS, w=W))
    assert [one.name for one in found] == [one.name for one in here]
    assert np.array_equal(evaluate(found, x)[found.output], evaluate(here, x)[here.output])


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (b"no model", BadInput, r"no ONNX model.*he\.model"),
        (model(node("Sin", "x", name="the sine")), Unsupported, r"the sine.*he\.unsupported-op"),
        (model(node("MatMul", "x", "w"), w=np.full((4, 4), np.nan, np.float32)), BadInput, r"not finite.*he\.model"),
    ],
)
def test_refusals_come_out_of_the_cell_as_they_are(data: bytes, kind: type[BadInput], words: str, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(data)
    with pytest.raises(kind, match=words):
        read_model(tmp_path / "net.onnx")


def test_a_graph_survives_its_form() -> None:
    whole = graph()
    back = load_graph(dump_graph(whole))
    x = np.random.default_rng(2).normal(size=(3, 4))
    assert {type(one) for one in back} == {type(one) for one in whole} >= {Input, Polynomial, Activation, Add}
    assert np.array_equal(evaluate(back, x)["sum"], evaluate(whole, x)["sum"])
    assert dump_graph(back) == dump_graph(whole)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"affine"', b'"dilate"'),  # a kind that is none
        (b'"add"', b'"sub"'),
        (b'"tanh"', b'"than"'),
        (b'"shape":[4]', b'"shape":[5]'),
        (b'"shape":[4]', b'"shape":[0]'),
        (b'"output":"sum"', b'"output":"mus"'),
        (b'"of":["p",', b'"of":["q",'),
        (b'"radius":2.0', b'"radius":-20'),
        (b"1.weights", b"7.weights"),
        (b"1.columns", b"1.rows   "),
    ],
)
def test_a_graph_that_makes_no_sense_is_refused(old: bytes, new: bytes) -> None:
    raw = dump_graph(graph())
    assert old in raw and len(old) == len(new), "the head keeps its length"
    with pytest.raises(BadInput, match=r"he\.(model|artefact)"):
        load_graph(raw.replace(old, new))


def test_damaged_bytes_give_a_graph_or_a_refusal() -> None:
    raw, rng = dump_graph(graph()), np.random.default_rng(3)
    refused = 0
    for _ in range(400):
        damaged = bytearray(raw)
        damaged[int(rng.integers(len(raw)))] ^= 1 << int(rng.integers(8))
        try:
            load_graph(bytes(damaged))
        except BadInput:
            refused += 1
    assert refused > 100
