"""`velatura he compile` on models that cannot be a program: each is refused in a line, with status 5 and the node's name, and leaves nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.programs import bare_environment, velatura

onnx = pytest.importorskip("onnx", reason="onnx is not installed")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from tests.homomorphic.onnx_models import model, node  # noqa: E402

W = np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32)
STATISTICS = {name: np.ones(4, np.float32) for name in ("scale", "bias", "mean", "variance")}


def branching() -> bytes:
    """Either of two constants, by what the input holds."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("one", "other")]
    parts = [
        helper.make_graph([helper.make_node("Constant", [], [end.name], value=numpy_helper.from_array(W[:1]))], "part", [], [end]) for end in ends
    ]
    steps = [node("ReduceMax", "x", out="m", keepdims=0), node("Cast", "m", out="c", to=TensorProto.BOOL)]
    return model(*steps, helper.make_node("If", ["c"], ["y"], name="the branch", then_branch=parts[0], else_branch=parts[1]))


def outside() -> bytes:
    """Weights that lie in a file of the reader's machine."""
    proto = onnx.load_model_from_string(model(node("MatMul", "x", "w", out="y"), w=W))
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../etc/passwd")
    made: bytes = proto.SerializeToString()
    return made


MODELS = {
    "an operator that is none": (model(node("Sin", "x", name="the sine")), "he.unsupported-op", "the sine"),
    "control flow": (branching(), "he.unsupported-op", "the "),
    "a size that is free": (model(node("Neg", "x"), shape=("n", "m")), "he.shape", "not fixed"),
    "a model in training mode": (
        model(node("BatchNormalization", "x", *STATISTICS, name="the norm", training_mode=1), opset=20, **STATISTICS),
        "he.unsupported-op",
        "the norm",
    ),
    "nothing but zeros": (model(node("MatMul", "x", "w", name="the layer"), w=0 * W), "he.constant", "the layer"),
    "weights that are none": (model(node("MatMul", "x", "w"), w=np.full((4, 4), np.nan, np.float32)), "he.model", "not finite"),
    "weights elsewhere": (outside(), "he.model", "beside the model"),
    "no model": (b"\x08\x09no model", "he.model", "no ONNX model"),
    "half a model": (model(node("MatMul", "x", "w"), w=W)[:60], "he.model", ""),
    "no file of numbers in": (model(node("Neg", "x"), kind=TensorProto.INT64), "he.", ""),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_that_cannot_be_a_program_is_refused(name: str, tmp_path: Path) -> None:
    data, code, words = MODELS[name]
    (tmp_path / "model.onnx").write_bytes(data)
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(1).uniform(-1, 1, (8, 4)))
    done = velatura("he", "compile", "model.onnx", "--calibration", "x.npz", "-o", "prog", env=bare_environment(tmp_path), cwd=tmp_path)
    assert done.returncode == 5, done.stderr
    assert f"[{code}" in done.stderr and words in done.stderr, done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "prog").exists()


@pytest.mark.parametrize(
    ("x", "code"),
    [
        (np.full((8, 4), np.nan), "he.calibration"),
        (np.ones((8, 5)), "he.calibration"),
        (np.ones(4), "he.calibration"),
        (np.empty((0, 4)), "he.calibration"),
        (np.array([["a"] * 4]), "he.samples"),
    ],
)
def test_a_calibration_that_is_none_is_refused(x: np.ndarray, code: str, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(model(node("MatMul", "x", "w"), w=W))
    np.savez(tmp_path / "x.npz", x=x)
    done = velatura("he", "compile", "model.onnx", "--calibration", "x.npz", "-o", "prog", env=bare_environment(tmp_path), cwd=tmp_path)
    assert done.returncode == 5, done.stderr
    assert f"[{code}]" in done.stderr, done.stderr
    assert not (tmp_path / "prog").exists()


def test_weights_beside_the_model_make_the_same_program(tmp_path: Path) -> None:
    inside = model(node("MatMul", "x", "w", out="y"), w=W)
    proto = onnx.load_model_from_string(inside)
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "model.onnx.data"), ("offset", "0"), ("length", str(W.nbytes))):
        tensor.external_data.add(key=key, value=value)
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(1).uniform(-1, 1, (8, 4)))

    def compiled(out: str) -> tuple[int, str]:
        done = velatura("he", "compile", "model.onnx", "--calibration", "x.npz", "-o", out, env=bare_environment(tmp_path), cwd=tmp_path)
        return done.returncode, done.stderr

    (tmp_path / "model.onnx").write_bytes(proto.SerializeToString())
    status, words = compiled("none")
    assert status == 5 and "'model.onnx.data' beside the model, which is not there" in words, words
    (tmp_path / "model.onnx.data").write_bytes(W.tobytes()[:-1])
    status, words = compiled("none")
    assert status == 5 and "beyond the 63 bytes" in words and not (tmp_path / "none").exists(), words
    (tmp_path / "model.onnx.data").write_bytes(W.tobytes())
    status, words = compiled("outside")
    assert status == 0, words
    (tmp_path / "model.onnx").write_bytes(inside)
    assert compiled("inside")[0] == 0
    assert (tmp_path / "outside/server.vlhe").read_bytes() == (tmp_path / "inside/server.vlhe").read_bytes()
