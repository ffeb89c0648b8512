"""Layouts, diagonals and polynomials: a lowered graph computes what the graph does, whatever the shapes, and leaves nothing beside its outputs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from tests.homomorphic.plain_run import laid_out, outputs, read_back

from velatura.errors import Unsupported
from velatura.homomorphic.batching import batched
from velatura.homomorphic.diagonals import cover
from velatura.homomorphic.graph import Add, Affine, Graph, Input, Polynomial, evaluate
from velatura.homomorphic.im2col import windowed
from velatura.homomorphic.layout import Layout, flat, pictures, windows
from velatura.homomorphic.lowering import lower
from velatura.homomorphic.pooling import pooled, progressions
from velatura.homomorphic.program import ProgramBuilder, Rotate
from velatura.homomorphic.rotation_keys import limited, thrifty
from velatura.homomorphic.window_layers import Windows, averaging, convolution

SQUARE = np.array([[0.0], [0.0], [1.0]])


def dense(name: str, of: str, rows: int, columns: int, rng: np.random.Generator) -> Affine:
    return Affine(name, (of,), (rows,), csr_array(rng.normal(size=(rows, columns))), rng.normal(size=rows))


def conv(
    name: str,
    of: str,
    shape: tuple[int, int, int],
    out: int,
    rng: np.random.Generator,
    *,
    kernel: int = 3,
    stride: int = 1,
    pad: int = 0,
    groups: int = 1,
) -> Affine:
    windows_ = Windows((shape[1], shape[2]), (kernel, kernel), (stride, stride), pads=((pad, pad), (pad, pad)))
    matrix = convolution(windows_, rng.normal(size=(out, shape[0] // groups, kernel, kernel)), groups)
    size = windows_.out
    return Affine(name, (of,), (out, *size), matrix, np.repeat(rng.normal(size=out), size[0] * size[1]), (stride, stride))


def check(graph: Graph, layout: Layout, *, clean: bool = True, elements: np.ndarray | None = None, reference: Graph | None = None) -> None:
    x = np.random.default_rng(7).uniform(-1, 1, (reference or graph).input.size)
    want = evaluate(reference or graph, x[None])[graph.output][0]
    lowered = lower(graph, layout, clean=clean)
    seen = x if elements is None else np.where(elements.ravel() >= 0, x[elements.ravel()], 0.0)
    made = outputs(lowered.program, laid_out(layout, seen))
    np.testing.assert_allclose(read_back(lowered.output, len(want), made), want, rtol=1e-7, atol=1e-9 * np.abs(want).max())
    beside = np.stack(made)[lowered.output.table < 0]
    assert not np.any(np.abs(beside) > 1e-9 * np.abs(want).max()), "slots beside the outputs would tell of the weights"


@given(rows=st.integers(1, 40), columns=st.integers(1, 70), seed=st.integers(0, 99), clean=st.booleans())
@settings(max_examples=25)
def test_a_dense_layer(rows: int, columns: int, seed: int, clean: bool) -> None:
    node = dense("fc", "x", rows, columns, np.random.default_rng(seed))
    check(Graph((Input("x", (), (columns,)), node), "fc"), flat(columns, 128), clean=clean)


@given(
    channels=st.integers(1, 3),
    height=st.integers(4, 9),
    width=st.integers(4, 9),
    out=st.integers(1, 5),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 3),
    pad=st.integers(0, 1),
    tight=st.booleans(),
)
@settings(max_examples=8)
def test_a_convolution_and_a_dense_layer(channels: int, height: int, width: int, out: int, kernel: int, stride: int, pad: int, tight: bool) -> None:
    rng = np.random.default_rng(channels + 10 * out)
    first = conv("c", "x", (channels, height, width), out, rng, kernel=kernel, stride=stride, pad=pad)
    graph = Graph(
        (Input("x", (), (channels, height, width)), first, Polynomial("s", ("c",), first.shape, SQUARE), dense("f", "s", 3, first.size, rng)), "f"
    )
    layout = pictures((channels, height, width), 512, tight=tight)
    assert layout is not None
    check(graph, layout)


def test_windows_laid_out_by_the_client_take_fewer_rotations_than_the_raw_picture() -> None:
    rng = np.random.default_rng(0)
    first = conv("c", "x", (1, 12, 12), 4, rng, kernel=4, stride=2)
    graph = Graph((Input("x", (), (1, 12, 12)), first), "c")
    over, elements = windowed(graph) or pytest.fail("a convolution has windows")
    taps, count = elements.shape
    layout, raw = windows(taps, count, 512), pictures((1, 12, 12), 512)
    assert layout is not None
    assert raw is not None
    check(over, layout, elements=elements, reference=graph)

    def rotations(program: object) -> int:
        return sum(isinstance(step, Rotate) for step in program.steps)  # type: ignore[attr-defined]

    assert rotations(lower(over, layout, clean=True).program) < rotations(lower(graph, raw, clean=True).program)


def test_a_residual_lies_where_what_it_is_added_to_lies() -> None:
    rng = np.random.default_rng(3)
    branch = conv("c", "x", (2, 6, 6), 2, rng, pad=1)
    nodes = (
        Input("x", (), (2, 6, 6)),
        branch,
        Polynomial("s", ("c",), branch.shape, SQUARE),
        Add("a", ("x", "s"), branch.shape),
        dense("f", "a", 4, 72, rng),
    )
    layout = pictures((2, 6, 6), 256)
    assert layout is not None
    check(Graph(nodes, "f"), layout)


def test_a_pooling_of_ones_takes_no_level() -> None:
    rng = np.random.default_rng(4)
    first = conv("c", "x", (1, 9, 9), 2, rng, kernel=2)
    matrix = averaging(Windows((8, 8), (2, 2), (2, 2)), 2, count_padding=False)
    matrix.data[:] = 1.0
    pool = Affine("p", ("c",), (2, 4, 4), matrix, np.zeros(32), (2, 2))
    graph = Graph((Input("x", (), (1, 9, 9)), first, pool, dense("f", "p", 3, 32, rng)), "f")
    layout = pictures((1, 9, 9), 512)
    assert layout is not None
    check(graph, layout)
    assert lower(graph, layout, clean=True).program.depth == 2


def test_weights_that_differ_are_no_pooling() -> None:
    layout = pictures((1, 4, 4), 64)
    assert layout is not None
    matrix = averaging(Windows((4, 4), (2, 2), (2, 2)), 1, count_padding=False)
    assert pooled(Affine("p", ("x",), (1, 2, 2), matrix, np.zeros(4), (2, 2)), layout) is None


@given(st.lists(st.tuples(st.integers(2, 4), st.integers(1, 3)), min_size=1, max_size=3))
def test_sums_of_even_steps_are_found(parts: list[tuple[int, int]]) -> None:
    step, offsets = 1, np.zeros(1, np.int64)
    for count, gap in parts:
        step *= gap
        offsets = (offsets[:, None] + step * np.arange(count)[None, :]).ravel()
        step *= count
    offsets = np.sort(offsets)
    folds = progressions(offsets)
    assert folds is not None
    total = np.zeros(1, np.int64)
    for fold in folds:
        total = (total[:, None] + fold.step * np.arange(fold.terms)[None, :]).ravel()
    np.testing.assert_array_equal(np.sort(total), offsets)


@given(st.sets(st.integers(0, 63), min_size=1), st.sets(st.integers(0, 63), min_size=1, max_size=16))
def test_each_difference_is_served_by_its_rotation(wanted: set[int], reach: set[int]) -> None:
    differences, offsets = np.array(sorted(wanted)), np.array(sorted(reach))
    covered = cover(differences, offsets, 64)
    assert covered is not None
    rotations, chosen = covered
    assert set(((differences - rotations[chosen[differences]]) % 64).tolist()) <= reach
    assert len(rotations) <= len(wanted)


def test_a_translate_that_serves_all_is_one_rotation() -> None:
    covered = cover(np.arange(8) * 4, np.arange(8) * 4, 64)
    assert covered is not None
    assert covered[0].tolist() == [0]


@pytest.mark.parametrize("degree", [1, 2, 3, 4, 7, 11, 15])
@pytest.mark.parametrize("radius", [None, 2.0])
def test_a_polynomial_in_as_few_levels_as_its_degree_allows(degree: int, radius: float | None) -> None:
    rng = np.random.default_rng(degree)
    node = Polynomial("p", ("x",), (16,), rng.normal(size=(degree + 1, 1)), radius)
    graph = Graph((Input("x", (), (16,)), node), "p")
    layout = flat(16, 16)
    x = rng.uniform(-1, 1, 16)
    lowered = lower(graph, layout, clean=False)
    made = read_back(lowered.output, 16, outputs(lowered.program, laid_out(layout, x)))
    np.testing.assert_allclose(made, evaluate(graph, x[None])["p"][0], rtol=1e-9, atol=1e-9)
    assert lowered.program.depth <= max(int(np.ceil(np.log2(degree + 1))), 1) + (radius is not None) + 1, "one level for the mask"


def test_the_batch_layout_needs_no_rotation_and_skips_zeros() -> None:
    rng = np.random.default_rng(5)
    first = dense("a", "x", 5, 6, rng)
    first.matrix.data[::2] = 0
    first.matrix.eliminate_zeros()
    graph = Graph((Input("x", (), (6,)), first, Polynomial("s", ("a",), (5,), SQUARE), dense("b", "s", 2, 5, rng)), "b")
    program = batched(graph, 16)
    x = rng.uniform(-1, 1, (16, 6))
    np.testing.assert_allclose(np.stack(outputs(program, x.T)).T, evaluate(graph, x)["b"], rtol=1e-9)
    assert not program.rotations


def test_fewer_keys_compute_the_same() -> None:
    builder = ProgramBuilder(32)
    x = builder.take(0)
    program = builder.build([builder.add([builder.rotate(x, by) for by in (1, 2, 3, 5, 8, 13)])])
    x_values = np.random.default_rng(1).normal(size=(1, 32))
    fewer = limited(program, 3)
    assert len(fewer.rotations) == 3
    np.testing.assert_allclose(outputs(fewer, x_values), outputs(program, x_values))
    assert len(thrifty(program).rotations) <= len(program.rotations)
    with pytest.raises(Unsupported, match=r"he\.keys"):
        limited(program, 0)


def test_a_picture_that_does_not_fit_has_no_layout() -> None:
    assert pictures((1, 40, 40), 512) is None
    assert windows(50, 50, 1024) is None
