"""What Flower keeps to itself and an engine in this process needs: who runs (process-wide), and a message's id.

Flower 1.42: `Message(...)` raises unless `TaskIdentity` is set; its own in-memory grid writes `_message_id` in the same way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity

if TYPE_CHECKING:
    from flwr.app import Message

__all__ = ["Run", "named", "task"]


def task() -> Run:
    """This process is task 1 of run 1 on node 1."""
    TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 1
    return Run.create_empty(1)


def named(message: Message, name: str) -> str:
    """Give a message its id."""
    message.metadata.__dict__["_message_id"] = name
    return name
