"""Linux's own interface to SEV-SNP and TDX: a folder in configfs, 64 bytes into `inblob`, the report out of `outblob`.

`generation` counts the writes: if it moved by more than our one, somebody else wrote in between, and the report is of his bytes. `auxblob` of SEV-SNP
holds the certificates that the host gave along: what they are worth is the verifier's to judge.

Source: Documentation/ABI/testing/configfs-tsm-report (Linux 6.7). Unverified on hardware.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from velatura.enclave.backends.attesters.certificate_table import companions_in
from velatura.enclave.backends.backend import Collected
from velatura.errors import Missing

__all__ = ["ConfigfsTsm", "Entry"]

ROOT = Path("/sys/kernel/config/tsm/report")
PROVIDERS = {"sev_guest": "sev-snp", "tdx_guest": "tdx"}
MOST_BYTES = 1 << 20
TRIES = 3
T = TypeVar("T")


class Entry(Protocol):
    """One folder of the interface, as the kernel makes it."""

    def read(self, name: str) -> bytes: ...

    def write(self, name: str, value: bytes) -> None: ...

    def remove(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Folder:
    path: Path

    def read(self, name: str) -> bytes:
        with (self.path / name).open("rb") as stream:
            return stream.read(MOST_BYTES)

    def write(self, name: str, value: bytes) -> None:
        with (self.path / name).open("wb", buffering=0) as stream:
            stream.write(value)

    def remove(self) -> None:
        self.path.rmdir()


def _make(path: Path) -> Entry:
    path.mkdir()
    return _Folder(path)


@dataclass(frozen=True, slots=True)
class ConfigfsTsm:
    """
    Attributes:
        root: of the interface.
        make: makes an entry; the kernel fills the new folder.
    """

    root: Path = ROOT
    make: Callable[[Path], Entry] = field(default=_make, repr=False)
    name: str = "configfs-tsm"

    def lacking(self) -> str:
        if not self.root.is_dir():
            return f"configfs-tsm: there is no {self.root}"
        try:
            provider = self._with_entry(lambda entry: entry.read("provider").decode("ascii", "replace").strip())
        except OSError as error:
            return f"configfs-tsm: {error.strerror or error}"
        return "" if provider in PROVIDERS else f"configfs-tsm: its provider is {provider!r}, which is not known"

    def quote(self, report_data: bytes, nonce: bytes, key: bytes) -> Collected:
        assert len(report_data) == 64, "an inblob has 64 bytes"
        try:
            return self._with_entry(lambda entry: self._quoted(entry, report_data))
        except OSError as error:
            raise Missing("enclave.attester", f"configfs-tsm gives no report: {error.strerror or error}", hint="velatura enclave doctor") from error

    def _quoted(self, entry: Entry, report_data: bytes) -> Collected:
        provider = entry.read("provider").decode("ascii", "replace").strip()
        if provider not in PROVIDERS:
            raise Missing("enclave.attester", f"configfs-tsm has the provider {provider!r}, which is not known", hint=" or ".join(PROVIDERS))
        for _ in range(TRIES):
            before = int(entry.read("generation"))
            entry.write("inblob", report_data)
            report, beside = entry.read("outblob"), b""
            with contextlib.suppress(OSError):  # TDX has none
                beside = entry.read("auxblob")
            if int(entry.read("generation")) == before + 1:
                return Collected(report, PROVIDERS[provider], companions_in(beside) if PROVIDERS[provider] == "sev-snp" else {})
        raise Missing("enclave.attester", f"configfs-tsm: somebody else wrote into the entry {TRIES} times", hint="run it again")

    def _with_entry(self, act: Callable[[Entry], T]) -> T:
        entry = self.make(self.root / f"velatura-{secrets.token_hex(8)}")
        try:
            return act(entry)
        finally:
            with contextlib.suppress(OSError):
                entry.remove()
