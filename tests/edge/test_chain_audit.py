"""The audit: an honest chain holds, and every promise that is broken is named."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.edge.chains import CAMERA, SIGNER, STRANGER, chain_of, lines_of, values_of

from velatura.crypto import keytext
from velatura.edge.chain_audit import audit
from velatura.edge.events import Chain, Link, digest, parse
from velatura.edge.policy import Egress, capacity
from velatura.edge.policy import digest as policy_digest
from velatura.edge.promise import told
from velatura.edge.schema import schema_of
from velatura.errors import BadInput, Withheld


def written(folder: Path, lines: list[bytes]) -> Path:
    path = folder / "events.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def begun(chain: Chain, camera=CAMERA) -> bytes:
    return chain.policy(told(camera, signer=keytext.encode(SIGNER.verifier), version="0", began_s=0))


def test_an_honest_chain_holds(tmp_path: Path) -> None:
    found = audit(written(tmp_path, lines_of(240)), verifier=SIGNER.verifier)
    assert (found.events, found.boots, found.records + found.withheld) == (241, 1, 240)
    assert found.withheld > 0
    assert found.hours == pytest.approx(4)
    assert found.bits <= found.limit == pytest.approx(4 * 600 + capacity(CAMERA))
    assert found.bits >= 0.95 * found.limit - schema_of(CAMERA).bits, "the bucket is used"
    assert found.pinned and not audit(written(tmp_path, lines_of(3))).pinned


def test_a_second_boot_begins_with_an_empty_bucket(tmp_path: Path) -> None:
    chain = chain_of()
    first = lines_of(30, chain=chain)
    again = chain_of(boot="11" * 8)
    again.at = chain.at
    honest = first + lines_of(30, chain=again, level=0.0)
    assert audit(written(tmp_path, honest), verifier=SIGNER.verifier).boots == 2
    greedy = chain_of(boot="11" * 8)
    greedy.at = chain.at
    with pytest.raises(Withheld, match=r"line 33.*edge\.budget"):
        audit(written(tmp_path, [*first, begun(greedy), greedy.record(1, values_of(CAMERA, 1))]))


def two_boots() -> list[bytes]:
    """Of two policies, the second one wider."""
    chain = chain_of()
    first = lines_of(5, chain=chain)
    wider = msgspec.structs.replace(CAMERA, egress=Egress(tick_s=60, bits_per_hour=6000, most=15))
    again = chain_of(wider, boot="11" * 8)
    again.at = chain.at
    return first + lines_of(4, wider, chain=again, level=0.0)


def test_a_chain_cut_at_its_head_is_found(tmp_path: Path) -> None:
    lines = two_boots()
    tail = written(tmp_path, lines[6:])
    with pytest.raises(Withheld, match=r"begins with event 6.*edge\.cut"):
        audit(tail, verifier=SIGNER.verifier)
    found = audit(tail, verifier=SIGNER.verifier, after=(5, digest(lines[5])))
    assert (found.begins, found.events) == (6, 5)
    for number, sha256 in ((4, digest(lines[5])), (5, digest(lines[4])), (6, digest(lines[5]))):
        with pytest.raises(Withheld, match=r"does not follow.*edge\.cut"):
            audit(tail, verifier=SIGNER.verifier, after=(number, sha256))
    with pytest.raises(Withheld, match=r"edge\.cut"):
        audit(written(tmp_path, lines), verifier=SIGNER.verifier, after=(5, digest(lines[5])))


def test_a_gap_at_the_head_counts_what_was_lost(tmp_path: Path) -> None:
    chain = chain_of()
    before = lines_of(3, chain=chain)
    again = chain_of(boot="11" * 8)
    again.at = Link(40, chain.at.prev)
    path = written(tmp_path, [again.gap(), *lines_of(2, chain=again, level=0.0)])
    with pytest.raises(Withheld, match=r"edge\.cut"):
        audit(path, verifier=SIGNER.verifier)
    found = audit(path, verifier=SIGNER.verifier, after=(3, digest(before[3])))
    assert (found.begins, found.lost, found.gaps) == (40, 36, 1)


def test_a_change_of_policy_is_told(tmp_path: Path) -> None:
    found = audit(written(tmp_path, two_boots()), verifier=SIGNER.verifier)
    assert [(one.seq, one.level, one.bits_per_hour) for one in found.under] == [(0, 3, 600.0), (6, 3, 6000.0)]
    assert len(audit(written(tmp_path, lines_of(5))).under) == 1


def test_more_bits_than_the_rate_allows_are_found(tmp_path: Path) -> None:
    chain = chain_of()
    lines = [begun(chain), *(chain.record(tick, values_of(CAMERA, tick)) for tick in range(1, 200))]
    with pytest.raises(Withheld, match=r"edge\.budget"):
        audit(written(tmp_path, lines))


@pytest.mark.parametrize("ticks", [(1, 3), (1, 1), (2,), (0,)])
def test_ticks_are_equidistant(tmp_path: Path, ticks: tuple[int, ...]) -> None:
    chain = chain_of()
    with pytest.raises(Withheld, match=r"edge\.ticks"):
        audit(written(tmp_path, [begun(chain), *(chain.record(tick, values_of(CAMERA, 1)) for tick in ticks)]))


@pytest.mark.parametrize("values", [{**values_of(CAMERA, 1), "in": 16}, {**values_of(CAMERA, 1), "x": 0}, {"in": 1}, {}])
def test_values_are_those_of_the_schema(tmp_path: Path, values: dict[str, int]) -> None:
    chain = chain_of()
    with pytest.raises(Withheld, match=r"edge\.schema"):
        audit(written(tmp_path, [begun(chain), chain.record(1, values)]))


def test_another_policy_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path, lines_of(5))
    assert audit(path, policy=policy_digest(CAMERA)).policies == [policy_digest(CAMERA)]
    with pytest.raises(Withheld, match=r"edge\.policy-changed"):
        audit(path, policy="0" * 64)
    wider = msgspec.structs.replace(CAMERA, egress=Egress(tick_s=60, bits_per_hour=6000, most=15))
    chain = chain_of()
    lines = [chain.policy(told(wider, signer=keytext.encode(SIGNER.verifier), version="0", began_s=0))]
    with pytest.raises(Withheld, match=r"another policy than its digest"):
        audit(written(tmp_path, lines))


def test_a_record_before_its_policy_is_refused(tmp_path: Path) -> None:
    chain = chain_of()
    with pytest.raises(Withheld):
        audit(written(tmp_path, [chain.record(1, values_of(CAMERA, 1))]), verifier=SIGNER.verifier)


def test_a_capture_with_repeats_holds_and_a_fork_does_not(tmp_path: Path) -> None:
    lines = lines_of(10)
    assert audit(written(tmp_path, lines[:6] + lines[3:8] + lines[8:]), verifier=SIGNER.verifier).repeated == 3
    chain = chain_of()
    fork = [begun(chain), chain.record(1, values_of(CAMERA, 2))]
    with pytest.raises(Withheld, match="fork"):
        audit(written(tmp_path, lines[:3] + fork[1:]), verifier=SIGNER.verifier)


def test_a_cut_end_is_noticed_by_whom_remembers(tmp_path: Path) -> None:
    lines = lines_of(10)
    last = (10, digest(lines[-1]))
    assert audit(written(tmp_path, lines), at_least=last).last == 10
    path = written(tmp_path, lines[:-1])
    assert audit(path).last == 9
    with pytest.raises(Withheld, match=r"edge\.cut"):
        audit(path, at_least=last)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(Withheld, match="cut"):
        audit(path)


def test_aggregates_are_held_to_what_their_records_cost(tmp_path: Path) -> None:
    lines = lines_of(60)
    chain = chain_of()
    merged = chain.aggregate(lines[5:40], ["in", "out"])
    found = audit(written(tmp_path, [*lines[:5], merged, *lines[40:]]), verifier=SIGNER.verifier)
    assert (found.aggregates, found.records + found.withheld) == (1, 60)
    assert found.bits == pytest.approx(audit(written(tmp_path, lines)).bits)


def test_a_stranger_and_an_empty_file(tmp_path: Path) -> None:
    with pytest.raises(Withheld, match=r"edge\.signature"):
        audit(written(tmp_path, lines_of(3)), verifier=STRANGER.verifier)
    with pytest.raises(BadInput, match=r"edge\.no-events"):
        audit(written(tmp_path, []))
    path = tmp_path / "not.sqlite"
    path.write_bytes(b"SQLite format 3\x00" + bytes(200))
    with pytest.raises(BadInput, match=r"edge\.outbox"):
        audit(path)


def test_degraded_layers_are_listed(tmp_path: Path) -> None:
    lines = lines_of(3, chain=chain_of(degraded=["landlock", "namespaces"]))
    assert audit(written(tmp_path, lines)).degraded == ("landlock", "namespaces")
    assert parse(lines[0]).told is not None
