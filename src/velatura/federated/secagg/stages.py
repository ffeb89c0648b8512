"""A site's steps, joined to Flower: what a message says, the site's secrets between messages, what it answers.

On a node every message may be a process of its own, so that the secrets of a round lie in `context.state`, in clear, from `advertise` to `unmask`;
Flower holds it in the node's memory. They are erased after `unmask`, after a refusal, and when the next round begins. What stays is the site's
own identity (where it has no key in a file), the keys that it met, and which round it answered last.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message

from velatura.crypto.keys import Signer
from velatura.crypto.secret import Secret
from velatura.errors import BadSpec
from velatura.federated.aggregation import UNITS
from velatura.federated.secagg import wire
from velatura.federated.secagg.bound import bound_of
from velatura.federated.secagg.client import LEAST, Answered, Kept, Member
from velatura.federated.secagg.fixed_point import FixedPoint
from velatura.federated.secagg.masks import Words
from velatura.federated.secagg.trust import Roster, key_of, peers

if TYPE_CHECKING:
    from velatura.federated.job import FederatedJob

__all__ = ["BODY", "RECORD", "WORDS", "Update", "answered", "fixed_point", "rows_told"]

RECORD, BODY, WORDS = "secagg", "body", "words"
KEY, PEERS = "secagg-key", "secagg-peers"  # of a node's own configuration

Update = tuple[np.ndarray, int]
"""(flat float64, number of rows)"""


class _Memory(msgspec.Struct):
    """Beyond a round. identity: empty where the key is in a file."""

    identity: bytes = b""
    known: dict[int, bytes] = {}
    answered: Answered | None = None


def fixed_point(job: FederatedJob, sites: int, fewest: int, most: int) -> FixedPoint:
    """The same at the sites and at the server; with client-level privacy in the units of its noise.

    Args:
        sites: at most in the sum.
        fewest, most: of rows, as sites told them.

    Raises:
        BadSpec: `federated.secagg-overflow`.
    """
    if job.privacy.level == "client":
        return FixedPoint(sites, job.privacy.clip, 1, UNITS / job.privacy.clip)
    return FixedPoint.fitting(sites=sites, bound=bound_of(job, fewest, most), most=most)


def rows_told(job: FederatedJob, rows: int) -> int:
    """What a site tells of its number of rows: an upper bound."""
    if job.privacy.level == "client":
        return 1
    return job.secagg.examples or min(1 << max(rows - 1, 0).bit_length(), job.guards.most_examples)


def answered(
    job: FederatedJob, stage: str, message: Message, context: Context, *, site: int, rows: int, model: bytes, update: Callable[[], Update]
) -> dict[str, Any]:
    """Records of the reply.

    Args:
        rows: of the site.
        model: digest of the weights that came with it; empty: none did.
        update: trains; asked for in stage `masked` alone, after all checks.

    Raises:
        Withheld: `federated.secagg`. BadInput: `federated.secagg-bound`. BadSpec: `federated.secagg-keys`, `federated.secagg-overflow`.
    """
    member, memory = _member(job, context, site)
    records = message.content.config_records
    body = records[RECORD].get(BODY) if RECORD in records else None
    try:
        if stage == "masked":

            def words_of(sites: int, fewest: int, most: int) -> Words:
                point = fixed_point(job, sites, fewest, most)
                return point.words(*update())

            words = member.mask(wire.read(body, wire.Masked), model=model, words_of=words_of)
            unopened = list(member.kept.unopened) if member.kept is not None else []
            return {WORDS: ArrayRecord({WORDS: Array(words)}), RECORD: ConfigRecord({BODY: wire.written(unopened)})}
        return {RECORD: ConfigRecord({BODY: wire.written(_said(member, stage, body, rows_told(job, rows)))})}
    finally:
        _keep(context, member, memory)


def _said(member: Member, stage: str, body: object, rows: int) -> object:
    if stage == "advertise":
        return member.advertise(wire.read(body, wire.Round), rows=rows)
    if stage == "reveal":
        return wire.Nonce(member.reveal(wire.read(body, wire.Adverts).adverts))
    if stage == "share":
        return wire.Boxes(member.share(wire.read(body, wire.Adverts)))
    if stage == "agree":
        return wire.Signature(member.agree(wire.read(body, wire.Agree)))
    if stage == "unmask":
        return member.unmask(wire.read(body, wire.Unmask).signatures)
    raise wire.refused(f"there is no stage {stage!r}")


def _member(job: FederatedJob, context: Context, site: int) -> tuple[Member, _Memory]:
    records = context.state.config_records
    state = dict(records[RECORD]) if RECORD in records else {}
    memory = wire.read(state["memory"], _Memory) if "memory" in state else _Memory()
    kept = wire.read(state["kept"], Kept) if state.get("kept") else None
    signer, roster = _trusted(context, memory)
    least = max(LEAST, job.rounds.least)
    member = Member(site, job.digest, signer, roster, os.urandom, least, job.guards.most_examples, kept, memory.answered)
    return member, memory


def _trusted(context: Context, memory: _Memory) -> tuple[Signer, Roster]:
    config = context.node_config
    key, listed = str(config.get(KEY, "")), str(config.get(PEERS, ""))
    if bool(key) != bool(listed) or (not key and config.get("data")):
        sentence = f"a node with data of its own needs {KEY} and {PEERS}: without a list of the others' keys the server can play them all"
        raise BadSpec("federated.secagg-keys", sentence, hint="velatura fl up makes both; or see docs/how-to/federated.md")
    if key:
        return key_of(Path(key)), peers(Path(listed))
    memory.identity = memory.identity or os.urandom(32)
    return Signer(Secret(memory.identity)), Roster(memory.known)


def _keep(context: Context, member: Member, memory: _Memory) -> None:
    memory.answered = member.answered
    memory.known = {} if member.roster.is_closed else member.roster.known
    kept = b"" if member.kept is None else wire.written(member.kept)
    context.state[RECORD] = ConfigRecord({"memory": wire.written(memory), "kept": kept})
