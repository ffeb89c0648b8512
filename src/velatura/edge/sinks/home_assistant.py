"""Home Assistant finds the camera's counts by itself: one retained message that describes the device (device-based discovery, MQTT integration).

Flows are sensors of the class `total_increasing` on the retained totals, so that a lost message harms no sum; states are read from events.
Source: Home Assistant, MQTT discovery, "Device discovery payload". An empty retained payload under the same topic removes the device.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

__all__ = ["STATUS", "discovery"]

STATUS = "homeassistant/status"


def discovery(device: str, camera: str, fields: Mapping[str, str], topics: Mapping[str, str]) -> dict[str, bytes]:
    """Topic -> payload.

    Args:
        fields: name of each of the record's fields -> its kind ("flow", "state", "health"; slots of tracks are left out).
        topics: event, status, totals.
    """
    known = f"velatura_{device}_{camera}".replace("-", "_")
    told = {name: kind for name, kind in fields.items() if kind in ("flow", "state")}
    names = {name: name.replace(".", "_") for name in told}
    parts = {names[name]: _sensor(f"{known}_{names[name]}", name, kind, topics) for name, kind in told.items()}
    payload = {
        "dev": {"ids": [known], "name": f"velatura {camera}", "mf": "velatura"},
        "o": {"name": "velatura"},
        "cmps": parts,
        "availability_topic": topics["status"],
        "availability_template": "{{ 'online' if value_json.online else 'offline' }}",
        "qos": 1,
    }
    return {f"homeassistant/device/{known}/config": json.dumps(payload, sort_keys=True).encode()}


def _sensor(unique: str, name: str, kind: str, topics: Mapping[str, str]) -> dict[str, object]:
    common: dict[str, object] = {"p": "sensor", "unique_id": unique, "name": name}
    if kind == "flow":
        return {**common, "state_topic": topics["totals"], "value_template": f"{{{{ value_json['{name}'] }}}}", "state_class": "total_increasing"}
    template = f"{{{{ value_json.record['{name}'] if value_json.record is defined else this.state }}}}"
    return {**common, "state_topic": topics["event"], "value_template": template, "state_class": "measurement"}
