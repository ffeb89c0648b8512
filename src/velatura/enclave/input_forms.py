"""How a job finds its inputs: bytes of a data set as arrays, as files by name, or as they are. Runs inside, on what its owner sealed.
No form runs code of the data (numpy's pickled objects are refused), and none opens a file.
"""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from velatura.errors import BadInput

__all__ = ["FORMS", "decoded", "warm"]

FORMS: Mapping[str, str] = MappingProxyType(
    {
        "bytes": "bytes, as they are",
        "npy": "one numpy array",
        "npz": "numpy arrays by name",
        "files": "contents by name, of what `velatura enclave seal A B C` or a folder put together",
    }
)
"""Form -> what the job finds."""

MOST_MEMBERS = 100_000


def decoded(form: str, raw: bytes, name: str) -> Any:
    """An input as the job gets it: bytes, an array, or a dict by name.

    Raises:
        BadInput: `enclave.input`: the bytes are not of that form.
    """
    try:
        if form == "npy":
            return np.load(io.BytesIO(raw), allow_pickle=False)
        if form == "npz":
            return _arrays(raw)
        return _files(raw) if form == "files" else raw
    except (ValueError, OSError, EOFError, KeyError, tarfile.TarError, zipfile.BadZipFile, NotImplementedError) as error:
        raise BadInput("enclave.input", f"input {name!r} is not of the form {form}: {error}", hint="see form in the job's file") from error


def warm() -> None:
    """Read one of each form: nothing can be imported once the job is locked in."""
    held = io.BytesIO()
    np.savez(held, x=np.zeros(1))
    decoded("npz", held.getvalue(), "warm")
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("x"))
    decoded("files", held.getvalue(), "warm")


def _arrays(raw: bytes) -> dict[str, Any]:
    with np.load(io.BytesIO(raw), allow_pickle=False) as found:
        if not isinstance(found, np.lib.npyio.NpzFile):
            raise ValueError("it is one array; form = npy")
        return {name: found[name] for name in found.files}


def _files(raw: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(raw), mode="r:") as archive:
        for member in archive:
            held = archive.extractfile(member) if member.isreg() else None
            if held is None or member.name in found or len(found) == MOST_MEMBERS:
                raise ValueError(f"{member.name!r} is no file, or is there twice, or there are too many")
            found[member.name] = held.read()
    return found
