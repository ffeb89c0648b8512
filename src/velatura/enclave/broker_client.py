"""A broker elsewhere, as a `KeyHolder`. Its certificate is verified, answers are bounded and hostile, no redirect is followed."""

from __future__ import annotations

import http.client
import json
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from velatura.enclave import exchange
from velatura.enclave.counters import CounterRequest, CounterValue
from velatura.errors import BadInput, BadSpec, Missing, VelaturaError, Withheld

__all__ = ["LOOPBACK", "RemoteBroker"]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
MOST_ANSWER = 1 << 20
AGAIN = "is the broker running, and the address right?"


class RemoteBroker:
    """
    Args:
        url: https://HOST[:PORT]; http for this machine alone.
        token: the broker's.
        ca: certificates of who may sign the broker's; None: the system's.
        timeout_s: for each step of an exchange.

    Raises:
        BadSpec: `enclave.address`. BadInput: `enclave.certificate`.
    """

    def __init__(self, url: str, *, token: str, ca: Path | None = None, timeout_s: float = 60.0) -> None:
        try:
            parts = urlsplit(url)
            self._port = parts.port
        except ValueError as error:
            raise BadSpec("enclave.address", f"{url}: is no address of a broker", hint="https://HOST:PORT, and nothing else") from error
        if parts.scheme not in ("https", "http") or not parts.hostname or parts.username or parts.path.strip("/") or parts.query:
            raise BadSpec("enclave.address", f"{url}: is no address of a broker", hint="https://HOST:PORT, and nothing else")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise BadSpec("enclave.address", f"{parts.hostname}: a token goes to other machines through https only", hint="https://")
        self._host, self._token, self._timeout_s = parts.hostname, token, timeout_s
        try:
            self._tls = ssl.create_default_context(cafile=str(ca) if ca else None) if parts.scheme == "https" else None
        except (OSError, ssl.SSLError) as error:
            raise BadInput("enclave.certificate", f"{ca}: cannot be read as certificates", hint="a file in PEM form") from error

    def challenge(self, dataset: str) -> exchange.Challenge:
        """Raises as `grant`."""
        return exchange.read(self._exchange("/challenge", exchange.write(exchange.Asked(dataset=dataset))), exchange.Challenge)

    def grant(self, request: exchange.Request) -> exchange.Grant:
        """
        Raises:
            Withheld: what the broker refused, by its code; `enclave.token`, `enclave.certificate`. BadInput: `enclave.message`, `enclave.answer`.
            Missing: `enclave.unreachable`, `enclave.busy`.
        """
        return exchange.read(self._exchange("/grant", exchange.write(request)), exchange.Grant)

    def counter(self, asked: CounterRequest) -> CounterValue:
        """For a `RemoteCounter`, which holds the answer to the broker's key. Raises as `grant`."""
        return exchange.read(self._exchange("/counter", exchange.write(asked)), CounterValue)

    def _exchange(self, path: str, body: bytes) -> bytes:
        connection = (
            http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout_s, context=self._tls)
            if self._tls
            else http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)
        )
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            raw = answer.read(MOST_ANSWER + 1)
        except ssl.SSLCertVerificationError as error:
            told = f"{self._host}: its certificate does not hold: {error.verify_message}"
            raise Withheld("enclave.certificate", told, hint="--ca with the certificate that signed the broker's") from error
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise Missing("enclave.unreachable", f"{self._host}: {error or type(error).__name__}", hint=AGAIN) from error
        finally:
            connection.close()
        if answer.status != 200:
            raise _refused(answer.status, raw)
        if len(raw) > MOST_ANSWER:
            raise BadInput("enclave.answer", f"{self._host}: an answer of more than {MOST_ANSWER} bytes", hint=AGAIN)
        return raw


def _refused(status: int, raw: bytes) -> VelaturaError:
    """A broker's words, read narrowly: they are hostile."""
    try:
        told = json.loads(raw)
        code, sentence, hint = str(told["code"])[:60], str(told["sentence"])[:300], str(told.get("hint", ""))[:200]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        code, sentence, hint = "enclave.answer", f"it answered with status {status}", AGAIN
    if not code.startswith(("enclave.", "crypto.")):
        code = "enclave.answer"
    if status == 401:
        return Withheld("enclave.token", "the broker does not take this token", hint="the token file of the broker")
    kind = Withheld if status in (403, 404) else Missing if status == 503 else BadInput
    return kind(code, f"the broker: {sentence}", hint=hint)
