"""The fifteen holes of Flower 1.42's SecAgg+, each with the test that it is closed here (federated/README.md has the table)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("flwr", reason="flwr is not installed")
pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from flwr.app import ConfigRecord, Context, Message, RecordDict
from tests.federated.jobs import job as plain_job
from tests.federated.secagg_world import World

from velatura.errors import BadInput, BadSpec, Withheld
from velatura.federated.guarded_grid import GuardedGrid, Rules
from velatura.federated.local_grid import LocalGrid
from velatura.federated.quiet import switch_off
from velatura.federated.records import digest_of
from velatura.federated.secagg import wire
from velatura.federated.secagg.boxes import opened
from velatura.federated.secagg.fixed_point import FixedPoint
from velatura.federated.secagg.masks import masked_with, pair_key, public_of
from velatura.federated.secagg.stages import rows_told
from velatura.federated.secagg.wire import Adverts, Agree, Round
from velatura.federated.secure_aggregation import SecureAggregation
from velatura.federated.server import serve
from velatura.federated.site import client_app


@pytest.fixture(autouse=True)
def quiet(tmp_path: Path) -> None:
    switch_off(tmp_path)


Heard = list[tuple[Message, Message, Context]]


@pytest.fixture(scope="module")
def heard() -> Heard:
    """All that was said in two rounds of five real sites, with what each kept after it."""
    of = msgspec.structs.replace(plain_job(rounds=2), aggregation="secagg")
    honest, heard = client_app(of, Path()), []

    def answer(message: Message, context: Context) -> Message:
        reply = honest(message, context)
        kept = Context(context.run_id, context.node_id, dict(context.node_config), RecordDict(dict(context.state)), {})
        heard.append((message, reply, kept))
        return reply

    serve(of, GuardedGrid(LocalGrid(answer, 5), Rules(nodes=5, wait_s=5.0)), aggregator=SecureAggregation(of))  # type: ignore[arg-type]
    return heard


def _mask(key: bytes, size: int = 64) -> np.ndarray:
    words = np.zeros(size, np.uint32)
    masked_with(words, key)
    return words


def test_hole_1_every_bit_of_a_256_bit_key_decides_on_the_mask() -> None:
    key = os.urandom(32)
    masks = {
        _mask(bytes(byte ^ ((1 << bit) if at == place else 0) for at, byte in enumerate(key))).tobytes() for place in range(32) for bit in range(8)
    }
    assert len(masks) == 256 and _mask(key).tobytes() not in masks
    assert len(pair_key(os.urandom(32), public_of(os.urandom(32)), of=b"", one=0, other=1)) == 32


def test_hole_2_the_mask_takes_every_word_also_the_largest() -> None:
    halves = _mask(os.urandom(32), 1 << 22).view(np.uint16)
    counts = np.bincount(halves, minlength=1 << 16)
    expected = len(halves) / (1 << 16)
    assert counts.min() > 0 and counts[0xFFFF] > expected / 2
    assert float(((counts - expected) ** 2 / expected).sum()) == pytest.approx(1 << 16, abs=7 * np.sqrt(2 << 16))


def test_hole_3_a_site_on_both_lists_gives_nothing_away() -> None:
    world = World(5)
    with pytest.raises(Withheld):
        world.run(say={"agree": lambda site, honest: Agree(honest.survivors, (1,))})
    assert len(world.refusals) == 5 and all("both of its secrets" in why for why in world.refusals.values())
    assert "unmask" not in world.heard and all(member.kept is None for member in world.members.values())


def test_hole_4_the_threshold_is_no_word_of_the_server() -> None:
    said = [field.name for kind in (Round, Adverts, wire.Masked, Agree, wire.Unmask) for field in msgspec.structs.fields(kind)]
    assert not [name for name in said if "threshold" in name or "least" in name or "num" in name.replace("number", "")]
    world = World(7)
    with pytest.raises(Withheld):  # four of seven is what a server would like to be enough
        world.run(say={"unmask": lambda site, signatures: dict(list(signatures.items())[:4])})
    assert all("5 are needed" in why for why in world.refusals.values()) and not world.heard["unmask"]


def test_hole_5_keys_are_signed_by_a_key_that_is_known() -> None:
    world = World(4)
    world.run()

    def puppets(site: int, said: Adverts) -> Adverts:
        return Adverts(tuple(advert if advert.site == site else msgspec.structs.replace(advert, box_key=os.urandom(32)) for advert in said.adverts))

    with pytest.raises(Withheld):
        world.run(world.round(2), say={"share": puppets})
    assert not world.heard["share"], "not one share reaches a puppet"


def test_hole_6_nobody_chooses_neighbours() -> None:
    world = World(10)
    world.run()
    assert all(set(near) == set(range(10)) - {site} for site, near in world.convener.near.items())
    assert all(set(world.heard["share"][site]) == set(range(10)) - {site} for site in range(10))
    assert not [field.name for field in msgspec.structs.fields(Adverts) if field.name not in ("adverts", "nonces")]


def test_hole_7_a_site_lost_early_costs_itself() -> None:
    for stage in ("advertise", "share"):
        world = World(4)
        total, counted = world.run(lost={stage: {2}})
        assert counted == 3 and np.allclose(total, world.expected({0, 1, 3}), atol=1e-5) and not world.refusals


def test_hole_8_a_value_beyond_the_bound_is_an_error_and_updates_are_summed_not_weights(heard: Heard) -> None:
    with pytest.raises(BadInput):
        FixedPoint.fitting(sites=4, bound=8.0, most=10).words(np.array([50.0]), 1)
    world = World(4)
    world.updates[1] = np.full(world.size, 50.0)
    total, counted = world.run()
    assert counted == 3 and "changes a weight by 50" in world.refusals[1, "masked"]
    assert np.allclose(total, world.expected({0, 2, 3}), atol=1e-5)


def test_hole_9_what_could_wrap_around_is_refused() -> None:
    for sites, bound, most in ((1024, 8.0, 1 << 20), (3, 1e9, 1), (1 << 31, 1e-9, 1)):
        with pytest.raises(BadSpec):
            FixedPoint(sites, bound, most, 2.0**22)
    point = FixedPoint.fitting(sites=1024, bound=8.0, most=1000)
    words = np.zeros(2, np.uint32)
    for _ in range(1024):
        words += point.words(np.array([8.0]), 1000)
    assert point.total(words, 1024)[0] / point.scale == pytest.approx(1024 * 8000.0)


def test_hole_10_different_survivors_for_different_sites_end_the_round() -> None:
    world = World(10)
    without = Agree(tuple(range(9)), (9,))
    with pytest.raises(Withheld, match="after stage agree"):
        world.run(say={"agree": lambda site, honest: without if site % 2 else honest})
    assert "unmask" not in world.heard


def test_hole_11_no_metrics_and_no_number_of_rows_in_the_clear(heard: Heard) -> None:
    of = msgspec.structs.replace(plain_job(), aggregation="secagg")
    told = [(sent.metadata.message_type, reply) for sent, reply, _ in heard]
    assert {kind for kind, _ in told} >= {"query", "train.advertise", "train.masked", "train.unmask"} and "train" not in {kind for kind, _ in told}
    assert not any(reply.content.metric_records for _, reply in told)
    assert {reply.content.config_records["velatura"]["rows"] for kind, reply in told if kind == "query"} == {0}
    rows = {wire.read(reply.content.config_records["secagg"]["body"], wire.Advert).rows for kind, reply in told if kind == "train.advertise"}
    assert rows == {rows_told(of, 260)} == {512}, "a power of two"
    app = client_app(of, Path())
    grid = LocalGrid(app, 1)
    for kind in ("train", "evaluate"):
        grid_reply = list(grid.send_and_receive([Message(RecordDict(), 1, kind)], timeout=5))
        assert grid_reply[0].has_error() and "leave the site masked" in grid_reply[0].error.reason


def test_hole_12_keys_are_erased_after_the_round(heard: Heard) -> None:
    for sent, _, context in heard:
        kind = sent.metadata.message_type
        if kind == "query":
            continue
        kept = context.state.config_records["secagg"]["kept"]
        assert bool(kept) == (kind != "train.unmask"), f"secrets lie in the node's state from advertise to unmask, and not after {kind}"


def test_hole_13_an_update_has_four_bytes_a_parameter() -> None:
    size = 200_000
    world = World(10, size=size)
    world.run()
    sent = world.heard["masked"][3].nbytes
    for stage in ("advertise", "share", "agree", "unmask"):
        reply = world.heard[stage][3]
        sent += len(wire.written(reply))
    assert sent <= 1.01 * 4 * size + 2048


def test_hole_14_shares_of_another_round_do_not_open() -> None:
    world = World(5)
    world.run(world.round(1))
    old = world.convener.boxes

    def replayed(site: int, said: wire.Masked) -> wire.Masked:
        return wire.Masked(said.joined, {sender: old[sender][site] for sender in said.boxes})

    with pytest.raises(Withheld, match="do not fit together"):
        world.run(world.round(2), say={"masked": replayed})
    assert all(set(reply.seeds) == {site} for site, reply in world.heard["unmask"].items()), "each has its own share alone"


def test_hole_14_a_box_is_of_one_round_one_sender_and_one_receiver() -> None:
    from velatura.federated.secagg.boxes import Pair, box

    mine, theirs, of = os.urandom(32), os.urandom(32), b"1" * 32
    pair = Pair(os.urandom(33), os.urandom(33))
    sealed = box(pair, mine, public_of(theirs), of=of, sender=1, receiver=2)

    def read(sealed: bytes = sealed, *, of: bytes = of, sender: int = 1, receiver: int = 2) -> Pair | None:
        return opened(sealed, theirs, public_of(mine), of=of, sender=sender, receiver=receiver)

    assert read() == pair
    assert read(of=b"2" * 32) is read(sender=3) is read(receiver=1) is read(sender=2, receiver=1) is read(b"") is read(sealed[:-1]) is None


@pytest.mark.parametrize("stage", wire.STAGES)
@pytest.mark.parametrize("body", [b"", b"\xc0", b"\x80", b"\x90", b"\x00", b"\xff" * 50, wire.written([0, 0, 0]), "text", 0, None])
def test_hole_15_a_message_is_read_strictly(stage: str, body: Any) -> None:
    of = msgspec.structs.replace(plain_job(), aggregation="secagg")
    grid = LocalGrid(client_app(of, Path()), 1)
    content = RecordDict({"secagg": ConfigRecord({"server-round": 1} | ({"body": body} if body is not None else {}))})
    if stage == "masked":
        content["arrays"] = _arrays()
    reply = next(iter(grid.send_and_receive([Message(content, 1, f"train.{stage}")], timeout=5)))
    assert reply.has_error() and "federated.secagg" in reply.error.reason


def _arrays() -> Any:
    from velatura.federated.records import packed

    state = {"w": np.zeros(3, np.float32)}
    assert digest_of(state) != digest_of({"w": np.zeros((3, 1), np.float32)}) != digest_of({"v": np.zeros(3, np.float32)})
    return packed(state)
