"""What a broker keeps between two starts, in a folder of its own (0700): who it signs as, its token, its log, its counters.

A log whose end was never signed (the machine lost power) is never written on: it stays as it is, and a new one begins that names it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from velatura.crypto import keytext
from velatura.crypto.keyfile import load_signer, save_private
from velatura.crypto.keys import Entropy, Signer
from velatura.crypto.log import SignedLog
from velatura.crypto.token_file import load_token, made_token
from velatura.enclave.counters import SigningCounters
from velatura.errors import BadSpec, Withheld

__all__ = ["BrokerState", "open_state"]

SIGNER, TOKEN, COUNTERS, LOG = "signer.key", "token", "counters", "log"


@dataclass(frozen=True, slots=True)
class BrokerState:
    """
    Attributes:
        token: that clients show; token_file: where it stands.
        log: signed by the broker.
        verifier: the broker's, as a word: enclaves that use its counters know it.
        broken: why the latest log was not gone on with; "": it was, or there was none.
    """

    token: str
    token_file: Path
    log: SignedLog
    counters: SigningCounters
    verifier: str
    broken: str = ""


@contextmanager
def open_state(folder: Path, *, entropy: Entropy) -> Iterator[BrokerState]:
    """Make or open the folder; one broker at a time.

    Raises:
        BadSpec: `enclave.broker-state`: the folder cannot be made. BadInput: `crypto.chain-busy`, `crypto.*`. Withheld: `crypto.*-exposed`.
    """
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise BadSpec("enclave.broker-state", f"{folder}: is no folder that can be used: {error.strerror}", hint="another --state") from error
    new = not (folder / SIGNER).exists()
    if new:
        save_private(Signer.new(entropy), folder / SIGNER)
    signer = load_signer(folder / SIGNER)
    token = load_token(folder / TOKEN) if (folder / TOKEN).exists() else made_token(folder / TOKEN)
    with SigningCounters(folder / COUNTERS, signer, new=new) as counters:
        log, broken = _log(folder, signer, entropy)
        with log:
            yield BrokerState(token, folder / TOKEN, log, counters, keytext.encode(signer.verifier), broken)


def _log(folder: Path, signer: Signer, entropy: Entropy) -> tuple[SignedLog, str]:
    """The latest log goes on, if it ends as it must; else a new one, and why."""
    numbers = sorted(int(path.suffix[1:]) for path in folder.glob(f"{LOG}.*") if path.suffix[1:].isdecimal())
    if not numbers:
        return SignedLog.create(folder / f"{LOG}.1", signer, entropy=entropy), ""
    last = folder / f"{LOG}.{numbers[-1]}"
    try:
        return SignedLog.resume(last, signer), ""
    except Withheld as error:
        log = SignedLog.create(folder / f"{LOG}.{numbers[-1] + 1}", signer, entropy=entropy)
        log.append({"after": last.name, "why": error.sentence})
        log.checkpoint()
        return log, f"{last} does not verify, and {LOG}.{numbers[-1] + 1} begins: {error.sentence}"
