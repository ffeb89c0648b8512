"""Secure aggregation in memory: honest sites and an honest server, both of which can be made to lie, or to be lost.

world = World(5)
total, sites = world.run(lost={"masked": {3}})           # site 3 does not answer in stage `masked`
world.run(say={"agree": lambda site, lists: ...})        # the server lies to a site
world.run(answer={"share": lambda site, boxes: ...})     # a site lies
world.refusals                                           # what sites refused: {(site, stage): sentence}
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from velatura.crypto.keys import Signer
from velatura.errors import VelaturaError
from velatura.federated.secagg import wire
from velatura.federated.secagg.client import Member
from velatura.federated.secagg.fixed_point import FixedPoint
from velatura.federated.secagg.server import Convener
from velatura.federated.secagg.trust import Roster

__all__ = ["JOB", "World"]

JOB = "0" * 64
MODEL = b"m" * 32
Lie = Callable[[int, Any], Any]


class World:
    """Args: sites: how many; size: coordinates of an update; rows: of each site."""

    def __init__(self, sites: int, *, size: int = 8, rows: int = 10) -> None:
        self.signers = [Signer.new(os.urandom) for _ in range(sites)]
        self.members = {site: Member(site, JOB, self.signers[site], Roster(), os.urandom) for site in range(sites)}
        self.updates = {site: np.linspace(-1, 1, size) * (site + 1) / sites for site in range(sites)}
        self.rows, self.size = rows, size
        self.refusals: dict[tuple[int, str], str] = {}
        self.heard: dict[str, dict[int, Any]] = {}
        self.convener: Convener
        self.roster = Roster()

    def round(self, number: int = 1, *, run: bytes = b"r" * 16, cohort: tuple[int, ...] | None = None) -> wire.Round:
        return wire.Round(JOB, run, number, cohort or tuple(sorted(self.members)), MODEL)

    def run(
        self,
        round_: wire.Round | None = None,
        *,
        lost: Mapping[str, set[int]] | None = None,
        say: Mapping[str, Lie] | None = None,
        answer: Mapping[str, Lie] | None = None,
    ) -> tuple[np.ndarray, int]:
        """(the sum of updates times rows, how many sites are in it). Raises Withheld: the round was aborted."""
        self._lost, self._say, self._answer = lost or {}, say or {}, answer or {}
        self.heard, self.refusals = {}, {}
        of = round_ or self.round()
        convener = self.convener = Convener(of, self.roster)
        here = convener.advertised(self._all("advertise", dict.fromkeys(of.cohort, of)))
        if not of.is_complete:
            here = convener.revealed(self._all("reveal", dict.fromkeys(here, convener.said.adverts)))
        here = convener.shared(self._all("share", dict.fromkeys(here, convener.said)))
        lists = convener.masked(self._all("masked", {site: convener.boxes_for(site) for site in here}), size=self.size + 1)
        signatures = convener.agreed(self._all("agree", dict.fromkeys(lists.survivors, lists)))
        words, sites = convener.unmasked(self._all("unmask", {site: dict(signatures) for site in sorted(signatures)}))
        point = self.point(len(of.cohort), self.rows)
        values, _ = point.total(words, sites)
        return values / point.scale, sites

    def point(self, sites: int, most: int) -> FixedPoint:
        return FixedPoint.fitting(sites=sites, bound=8.0, most=most)

    def expected(self, sites: set[int]) -> np.ndarray:
        return np.sum([self.updates[site] * self.rows for site in sites], axis=0)

    def step(self, site: int, stage: str, body: Any) -> Any:
        """What an honest site answers. Raises Withheld."""
        member = self.members[site]
        if stage == "advertise":
            return member.advertise(body, rows=self.rows)
        if stage == "masked":
            return member.mask(body, model=MODEL, words_of=lambda sites, fewest, most: self.point(sites, most).words(self.updates[site], self.rows))
        return getattr(member, stage)(body)

    def _all(self, stage: str, bodies: Mapping[int, Any]) -> dict[int, Any]:
        answers: dict[int, Any] = {}
        for site, honest in bodies.items():
            if site in self._lost.get(stage, ()):
                continue
            body = self._say[stage](site, honest) if stage in self._say else honest
            try:
                reply = self.step(site, stage, body)
            except VelaturaError as error:
                self.refusals[site, stage] = error.sentence
                continue
            answers[site] = self._answer[stage](site, reply) if stage in self._answer else reply
        self.heard[stage] = answers
        return answers
