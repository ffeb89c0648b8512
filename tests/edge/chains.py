"""Chains of events as a gateway would make them, with a bucket of its own, so that the audit is not tested against itself."""

from __future__ import annotations

from collections.abc import Sequence

from velatura.crypto import keytext
from velatura.crypto.keys import Signer
from velatura.edge.events import Chain
from velatura.edge.policy import Camera, Egress, Line, capacity, digest
from velatura.edge.promise import told
from velatura.edge.schema import schema_of

__all__ = ["CAMERA", "SIGNER", "STRANGER", "chain_of", "lines_of", "values_of"]

SIGNER, STRANGER = (Signer.new(lambda _, b=b: bytes([b]) * 32) for b in (1, 2))
CAMERA = Camera("door", lines=(Line("gate", (0.2, 0.5), (0.8, 0.5)),), egress=Egress(tick_s=60, bits_per_hour=600, most=15))


def values_of(camera: Camera, number: int) -> dict[str, int]:
    """Some values within the schema."""
    return {field.name: (number * 7 + at) % field.size for at, field in enumerate(schema_of(camera).fields)}


def chain_of(camera: Camera = CAMERA, *, boot: str = "00" * 8, signer: Signer = SIGNER, degraded: Sequence[str] = ()) -> Chain:
    return Chain(signer, camera=camera.name, boot=boot, policy=digest(camera), degraded=degraded)


def lines_of(ticks: int, camera: Camera = CAMERA, *, chain: Chain | None = None, level: float | None = None) -> list[bytes]:
    """A boot: its policy event, then a record a tick, withheld where the bucket is empty. level: bits in it at the start; full by default."""
    chain = chain or chain_of(camera)
    bits, come = schema_of(camera).bits, camera.egress.bits_per_hour * camera.egress.tick_s / 3600
    level = capacity(camera) if level is None else level
    lines = [chain.policy(told(camera, signer=keytext.encode(SIGNER.verifier), version="0", began_s=1_700_000_000))]
    for tick in range(1, ticks + 1):
        level = min(capacity(camera), level + come)
        tells = level >= bits
        lines.append(chain.record(tick, values_of(camera, tick) if tells else None))
        level -= bits * tells
    return lines
