"""Probes that try to send: every family of sockets, and every socket call on the descriptors that are there."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Any

from velatura.sandbox.escapes.probe import Probe, buffer, by_number
from velatura.sandbox.escapes.targets import Targets

__all__ = ["probes"]

_PACKET, _NETLINK, _ALG, _VSOCK = 17, 16, 38, 40


def probes(at: Targets) -> list[Probe]:
    """17."""
    tcp, udp = ("127.0.0.1", at.tcp), ("127.0.0.1", at.udp)
    link = struct.pack("IHHIIB", 17, 18, 0x301, 1, 0, 0)  # RTM_GETLINK, dump
    attempts: list[tuple[str, Callable[[], object]]] = [
        ("tcp connect", lambda: _say(socket.AF_INET, socket.SOCK_STREAM, tcp)),
        ("tcp6 connect", lambda: _say(socket.AF_INET6, socket.SOCK_STREAM, ("::ffff:127.0.0.1", at.tcp))),
        ("udp send", lambda: _say(socket.AF_INET, socket.SOCK_DGRAM, udp)),
        ("tcp listen", lambda: socket.create_server(("127.0.0.1", 0))),
        ("raw icmp", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).sendto(b"\x08" + bytes(15), ("127.0.0.1", 0))),
        ("packet", lambda: socket.socket(_PACKET, socket.SOCK_RAW, 3)),
        ("netlink", lambda: socket.socket(_NETLINK, socket.SOCK_RAW, 0).send(link)),
        ("unix path", lambda: _say(socket.AF_UNIX, socket.SOCK_STREAM, at.folder + "/sock")),
        ("unix abstract", lambda: _say(socket.AF_UNIX, socket.SOCK_STREAM, b"\0" + at.tag.encode())),
        ("socketpair", socket.socketpair),
    ]
    found = [Probe("net", name, act) for name, act in attempts]
    found += [
        Probe("net", "vsock", lambda: socket.socket(_VSOCK, socket.SOCK_STREAM), reach=True),
        Probe("net", "alg", lambda: socket.socket(_ALG, socket.SOCK_SEQPACKET, 0), reach=True),
    ]
    for name, call in (
        ("connect on fd 1", "connect"),
        ("bind on fd 1", "bind"),
        ("sendmsg on fd 1", "sendmsg"),
        ("sendto on fd 1", "sendto"),
        ("recvmsg on fd 1", "recvmsg"),
    ):
        found += by_number("net", name, call, 1, buffer(bytes(64)), 16, 0, 0, 0)
    return found


def _say(family: int, kind: int, address: Any) -> None:
    end = socket.socket(family, kind)
    end.settimeout(1)
    end.connect(address)
    end.send(b"face")
