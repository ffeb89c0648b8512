"""Who answers at an address: nobody, somebody, or the federation's own server, by the very certificate that it shows."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import ssl
from pathlib import Path

from velatura.federated.deploy.certificates import Certificate, read_certificate

__all__ = ["distrust", "free_port", "is_free", "is_here", "shown"]

ANSWER_S = 5.0


def shown(host: str, port: int) -> Certificate | None:
    """The certificate that a TLS server shows, believed by nobody yet; None: no TLS server answers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # asked for its dates and its digest, not for trust
    with contextlib.suppress(OSError), socket.create_connection((host, port), ANSWER_S) as plain, context.wrap_socket(plain) as secure:
        raw = secure.getpeercert(binary_form=True)
        return read_certificate(raw) if raw else None
    return None


def distrust(host: str, port: int, authority: Path, *, at: dt.datetime) -> str:
    """Why a site that knows `authority` does not talk to the server there, with dates; empty: it does."""
    found = shown(host, port)
    if found is None:
        return f"no server answers at {host}:{port}"
    if why := found.problem(host, at=at):
        return why
    context = ssl.create_default_context(cafile=str(authority))
    try:
        with socket.create_connection((host, port), ANSWER_S) as plain, context.wrap_socket(plain, server_hostname=host):
            return ""
    except ssl.SSLCertVerificationError as error:
        return f"the certificate is not vouched for by {authority.name}: {error.verify_message}"
    except OSError as error:
        return f"no server answers at {host}:{port}: {error}"


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, port))
        except OSError:
            return False
    return True


def is_here(host: str) -> bool:
    """Whether it is an address of this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as tried:
        try:
            tried.bind((host, 0))
        except OSError:
            return False
    return True


def free_port() -> int:
    """On loopback, for a helper that nobody else talks to."""
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        port: int = tried.getsockname()[1]
    return port
