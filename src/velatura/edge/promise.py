"""What a policy event says in clear, and what follows from it: the record's fields, the published bound, the words for a person.

A receiver that holds this event and the signer's key can check every later one by itself; the gateway fills it, the audit reads it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from velatura.edge.policy import Camera, capacity, check, digest, promised, single
from velatura.edge.schema import schema_of
from velatura.errors import VelaturaError, Withheld
from velatura.specs import convert

__all__ = ["LIMITS", "camera_of", "told", "words"]

FACE_BITS = 2048  # 16 x 16 pixels of 8 bits
LIMITS = (
    "What is counted leaves, and a sender that was taken over may choose what is counted: at the published rate it can send any picture in time. "
    "Kernel, root, the camera's firmware and the process that reads its stream are trusted; processor time and power can be watched from outside."
)


def told(camera: Camera, *, signer: str, version: str, began_s: int) -> dict[str, Any]:
    """The `told` of a policy event.

    Args:
        signer: the verifier's word (`crypto.keytext`).
        began_s: Unix time of the boot by the gateway's clock; ticks count from it.
    """
    return {
        "camera": promised(camera),
        "signer": signer,
        "version": version,
        "began_s": began_s,
        "record_bits": round(schema_of(camera).bits, 3),
        "bits_per_hour": camera.egress.bits_per_hour,
        "burst_bits": round(capacity(camera), 3),
        "limits": LIMITS,
    }


def camera_of(raw: Mapping[str, Any], policy: str) -> Camera:
    """The camera that a policy event states, checked against the digest in it.

    Raises:
        Withheld: `edge.event`: it does not state a policy that can be kept, or another one.
    """
    try:
        camera = convert(raw.get("camera"), Camera, where="a policy event")
        check(single(camera), where="a policy event")
    except VelaturaError as error:
        raise Withheld("edge.event", f"a policy event states no policy: {error.sentence}") from error
    if digest(camera) != policy:
        raise Withheld("edge.event", "a policy event states another policy than its digest names")
    return camera


def words(camera: Camera) -> str:
    """The bound, as a person reads it."""
    egress = camera.egress
    per_hour = min(egress.bits_per_hour, schema_of(camera).bits * 3600 / egress.tick_s)
    seconds = max(FACE_BITS - capacity(camera), 0.0) / per_hour * 3600
    return f"at most {per_hour:,.0f} bit/h leave: a picture of 16 x 16 pixels takes {_time(seconds)} at least"


def _time(seconds: float) -> str:
    for size, name in ((86_400.0, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {name}"
    return f"{seconds:.0f} seconds"
