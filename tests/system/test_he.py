"""`velatura he` as a person runs it: from an ONNX file to labels, the same over HTTPS, and words and files that are wrong."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
from tests.programs import VELATURA, bare_environment, velatura

pytest.importorskip("tenseal", reason="tenseal is not installed")
onnx = pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("starlette", reason="starlette is not installed")

pytestmark = pytest.mark.xdist_group("he")  # one program, its keys and its answer for all of them


def network(folder: Path) -> None:
    """12 inputs, a dense layer, squares, a dense layer, 4 scores and a softmax; samples with their labels."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    weights = {name: rng.normal(0, 0.4, shape).astype(np.float32) for name, shape in {"w1": (6, 12), "b1": (6,), "w2": (4, 6), "b2": (4,)}.items()}
    nodes = [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["a"], name="dense", transB=1),
        helper.make_node("Mul", ["a", "a"], ["s"], name="square"),
        helper.make_node("Gemm", ["s", "w2", "b2"], ["z"], name="scores", transB=1),
        helper.make_node("Softmax", ["z"], ["y"], name="softmax", axis=1),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size]) for name, size in (("x", 12), ("y", 4))]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], [numpy_helper.from_array(array, name) for name, array in weights.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "model.onnx")
    x = rng.uniform(-1, 1, (100, 12))
    x[0], x[1] = 1, -1
    scores = (x @ weights["w1"].T + weights["b1"]) ** 2 @ weights["w2"].T + weights["b2"]
    np.savez(folder / "x.npz", x=x, y=scores.argmax(axis=1))
    np.savez(folder / "few.npz", x=x[2:5])
    np.save(folder / "scores.npy", scores)


class Desk:
    """A folder in which commands are run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = bare_environment(folder, VELATURA_HOME=str(folder / "home"))

    def __call__(self, line: str, *, status: int = 0) -> subprocess.CompletedProcess[str]:
        done = velatura("he", *line.split(), env=self.env, cwd=self.folder)
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
        return done

    def refused(self, line: str, code: str, *, status: int) -> str:
        done = self(line, status=status)
        assert f"[{code}]" in done.stderr, done.stderr
        return done.stderr


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Compiled under `--share private`, with keys, three samples encrypted and their answer."""
    made = Desk(tmp_path_factory.mktemp("he"))
    network(made.folder)
    made("compile model.onnx --calibration x.npz -o prog --share private --error 1e-7")
    made("keygen prog/client.vlhe -o keys")
    made("encrypt prog/client.vlhe --key keys/secret.key few.npz -o in.ct")
    made("run prog/server.vlhe --keys keys/eval.keys in.ct -o out.ct")
    return made


def labels(desk: Desk) -> list[int]:
    return np.load(desk.folder / "scores.npy")[2:5].argmax(axis=1).tolist()


def test_an_answer_is_the_models(desk: Desk) -> None:
    assert [int(line) for line in desk("decrypt prog/client.vlhe --key keys/secret.key out.ct").stdout.split()] == labels(desk)
    told = json.loads((desk.folder / "prog" / "report.json").read_bytes())
    assert {"levels", "log_qp", "n", "security", "rotations", "galois_keys", "eval_key_bytes", "upload_bytes", "result_bytes"} <= set(told)
    assert {"predicted_ms", "predicted_error", "spare_bits", "range", "layout", "output", "share"} <= set(told)
    assert told["log_qp"] <= told["allowed_log_qp"]


def test_raw_scores_go_into_a_private_file_with_a_warning(desk: Desk) -> None:
    done = desk("decrypt prog/client.vlhe --key keys/secret.key out.ct --raw -o y.npz --json")
    document = json.loads(done.stdout)
    assert [row[0] for row in document["result"]["labels"]] == labels(desk)
    assert "scores" not in document["result"]
    assert "compute the secret key" in document["warnings"][0]
    assert "ends with Softmax" in document["warnings"][1] and document["result"]["left_away"] == "Softmax"
    assert (desk.folder / "y.npz").stat().st_mode & 0o777 == 0o600
    with np.load(desk.folder / "y.npz") as read:
        np.testing.assert_allclose(read["scores"], np.load(desk.folder / "scores.npy")[2:5], atol=1e-5)
    desk.refused("decrypt prog/client.vlhe --key keys/secret.key out.ct --raw", "he.raw", status=2)
    desk.refused("decrypt prog/client.vlhe --key keys/secret.key out.ct --raw -o y.npz", "files.exists", status=2)


def test_before_a_key_exists_accuracy_and_cost_are_known(desk: Desk) -> None:
    found = json.loads(desk("simulate prog x.npz --json").stdout)["result"]
    assert found["accuracy"] == 1.0
    assert found["spare_bits"] > 0
    cost = json.loads(desk("estimate prog/server.vlhe --json").stdout)["result"]
    assert cost["estimated_bits"] > 120
    report = json.loads((desk.folder / "prog" / "report.json").read_bytes())
    assert (cost["rotations"], cost["galois_keys"]) == (report["rotations"], report["galois_keys"])
    assert cost["eval_key_bytes"] == pytest.approx((desk.folder / "keys" / "eval.keys").stat().st_size, rel=0.2)


def test_weights_stand_in_the_servers_artefact_alone(desk: Desk) -> None:
    weight = np.float64(np.float32(np.random.default_rng(0).normal(0, 0.4, (6, 12))[0, 0]))
    client = (desk.folder / "prog" / "client.vlhe").read_bytes()
    assert weight.tobytes() not in client
    assert len(client) < 20_000


def test_the_same_over_https(desk: Desk) -> None:
    from velatura.federated.deploy.certificates import make_authority, make_server

    folder = desk.folder / "tls"
    folder.mkdir()
    make_authority(folder, at=dt.datetime.now(dt.UTC))
    make_server(folder, ["127.0.0.1"], at=dt.datetime.now(dt.UTC))
    words = ["he", "serve", "prog/server.vlhe", "--token-file", "token", "--port", "0", "--cert", "tls/server.crt", "--key", "tls/server.key"]
    with subprocess.Popen([str(VELATURA), *words], cwd=desk.folder, env=desk.env, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            address = re.match(r"https://127\.0\.0\.1:\d+", server.stderr.readline())
            assert address
            assert (desk.folder / "token").stat().st_mode & 0o777 == 0o600
            reach = f"--token-file token --ca tls/ca.crt {address[0]}"
            desk(f"run {reach} in.ct --keys keys/eval.keys -o over.ct")
            desk(f"run {reach} in.ct -o again.ct")
            desk.refused(f"run {reach} in.ct --keys keys/secret.key -o bad.ct", "he.secret-sent", status=5)
            desk.refused(f"run --token-file token {address[0]} in.ct -o bad.ct", "he.certificate", status=3)
            (desk.folder / "other").write_text("x" * 30)
            (desk.folder / "other").chmod(0o600)
            desk.refused(f"run --token-file other --ca tls/ca.crt {address[0]} in.ct -o bad.ct", "he.token", status=3)
        finally:
            server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0
        assert server.stderr.read() == ""  # nothing is logged
    done = desk("decrypt prog/client.vlhe --key keys/secret.key over.ct")
    assert [int(line) for line in done.stdout.split()] == labels(desk)
    assert not (desk.folder / "bad.ct").exists()


def test_files_that_are_wrong_are_refused_by_name(desk: Desk) -> None:
    folder = desk.folder
    raw = (folder / "in.ct").read_bytes()
    (folder / "flipped.ct").write_bytes(raw[:5000] + bytes([raw[5000] ^ 4]) + raw[5001:])
    (folder / "cut.ct").write_bytes(raw[:-100])
    (folder / "huge.ct").write_bytes(raw[:100])
    os.truncate(folder / "huge.ct", 1 << 36)
    for name, code in (("flipped.ct", "he.digest"), ("cut.ct", "he.length"), ("huge.ct", "he.length"), ("x.npz", "he.magic")):
        assert name in desk.refused(f"run prog/server.vlhe --keys keys/eval.keys {name} -o bad.ct", code, status=5)
    desk.refused("run prog/server.vlhe --keys keys/secret.key in.ct -o bad.ct", "he.secret-sent", status=5)
    desk.refused("run prog/client.vlhe --keys keys/eval.keys in.ct -o bad.ct", "he.kind", status=5)
    desk.refused("run prog/server.vlhe in.ct -o bad.ct", "he.no-keys", status=2)
    desk.refused("run prog/server.vlhe --keys keys/eval.keys in.ct -o in.ct", "files.same", status=2)
    desk.refused("run prog/server.vlhe --keys keys/eval.keys in.ct -o out.ct", "files.exists", status=2)
    assert not (folder / "bad.ct").exists()


def test_a_foreign_key_is_refused_wherever_it_is_used(desk: Desk) -> None:
    desk("keygen prog/client.vlhe -o others")
    desk.refused("run prog/server.vlhe --keys others/eval.keys in.ct -o bad.ct", "he.foreign-key", status=5)
    desk.refused("decrypt prog/client.vlhe --key others/secret.key out.ct", "he.foreign-key", status=5)
    desk.refused("keygen prog/client.vlhe -o others", "files.exists", status=2)
    (desk.folder / "others" / "secret.key").chmod(0o644)
    desk.refused("encrypt prog/client.vlhe --key others/secret.key few.npz -o bad.ct", "he.key-exposed", status=3)


def test_samples_that_are_wrong_are_refused_with_their_place(desk: Desk) -> None:
    for name, x, code in (
        ("nan.npz", np.full((1, 12), np.nan), "he.not-finite"),
        ("wide.npz", np.zeros((1, 13)), "he.shape"),
        ("none.npz", np.zeros((0, 12)), "he.empty"),
        ("text.npz", np.array([["a"] * 12]), "he.samples"),
        ("truth.npz", np.ones((1, 12), bool), "he.samples"),
        ("far.npz", np.full((1, 12), 2.0), "he.range"),
    ):
        np.savez(desk.folder / name, x=x)
        desk.refused(f"encrypt prog/client.vlhe --key keys/secret.key {name} -o bad.ct", code, status=5)
    assert not (desk.folder / "bad.ct").exists()
    done = desk("encrypt prog/client.vlhe --key keys/secret.key far.npz --clip -o clipped.ct --json")
    told = json.loads(done.stdout)
    assert told["result"]["clipped"] == 12 and "bounds: 12;" in told["warnings"][0]


def test_options_that_are_wrong_are_refused(desk: Desk) -> None:
    calibrated = "compile model.onnx --calibration x.npz"
    desk.refused(f"{calibrated} -o prog", "files.exists", status=2)
    desk.refused(f"{calibrated} -o new --share all", "he.share", status=2)
    desk.refused(f"{calibrated} -o new --layout wide", "he.layout", status=2)
    desk.refused(f"{calibrated} -o new --top-k 4", "he.top-k", status=2)
    desk.refused(f"{calibrated} -o new --max-log-qp 300", "he.insecure", status=2)
    desk.refused("compile x.npz --calibration x.npz -o new", "he.model", status=5)
    desk.refused("estimate", "he.nothing-asked", status=2)
    desk.refused("serve prog/server.vlhe --token-file t2 --host 0.0.0.0", "he.plain-http", status=2)
    assert not (desk.folder / "new").exists()
    assert not (desk.folder / "t2").exists()


def test_insecure_parameters_say_so_everywhere(desk: Desk) -> None:
    desk("compile model.onnx --calibration x.npz -o loose --insecure-ok --max-log-qp 250")
    assert json.loads((desk.folder / "loose" / "report.json").read_bytes())["security"] == "insecure"
    done = desk("keygen loose/client.vlhe -o loosekeys")
    assert "insecure" in done.stderr
    assert "insecure" in desk("estimate loose/server.vlhe").stderr
