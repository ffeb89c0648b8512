"""A server elsewhere: the calls of `server.Server` over HTTPS. Its certificate is verified, answers are bounded, no redirect is followed."""

from __future__ import annotations

import http.client
import json
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from velatura.errors import BadInput, BadSpec, Missing, VelaturaError, Withheld

__all__ = ["LOOPBACK", "RemoteServer"]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
MOST_RESULT_BYTES = 8 << 30
_MOST_REFUSAL = 1 << 16
_PART = 1 << 20
_AGAIN = "is the server running, and the address right?"


class RemoteServer:
    """
    Args:
        url: https://HOST[:PORT]; http for this machine alone.
        token: the server's.
        ca: certificates of who may sign the server's; None: the system's.
        timeout_s: for each step of an exchange; a result may take as long as the program does.

    Raises:
        BadSpec: `he.address`. BadInput: `he.certificate`.
    """

    def __init__(self, url: str, *, token: str, ca: Path | None = None, timeout_s: float = 600.0) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("https", "http") or not parts.hostname or parts.username or parts.path.strip("/") or parts.query:
            raise BadSpec("he.address", f"{url}: is no address of a server", hint="https://HOST:PORT, and nothing else")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise BadSpec("he.address", f"{parts.hostname}: a token goes to other machines through https only", hint="https://")
        self._host, self._port, self._token, self._timeout_s = parts.hostname, parts.port, token, timeout_s
        try:
            self._tls = ssl.create_default_context(cafile=str(ca) if ca else None) if parts.scheme == "https" else None
        except (OSError, ssl.SSLError) as error:
            raise BadInput("he.certificate", f"{ca}: cannot be read as certificates", hint="a file in PEM form") from error

    def programs(self) -> list[str]:
        """Ids of the programs that the server runs, in hex."""
        found = json.loads(self._exchange("GET", "/programs", b"", most=_MOST_REFUSAL))
        return [str(one) for one in found["programs"]] if isinstance(found, dict) and isinstance(found.get("programs"), list) else []

    def add_keys(self, message: bytes) -> None:
        """Send an owner's evaluation keys. Raises as `run`."""
        self._exchange("POST", "/keys", message, most=_MOST_REFUSAL)

    def forget(self, key: bytes) -> None:
        """Have keys forgotten before they expire. Raises as `run`."""
        self._exchange("DELETE", f"/keys/{key.hex()}", b"", most=_MOST_REFUSAL)

    def run(self, message: bytes, *, most: int = MOST_RESULT_BYTES) -> bytes:
        """A result for a message of ciphertexts; hostile bytes.

        Raises:
            BadInput: what the server refused, by its code; `he.answer`. Withheld: `he.token`. Missing: `he.unreachable`, `he.busy`.
        """
        return self._exchange("POST", "/run", message, most=most)

    def _exchange(self, method: str, path: str, body: bytes, *, most: int) -> bytes:
        connection = (
            http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout_s, context=self._tls)
            if self._tls
            else http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)
        )
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/octet-stream"}
        try:
            _send(connection, method, path, body, headers)
            answer = connection.getresponse()
            raw = answer.read((most if answer.status == 200 else _MOST_REFUSAL) + 1)
        except ssl.SSLCertVerificationError as error:
            hint = "--ca with the certificate that signed the server's"
            raise Withheld("he.certificate", f"{self._host}: its certificate does not hold: {error.verify_message}", hint=hint) from error
        except (OSError, http.client.HTTPException) as error:
            raise Missing("he.unreachable", f"{self._host}: {error or type(error).__name__}", hint=_AGAIN) from error
        finally:
            connection.close()
        if answer.status != 200:
            raise _refused(answer.status, raw)
        if len(raw) > most:
            raise BadInput("he.answer", f"{self._host}: an answer of more than {most} bytes", hint=_AGAIN)
        return raw


def _send(connection: http.client.HTTPConnection, method: str, path: str, body: bytes, headers: dict[str, str]) -> None:
    """A server that refuses by the header answers before it has read the body, and closes: its answer is still there to be read."""
    try:
        connection.request(method, path, body or None, headers)
    except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
        return


def _refused(status: int, raw: bytes) -> VelaturaError:
    """A server's words, read narrowly: they are hostile."""
    try:
        told = json.loads(raw)
        code, sentence, hint = str(told["code"])[:60], str(told["sentence"])[:300], str(told.get("hint", ""))[:200]
    except (ValueError, KeyError, TypeError, RecursionError):
        code, sentence, hint = "he.answer", f"the server answered with status {status}", _AGAIN
    if not code.startswith(("he.", "sandbox.")):
        code = "he.answer"
    if status == 401:
        return Withheld("he.token", "the server does not take this token", hint="the token file of the server")
    if status == 503:
        return Missing(code, f"the server: {sentence}", hint=hint)
    return BadInput(code, f"the server: {sentence}", hint=hint)
