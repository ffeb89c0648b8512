"""The compiler on SEAL: what it foretells is what comes, and what cannot be is refused before a key exists."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array

from velatura.errors import BadInput, BadSpec, Unsupported
from velatura.homomorphic.artefacts import dump_client, dump_server, load_client, load_server
from velatura.homomorphic.compile import Options, compile_graph, compile_model
from velatura.homomorphic.compiled import Compiled, pack, unpack
from velatura.homomorphic.engine import run
from velatura.homomorphic.graph import Activation, Affine, Graph, Input, Polynomial, evaluate
from velatura.homomorphic.levels import plan
from velatura.homomorphic.program_form import inputs_of
from velatura.homomorphic.seal_public import PublicSide
from velatura.homomorphic.seal_secret import SecretSide
from velatura.homomorphic.sharing import Sharing

RNG = np.random.default_rng(0)
SAMPLES = RNG.uniform(-1, 1, (40, 12))


def network() -> Graph:
    rng = np.random.default_rng(1)
    first = Affine("a", ("x",), (6,), csr_array(rng.normal(size=(6, 12))), rng.normal(size=6))
    square = Polynomial("s", ("a",), (6,), np.array([[0.0], [0.0], [1.0]]))
    return Graph((Input("x", (), (12,)), first, square, Affine("b", ("s",), (3,), csr_array(rng.normal(size=(3, 6))), rng.normal(size=3))), "b")


def on_seal(compiled: Compiled, x: NDArray[np.float64]) -> NDArray[np.float64]:
    parameters = compiled.parameters
    planned = plan(compiled.program, parameters.data, compiled.scales)
    owner = SecretSide(parameters)
    server = PublicSide(parameters, owner.evaluation_keys(compiled.program.rotations))
    packed = pack(compiled.packing, parameters.slots, x)[0]
    scale = compiled.scales[0]
    inputs = {(0, k): server.load(owner.encrypt(row, scale), level=len(parameters.data), scale=scale) for k, row in enumerate(packed)}
    answers = run(compiled.program, planned, server, inputs)
    slots = [
        owner.decrypt(server.dump(one), level=planned.level[ref], scale=planned.scale[ref]).real
        for one, ref in zip(answers, compiled.program.outputs, strict=True)
    ]
    return unpack(compiled.unpacking, np.stack(slots), len(x) if compiled.packing.batch else 1)


@pytest.mark.parametrize("layout", ["auto", "batch"])
def test_seal_gives_what_the_network_gives_within_what_was_foretold(layout: str) -> None:
    graph = network()
    compiled = compile_graph(graph, SAMPLES, Options(layout=layout))
    x = SAMPLES[:4] if layout == "batch" else SAMPLES[:1]
    want = evaluate(graph, x)["b"]
    largest = np.abs(evaluate(graph, SAMPLES)["b"]).max()
    assert np.abs(on_seal(compiled, x) - want).max() / largest < 4 * max(compiled.report["predicted_error"], 1e-9)
    assert compiled.range == "proven"
    assert compiled.report["output"] == "masked"
    assert compiled.parameters.log_qp <= compiled.report["allowed_log_qp"]
    assert compiled.report["spare_bits"] >= 1.99


@pytest.mark.parametrize(("layout", "ciphertexts"), [("raw", 2), ("batch", 40)])
def test_what_the_network_does_not_read_is_not_sent(layout: str, ciphertexts: int) -> None:
    """Elements 4500 to 4539 of 9000 are read: of the ciphertexts that hold the sample, those travel."""
    weights = np.zeros((3, 9000))
    weights[:, 4500:4540] = RNG.normal(size=(3, 40))
    graph = Graph((Input("x", (), (9000,)), Affine("a", ("x",), (3,), csr_array(weights), np.ones(3))), "a")
    x = RNG.uniform(-1, 1, (20, 9000))
    compiled = compile_graph(graph, x, Options(layout=layout, input_range=(-1.0, 1.0)))
    sent = len(pack(compiled.packing, compiled.parameters.slots, x[:1])[0])
    assert inputs_of(compiled.program) == tuple((0, number) for number in range(sent))
    assert sent <= ciphertexts
    want = evaluate(graph, x[:2])["a"][: 2 if layout == "batch" else 1]
    assert np.abs(on_seal(compiled, x[: len(want)]) - want).max() < 1e-2 * np.abs(want).max()


def test_activations_are_fitted_and_told() -> None:
    graph = network()
    nodes = (*graph.nodes[:2], Activation("s", ("a",), (6,), "silu"), graph.nodes[3])
    compiled = compile_model(Graph(nodes, "b"), SAMPLES)
    assert compiled.report["activations"]["s"]["kind"] == "silu"
    want = evaluate(Graph(nodes, "b"), SAMPLES[:1])["b"]
    assert np.abs(on_seal(compiled, SAMPLES[:1]) - want).max() < 0.05 * np.abs(want).max()


def test_what_activations_cost_stands_beside_the_noise_and_is_added_up() -> None:
    graph = network()
    nodes = (*graph.nodes[:2], Activation("s", ("a",), (6,), "silu"), graph.nodes[3])
    compiled = compile_model(Graph(nodes, "b"), SAMPLES, Options(activation_error=3e-2))
    off, noise = compiled.report["activations_error"], compiled.report["predicted_error"]
    assert compiled.report["predicted_error_in_all"] == off + noise and off > noise
    want = evaluate(Graph(nodes, "b"), SAMPLES)["b"]
    seen = [np.abs(on_seal(compiled, SAMPLES[k : k + 1]) - want[k]).max() / np.abs(want).max() for k in range(6)]
    assert max(seen) < 1.2 * off
    assert compile_model(graph, SAMPLES).report["activations_error"] == 0.0


@pytest.mark.parametrize("units", [1e-9, 255.0, 1e12])
def test_inputs_may_be_in_any_units(units: float) -> None:
    """Their squares are then of 1e24: a scale below one brings them under the modulus."""
    graph, x = network(), units * SAMPLES
    compiled = compile_graph(graph, x, Options())
    assert compiled.parameters.n == 8192 and compiled.report["inputs_from_to"][1] > units / 2
    want = evaluate(graph, x)["b"]
    assert np.abs(on_seal(compiled, x[:1]) - want[:1]).max() < 1e-3 * np.abs(want).max()
    load_server(dump_server(compiled))
    load_client(dump_client(compiled, Sharing(), bytes(32)))


@pytest.mark.parametrize(
    ("graph", "x", "words"),
    [
        (network(), 1e60 * SAMPLES, "outputs reach .*e.121"),
        (network(), 1e200 * SAMPLES, "outputs are beyond floating point"),
        (network(), np.full((5, 12), 0.25), "no number but 0.25"),
        (Graph((Input("x", (), (12,)), Affine("a", ("x",), (1,), csr_array(np.eye(1, 12)), np.zeros(1))), "a"), np.eye(12)[3:5], "answers zero"),
    ],
)
def test_a_calibration_that_says_nothing_is_refused_before_a_search(graph: Graph, x: NDArray[np.float64], words: str) -> None:
    said: list[str] = []
    with pytest.raises(BadInput, match=words) as caught:
        compile_graph(graph, x, told=said.append)
    assert caught.value.code == "he.calibration" and not said and "samples" in caught.value.hint


def test_more_digits_than_doubles_have_are_refused_before_a_search() -> None:
    said: list[str] = []
    with pytest.raises(Unsupported, match=r"he\.precision"):
        compile_graph(network(), SAMPLES, Options(error=1e-9, flooding_bits=34.0), told=said.append)
    assert not said


def test_a_finer_result_needs_a_longer_chain() -> None:
    graph = network()
    coarse, fine = (compile_graph(graph, SAMPLES, Options(flooding_bits=bits)) for bits in (0.0, 24.0))
    assert fine.parameters.n > coarse.parameters.n
    assert fine.report["predicted_error"] <= 1e-3 * 2.0**-24 < coarse.report["predicted_error"]


def test_keys_weigh_no_more_megabytes_than_was_asked_for() -> None:
    free = compile_graph(network(), SAMPLES)
    for share in (0.95, 0.7):
        most = share * free.report["eval_key_bytes"] / 1e6
        compiled = compile_graph(network(), SAMPLES, Options(max_key_mb=most))
        assert compiled.report["galois_keys"] < free.report["galois_keys"]
        keys = SecretSide(compiled.parameters).evaluation_keys(compiled.program.rotations)
        assert 0.5 * most < len(keys) / 1e6 <= most
    with pytest.raises(Unsupported, match=r"he\.keys"):
        compile_graph(network(), SAMPLES, Options(max_key_mb=0.1))


def test_what_no_degree_can_do_is_refused_by_name() -> None:
    deep = [Input("x", (), (4,))]
    for number in range(45):
        deep.append(Polynomial(f"s{number}", (deep[-1].name,), (4,), np.array([[0.1], [0.3], [0.5]])))
    with pytest.raises(Unsupported, match=r"he\.(depth|no-layout|precision)"):
        compile_graph(Graph(tuple(deep), "s44"), RNG.uniform(-1, 1, (4, 4)))
    with pytest.raises(BadInput, match=r"he\.calibration"):
        compile_graph(network(), np.full((3, 12), np.nan))
    with pytest.raises(BadInput, match=r"he\.calibration"):
        compile_model(network(), np.zeros((3, 11)))
    with pytest.raises(BadSpec, match=r"he\.layout"):
        compile_graph(network(), SAMPLES, Options(layout="diagonal"))


def test_a_torch_network_from_a_file_runs_on_ciphertext(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(1, 2, 3, stride=2), torch.nn.BatchNorm2d(2), torch.nn.SiLU(), torch.nn.Flatten()]
    net = torch.nn.Sequential(*layers, torch.nn.Linear(18, 3)).double().eval()
    x = np.random.default_rng(0).uniform(0, 1, (40, 1, 7, 7))
    want = net(torch.tensor(x)).detach().numpy()
    torch.export.save(torch.export.export(net, (torch.tensor(x[:2]),)), tmp_path / "net.pt2")
    compiled = compile_model(tmp_path / "net.pt2", x, Options(activation_error=1e-2, layout="im2col"))
    (activation,) = compiled.report["activations"].values()
    assert activation["kind"] == "silu"
    assert np.abs(on_seal(compiled, x[:1].reshape(1, -1)) - want[:1]).max() < 0.03 * np.abs(want).max()


def test_what_cannot_be_read_is_refused_before_anything_is_compiled(tmp_path: Path) -> None:
    for name in ("none.onnx", "none.pt2"):
        with pytest.raises(BadInput, match=r"cannot be read: .*he\.model"):
            compile_model(tmp_path / name, SAMPLES)
    nodes = (*network().nodes[:2], Activation("s", ("a",), (6,), "silu"), network().nodes[3])
    with pytest.raises(BadInput, match="not finite"):
        compile_model(Graph(nodes, "b"), np.full((3, 12), np.nan))
