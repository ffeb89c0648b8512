"""`velatura edge export` and `edge run --model BUNDLE` as installed: from a network to counts, and every bad model a named refusal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from tests.edge.bundles import OTHER, made, network_file
from tests.edge.chains import SIGNER
from tests.edge.watching import network_bytes, walk
from tests.models.test_structure import outside
from tests.programs import bare_environment, velatura

from velatura.crypto import keytext
from velatura.edge.bundle import read_bundle, seal
from velatura.edge.container import VECTORS
from velatura.edge.schema import HEALTH

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="vision is confined by Linux")

MINE = keytext.encode(SIGNER.verifier)
TORCH = """
import torch
from torch import nn


class Reds(nn.Module):
    def __init__(self):
        super().__init__()
        self.look = nn.Conv2d(3, 1, 24, stride=8, padding=8, bias=False)
        with torch.no_grad():
            self.look.weight.zero_()
            self.look.weight[0, 2], self.look.weight[0, 1] = 1 / 576 / 150, -1 / 576 / 150

    def forward(self, x):
        score = self.look(x).clamp(0.0, 0.95)
        first = score.flatten(2).transpose(1, 2)
        cls, boxes = [first], [first * 0 + torch.tensor([0.5, 0.5, 2.2, 2.2])]
        for stride in (2, 4):
            less = nn.functional.avg_pool2d(score, stride).flatten(2).transpose(1, 2) * 0
            cls.append(less)
            boxes.append(less.repeat(1, 1, 4))
        return (*cls, *cls, *boxes)
"""


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return bare_environment(tmp_path, VELATURA_HOME=str(tmp_path / "home"))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return walk(tmp_path / "walk.mp4", frames=50)


def run(clip: Path, bundle: Path, env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return velatura("edge", "run", clip, "--model", bundle, "-o", clip.parent / "events.jsonl", "--force", *words, env=env)


def records(folder: Path) -> list[dict[str, int]]:
    lines = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    return [line["record"] for line in lines if line["kind"] == "record"]


def refused(done: subprocess.CompletedProcess[str], status: int, code: str, folder: Path) -> None:
    """By name, and nothing was told."""
    assert (done.returncode, f"[{code}]" in done.stderr) == (status, True), done.stderr
    assert "Traceback" not in done.stderr and done.stdout == ""
    events = folder / "events.jsonl"
    assert not events.exists() or events.read_bytes() == b""


def test_a_network_becomes_a_bundle_that_counts(tmp_path: Path, env: dict[str, str], clip: Path) -> None:
    network_file(tmp_path)
    out = tmp_path / "reds.bundle"
    words = ["reds.onnx", "-o", out, "--head", "yunet-n", "--level", "2", "--licence", "CC0-1.0", "--json"]
    told = velatura("edge", "export", *words, env=env, cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    result = json.loads(told.stdout)["result"]
    assert (result["events"], result["precision"]["chosen"]) == (["counts", "crossings"], "fp32")
    assert (tmp_path / "home" / "edge" / "bundles.key").stat().st_mode & 0o777 == 0o600
    manifest = read_bundle(out).manifest
    assert (manifest.licence, manifest.name, manifest.opset) == ("CC0-1.0", "reds", 13)
    done = run(clip, out, env, "--verifier", result["signer"], "--json")
    assert done.returncode == 0 and "its signer" not in done.stderr, done.stderr
    assert json.loads(done.stdout)["result"]["cameras"][0]["totals"] == {"seen": 1}
    unpinned = run(clip, out, env, "--level", "2")
    assert unpinned.returncode == 0 and "--verifier" in unpinned.stderr
    refused(run(clip, out, env, "--level", "1"), 3, "edge.bundle-policy", tmp_path / "nothing")


def test_a_torch_model_becomes_a_bundle_that_counts(tmp_path: Path, env: dict[str, str], clip: Path) -> None:
    pytest.importorskip("torch")
    (tmp_path / "reds_in_torch.py").write_text(TORCH)
    out = tmp_path / "reds.bundle"
    told = velatura("edge", "export", "reds_in_torch:Reds", "-o", out, "--head", "yunet-n", "--size", "320x256", env=env, cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    done = run(clip, out, env, "--json")
    assert json.loads(done.stdout)["result"]["cameras"][0]["totals"] == {"seen": 1}, done.stderr


def test_what_is_on_disk_or_in_transit_is_not_believed(tmp_path: Path, env: dict[str, str], clip: Path) -> None:
    bundle, _ = made(tmp_path)
    raw = bundle.read_bytes()
    at = raw.index(b"model.onnx\0") + 1000  # in the network
    for damaged, status, code in (
        (raw[:at] + bytes([raw[at] ^ 4]) + raw[at + 1 :], 3, "edge.bundle-hash"),
        (raw[: len(raw) // 2], 5, "edge.bundle-malformed"),
        (b"", 5, "edge.bundle-malformed"),
    ):
        bundle.write_bytes(damaged)
        refused(run(clip, bundle, env), status, code, tmp_path)
    bundle.write_bytes(raw)
    refused(run(clip, bundle, env, "--verifier", keytext.encode(OTHER.verifier)), 3, "edge.bundle-signer", tmp_path)
    refused(run(clip, bundle, env, "--backend", "openvino"), 2, "plugins.unknown", tmp_path)
    refused(run(clip, network_file(tmp_path), env), 5, "edge.bundle-malformed", tmp_path)
    assert run(clip, bundle, env, "--verifier", MINE).returncode == 0


def signed(folder: Path, model: bytes, **changes: object) -> Path:
    """A bundle by a maker who did not look: the network is another one, everything else holds."""
    bundle = read_bundle(made(folder)[0])
    path = folder / "signed.bundle"
    path.write_bytes(seal(msgspec.structs.replace(bundle.manifest, **changes), model, bundle.parts[VECTORS], SIGNER))
    return path


def other_shape() -> bytes:
    model = onnx.load_from_string(network_bytes())
    node = next(node for node in model.graph.node if node.name == "" and node.output[0] == "cls_8")
    node.input[0] = "pooled_16"
    return bytes(model.SerializeToString())


def other_weights() -> bytes:
    model = onnx.load_from_string(network_bytes())
    weights = next(one for one in model.graph.initializer if one.name == "weights")
    weights.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(weights), "weights"))
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("what", ["other-weights", "other-shape", "nan", "no-network", "cut"])
def test_a_signed_network_that_answers_otherwise_is_not_used(what: str, tmp_path: Path, env: dict[str, str], clip: Path) -> None:
    model = {
        "other-weights": other_weights,
        "other-shape": other_shape,
        "nan": lambda: network_bytes(poison=np.nan),
        "no-network": lambda: b"no network",
        "cut": lambda: network_bytes()[:-900],
    }[what]()
    code, status = ("models.malformed", 5) if what in ("no-network", "cut") else ("edge.self-test", 3)
    refused(run(clip, signed(tmp_path, model), env), status, code, tmp_path)


def test_a_signed_list_of_labels_that_is_longer_than_the_head_is_refused(tmp_path: Path, env: dict[str, str], clip: Path) -> None:
    refused(run(clip, signed(tmp_path, network_bytes(), labels=("face", "knife")), env), 2, "edge.model-labels", tmp_path)


def test_ten_thousand_boxes_are_counted_as_an_error_of_the_model(tmp_path: Path, env: dict[str, str], clip: Path) -> None:
    bundle, _ = made(tmp_path, poison=1.0, size=(832, 832))  # 10,816 cells, each of them a face
    done = run(clip, bundle, env, "--looks-per-s", "5")
    assert done.returncode == 0, done.stderr
    assert {record["health"] for record in records(tmp_path)} == {HEALTH.index("model-error")}


@pytest.mark.parametrize(
    ("file", "words", "status", "code"),
    [
        ("reds.onnx", [], 2, "edge.head"),
        ("reds.onnx", ["--head", "centerface"], 5, "models.outputs"),
        ("nan.onnx", ["--head", "yunet-n"], 5, "models.not-finite"),
        ("cut.onnx", ["--head", "yunet-n"], 5, "models.malformed"),
        ("outside.onnx", ["--head", "yunet-n"], 5, "models.external-data"),
        ("foreign.onnx", ["--head", "yunet-n"], 5, "models.foreign-operators"),
        ("reds.onnx", ["--head", "yunet-n", "--classes", "labels.txt"], 2, "edge.model-labels"),
        ("reds.onnx", ["--head", "yunet-n", "--size", "big"], 2, "edge.size"),
        ("large.onnx", ["--head", "yunet-n", "--max-mb", "1"], 5, "models.too-large"),
        ("reds.onnx", ["--head", "yunet-n", "--calibrate", "nowhere"], 2, "edge.calibration"),
        ("no-such", [], 2, "edge.head"),
        ("yunet-n", [], 4, "models.missing"),
    ],
)
def test_what_cannot_be_exported_is_one_line(file: str, words: list[str], status: int, code: str, tmp_path: Path, env: dict[str, str]) -> None:
    network_file(tmp_path)
    (tmp_path / "nan.onnx").write_bytes(network_bytes(poison=np.nan))
    (tmp_path / "cut.onnx").write_bytes(network_bytes()[:-900])
    (tmp_path / "large.onnx").write_bytes(network_bytes() + bytes(1 << 20))
    (tmp_path / "labels.txt").write_text("face\nknife\n")
    model = onnx.load_from_string(network_bytes())
    model.graph.initializer.append(outside("elsewhere"))
    (tmp_path / "outside.onnx").write_bytes(model.SerializeToString())
    model = onnx.load_from_string(network_bytes())
    model.graph.node[0].domain = "com.example"
    (tmp_path / "foreign.onnx").write_bytes(model.SerializeToString())
    done = velatura("edge", "export", file, "-o", "out.bundle", *words, env=env, cwd=tmp_path)
    assert (done.returncode, f"[{code}]" in done.stderr) == (status, True), done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "out.bundle").exists()


def test_integers_are_tried_on_pictures_and_the_reason_is_kept(tmp_path: Path, env: dict[str, str], clip: Path) -> None:
    network_file(tmp_path)
    (tmp_path / "pictures").mkdir()
    clip.rename(tmp_path / "pictures" / "walk.mp4")
    words = ["reds.onnx", "-o", "reds.bundle", "--head", "yunet-n", "--calibrate", "pictures", "--min-gain", "1000", "--json"]
    told = velatura("edge", "export", *words, env=env, cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    precision = json.loads(told.stdout)["result"]["precision"]
    assert (precision["chosen"], precision["against"]) == ("fp32", "fp32") and "less than 1000.00x" in precision["why"]
    assert precision["ap50_fp32"] > 99 and precision["objects"] >= 6 and precision["pictures"] >= 6
    words[words.index("1000")] = "0"
    told = velatura("edge", "export", *words, "--max-drop", "100", "--force", env=env, cwd=tmp_path)
    assert json.loads(told.stdout)["result"]["precision"]["chosen"] == "int8", told.stderr
    done = run(tmp_path / "pictures" / "walk.mp4", tmp_path / "reds.bundle", env, "--json")
    assert json.loads(done.stdout)["result"]["cameras"][0]["totals"] == {"seen": 1}, done.stderr
