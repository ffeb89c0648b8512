"""Artefacts: what was compiled is read back, weights stand in the server's alone, and a wrong figure under a right digest is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from tests.homomorphic.small_models import PUBLIC, small, small_batch, small_public

from velatura.errors import BadInput, BadSpec
from velatura.homomorphic.artefacts import CLIENT, REPORT, SERVER, dump_client, dump_server, load_client, load_server, write
from velatura.homomorphic.compiled import Compiled, Packing, Unpacking
from velatura.homomorphic.levels import plan
from velatura.homomorphic.parameters import Parameters
from velatura.homomorphic.program import Rotate
from velatura.homomorphic.sharing import Sharing

LABEL = Sharing()


def made(compiled: Compiled, sharing: Sharing = LABEL) -> bytes:
    return dump_client(compiled, sharing, load_server(dump_server(compiled)).id)


@pytest.mark.parametrize("compiled", [small, small_batch])
def test_the_servers_artefact_is_the_program(compiled: object) -> None:
    compiled = compiled()
    found = load_server(dump_server(compiled))
    assert (found.program.steps, found.program.outputs, found.program.layer) == (
        compiled.program.steps,
        compiled.program.outputs,
        compiled.program.layer,
    )
    for one, other in zip(found.program.plains, compiled.program.plains, strict=True):
        np.testing.assert_array_equal(one, other)
    assert found.parameters == compiled.parameters
    assert found.plan == plan(compiled.program, compiled.parameters.data, compiled.scales)
    assert len(found.inputs) == len(compiled.packing.gather)


@pytest.mark.parametrize("compiled", [small, small_batch])
def test_the_clients_artefact_is_the_rest(compiled: object) -> None:
    compiled = compiled()
    found = load_client(made(compiled, Sharing(top_k=2)))
    np.testing.assert_array_equal(found.packing.gather, compiled.packing.gather)
    np.testing.assert_array_equal(found.unpacking.places, compiled.unpacking.places)
    np.testing.assert_array_equal(found.input_low, compiled.input_low)
    assert (found.rotations, found.input_shape, found.output_shape) == (compiled.program.rotations, (12,), (4,))
    assert (found.sharing, found.flooding) == (Sharing(top_k=2), (0.0,) * len(compiled.program.outputs))
    assert found.products


def test_the_owner_hears_what_is_left_to_him_and_no_word_of_the_models() -> None:
    raw = made(replace(small(), left_away="Softmax 'a name of the model'"))
    assert load_client(raw).left_away == "Softmax"
    assert b"a name of the model" not in raw
    assert load_client(made(small())).left_away == ""


def test_the_clients_artefact_does_not_change_with_the_weights() -> None:
    others = tuple(vector * np.random.default_rng(0).normal(size=len(vector)) for vector in small().program.plains)
    other = replace(small(), program=replace(small().program, plains=others))
    assert dump_server(other) != dump_server(small())
    assert dump_client(other, Sharing(), bytes(32)) == dump_client(small(), Sharing(), bytes(32))


def test_a_public_program_floods_by_no_less_than_its_policy_asks() -> None:
    found = load_client(made(small_public(), PUBLIC))
    assert found.flooding[0] > np.sqrt(12 * 1000) * 2**15
    too_little = replace(small_public(), report={})
    with pytest.raises(BadInput) as caught:
        load_client(dump_client(too_little, Sharing("public", queries=1, statistical_bits=4), bytes(32)))
    assert caught.value.code == "he.artefact"


def test_the_two_belong_together_by_the_digest_of_the_servers(tmp_path: Path) -> None:
    report = write(small(), Sharing(), tmp_path / "prog")
    assert sorted(path.name for path in (tmp_path / "prog").iterdir()) == [CLIENT, REPORT, SERVER]
    server, client = load_server(tmp_path / "prog" / SERVER), load_client(tmp_path / "prog" / CLIENT)
    assert server.id == client.program
    assert report["program"] == server.id.hex()
    assert msgspec.json.decode((tmp_path / "prog" / REPORT).read_bytes())["share"] == "label"


def test_a_folder_that_is_there_is_replaced_only_by_force_and_only_if_it_holds_nothing_else(tmp_path: Path) -> None:
    write(small(), Sharing(), tmp_path / "prog")
    with pytest.raises(BadSpec) as caught:
        write(small(), Sharing(), tmp_path / "prog")
    assert caught.value.code == "files.exists"
    write(small(), Sharing(top_k=2), tmp_path / "prog", force=True)
    assert load_client(tmp_path / "prog" / CLIENT).sharing.top_k == 2
    (tmp_path / "prog" / "letter.txt").write_text("mine")
    with pytest.raises(BadSpec):
        write(small(), Sharing(), tmp_path / "prog", force=True)
    assert (tmp_path / "prog" / "letter.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["prog"]


def test_one_is_not_taken_for_the_other() -> None:
    with pytest.raises(BadInput) as caught:
        load_server(made(small()))
    assert caught.value.code == "he.kind"


def wrong_clients() -> list[Compiled]:
    good = small()
    gather, places = good.packing.gather.copy(), good.unpacking.places.copy()
    gather[0, 0], places[0, 1] = 12, good.program.slots
    return [
        replace(good, packing=Packing(gather)),
        replace(good, packing=Packing(gather[:, :7])),
        replace(good, packing=Packing(gather, batch=True)),
        replace(good, unpacking=Unpacking(places)),
        replace(good, unpacking=Unpacking(places - 9)),
        replace(good, unpacking=Unpacking(places[:2])),
        replace(good, input_shape=(13,)),
        replace(good, input_shape=(-12,)),
        replace(good, input_shape=()),
        replace(good, input_low=good.input_high, input_high=good.input_low),
        replace(good, input_low=good.input_low[:3]),
    ]


@pytest.mark.parametrize("number", range(11))
def test_a_clients_figure_that_cannot_be_is_refused(number: int) -> None:
    with pytest.raises(BadInput) as caught:
        load_client(dump_client(wrong_clients()[number], Sharing(), bytes(32)))
    assert caught.value.code == "he.artefact"


def test_a_servers_figure_that_cannot_be_is_refused() -> None:
    good = small()
    ref = next(place for place, step in enumerate(good.program.steps) if isinstance(step, Rotate))
    steps = (*good.program.steps[:ref], Rotate(ref, 1), *good.program.steps[ref + 1 :])
    with pytest.raises(BadInput) as caught:
        load_server(dump_server(replace(good, program=replace(good.program, steps=steps))))
    assert caught.value.code == "he.artefact"


def test_parameters_beyond_the_table_that_do_not_say_so_are_refused() -> None:
    good = small()
    bare = Parameters(4096, good.parameters.data, good.parameters.special)
    with pytest.raises(BadInput) as caught:
        load_server(dump_server(replace(good, parameters=bare)))
    assert caught.value.code == "he.insecure-unsaid"
