"""Gateways that each leave one channel open: an attack that sees nothing of them has proved nothing at the real one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from velatura.edge.egress import Egress, Record
from velatura.edge.events import Chain
from velatura.edge.gateway import Gateway
from velatura.edge.live import Ear, Live
from velatura.edge.pair import Pair
from velatura.edge.schema import HEALTH
from velatura.edge.tally import width

__all__ = ["ChargesNews", "ForwardsLengths", "Hasty", "TellsChange", "TellsNews"]


class TellsNews(Gateway):
    """Publishes nothing for a tick in which vision said nothing."""

    def _publish(self, chain: Chain, record: Record) -> None:
        if record.values is None or record.values["health"] != HEALTH.index("no-frames"):
            super()._publish(chain, record)


class TellsChange(Gateway):
    """Publishes a record when it is another one than the last."""

    _before: object = None

    def _publish(self, chain: Chain, record: Record) -> None:
        if record.values != self._before:
            super()._publish(chain, record)
        self._before = record.values


@dataclass(slots=True)
class _Noting(Egress):
    odd: bool = False

    def take(self, raw: bytes) -> None:
        self.odd |= len(raw) != width(self.schema)
        Egress.take(self, raw)


class ForwardsLengths(Gateway):
    """Lines are longer where vision's messages were shorter."""

    def _begin(self, pair: Pair) -> tuple[Chain, Egress]:
        chain, egress = super()._begin(pair)
        self._noting = _Noting(egress.camera, egress.level, egress.entropy)
        return chain, self._noting

    def _publish(self, chain: Chain, record: Record) -> None:
        chain._degraded = ("padding", "more") if self._noting.odd else ("padding",)
        self._noting.odd = False
        super()._publish(chain, record)


@dataclass(slots=True)
class _Sparing(Egress):
    """A tick without news costs nothing, and is withheld."""

    def close_window(self) -> Record:
        if self._fresh:
            return Egress.close_window(self)
        self.tick += 1
        return Record(self.tick, None)


class ChargesNews(Gateway):
    """Withholds by what vision did."""

    def _begin(self, pair: Pair) -> tuple[Chain, Egress]:
        chain, egress = super()._begin(pair)
        return chain, _Sparing(egress.camera, egress.level, egress.entropy)


class Hasty(Live):
    """Publishes as soon as vision has said something, instead of at ticks."""

    def run(self, ear: Ear, publish: Callable[[Record], None], ends: Callable[[], bool]) -> None:
        while not ends():
            raw = ear.hear(within_s=0.05, limit=width(self.egress.schema))
            if raw is not None:
                self.egress.take(raw)
                publish(self.egress.close_window())
