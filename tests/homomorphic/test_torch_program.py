"""Torch modules and `.pt2` files become graphs that compute the same; nothing is unpickled; refusals name the call."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest

from velatura.errors import BadInput, Unsupported
from velatura.homomorphic.graph import Activation, Graph, evaluate
from velatura.homomorphic.torch_program import trace_pt2, trace_torch

torch = pytest.importorskip("torch")
nn = torch.nn


def saved(net: nn.Module, *shape: int, free: bool = False) -> bytes:
    buffer = BytesIO()
    example = torch.zeros(2, *shape, dtype=next(net.parameters()).dtype)
    sizes = ({0: torch.export.Dim("n")},) if free else None
    torch.export.save(torch.export.export(net.eval(), (example,), dynamic_shapes=sizes), buffer)
    return buffer.getvalue()


def rewritten(data: bytes, compression: int = 0, **changed: bytes) -> bytes:
    """The archive with other entries, given by the end of their name."""
    buffer = BytesIO()
    with ZipFile(BytesIO(data)) as old, ZipFile(buffer, "w", compression) as new:
        for name in old.namelist():
            last = name.rpartition("/")[2].partition(".")[0]
            new.writestr(name, changed.get(last, old.read(name)))
    return buffer.getvalue()


def entry(data: bytes, end: str) -> bytes:
    with ZipFile(BytesIO(data)) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith(end)))


def value(graph: Graph, x: np.ndarray) -> np.ndarray:
    return np.asarray(evaluate(graph, x.reshape(len(x), -1))[graph.output])


def small() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.SiLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(8, 3)).double().eval()


@pytest.mark.parametrize("seed", range(0, 40, 10))
def test_random_networks_compute_the_same_from_memory_and_from_a_file(seed: int) -> None:
    from tests.homomorphic.torch_nets import network, outputs

    net, shape = network(seed)
    x = np.random.default_rng(seed).normal(0, 1, (3, *shape))
    want = outputs(net, x)
    for graph in (trace_torch(net, x), trace_pt2(saved(net, *shape))):
        assert np.abs(value(graph, x) - want).max() <= 1e-9 * np.abs(want).max()


class Many(nn.Module):
    """What the random networks do not have."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(10, 4)
        self.register_buffer("scale", torch.arange(1.0, 5.0), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.pad(x, (1, 0, 0, 2), value=0.5).transpose(1, 2)[:, 1:, ::2]
        x = torch.sub(x, torch.tensor(2.0), alpha=0.5).permute(0, 2, 1).reshape(x.shape[0], -1)
        x = nn.functional.relu(self.dense(x / 2), inplace=True)
        x += 1
        x = (x.square() - x.pow(3) * 0.1) * self.scale.to(x.dtype)
        return torch.softmax((1 - x).unsqueeze(1).sum(1), -1)


def test_the_other_operators_compute_the_same(tmp_path: Path) -> None:
    net = Many().double().eval()
    x = np.random.default_rng(0).normal(0, 1, (3, 2, 5))
    scores = trace_torch(net, x)
    want = net(torch.tensor(x)).detach().numpy()
    got = value(scores, x)
    np.testing.assert_allclose(np.exp(got) / np.exp(got).sum(1, keepdims=True), want, rtol=1e-9)
    program = torch.export.export(net, (torch.zeros(2, 2, 5).double(),), dynamic_shapes=({0: torch.export.Dim("n")},)).run_decompositions({})
    path = tmp_path / "net.pt2"
    torch.export.save(program, path)
    np.testing.assert_allclose(value(trace_pt2(path), x), got, rtol=1e-9)


def test_a_free_batch_and_lower_operators_are_read_too() -> None:
    x = np.random.default_rng(0).normal(0, 1, (3, 1, 6, 6))
    want = small()(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(value(trace_pt2(saved(small(), 1, 6, 6, free=True)), x), want, rtol=1e-9, atol=1e-12)
    buffer = BytesIO()
    torch.export.save(torch.export.export(small(), (torch.zeros(2, 1, 6, 6).double(),)).run_decompositions(), buffer)
    graph = trace_pt2(buffer.getvalue())
    np.testing.assert_allclose(value(graph, x), want, rtol=1e-9, atol=1e-12)
    assert [one.kind for one in graph if isinstance(one, Activation)] == ["silu"]


def test_training_mode_is_refused_by_the_modules_name() -> None:
    net = small()
    net[1].train()
    with pytest.raises(Unsupported, match="module '1' is in training mode") as refusal:
        trace_torch(net, np.zeros((1, 1, 6, 6)))
    assert refusal.value.hint == "model.eval() first"


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([nn.MaxPool1d(2)], "max_pool1d"),
        ([nn.Softplus()], "softplus"),
        ([nn.AdaptiveAvgPool1d(3)], "windows of different sizes"),
        ([nn.LayerNorm(8)], "layer_norm"),
    ],
)
def test_what_is_not_computable_is_refused_by_name(layers: list[nn.Module], words: str) -> None:
    with pytest.raises(Unsupported, match=words) as refusal:
        trace_torch(nn.Sequential(nn.Conv1d(1, 1, 1), *layers).eval(), np.zeros((1, 1, 8)))
    assert refusal.value.code == "he.unsupported-op"


class Branch(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if x.sum() > 0 else -x


class Rounded(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.to(torch.int32) * 0.5


class Mixed(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x - x.mean(0, keepdim=True)


class Divided(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.div(x, 3.0, rounding_mode="floor")


@pytest.mark.parametrize(("net", "words"), [(Branch(), "cannot export"), (Rounded(), "whole numbers"), (Mixed(), "batch"), (Divided(), "rounds")])
def test_branches_rounding_and_other_samples_are_refused(net: nn.Module, words: str) -> None:
    with pytest.raises(Unsupported, match=words):
        trace_torch(net.eval(), np.zeros((1, 4)))


@pytest.mark.parametrize(
    ("net", "words"),
    [
        (nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)).train(), "in place"),  # it counts batches
        (nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4, track_running_stats=False)), "training mode"),
        (nn.Sequential(nn.Linear(4, 4), nn.Dropout()).train(), "training mode"),
        (nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace=True)), "in place"),
    ],
)
def test_a_program_saved_in_training_mode_or_with_changes_in_place_is_refused(net: nn.Module, words: str) -> None:
    buffer = BytesIO()
    torch.export.save(torch.export.export(net, (torch.zeros(2, 4),)), buffer)
    with pytest.raises(Unsupported, match=words) as refusal:
        trace_pt2(buffer.getvalue())
    assert "model.eval()" in refusal.value.hint


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("exploded"),)


def test_nothing_is_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    good = saved(small(), 1, 6, 6)
    bomb = BytesIO()
    torch.save(Bomb(), bomb)
    config = json.loads(entry(good, "model_weights_config.json"))
    first = next(iter(config["config"].values()))
    first["use_pickle"] = True
    hostile = rewritten(good, model_weights_config=json.dumps(config).encode(), **{first["path_name"]: bomb.getvalue()})
    with pytest.raises(Unsupported, match="unpickled"):
        trace_pt2(hostile)
    buffer = BytesIO()
    with ZipFile(BytesIO(good)) as old, ZipFile(buffer, "w") as new:
        for name in old.namelist():
            new.writestr(name, bomb.getvalue() if "sample_inputs" in name else old.read(name))
    trace_pt2(buffer.getvalue())
    assert not Path("exploded").exists()
    torch.load(BytesIO(bomb.getvalue()), weights_only=False)
    assert Path("exploded").exists(), "it would have"


def test_damaged_files_are_refused_in_one_line() -> None:
    good = saved(small(), 1, 6, 6)
    config = json.loads(entry(good, "model_weights_config.json"))
    next(iter(config["config"].values()))["tensor_meta"]["storage_offset"] = {"as_int": 10**6}
    model = json.loads(entry(good, "models/model.json"))
    model["schema_version"]["major"] = 9
    bad = {
        "nothing": b"",
        "half": good[: len(good) // 2],
        "compressed": rewritten(good, ZIP_DEFLATED),
        "outside": rewritten(good, model_weights_config=json.dumps(config).encode()),
        "not JSON": rewritten(good, model=b"{"),
        "deep": rewritten(good, model=b"[" * 100_000),
        "empty": rewritten(good, model=b"{}"),
        "another schema": rewritten(good, model=json.dumps(model).encode()),
        "short": rewritten(good, weight_0=b"\x00" * 8),
    }
    for what, data in bad.items():
        with pytest.raises(BadInput) as refusal:
            trace_pt2(data)
        assert refusal.value.code == "he.model", what
        assert "\n" not in str(refusal.value)


def test_programs_whose_figures_are_changed_are_refused_or_read() -> None:
    good = saved(small(), 1, 6, 6)
    text = entry(good, "models/model.json")
    rng = np.random.default_rng(0)
    places = [number for number, char in enumerate(text) if chr(char).isdigit()]
    refusals = 0
    for _ in range(60):
        changed = bytearray(text)
        for place in rng.choice(places, 3):
            changed[place] = ord("0") + int(rng.integers(0, 10))
        try:
            trace_pt2(rewritten(good, model=bytes(changed)))
        except BadInput:
            refusals += 1
    assert refusals > 0
