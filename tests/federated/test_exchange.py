"""What a SuperLink says of nodes that are gone, and of messages that it does not take, is heard as the node's own silence."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

pytest.importorskip("flwr", reason="flwr is not installed")

from flwr.app import ConfigRecord, Message, RecordDict
from flwr.server.superlink.linkstate.utils import create_message_error_unavailable_res_message

from velatura.federated.exchange import exchange
from velatura.federated.flower_task import named, task
from velatura.federated.guarded_grid import GuardedGrid, Rules


class Link:
    """Nodes 11 answers, 12 is dead, 13 is struck off, 14 is answered for by 11."""

    def __init__(self) -> None:
        task()
        self.sent: dict[str, Message] = {}

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str | None]:
        names: list[str | None] = []
        for message in messages:
            node = message.metadata.dst_node_id
            names.append(None if node == 13 else named(message, f"m{node}"))
            if node != 13:
                self.sent[f"m{node}"] = message
        return names

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        asked = [self.sent.pop(name) for name in message_ids if name in self.sent]
        return [self._answer(message) for message in asked]

    @staticmethod
    def _answer(message: Message) -> Message:
        node = message.metadata.dst_node_id
        if node == 12:
            return create_message_error_unavailable_res_message(message.metadata, "node_unavail")
        reply = Message(RecordDict(), reply_to=message)
        if node == 14:
            reply.metadata.__dict__["_src_node_id"] = 11
        return reply


def test_who_is_gone_is_known_by_his_own_number_and_nobody_answers_for_another() -> None:
    link = Link()
    done = exchange(link, [Message(RecordDict(), node, "train") for node in (11, 12, 13, 14)], deadline_s=0.3)  # type: ignore[arg-type]
    assert [(reply.metadata.src_node_id, reply.has_error()) for reply in done.replies] == [(11, False), (12, True)]
    assert "heartbeat" in done.replies[1].error.reason
    assert (done.missing, done.unsent, done.stray) == ([14], [13], 1)


def test_who_was_never_asked_is_not_said_to_have_been_waited_for() -> None:
    grid = GuardedGrid(Link(), Rules(deadline_s=0.3), places={11: 0, 13: 1, 14: 2})  # type: ignore[arg-type]
    grid.send_and_receive([Message(RecordDict(), node, "query") for node in (11, 13, 14)])
    assert {one.partition: one.why for one in grid.refused} == {1: "not asked: the server has struck it off", 2: "no answer within 0.3 s"}


def test_a_round_has_the_number_that_its_messages_say_or_the_next_one() -> None:
    def sent(kind: str, number: int = 0) -> int:
        config = {"config": ConfigRecord({"server-round": number})} if number else {}
        grid.send_and_receive([Message(RecordDict(config), node, kind) for node in (11, 13)])
        return grid.refused[-1].round or 0

    grid = GuardedGrid(Link(), Rules(deadline_s=0.3))  # type: ignore[arg-type]
    assert [sent("query"), sent("train", 3), sent("evaluate", 3), sent("train", 4)] == [0, 3, 3, 4]
    assert [sent("train"), sent("evaluate"), sent("train.again")] == [5, 5, 6]
