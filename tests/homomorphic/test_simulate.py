"""The simulator over a data set: right where the network is, and it sees what would go wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.homomorphic.small_models import CALIBRATION, PUBLIC, plain, small, small_batch, small_public

from velatura.errors import BadInput
from velatura.homomorphic.artefacts import ClientArtefact, ServerArtefact, dump_client, dump_server, load_client, load_server
from velatura.homomorphic.compiled import Compiled
from velatura.homomorphic.sharing import Sharing
from velatura.homomorphic.simulate import simulate

LABELS = plain(CALIBRATION).argmax(axis=1)


def both(compiled: Compiled, sharing: Sharing) -> tuple[ServerArtefact, ClientArtefact]:
    server = load_server(dump_server(compiled))
    return server, load_client(dump_client(compiled, sharing, server.id))


@pytest.mark.parametrize(("compiled", "queries"), [(small, 64), (small_batch, 4)])
def test_a_sound_program_answers_as_the_network_does(compiled: object, queries: int) -> None:
    found = simulate(*both(compiled(), Sharing()), CALIBRATION, LABELS, rng=np.random.default_rng(0))
    assert (found.accuracy, found.accuracy_exact, found.agreement) == (1.0, 1.0, 1.0)
    assert found.error < 1e-6
    assert found.spare_bits >= 1.9
    assert (found.samples, found.queries) == (64, queries)


def test_without_labels_there_is_no_accuracy() -> None:
    found = simulate(*both(small(), Sharing()), CALIBRATION[:3], rng=np.random.default_rng(0))
    assert found.accuracy is None
    assert found.samples == 3


def test_wrong_labels_are_seen() -> None:
    found = simulate(*both(small(), Sharing()), CALIBRATION, (LABELS + 1) % 4, rng=np.random.default_rng(0))
    assert found.accuracy == found.accuracy_exact == 0.0


def test_flooding_is_part_of_what_is_given_out() -> None:
    server, client = both(small_public(), PUBLIC)
    flooded = simulate(server, client, CALIBRATION, rng=np.random.default_rng(0))
    bare = simulate(server, replace(client, flooding=(0.0,)), CALIBRATION, rng=np.random.default_rng(0))
    assert 1e3 * bare.error < flooded.error < 1e-2


def test_an_input_that_would_wrap_is_seen() -> None:
    found = simulate(*both(small(), Sharing()), 100 * CALIBRATION, rng=np.random.default_rng(0))
    assert found.spare_bits < 0
    assert found.least_at == "scores" or found.least_at == "square"


def test_artefacts_of_two_compilations_are_refused() -> None:
    server, client = both(small(), Sharing())
    with pytest.raises(BadInput) as caught:
        simulate(server, replace(client, program=bytes(32)), CALIBRATION, rng=np.random.default_rng(0))
    assert caught.value.code == "he.foreign-program"
