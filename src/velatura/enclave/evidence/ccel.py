"""CCEL: the event log of a TDX guest, replayed to the runtime measurement registers of its quote.

The same form as a TPM's log, with SHA-384. Its register 0 is MRTD, which nothing can extend after the start; 1 to 4 are RTMR0 to RTMR3.
PCR 1 and 7 go to RTMR0, 2 to 6 to RTMR1, 8 to 15 to RTMR2 (UEFI 2.10, section 38.4.1).

Limit: firmware's log ends before programs of the guest extend RTMR3; what is in RTMR3 without an event is a warning, in another register a failure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from velatura.enclave.appraisal import Examination
from velatura.enclave.evidence.eventlog import NO_ACTION, Replayed, read_log, refused

__all__ = ["hold_ccel"]

AFTER_SEPARATOR: Mapping[int, frozenset[int] | None] = MappingProxyType(
    {
        # RTMR0 is closed for Secure Boot's variables; tables, boot options and who vouched for the loader come later.
        1: frozenset({0x0A, 0x8000_0002, 0x8000_0009, 0x8000_000B, 0x8000_000C, 0x8000_00E0}),
        2: None,
    }
)


def hold_ccel(examination: Examination, raw: bytes, rtmrs: Sequence[bytes]) -> Replayed:
    """The check `eventlog`: the log replays to the quote's four registers. Claims: `eventlog`.

    Raises:
        Refused: `malformed`, `eventlog`: as `read_log` and `EventLog.replay`; an event of MRTD, or of a fifth register.
    """
    replayed = read_log(raw).replay("sha384", after=AFTER_SEPARATOR)
    for number, event in enumerate(replayed.events):
        if event.kind != NO_ACTION and not 1 <= event.register <= len(rtmrs):
            raise refused(f"event {number} is of register {event.register}: a guest extends 1 to {len(rtmrs)} (RTMR0 to RTMR3) alone", "malformed")
    examination.claims["eventlog"] = replayed.claims()
    bare = [f"rtmr{index}" for index, value in enumerate(rtmrs) if replayed.registers.get(index + 1, bytes(48)) != value]
    told = f"{len(replayed.events)} events " + (f"do not replay to {', '.join(bare)} of the quote" if bare else "replay to rtmr0..3 of the quote")
    if bare == ["rtmr3"] and 4 not in replayed.registers:
        examination.warned("eventlog", "eventlog", f"{told}, which programs of the guest extend after the firmware's log ends")
    else:
        examination.hold("eventlog", not bare, "eventlog", told)
    return replayed
