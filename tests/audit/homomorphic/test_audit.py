"""The homomorphic room's part of an audit, on SEAL: raw decryptions are the key, what the policy lets out is not; a wrong table is told."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from velatura.attacks.parameter_check import ParameterCheck
from velatura.audit.homomorphic.arms import DecryptionArm, OracleArm, ParameterArm, new_key
from velatura.audit.homomorphic.cases import plan
from velatura.audit.homomorphic.material import Material, read
from velatura.audit.homomorphic.options import HomomorphicOptions
from velatura.audit.run import audit
from velatura.audit.spec import AuditSpec, read_spec
from velatura.errors import BadInput, BadSpec
from velatura.findings import Verdict
from velatura.homomorphic.artefacts import write
from velatura.homomorphic.compile import Options, compile_graph
from velatura.homomorphic.flooding import flooding_bits
from velatura.homomorphic.graph import Affine, Graph, Input
from velatura.homomorphic.parameters import parameters
from velatura.homomorphic.sharing import Sharing

PUBLIC = Sharing("public", queries=40)


def program(folder: Path, sharing: Sharing) -> None:
    """One layer, four inputs, three outputs: the least degree there is room for."""
    rng = np.random.default_rng(0)
    layer = Affine("scores", ("x",), (3,), csr_array(rng.normal(0, 0.6, (3, 4))), rng.normal(0, 0.1, 3))
    options = Options(error=1e-2, input_range=(-1, 1), flooding_bits=flooding_bits(sharing))
    write(compile_graph(Graph((Input("x", (), (4,)), layer), "scores"), rng.uniform(-1, 1, (64, 4)), options), sharing, folder)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("tenseal", reason="tenseal is not installed")
    folder = tmp_path_factory.mktemp("he")
    program(folder / "label", Sharing())
    program(folder / "public", PUBLIC)
    np.savez(folder / "x.npz", x=np.random.default_rng(1).uniform(-1, 1, (100, 4)))
    return folder


def material(place: Path, name: str = "label", inputs: str = "") -> Material:
    return read(HomomorphicOptions(program=name, inputs=inputs), base=place, seed=1)


def spec_of(place: Path, table: str, name: str = "label") -> Path:
    path = place / "AUDIT.toml"
    path.write_text(f'room = "homomorphic"\npictures = false\n[homomorphic]\nprogram = "{name}"\n{table}')
    return path


def test_a_program_that_gives_labels_holds_and_what_is_not_promised_is_stated(place: Path) -> None:
    key, bits, model, answers = audit(spec_of(place, "keys = 2\nqueries = 200\nanswers = 3\n")).report.findings
    assert (key.verdict, bits.verdict) == (Verdict.HELD, Verdict.HELD)
    assert key.baseline is not None and key.baseline.value == 1 and key.estimate is not None and key.estimate.value == 0
    assert (model.verdict, answers.verdict) == (Verdict.STATED, Verdict.STATED)
    assert model.estimate is not None and model.baseline is not None and model.estimate.value <= model.baseline.value == 1
    assert answers.estimate is not None and answers.estimate.value == 1 and answers.evidence["refused"] == "0 of 3"
    assert "--only key-recovery --keys 2" in key.repeat


def test_flooded_scores_do_not_tell_the_key_and_raw_ones_do(place: Path) -> None:
    (finding,) = audit(spec_of(place, 'keys = 2\nattacks = ["key-recovery"]\n', "public")).report.findings
    assert finding.verdict is Verdict.HELD and finding.baseline is not None and finding.baseline.value == 1
    assert finding.evidence["keys found whole"] == "0 of 2"


def test_real_parts_that_are_not_flooded_break_it(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard itself: with its noise gone the same case falls."""
    monkeypatch.setattr("velatura.audit.homomorphic.arms.flooded", lambda values, sigma, *, scale: values.real)
    (finding,) = audit(spec_of(place, 'keys = 2\nattacks = ["key-recovery"]\n', "public")).report.findings
    assert finding.verdict is Verdict.BROKEN and finding.evidence["keys found whole"] == "2 of 2"


def test_a_key_is_ternary_and_no_two_are_alike(place: Path) -> None:
    one, other = (new_key(material(place).client.parameters).coefficients for _ in range(2))
    assert set(np.unique(one)) == {-1, 0, 1} and (one != other).any()


def test_labels_are_all_that_a_decryption_arm_gives(place: Path) -> None:
    made = material(place)
    given = DecryptionArm(made, raw=False)(new_key(made.client.parameters), np.random.default_rng(1))
    assert len(given) == 2 and not any(one.told.any() for one in given)


def test_an_insecure_set_is_short_of_bits(place: Path) -> None:
    loose = parameters(4096, [60, 60], 60, insecure_ok=True)
    rng = np.random.default_rng(1)
    short, whole = (
        ParameterCheck().play(ParameterArm(p, loose=False), (), rng, budget_s=1).success[0, 0] for p in (loose, material(place).client.parameters)
    )
    assert short > 30 and whole == 0


def test_an_oracle_stops_at_the_limit_and_gives_what_the_policy_lets_out(place: Path) -> None:
    rng, x = np.random.default_rng(1), np.random.default_rng(2).uniform(-1, 1, (60, 4))
    labels, scores = (OracleArm(material(place, name), free=False)(x, rng) for name in ("label", "public"))
    assert labels.shape == (60, 3) and (labels.sum(1) == 1).all() and scores.shape == (PUBLIC.queries, 3)
    free = OracleArm(material(place, "public"), free=True)(x, rng)
    assert len(free) == 60 and 0 < np.abs(free[: len(scores)] - scores).max() < 1
    assert (labels.argmax(1) == free.argmax(1)).all()
    made = material(place)
    two = OracleArm(replace(made, client=replace(made.client, sharing=Sharing(top_k=2))), free=False)(x, rng)
    assert (np.sort(two, axis=1) == [0, 0.5, 1]).all() and (two.argmax(1) == free.argmax(1)).all()


def test_questions_and_fresh_inputs_are_different_ones(place: Path) -> None:
    made = material(place, inputs="x.npz")
    asked, fresh = made.questions(1000, np.random.default_rng(1)), made.fresh(200)
    assert (len(asked), len(fresh)) == (80, 20)
    assert not {row.tobytes() for row in asked} & {row.tobytes() for row in fresh}


def test_no_query_left_is_no_answer_to_change(place: Path) -> None:
    made = material(place)
    few = replace(made, client=replace(made.client, sharing=Sharing(queries=1)))
    from velatura.audit.homomorphic.cases import _malleability

    with ExitStack() as stack:
        (case,) = _malleability(few, stack)
    assert "limit of queries" in case.missing


@pytest.mark.parametrize(
    ("table", "word"),
    [
        ('attacks = ["key-recovry"]\n', "did you mean 'key-recovery'"),
        ('attacks = ["parameters", "parameters"]\n', "named twice"),
        ("keys = 1\n", "2 to 1000"),
        ("queries = 3\n", "8 to 20000"),
        ("answers = 0\n", "1 to 1000"),
        ('progam = "x"\n', "program"),
    ],
)
def test_a_wrong_table_is_told(tmp_path: Path, table: str, word: str) -> None:
    with pytest.raises(BadSpec) as told, ExitStack() as stack:
        plan(read_spec(spec_of(tmp_path, table)), base=tmp_path, stack=stack)
    assert word in f"{told.value.sentence} {told.value.hint}"


def test_no_table_and_no_program(tmp_path: Path) -> None:
    with ExitStack() as stack:
        with pytest.raises(BadSpec, match=r"audit\.no-table"):
            plan(AuditSpec(room="homomorphic"), base=tmp_path, stack=stack)
        with pytest.raises(BadInput):
            plan(read_spec(spec_of(tmp_path, "")), base=tmp_path, stack=stack)
