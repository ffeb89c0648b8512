"""A camera's ticks by a clock of the test's own: the pause before each record is random, bounded, and moves no tick."""

from __future__ import annotations

import os
import random
import threading
from dataclasses import dataclass

import pytest

from velatura.edge.egress import Egress, Record
from velatura.edge.live import HIDE_S, Live
from velatura.edge.policy import Camera
from velatura.edge.policy import Egress as Rules

RECORDS = 60


@dataclass
class MadeTime:
    now_s: float = 100.0

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


class Silent:
    """A vision that says nothing."""

    def hear(self, *, within_s: float, limit: int) -> bytes | None:
        threading.Event().wait(0.001)
        return None

    def close(self) -> None: ...


def times(monkeypatch: pytest.MonkeyPatch, tick_s: float, seed: int) -> list[float]:
    """When records came, in seconds after their tick."""
    made, came = MadeTime(), list[float]()
    monkeypatch.setattr("velatura.edge.live.time.sleep", made.sleep)
    camera = Camera(egress=Rules(tick_s=tick_s))

    def publish(record: Record) -> None:
        came.append(made.now_s - 100.0 - record.tick * tick_s)

    live = Live(Egress(camera, 1000.0, os.urandom), Silent, random.Random(seed), lambda: made.now_s)
    live.run(Silent(), publish, lambda: len(came) >= RECORDS)
    return came


@pytest.mark.parametrize("tick_s", [0.2, 1.0, 60.0])
def test_each_record_comes_a_little_after_its_tick_and_no_tick_moves(monkeypatch: pytest.MonkeyPatch, tick_s: float) -> None:
    late = times(monkeypatch, tick_s, 1)
    most = 2 * min(HIDE_S, tick_s / 8)
    assert min(late) >= -1e-6 and max(late) <= most + 1e-6
    assert max(late) - min(late) > most / 2, "as long as it may be, and as short"
    assert abs(sum(late) / RECORDS - most / 2) < most / 6


def test_pauses_are_those_of_their_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    assert times(monkeypatch, 1.0, 1) == times(monkeypatch, 1.0, 1) != times(monkeypatch, 1.0, 2)
