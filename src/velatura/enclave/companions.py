"""What travels beside evidence: leaf, chain, collateral, event log, revocation lists. Read here, judged by the verifiers, which do no reading."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from velatura.enclave.policy import With
from velatura.errors import BadInput
from velatura.files import open_regular

__all__ = ["Companions", "read_companions"]

MOST_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Companions:
    """Bytes as they lay in their files; None or () where the policy names none, or where there is no such file.

    Attributes:
        leaf: certificate of the key that signed, DER or PEM.
        chain: those above it, PEM or DER, the nearest first.
        root: must be one that the package pins.
        dcap: Intel's collateral, JSON.
        eventlog: TCG event log or CCEL.
        gpu: evidence of the GPUs beside a processor.
        crl: revocation lists, DER or PEM.
        absent: names of those that the policy names and that are not there.
    """

    leaf: bytes | None = None
    chain: bytes | None = None
    root: bytes | None = None
    dcap: bytes | None = None
    eventlog: bytes | None = None
    gpu: bytes | None = None
    crl: tuple[bytes, ...] = ()
    absent: tuple[str, ...] = ()


def read_companions(named: With, folder: Path) -> Companions:
    """Read what `[with]` names, relative to `folder`.

    Raises:
        BadInput: `enclave.companion`: larger than 4 MiB, no regular file, or not readable.
            One that does not exist is no error here: the verdict says what is missing.
    """
    found: dict[str, bytes | tuple[bytes, ...]] = {}
    absent: list[str] = []
    for name in ("leaf", "chain", "root", "dcap", "eventlog", "gpu"):
        word = getattr(named, name)
        if word is None:
            continue
        raw = _read(folder / word)
        if raw is None:
            absent.append(f"{name} ({word})")
        else:
            found[name] = raw
    lists = {word: _read(folder / word) for word in named.crl}
    absent += [f"crl ({word})" for word, raw in lists.items() if raw is None]
    return Companions(**found, crl=tuple(raw for raw in lists.values() if raw is not None), absent=tuple(absent))  # type: ignore[arg-type]


def _read(path: Path) -> bytes | None:
    try:
        with open_regular(path) as stream:
            raw: bytes = stream.read(MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise BadInput("enclave.companion", f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(raw) > MOST_BYTES:
        raise BadInput("enclave.companion", f"{path}: larger than 4 MiB")
    return raw
