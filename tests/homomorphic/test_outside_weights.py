"""Weights in the file beside a model: one name, bytes within it, no byte twice; and torch's default export is what it is with its weights inside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto
from tests.homomorphic.onnx_models import model, node

from velatura.errors import BadInput
from velatura.homomorphic import model_file
from velatura.homomorphic.graph import Affine, evaluate
from velatura.homomorphic.model_file import read_model
from velatura.homomorphic.outside_weights import Outside
from velatura.homomorphic.trace import trace_onnx

RNG = np.random.default_rng(0)
V, W = RNG.normal(size=(4, 4)).astype(np.float32), RNG.normal(size=(4, 4)).astype(np.float32)
STEPS = (node("MatMul", "x", "v", out="a"), node("Sigmoid", "a", out="b"), node("MatMul", "b", "w", out="y"))
INSIDE = model(*STEPS, v=V, w=W)
DATA = V.tobytes() + W.tobytes()
NAME = "net.onnx.data"


def outside(**of: list[tuple[str, str]]) -> bytes:
    """The model, with tensors whose place is told so."""
    proto = onnx.load_model_from_string(INSIDE)
    for tensor in proto.graph.initializer:
        if tensor.name in of:
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in of[tensor.name]:
                tensor.external_data.add(key=key, value=value)
    made: bytes = proto.SerializeToString()
    return made


def place(offset: str, length: str = "64", location: str = NAME) -> list[tuple[str, str]]:
    return [("location", location), ("offset", offset), ("length", length)]


def test_weights_outside_are_the_weights_inside() -> None:
    x = RNG.normal(size=(5, 4))
    here = trace_onnx(INSIDE)
    for of in ({"v": place("0"), "w": place("64")}, {"w": [("location", NAME), ("offset", "64")]}):
        found = trace_onnx(outside(**of), Outside(NAME, memoryview(DATA)))
        assert np.array_equal(evaluate(found, x)[found.output], evaluate(here, x)[here.output])
    first = next(one for one in trace_onnx(outside(v=place("64")), Outside(NAME, DATA[:64] + DATA[:64])) if isinstance(one, Affine))
    assert np.array_equal(first.matrix.toarray(), V.T.astype(np.float64)), "an offset counts"


@pytest.mark.parametrize(
    "location",
    ["", "other.data", "../net.onnx.data", "./net.onnx.data", "sub/net.onnx.data", "/etc/passwd", "net.onnx.data\0", "NET.onnx.data", "\n" * 200],
)
def test_another_location_is_refused_by_its_name(location: str) -> None:
    with pytest.raises(BadInput, match=r"'v'.*beside the model.*he\.model") as refusal:
        trace_onnx(outside(v=place("0", location=location)), Outside(NAME, DATA))
    assert "\n" not in str(refusal.value)
    with pytest.raises(BadInput, match="beside the model"):
        trace_onnx(outside(v=place("0", location=location)))


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (place("128"), "beyond the 128 bytes"),
        (place("65"), "beyond"),
        (place("129", "0"), "beyond"),
        ([("location", NAME), ("offset", "200")], "beyond"),
        (place("0", "9223372036854775807"), "beyond"),
        (place("9223372036854775807", "9223372036854775807"), "beyond"),
        (place("-1"), "no number"),
        (place("0", "-64"), "no number"),
        (place("0x0"), "no number"),
        (place("٣"), "no number"),
        (place(""), "no number"),
        (place(" 0"), "no number"),
        (place("9" * 5000), "no number"),
        (place("0", "60"), "'v' cannot be read|no ONNX model"),  # not what its shape says
        (place("0", "0"), "'v' cannot be read|no ONNX model"),
        ([*place("0"), ("offset", "64")], "say more"),
        ([*place("0"), ("location", "/etc/passwd")], "beside the model"),
        ([*place("0"), ("basepath", "/etc")], "say more"),
        ([("offset", "0")], "beside the model"),
    ],
)
def test_a_place_that_is_none_is_refused(of: list[tuple[str, str]], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        trace_onnx(outside(v=of), Outside(NAME, DATA))


def test_no_byte_serves_two_tensors() -> None:
    """Else a thousand tensors of one file's bytes would be a thousand files."""
    with pytest.raises(BadInput, match="share bytes"):
        trace_onnx(outside(v=place("0"), w=place("0")), Outside(NAME, DATA[:64]))


@given(offset=st.integers(-10, 200), length=st.integers(-10, 200))
def test_a_place_is_read_or_refused(offset: int, length: int) -> None:
    try:
        trace_onnx(outside(v=place(str(offset), str(length))), Outside(NAME, DATA))
    except BadInput:
        return
    assert 0 <= offset <= 64 and length == 64


def test_only_the_file_beside_the_model_is_read(tmp_path: Path) -> None:
    path, beside = tmp_path / "net.onnx", tmp_path / NAME
    path.write_bytes(outside(v=place("0"), w=place("64")))
    with pytest.raises(BadInput, match=r"'net\.onnx\.data' beside the model, which is not there"):
        read_model(path)
    (tmp_path / "elsewhere").write_bytes(DATA)
    beside.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadInput, match="is a link"):
        read_model(path)
    beside.unlink()
    beside.mkdir()
    with pytest.raises(BadInput, match="cannot be read"):
        read_model(path)
    beside.rmdir()
    beside.write_bytes(DATA)
    assert read_model(path).output == trace_onnx(INSIDE).output
    path.rename(tmp_path / "mine.onnx")
    beside.rename(tmp_path / "mine.onnx.data")
    with pytest.raises(BadInput, match=r"'v' are in 'net\.onnx\.data', and only 'mine\.onnx\.data' may be"):
        read_model(tmp_path / "mine.onnx")


def test_both_files_count_against_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(outside(v=place("0"), w=place("64")))
    (tmp_path / NAME).write_bytes(DATA)
    monkeypatch.setattr(model_file, "MOST_MODEL", path.stat().st_size + len(DATA) - 1)
    with pytest.raises(BadInput, match="are larger than"):
        read_model(path)


def test_what_torch_writes_by_default_is_read(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("onnxscript", reason="onnxscript is not installed: torch's newer exporter needs it")
    net = torch.nn.Sequential(torch.nn.Linear(30, 20), torch.nn.Sigmoid(), torch.nn.Linear(20, 3)).eval()
    torch.onnx.export(net, (torch.zeros(1, 30),), tmp_path / "model.onnx", verbose=False)
    assert (tmp_path / "model.onnx.data").stat().st_size >= 4 * 600, "the weights lie beside it"
    graph = read_model(tmp_path / "model.onnx")
    x = RNG.normal(size=(5, 30)).astype(np.float32)
    with torch.no_grad():
        assert np.allclose(evaluate(graph, x)[graph.output], net(torch.from_numpy(x)).numpy(), atol=1e-5)
