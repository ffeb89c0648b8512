"""Folding leaves every output as it was, and takes away the levels that it should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from tests.homomorphic.onnx_models import exported, model, node

from velatura.errors import Unsupported
from velatura.homomorphic.fold import fold
from velatura.homomorphic.graph import Add, Affine, Graph, Input, Node, Polynomial, evaluate
from velatura.homomorphic.trace import trace_onnx


def random_graph(seed: int) -> Graph:
    """Affine maps (dense, sparse, diagonal, pooling), polynomials of degree one to three and sums, each read once or more."""
    rng = np.random.default_rng(seed)
    nodes: list[Node] = [Input("x", (), (int(rng.integers(4, 9)),))]
    for number in range(int(rng.integers(2, 9))):
        name, before = f"n{number}", nodes[-1] if rng.random() < 0.7 else nodes[int(rng.integers(0, len(nodes)))]
        same = [one for one in nodes if one.size == before.size and one.name != before.name]
        match int(rng.integers(0, 7)):
            case 0 | 1:
                nodes.append(_affine(rng, name, before, int(rng.integers(2, 9))))
            case 2:
                matrix = csr_array(np.diag(np.where(rng.random(before.size) < 0.5, 1.0, rng.normal(1, 0.3, before.size))))
                nodes.append(Affine(name, (before.name,), before.shape, matrix, rng.normal(0, 1, before.size) * (rng.random() < 0.5)))
            case 3 if before.size % 2 == 0:
                matrix = csr_array(np.kron(np.eye(before.size // 2), np.full((1, 2), 0.5)))
                nodes.append(Affine(name, (before.name,), (before.size // 2,), matrix, np.full(before.size // 2, 0.1)))
            case 4 | 5:
                width = before.size if rng.random() < 0.5 else 1
                nodes.append(Polynomial(name, (before.name,), before.shape, rng.normal(0, 0.5, (int(rng.integers(2, 5)), width))))
            case _ if same:
                nodes.append(Add(name, (before.name, same[int(rng.integers(0, len(same)))].name), before.shape))
    nodes.append(_affine(rng, "out", nodes[-1], 2))
    return Graph(_needed(nodes), "out")


def _affine(rng: np.random.Generator, name: str, before: Node, rows: int) -> Affine:
    matrix = rng.normal(0, 0.5, (rows, before.size))
    matrix[rng.random(matrix.shape) < 0.4] = 0
    matrix[:, 0] += 0.3
    return Affine(name, (before.name,), (rows,), csr_array(matrix), rng.normal(0, 0.5, rows))


def _needed(nodes: list[Node]) -> tuple[Node, ...]:
    needed = {"out"}
    for one in reversed(nodes):
        if one.name in needed:
            needed.update(one.of)
    return tuple(one for one in nodes if one.name in needed)


def kinds(graph: Graph) -> list[str]:
    return [type(one).__name__ for one in graph]


@given(st.integers(0, 2**32 - 1))
def test_every_output_stays_as_it_was(seed: int) -> None:
    graph = random_graph(seed)
    x = np.random.default_rng(seed).uniform(-1, 1, (5, graph.input.size))
    if not np.all(np.abs(before := evaluate(graph, x)[graph.output]) < 1e30):
        return
    folded = fold(graph)
    np.testing.assert_allclose(evaluate(folded, x)[folded.output], before, rtol=1e-9, atol=1e-9 * max(1.0, np.abs(before).max()))
    assert len(folded.nodes) <= len(graph.nodes)
    assert kinds(fold(folded)) == kinds(folded)
    names = [one.name for one in folded]
    assert all(name in names[:number] for number, one in enumerate(folded) for name in one.of), "each comes after what it reads"


@pytest.mark.parametrize("seed", range(12))
def test_random_torch_networks_stay_as_they_were(seed: int) -> None:
    pytest.importorskip("torch")
    from tests.homomorphic.torch_nets import network

    net, shape = network(seed)
    graph = trace_onnx(exported(net, *shape))
    x = np.random.default_rng(seed).normal(0, 1, (4, int(np.prod(shape))))
    before, folded = evaluate(graph, x)[graph.output], fold(graph)
    np.testing.assert_allclose(evaluate(folded, x)[folded.output], before, rtol=1e-9, atol=1e-9 * np.abs(before).max())


def test_normalisation_and_scalings_cost_nothing() -> None:
    torch = pytest.importorskip("torch")

    class Net(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm, self.dense = torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Linear(32, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.norm(self.conv(x / 255)) * 0.5
            return self.dense((0.1 + 0.5 * x + 0.2 * x * x).flatten(1)) * 3

    folded = fold(trace_onnx(exported(Net().double(), 1, 6, 6)))
    assert kinds(folded) == ["Input", "Affine", "Polynomial", "Affine"]
    square = folded.nodes[2]
    assert isinstance(square, Polynomial)
    np.testing.assert_array_equal(square.coefficients, np.array([[0.0], [0.0], [1.0]]) * np.ones_like(square.coefficients))
    assert folded.nodes[1].stride == (1, 1)  # type: ignore[attr-defined]


def test_a_negative_square_turns_the_weights_behind_it() -> None:
    rng = np.random.default_rng(0)
    nodes = (Input("x", (), (3,)), _affine(rng, "a", Input("x", (), (3,)), 4))
    poly = Polynomial("p", ("a",), (4,), np.array([[0.5], [0.3], [-0.7]]))
    graph = Graph((*nodes, poly, _affine(rng, "out", poly, 2)), "out")
    folded = fold(graph)
    np.testing.assert_array_equal(folded["p"].coefficients[1:], np.array([[0.0], [1.0]]) * np.ones((2, folded["p"].coefficients.shape[1])))  # type: ignore[attr-defined]
    x = rng.normal(0, 1, (6, 3))
    np.testing.assert_allclose(evaluate(folded, x)["out"], evaluate(graph, x)["out"], rtol=1e-12)
    last = Graph((*nodes, poly), "p")
    np.testing.assert_array_equal(fold(last)["p"].coefficients, poly.coefficients)  # type: ignore[attr-defined]


def test_a_square_whose_shift_would_swallow_its_digits_is_left_alone() -> None:
    rng = np.random.default_rng(0)
    nodes = (Input("x", (), (3,)), _affine(rng, "a", Input("x", (), (3,)), 4))
    poly = Polynomial("p", ("a",), (4,), np.array([[0.0], [1.0], [1e-9]]))
    graph = Graph((*nodes, poly, _affine(rng, "out", poly, 2)), "out")
    x = rng.normal(0, 1, (6, 3))
    np.testing.assert_allclose(evaluate(fold(graph), x)["out"], evaluate(graph, x)["out"], rtol=1e-9)


def test_a_mean_keeps_weights_of_one_and_its_factor_goes_behind_it() -> None:
    k = np.random.default_rng(0).normal(0, 1, (2, 1, 3, 3))
    pool = node("AveragePool", "s", out="p", name="pool", kernel_shape=[2, 2], strides=[2, 2])
    steps = [node("Conv", "x", "k", out="c"), node("Mul", "c", "c", out="s"), pool, node("Conv", "p", "l", out="y")]
    graph = trace_onnx(model(*steps, shape=("n", 1, 10, 10), k=k, l=np.ones((3, 2, 3, 3))))
    folded = fold(graph)
    assert kinds(folded) == ["Input", "Affine", "Polynomial", "Affine", "Affine"]
    pooling = folded["pool"]
    assert isinstance(pooling, Affine)
    assert set(pooling.matrix.data) == {1.0}
    assert not np.any(pooling.bias)
    assert pooling.stride == (2, 2)
    x = np.random.default_rng(1).normal(0, 1, (3, 100))
    np.testing.assert_allclose(evaluate(folded, x)[folded.output], evaluate(graph, x)[graph.output], rtol=1e-12)


def test_a_residual_of_affine_maps_is_one() -> None:
    steps = [node("MatMul", "x", "w", out="h"), node("Add", "h", "x", out="s"), node("Mul", "s", "s", out="y")]
    folded = fold(trace_onnx(model(*steps, w=np.random.default_rng(0).normal(0, 1, (4, 4)))))
    assert kinds(folded) == ["Input", "Affine", "Polynomial"]


def test_two_wide_layers_around_a_narrow_one_stay_two() -> None:
    rng = np.random.default_rng(0)
    steps = [node("MatMul", "x", "v", out="h"), node("MatMul", "h", "w", out="y")]
    folded = fold(trace_onnx(model(*steps, shape=("n", 40), v=rng.normal(0, 1, (40, 2)), w=rng.normal(0, 1, (2, 40)))))
    assert kinds(folded) == ["Input", "Affine", "Affine"]


def test_a_layer_without_weights_is_refused_by_name_also_where_folding_made_it() -> None:
    with pytest.raises(Unsupported, match="'dead'") as refusal:
        fold(trace_onnx(model(node("MatMul", "x", "w", name="dead"), w=np.zeros((4, 3)))))
    assert refusal.value.code == "he.constant"
    minus = [node("MatMul", "x", "w", out="a"), node("MatMul", "x", "w", out="b", name="again"), node("Sub", "a", "b", out="y", name="nothing")]
    with pytest.raises(Unsupported, match="nothing"):
        fold(trace_onnx(model(*minus, w=np.ones((4, 3)))))
