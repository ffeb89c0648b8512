"""Destinations as sinks: files of secrets are read here, before anything starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from velatura.edge.certificates import certificates_of
from velatura.edge.destinations import ToMqtt, ToWebhook
from velatura.edge.login import login_of, secret_of
from velatura.edge.outbox import Outbox
from velatura.edge.policy import Camera
from velatura.edge.schema import schema_of
from velatura.edge.sinks.mqtt import Mqtt
from velatura.edge.sinks.sink import Sink
from velatura.edge.sinks.webhook import Webhook

__all__ = ["opened"]


def opened(to: ToMqtt | ToWebhook, outbox: Outbox, *, device: str, camera: Camera, totals: Callable[[], Mapping[str, int]]) -> Sink:
    """A sink of one camera; no connection is made yet.

    Raises:
        BadSpec: `edge.broker`, `edge.webhook`, `edge.login`, `edge.ca`.
        Missing: `edge.no-mqtt`.
    """
    ca = certificates_of(to.ca) if to.ca else None
    if isinstance(to, ToWebhook):
        return Webhook(to.url, ca=ca, token=secret_of(Path(to.token)) if to.token else "", camera=camera.name)
    fields = {field.name: field.kind for field in schema_of(camera).fields} if to.home_assistant else None
    return Mqtt(
        to.url,
        outbox,
        device=device,
        camera=camera.name,
        totals=totals,
        receipts=to.receipts,
        login=login_of(Path(to.login)) if to.login else None,
        ca=ca,
        fields=fields,
        prefix=to.prefix,
    )
