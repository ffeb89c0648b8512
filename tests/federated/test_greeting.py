"""Who takes part: what most sites say goes, and one that lies or is set up wrongly stops nobody but itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flwr.app import ConfigRecord, Context, Message
from tests.federated.jobs import job

from velatura.errors import BadInput, Missing
from velatura.federated.greeting import greeted
from velatura.federated.guarded_grid import GuardedGrid, Rules
from velatura.federated.local_grid import LocalGrid
from velatura.federated.site import CARD, client_app
from velatura.federated.table import Schema

DIGITS = Schema((1, 8, 8), 10)
Change = Callable[[dict[str, Any]], dict[str, Any]]


def grid(changes: dict[int, Change], *, sites: int = 5) -> GuardedGrid:
    """Honest sites, some of which say something else of themselves."""
    honest = client_app(job(sites=sites), Path())

    def answer(message: Message, context: Context) -> Message:
        reply = honest(message, context)
        if change := changes.get(int(context.node_config["partition-id"])):
            reply.content[CARD] = ConfigRecord(change(dict(reply.content.config_records[CARD])))
        return reply

    return GuardedGrid(LocalGrid(answer, sites), Rules(nodes=sites, wait_s=5.0))  # type: ignore[arg-type]


def says(**told: Any) -> Change:
    return lambda card: card | told


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (says(shape=[64]), "rows of another kind: shape 64 in 10 classes, and the others have shape 1x8x8 in 10 classes"),
        (says(classes=2), "rows of another kind"),
        (says(job="another"), "of another job"),
        (says(rows=0), "no rows to train on"),
        (lambda card: {"job": card["job"]}, "does not say what it has"),
        (says(partition="three"), "does not say what it has"),
    ],
)
def test_a_site_that_does_not_fit_is_left_out_and_named(change: Change, why: str) -> None:
    made = grid({3: change})
    assert greeted(job(), made) == DIGITS
    assert sorted(made.places.values()) == [0, 1, 2, 4]
    assert [one.why.startswith(why) for one in made.refused] == [True] and made.refused[0].node == 4


def test_a_number_that_two_claim_is_neithers() -> None:
    made = grid({3: says(partition=1)})
    greeted(job(), made)
    assert sorted(made.places.values()) == [0, 2, 4] and len(made.refused) == 2
    assert "2 nodes say that they are site 1" in made.refused[0].why


def test_without_a_majority_nothing_begins() -> None:
    made = grid({site: says(shape=[64]) for site in (0, 1)}, sites=4)
    with pytest.raises(BadInput, match=r"federated\.schema"):
        greeted(job(sites=4), made)


def test_where_nobody_fits_the_last_reason_is_told() -> None:
    made = grid({site: says(job="another") for site in range(5)})
    with pytest.raises(Missing, match=r"none of 5 nodes can take part: of another job"):
        greeted(job(), made)
