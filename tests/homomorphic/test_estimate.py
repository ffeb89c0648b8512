"""An estimate from the artefact alone, against what the engine then takes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.homomorphic.conftest import Parties
from tests.homomorphic.small_models import CALIBRATION, small, small_batch

from velatura.homomorphic.artefacts import dump_server, load_server
from velatura.homomorphic.cost import MEASURED
from velatura.homomorphic.estimate import estimate


def test_bytes_are_those_that_travel(parties: Parties) -> None:
    found = estimate(parties.server.artefact)
    assert found.eval_key_bytes == pytest.approx((parties.keys / "eval.keys").stat().st_size, rel=0.2)
    with parties.owner() as owner:
        message = owner.encrypt(CALIBRATION[0])
    assert found.upload_bytes == pytest.approx(len(message), rel=0.2)
    assert found.result_bytes == pytest.approx(len(parties.server.run(message)), rel=0.3)


def test_security_is_told_beside_the_table() -> None:
    found = estimate(load_server(dump_server(small())))
    assert found.log_qp <= found.allowed_log_qp == 214
    assert 125 < found.estimated_bits < 145
    assert not found.insecure
    assert {name: getattr(found, name) for name in ("rotations", "galois_keys", "levels")}.items() <= small().report.items()
    assert found.rotations >= found.galois_keys > 0


def test_figures_of_another_machine_change_the_time_alone() -> None:
    artefact = load_server(dump_server(small_batch()))
    slow = tuple(type(one)(one.n, *(3 * getattr(one, name) for name in one.__struct_fields__[1:])) for one in MEASURED)
    one, other = estimate(artefact), estimate(artefact, measured=slow)
    assert other.ms == pytest.approx(3 * one.ms, rel=0.01)
    assert replace(other, ms=one.ms, first_ms=one.first_ms) == one
    assert one.batch
    assert (one.rotations, one.galois_keys) == (0, 0)
