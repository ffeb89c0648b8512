"""Packets on every interface of this machine, while something runs. It listens, and sends nothing.

Source: packet(7).
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from velatura.errors import Missing

__all__ = ["Capture"]

ALL = 0x0003  # ETH_P_ALL
_PACKET, _STATISTICS, _BUFFER_FORCED = 263, 6, 33  # SOL_PACKET, PACKET_STATISTICS, SO_RCVBUFFORCE
BUFFER = 64 << 20
LARGEST = 1 << 17


class Capture:
    """From its making to its end the kernel keeps what passes, on its way in and out.

    Raises:
        Missing: `enclave.no-captures`: only root may listen, or this system has no such socket.
    """

    def __init__(self) -> None:
        try:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL))
        except (AttributeError, OSError) as error:
            raise Missing("enclave.no-captures", f"packets on this machine cannot be listened to: {error}", hint="run it as root") from error
        self._socket.setblocking(False)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _BUFFER_FORCED, BUFFER)
        except PermissionError:  # listening is one power, a large buffer another
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)

    def packets(self) -> Iterator[bytes]:
        """All that came since it was made, or since this was asked last.

        Raises:
            Missing: `enclave.no-captures`: the machine is so busy that some were lost, and what was in them nobody knows.
        """
        while True:
            try:
                yield self._socket.recv(LARGEST)
            except BlockingIOError:
                break
        _, lost = struct.unpack("II", self._socket.getsockopt(_PACKET, _STATISTICS, 8))
        if lost:
            raise Missing("enclave.no-captures", f"{lost} packets went by too fast to be looked at", hint="try again when the network is quiet")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._socket.close()
