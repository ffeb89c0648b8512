"""SEV-SNP through its own device, for kernels before configfs-tsm: one ioctl with pointers to a request and to a response.

    struct snp_guest_request_ioctl   u8 msg_version, u64 req_data, u64 resp_data, u64 exitinfo2         32 bytes
    struct snp_report_req            u8 user_data[64], u32 vmpl, u8 rsvd[28]                             96 bytes
    struct snp_report_resp           u8 data[4000]: u32 status, u32 size, u8 rsvd[24], the report

Source: include/uapi/linux/sev-guest.h, Documentation/virt/coco/sev-guest.rst; AMD 56860, MSG_REPORT_RSP. Unverified on hardware.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from velatura.enclave.backends.backend import Collected
from velatura.errors import Missing

__all__ = ["GET_REPORT", "SevGuest", "device_ioctl"]

GET_REPORT = 0xC0205300  # _IOWR('S', 0, 32 bytes)
_REQUEST, _ORDER, _ANSWER = struct.Struct("<64sI28x"), struct.Struct("<B7xQQQ"), struct.Struct("<II24x")
_RESPONSE_BYTES, _MESSAGE_VERSION, REPORT_BYTES = 4000, 1, 1184

Ioctl = Callable[[Path, int, bytearray], None]
"""Opens a device, does one ioctl whose argument is changed in place, closes it. Raises OSError."""


def device_ioctl(device: Path, number: int, argument: bytearray) -> None:
    """On the real device."""
    import fcntl

    descriptor = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(descriptor, number, argument, True)
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class SevGuest:
    """
    Attributes:
        vmpl: privilege level that the report is asked for; the most that this guest has where 0 is refused.
    """

    device: Path = Path("/dev/sev-guest")
    ioctl: Ioctl = field(default=device_ioctl, repr=False)
    vmpl: int = 0
    name: str = "sev-guest"

    def lacking(self) -> str:
        if not self.device.exists():
            return f"sev-guest: there is no {self.device}"
        return "" if os.access(self.device, os.R_OK | os.W_OK) else f"sev-guest: {self.device} may not be opened"

    def quote(self, report_data: bytes, nonce: bytes, key: bytes) -> Collected:
        request = ctypes.create_string_buffer(_REQUEST.pack(report_data, self.vmpl), _REQUEST.size)
        response = ctypes.create_string_buffer(_RESPONSE_BYTES)
        order = bytearray(_ORDER.pack(_MESSAGE_VERSION, ctypes.addressof(request), ctypes.addressof(response), 0))
        try:
            self.ioctl(self.device, GET_REPORT, order)
        except OSError as error:
            firmware = _ORDER.unpack(order)[3]
            told = f"{self.device} gives no report: {error.strerror or error} (firmware says {firmware:#x})"
            raise Missing("enclave.attester", told, hint="velatura enclave doctor") from error
        status, size = _ANSWER.unpack_from(response.raw)
        if status != 0 or size != REPORT_BYTES:
            raise Missing("enclave.attester", f"{self.device}: the firmware answers status {status:#x} and {size} bytes", hint="another VMPL?")
        return Collected(response.raw[_ANSWER.size : _ANSWER.size + size], "sev-snp")
