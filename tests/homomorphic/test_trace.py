"""ONNX files become graphs that compute the same, and what cannot be computed is refused by the node's name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.homomorphic.onnx_models import exported, model, node

from velatura.errors import BadInput, Unsupported
from velatura.homomorphic.graph import Activation, Add, Affine, Graph, Input, Polynomial, evaluate
from velatura.homomorphic.trace import trace_onnx

W = np.arange(12, dtype=np.float32).reshape(4, 3) / 12


def value(graph: Graph, x: np.ndarray) -> np.ndarray:
    return np.asarray(evaluate(graph, x.reshape(len(x), -1))[graph.output])


@pytest.mark.parametrize("seed", range(40))
def test_a_random_torch_network_computes_the_same(seed: int) -> None:
    pytest.importorskip("torch")
    from tests.homomorphic.torch_nets import network, outputs

    net, shape = network(seed)
    graph = trace_onnx(exported(net, *shape, opset=20 if seed % 2 else 18))
    x = np.random.default_rng(seed).normal(0, 1, (4, *shape))
    want = outputs(net, x)
    assert np.abs(value(graph, x) - want).max() <= 1e-6 * np.abs(want).max()


def test_a_batch_that_is_fixed_is_no_part_of_the_sample() -> None:
    graph = trace_onnx(model(node("Reshape", "x", "to"), shape=(8, 4), to=np.array([8, 2, 2])))
    assert graph.input.shape == (4,)


def test_a_polynomial_however_written_is_one() -> None:
    steps = [
        node("Mul", "x", "x", out="square"),
        node("Mul", "square", "c", out="two"),
        node("Mul", "x", "b", out="one"),
        node("Add", "two", "one", out="sum"),
        node("Add", "a", "sum", out="y"),
    ]
    graph = trace_onnx(model(*steps, a=np.float32(0.25), b=np.ones(4, np.float32), c=np.array([1, 2, 3, 4], np.float32)))
    assert [type(one) for one in graph] == [Input, Polynomial]
    x = np.array([[1.0, -2.0, 0.5, 3.0]])
    np.testing.assert_allclose(value(graph, x), 0.25 + x + np.array([1, 2, 3, 4]) * x**2)


@pytest.mark.parametrize("opset", [9, 13, 18])
def test_silu_and_gelu_are_recognised_behind_a_normalisation(opset: int) -> None:
    torch = pytest.importorskip("torch")
    for act, kind in ((torch.nn.SiLU(), "silu"), (torch.nn.GELU(), "gelu")):
        net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), act, torch.nn.Flatten(), torch.nn.Linear(32, 2)).double().eval()
        torch.nn.init.normal_(net[1].running_mean)
        graph = trace_onnx(exported(net, 1, 6, 6, opset=opset))
        assert [one.kind for one in graph if isinstance(one, Activation)] == [kind]
        x = np.random.default_rng(0).normal(0, 1, (3, 1, 6, 6))
        np.testing.assert_allclose(value(graph, x), net(torch.tensor(x)).detach().numpy(), rtol=1e-6, atol=1e-7)


def test_a_gate_of_another_value_is_no_silu() -> None:
    steps = [node("MatMul", "x", "w", out="y"), node("Sigmoid", "y", out="gate"), node("Mul", "x", "gate", out="z", name="gating")]
    with pytest.raises(Unsupported, match=r"'gating' \(Mul\): multiplies two different values"):
        trace_onnx(model(*steps, w=np.ones((4, 4), np.float32)))


def test_a_sum_of_three_is_a_sum_of_three() -> None:
    graph = trace_onnx(model(node("Sum", "x", "one", "x", out="y"), one=np.ones(4, np.float32)))
    np.testing.assert_allclose(value(graph, np.full((1, 4), 3.0)), 7.0)


def test_a_value_that_two_read_is_made_once() -> None:
    steps = [
        node("MatMul", "x", "w", out="h"),
        node("Mul", "h", "s", out="scaled"),
        node("Relu", "scaled", out="a"),
        node("Tanh", "scaled", out="b"),
        node("Add", "a", "b", out="y"),
    ]
    graph = trace_onnx(model(*steps, w=W, s=np.array([2, 3, 4], np.float32)))
    assert [type(one) for one in graph] == [Input, Affine, Affine, Activation, Activation, Add]


@pytest.mark.parametrize("last", ["Softmax", "LogSoftmax", "ArgMax"])
def test_what_the_owner_does_at_the_end_is_left_to_him_and_refused_elsewhere(last: str) -> None:
    scores = node("MatMul", "x", "w", out="scores", name="scores")
    graph = trace_onnx(model(scores, node(last, "scores", out="y", axis=1), w=W))
    assert graph.output == "scores"
    with pytest.raises(Unsupported, match=last):
        trace_onnx(model(scores, node(last, "scores", out="p", axis=1), node("Mul", "p", "p", out="y"), w=W))


def test_dropout_and_casts_outside_training_do_nothing() -> None:
    steps = [node("Dropout", "x", out="d"), node("Cast", "d", out="c", to=TensorProto.DOUBLE), node("MatMul", "c", "w", out="y")]
    graph = trace_onnx(model(*steps, w=W))
    assert [type(one) for one in graph] == [Input, Affine]


BIAS = np.ones(3, np.float32)
ONES = np.ones(4, np.float32)
REFUSED = {
    "an operator that is not computable": (model(node("Exp", "x", name="layer 3")), r"'layer 3' \(Exp\)"),
    "a maximum": (model(node("MaxPool", "x", name="pool", kernel_shape=[2]), shape=("n", 1, 4)), r"'pool' \(MaxPool\)"),
    "a product of two values": (
        model(node("MatMul", "x", "w", out="h"), node("Mul", "x", "h", out="y", name="attention"), w=np.eye(4, dtype=np.float32)),
        r"'attention' \(Mul\): multiplies two different",
    ),
    "a matrix that depends on the data": (model(node("MatMul", "x", "x", name="gram"), shape=(1, 2, 2)), r"'gram' \(MatMul\): the matrix is not"),
    "a division by the data": (model(node("Div", "one", "x", name="ratio"), one=ONES), r"'ratio' \(Div\): the divisor is not a constant"),
    "a division by zero": (model(node("Div", "x", "no", name="ratio"), no=0 * ONES), r"'ratio' \(Div\): divides by zero"),
    "a power that is not whole": (model(node("Pow", "x", "half", name="root"), half=np.float32(0.5)), r"'root' \(Pow\): raises to the power 0.5"),
    "a high degree": (
        model(node("Pow", "x", "p", out="a"), node("Pow", "a", "p", out="y", name="again"), p=np.float32(16)),
        r"'again' \(Pow\): makes a polynomial of degree 256",
    ),
    "quantised layers": (
        model(node("DequantizeLinear", "q", "s", out="w"), node("MatMul", "x", "w", out="y"), q=np.ones((4, 3), np.int8), s=np.float32(0.1)),
        "DequantizeLinear",
    ),
    "whole numbers": (model(node("Cast", "x", name="round", to=TensorProto.INT64)), r"'round' \(Cast\): turns values into whole numbers"),
    "batch normalisation in training": (
        model(node("BatchNormalization", "x", *"smmv", name="norm", training_mode=1), s=ONES, m=ONES, v=ONES),
        r"'norm' \(BatchNormalization\): is in training mode",
    ),
    "statistics that do not fit": (
        model(node("BatchNormalization", "x", *"smmv", name="norm"), s=ONES, m=ONES, v=BIAS),
        r"'norm' \(BatchNormalization\): statistics of shape",
    ),
    "dropout in training": (
        model(node("Dropout", "x", "r", "t", name="drop"), r=np.float32(0.5), t=np.array(True)),
        r"'drop' \(Dropout\): is in training mode",
    ),
    "groups that do not divide": (
        model(node("Conv", "x", "k", name="conv", group=2), shape=("n", 3, 8, 8), k=np.ones((2, 1, 3, 3), np.float32)),
        r"'conv' \(Conv\): 2 groups do not divide 3 channels",
    ),
    "a kernel larger than the picture": (
        model(node("Conv", "x", "k", name="conv"), shape=("n", 1, 2, 2), k=np.ones((1, 1, 3, 3), np.float32)),
        r"'conv' \(Conv\): a kernel of \(3, 3\) does not fit",
    ),
    "three dimensions": (
        model(node("Conv", "x", "k", name="conv"), shape=("n", 1, 4, 4, 4), k=np.ones((1, 1, 3, 3, 3), np.float32)),
        r"'conv' \(Conv\): a kernel of shape",
    ),
    "negative pads": (
        model(node("Conv", "x", "k", name="conv", pads=[-1, 0, 0, 0]), shape=("n", 1, 8, 8), k=np.ones((1, 1, 3, 3), np.float32)),
        r"'conv' \(Conv\): has negative pads",
    ),
    "too few strides": (
        model(node("Conv", "x", "k", name="conv", strides=[2]), shape=("n", 1, 8, 8), k=np.ones((1, 1, 3, 3), np.float32)),
        r"'conv' \(Conv\): its operands or attributes do not fit",
    ),
    "a bias of another length": (
        model(node("Conv", "x", "k", "b", name="conv"), shape=("n", 1, 8, 8), k=np.ones((1, 1, 3, 3), np.float32), b=ONES),
        r"'conv': weights or bias do not fit|'conv' \(Conv\)",
    ),
    "too many weights": (
        model(node("Conv", "x", "k", name="conv", pads=[9] * 4), shape=("n", 64, 100, 100), k=np.ones((64, 64, 3, 3), np.float32)),
        r"'conv' \(Conv\): has .* weights when written out",
    ),
    "a matrix that does not fit": (model(node("MatMul", "x", "w", name="dense"), w=W.T), r"'dense' \(MatMul\): a matrix of shape \(3, 4\)"),
    "a constant that does not fit": (model(node("Add", "x", "b", name="bias"), b=BIAS), r"'bias' \(Add\): a constant of shape \(3,\)"),
    "a constant with more dimensions": (model(node("Add", "x", "b", name="bias"), b=np.ones((1, 1, 1))), r"'bias' \(Add\): a constant of shape"),
    "a sum over the batch": (model(node("ReduceSum", "x", "a", name="sum"), a=np.array([0])), r"'sum' \(ReduceSum\): sums over the batch"),
    "a mean over everything": (model(node("ReduceMean", "x", name="mean")), r"'mean' \(ReduceMean\): sums over the batch"),
    "a reshape of the batch": (model(node("Reshape", "x", "to", name="mix"), to=np.array([-1, 2])), r"'mix' \(Reshape\): mixes the batch"),
    "a transposition of the batch": (
        model(node("Transpose", "x", name="turn", perm=[1, 0, 2]), shape=("n", 2, 2)),
        r"'turn' \(Transpose\): mixes the batch",
    ),
    "a dimension that is not there": (
        model(node("ReduceSum", "x", "a", name="sum"), a=np.array([4])),
        r"'sum' \(ReduceSum\): names dimension 4 of 2",
    ),
    "an element that is not there": (model(node("Gather", "x", "i", name="pick", axis=1), i=np.array([9])), r"'pick' \(Gather\): its operands"),
    "pads that mirror": (
        model(node("Pad", "x", "p", name="pad", mode="reflect"), p=np.array([0, 1, 0, 1])),
        r"'pad' \(Pad\): pads by reflect",
    ),
    "a dimension that is free": (model(node("Relu", "x"), shape=("n", "m")), "'x' has a dimension that is not fixed"),
    "a single dimension": (model(node("Relu", "x"), shape=("n",)), "'x' has 1 dimensions"),
    "an enormous input": (model(node("Relu", "x"), shape=("n", 100000, 100000)), "'x' has 1e"),
    "an enormous batch": (model(node("Relu", "x"), shape=(1 << 40, 4)), "a batch of 1099511627776"),
    "an integer input": (model(node("Identity", "x"), kind=TensorProto.INT64), "'x' is not of floating point"),
    "an output that is constant": (model(node("Identity", "w"), w=W), "does not depend on the input"),
    "a forgotten opset": (model(node("Add", "x", "b", axis=1, broadcast=1), opset=6, b=ONES), "ONNX opset 6"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_is_refused_by_name(what: str) -> None:
    data, words = REFUSED[what]
    with pytest.raises(BadInput, match=words) as refusal:
        trace_onnx(data)
    assert refusal.value.code in ("he.unsupported-op", "he.shape", "he.constant", "he.model")
    assert refusal.value.exit_status == 5


def test_control_flow_is_refused_by_name() -> None:
    value_info = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ("any",))]
    branch = helper.make_graph([node("Relu", "x", out="y")], "branch", [], value_info)
    data = model(node("If", "c", out="y", name="choice", then_branch=branch, else_branch=branch), c=np.array(True))
    with pytest.raises(Unsupported, match=r"'choice' \(If\)"):
        trace_onnx(data)


def test_two_inputs_are_refused() -> None:
    entries = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ("n", 4)) for name in "xz"]
    graph = helper.make_graph([node("Add", "x", "z", out="y")], "g", entries, [helper.make_tensor_value_info("y", TensorProto.FLOAT, ("any",))])
    with pytest.raises(Unsupported, match="2 inputs and 1 outputs"):
        trace_onnx(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9).SerializeToString())


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused_wherever_they_stand(bad: float) -> None:
    weights = W.copy()
    weights[1, 1] = bad
    with pytest.raises(BadInput, match="not finite"):
        trace_onnx(model(node("MatMul", "x", "w"), w=weights))
    constant = node("Constant", out="w", value=numpy_helper.from_array(weights))
    with pytest.raises(BadInput, match="not finite"):
        trace_onnx(model(constant, node("MatMul", "x", "w")))
    with pytest.raises(BadInput, match="not finite"):
        trace_onnx(model(node("Constant", out="w", value_float=bad), node("Mul", "x", "w")))


def test_weights_that_become_infinite_are_refused() -> None:
    big = np.full((4, 3), 1e300)
    with pytest.raises(BadInput, match="'dense' has a weight that is not finite"):
        trace_onnx(model(node("Mul", "w", "w", out="huge"), node("MatMul", "x", "huge", name="dense"), w=big))


@pytest.mark.parametrize("at", ["initializer", "constant"])
def test_no_file_beside_the_model_is_read(at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("secret").write_bytes(W.tobytes())
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=(4, 3), data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="secret")
    product = node("MatMul", "x", "w")
    entries = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ("n", 4))]
    outputs = [helper.make_tensor_value_info("matmul", TensorProto.FLOAT, ("any",))]
    steps = [product] if at == "initializer" else [node("Constant", out="w", value=tensor), product]
    graph = helper.make_graph(steps, "g", entries, outputs, [tensor] if at == "initializer" else [])
    data = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9).SerializeToString()
    with pytest.raises(BadInput, match="in files beside the model"):
        trace_onnx(data)


def test_bytes_that_are_no_model_are_refused_in_one_line(tmp_path: Path) -> None:
    good = model(node("MatMul", "x", "w"), w=W)
    for data in (b"", b"\x00" * 64, good[: len(good) // 2], good[:-7], b"PK\x03\x04" + good):
        with pytest.raises(BadInput) as refusal:
            trace_onnx(data)
        assert "\n" not in str(refusal.value)
    path = tmp_path / "m.onnx"
    path.write_bytes(good)
    assert trace_onnx(path).output == trace_onnx(good).output


def test_damaged_models_are_refused_or_read_and_never_crash() -> None:
    steps = [node("Conv", "x", "k", out="c", pads=[1, 1, 1, 1]), node("AveragePool", "c", out="p", kernel_shape=[2, 2], strides=[2, 2])]
    steps += [node("Reshape", "p", "to", out="f"), node("Gemm", "f", "w", out="y", transB=1)]
    k, w = np.ones((2, 1, 3, 3), np.float32), np.ones((3, 8), np.float32)
    good = model(*steps, shape=("n", 1, 4, 4), k=k, w=w, to=np.array([0, -1]))
    assert trace_onnx(good)["the gemm"].shape == (3,)
    rng = np.random.default_rng(0)
    read = 0
    for _ in range(400):
        data = bytearray(good)
        for _ in range(int(rng.integers(1, 4))):
            data[int(rng.integers(0, len(data)))] = int(rng.integers(0, 256))
        try:
            trace_onnx(bytes(data))
            read += 1
        except BadInput:
            pass
    assert read < 400


def test_the_two_gelus_are_told_apart() -> None:
    x = np.linspace(-3, 3, 4)[None]
    kinds = []
    for how, kind in (("none", "gelu"), ("tanh", "gelu-tanh")):
        graph = trace_onnx(model(node("Gelu", "x", approximate=how)))
        kinds.append(evaluate(graph, x)[graph.output])
        assert [one.kind for one in graph if isinstance(one, Activation)] == [kind]
    assert 0 < np.abs(kinds[0] - kinds[1]).max() < 1e-3
    with pytest.raises(Unsupported, match="approximated by 'poly'"):
        trace_onnx(model(node("Gelu", "x", approximate="poly")))


def test_a_softmax_that_is_left_away_is_told() -> None:
    scores = node("MatMul", "x", "w", out="scores")
    assert trace_onnx(model(scores, node("Softmax", "scores", out="y", axis=1, name="head"), w=W)).left_away == "Softmax 'head'"
    assert trace_onnx(model(scores, w=W)).left_away == ""


@pytest.mark.parametrize("last", [node("Squeeze", "s", "axis", out="y"), node("Reshape", "s", "all", out="y"), node("Squeeze", "s", out="y")])
def test_one_number_may_lose_its_dimension_at_the_end(last: object) -> None:
    """`model(x).squeeze(-1)`: what has only the batch left."""
    scores = node("MatMul", "x", "v", out="s")
    graph = trace_onnx(model(scores, last, v=W[:, :1], axis=np.array([1]), all=np.array([-1])))
    x = np.random.default_rng(0).normal(size=(5, W.shape[0]))
    np.testing.assert_allclose(evaluate(graph, x)[graph.output], x @ W[:, :1])
    with pytest.raises(Unsupported, match="batch"):
        trace_onnx(model(node("MatMul", "x", "w", out="s"), node("Reshape", "s", "all", out="y"), w=W, all=np.array([-1])))


def test_what_does_as_well_is_said_of_what_is_often_met() -> None:
    for operator, words in (("MaxPool", "average pooling"), ("Elu", "SiLU"), ("LayerNormalization", "batch normalisation"), ("Sin", "how-to")):
        with pytest.raises(Unsupported) as caught:
            trace_onnx(
                model(
                    node(
                        operator,
                        "x",
                        *(["w"] if operator == "LayerNormalization" else []),
                        name="it",
                        **({"kernel_shape": [1]} if operator == "MaxPool" else {}),
                    ),
                    w=W[0],
                    shape=("n", 1, 4),
                )
            )
        assert words in caught.value.hint and "'it'" in caught.value.sentence


def test_a_sigmoid_at_the_end_is_left_to_the_owner_wherever_its_shape_goes() -> None:
    """Its values are all above zero: as scores they would make every label of a model with one output a 1."""
    scores, sigmoid = node("MatMul", "x", "w", out="scores"), node("Sigmoid", "scores", out="p", name="head")
    x = np.random.default_rng(0).normal(size=(5, W.shape[0]))
    for nodes in ([scores, node("Sigmoid", "scores", out="y", name="head")], [scores, sigmoid, node("Flatten", "p", out="y", axis=1)]):
        graph = trace_onnx(model(*nodes, w=W))
        assert graph.left_away == "Sigmoid 'head'"
        np.testing.assert_allclose(evaluate(graph, x)[graph.output], x @ W)
    inside = trace_onnx(model(scores, sigmoid, node("MatMul", "p", "v", out="y"), w=W, v=np.ones((W.shape[1], 2), np.float32)))
    assert inside.left_away == "" and any(isinstance(one, Activation) for one in inside)
    alone = trace_onnx(model(node("Sigmoid", "x", out="y")))
    assert alone.left_away == "" and len(alone.nodes) == 2
