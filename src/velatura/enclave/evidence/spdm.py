"""An SPDM 1.1 GET_MEASUREMENTS request with the signed MEASUREMENTS response to it, as NVIDIA's GPUs and switches report.

Everything but the last 96 bytes is signed (DMTF DSP0274 1.1.1, tables 41, 42 and 44; L1 = request and response without the signature). What stands in
the opaque data is NVIDIA's: type and size (2 + 2 bytes), value.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from velatura.enclave.appraisal import Refused
from velatura.enclave.evidence.fields import Fields
from velatura.errors import BadInput

__all__ = ["MeasurementReport", "read_measurement_report"]

SIGNATURE_BYTES, NONCE_BYTES = 96, 32
MOST_BYTES = 64 << 10
REQUEST = bytes.fromhex("11e001ff")  # version 1.1, GET_MEASUREMENTS, with a signature, all measurements
RESPONSE = bytes.fromhex("1160")
DMTF = 1  # measurementSpecification


@dataclass(frozen=True, slots=True)
class MeasurementReport:
    """What one device answered.

    Attributes:
        nonce: of the asker, 32 bytes.
        slot: of the certificate chain that was asked for.
        measurements: index -> value, as they stand in the record.
        record: all blocks of them, as signed.
        opaque: NVIDIA's fields, type -> value.
        signed, signature: the bytes that are signed; r and s, big-endian.
        padding: zeros after the signature, which real reports have.
    """

    nonce: bytes
    slot: int
    measurements: Mapping[int, bytes]
    record: bytes
    opaque: Mapping[int, bytes]
    signed: bytes
    signature: bytes
    padding: int

    @property
    def digest(self) -> str:
        """SHA-384 of the measurement record, hex: the same for devices of one kind that run the same firmware and driver."""
        return hashlib.sha384(self.record).hexdigest()


def read_measurement_report(raw: bytes) -> MeasurementReport:
    """Raises BadInput `enclave.evidence`: another format, or cut short; Refused `malformed`: it breaks a rule of the format."""
    fields = Fields(raw, "the SPDM report", "little")
    if fields.take(len(REQUEST)) != REQUEST:
        raise BadInput("enclave.evidence", "this is no signed SPDM 1.1 measurement report: it does not begin with 11e001ff")
    if len(raw) > MOST_BYTES:
        raise _malformed(f"{len(raw)} bytes; at most {MOST_BYTES}")
    nonce, slot = fields.take(NONCE_BYTES), fields.number(1)
    if slot > 7:
        raise _malformed(f"certificate slot {slot}; there are 0 to 7")
    if fields.take(2) != RESPONSE:
        raise _malformed("the answer is no MEASUREMENTS response of SPDM 1.1")
    if (fields.number(1), fields.number(1)) != (0, slot):
        raise _malformed("the answer's parameters are not 0 and the slot that was asked for")
    count, record = fields.number(1), fields.sized(3)
    measurements = _measurements(record, count)
    fields.take(NONCE_BYTES)  # of the device: it only makes the signed bytes its own
    opaque = _opaque(fields.sized(2))
    signed = raw[: fields.at]
    signature, tail = fields.take(SIGNATURE_BYTES), fields.rest()
    if any(tail):
        raise _malformed(f"{len(tail)} bytes that are not zero follow the signature")
    return MeasurementReport(nonce, slot, measurements, record, opaque, signed, signature, len(tail))


def _measurements(record: bytes, count: int) -> dict[int, bytes]:
    fields, found = Fields(record, "the measurement record", "little"), {}
    for _ in range(count):
        index, specification, block = fields.number(1), fields.number(1), Fields(fields.sized(2), "a measurement", "little")
        block.take(1)  # what was measured (DMTF); always 1 here: mutable firmware
        value = block.sized(2)
        if specification != DMTF or block.left or not index or index in found:
            raise _malformed(f"measurement {index} has another specification, a tail, no index, or stands twice")
        found[index] = value
    if fields.left:
        raise _malformed(f"{fields.left} bytes follow the {count} measurements")
    return found


def _opaque(raw: bytes) -> dict[int, bytes]:
    fields, found = Fields(raw, "the opaque data", "little"), {}
    while fields.left:
        kind, value = fields.number(2), fields.sized(2)
        if kind in found:
            raise _malformed(f"opaque field {kind} stands twice")
        found[kind] = value
    return found


def _malformed(told: str) -> Refused:
    return Refused("structure", "malformed", f"the SPDM report: {told}")
