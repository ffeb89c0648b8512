"""A client app whose partitions misbehave, for engines that take it by its name: they import it in another process."""

from __future__ import annotations

import os
import signal
import sys
import time

from flwr.app import Context, Message, RecordDict
from flwr.clientapp import ClientApp

__all__ = ["Unruly"]

app = ClientApp()


@app.query()
def query(message: Message, context: Context) -> Message:
    """Partition 1 exits, 2 is killed, 3 sleeps; the others answer."""
    partition = context.node_config["partition-id"]
    if partition == 1:
        sys.exit(3)
    if partition == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    if partition == 3:
        time.sleep(600)
    return Message(RecordDict(), reply_to=message)


class Unruly:
    """Gives the app."""

    def __call__(self) -> ClientApp:
        return app
