"""SEAL's ground: its import, its context from our parameters, bytes in and out. The only file that imports TenSEAL.

`tenseal.sealapi` binds single operations of SEAL; it saves to and loads from file names only, so objects pass through a memory file that no disk
sees, or, inside a locked sandbox guest, through the guest's own scratch folder. What SEAL raises is translated here.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from velatura.errors import BadInput, Missing
from velatura.homomorphic.parameters import Parameters
from velatura.homomorphic.simulator import transparent

__all__ = ["LEAST_VERSION", "Context", "joined", "parted", "sealapi", "translated"]

LEAST_VERSION = (0, 3, 18)
"""Of TenSEAL: 0.3.16 encodes NaN and infinity without a word."""
SEAL_TABLE = 32768
"""Greatest degree of which SEAL's own security table knows."""
_LENGTHS = struct.Struct("<QQ")


@cache
def sealapi() -> Any:
    """The module.

    Raises:
        Missing: `he.tenseal`.
    """
    try:
        import tenseal.sealapi
        from tenseal.version import __version__
    except ImportError as error:
        raise Missing("he.tenseal", "TenSEAL, which computes on ciphertext, is not installed", hint="pip install 'velatura[he]'") from error
    if tuple(int(part) for part in __version__.split(".")[:3] if part.isdigit()) < LEAST_VERSION:
        least = ".".join(map(str, LEAST_VERSION))
        raise Missing("he.tenseal", f"TenSEAL {__version__} takes NaN for a number; {least} is needed", hint=f"pip install 'tenseal>={least}'")
    return tenseal.sealapi


class Context:
    """SEAL's context for a parameter set.

    Args:
        folder: where objects pass through as files, private to this process; None: memory files.

    Attributes:
        parms_id: level -> what SEAL calls it.
    """

    def __init__(self, parameters: Parameters, folder: Path | None = None) -> None:
        seal = sealapi()
        wanted = seal.EncryptionParameters(seal.SCHEME_TYPE.CKKS)
        checked = not parameters.insecure and parameters.n <= SEAL_TABLE  # SEAL's table is a second belt: ours is narrower
        with translated():
            wanted.set_poly_modulus_degree(parameters.n)
            wanted.set_coeff_modulus([seal.Modulus(prime) for prime in (*parameters.data, parameters.special)])
            self.seal = seal.SEALContext(wanted, True, seal.SEC_LEVEL_TYPE.TC128 if checked else seal.SEC_LEVEL_TYPE.NONE)
        if not self.seal.parameters_set():
            raise BadInput("he.parameters", f"SEAL refuses the parameters: {self.seal.parameters_error_message()}", hint="compile the model again")
        self.parameters = parameters
        self.parms_id: dict[int, Any] = {}
        self._folder = folder
        link = self.seal.first_context_data()
        while link is not None:
            self.parms_id[len(link.parms().coeff_modulus())] = link.parms_id()
            link = link.next_context_data()

    def element(self, by: int) -> int:
        """The Galois element that rotates by `by` to the left. SEAL's own steps bind to the wrong overload in Python."""
        return pow(3, by, 2 * self.parameters.n)

    def dump(self, thing: Any) -> bytes:
        """What SEAL saves of an object."""
        with translated(), self._file() as (path, descriptor):
            thing.save(path)
            return _read(path if descriptor is None else descriptor)

    def load(self, kind: Any, blob: bytes | memoryview) -> Any:
        """A new `kind` from bytes. That they are whole and were meant is for `wire` to have checked: SEAL loads most flipped bits without a word.

        Raises:
            BadInput: `he.blob`.
        """
        made = kind()
        with self._file() as (path, descriptor), translated("he.blob"):
            _write(path if descriptor is None else descriptor, blob)
            made.load(self.seal, path)
        return made

    def load_ciphertext(self, blob: bytes | memoryview, *, level: int, scale: float) -> Any:
        """A ciphertext that is what its header says.

        Raises:
            BadInput: `he.blob`, `he.transparent`.
        """
        ciphertext = self.load(sealapi().Ciphertext, blob)
        if ciphertext.size() != 2 or ciphertext.parms_id() != self.parms_id.get(level) or ciphertext.scale != scale or not ciphertext.is_ntt_form():
            raise BadInput("he.blob", "a ciphertext is not of the level and scale that its header says", hint="ask for the message again")
        if ciphertext.is_transparent():
            raise BadInput("he.transparent", "a ciphertext hides nothing: its second half is zero", hint="ask for the message again")
        return ciphertext

    @contextmanager
    def _file(self) -> Iterator[tuple[str, int | None]]:
        """A name to save to or load from, and its descriptor where it has one; gone at the end."""
        if self._folder is None:
            descriptor = os.memfd_create("velatura-he")
            try:
                yield f"/proc/self/fd/{descriptor}", descriptor
            finally:
                os.close(descriptor)
            return
        path = self._folder / "seal"
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))  # SEAL would make it readable by all
        try:
            yield str(path), None
        finally:
            path.unlink(missing_ok=True)


def joined(relinearisation: bytes, galois: bytes) -> bytes:
    """Evaluation keys in one; either may be empty."""
    return _LENGTHS.pack(len(relinearisation), len(galois)) + relinearisation + galois


def parted(keys: bytes | memoryview) -> tuple[memoryview, memoryview]:
    """Relinearisation and Galois keys.

    Raises:
        BadInput: `he.blob`.
    """
    view = memoryview(keys)
    first, second = _LENGTHS.unpack_from(view) if len(view) >= _LENGTHS.size else (0, 0)
    if len(view) != _LENGTHS.size + first + second:
        raise BadInput("he.blob", "evaluation keys are shorter or longer than they say", hint="ask for the keys again")
    return view[_LENGTHS.size : _LENGTHS.size + first], view[_LENGTHS.size + first :]


_TOLD = (
    ("result ciphertext is transparent", "he.transparent", "", ""),
    ("values must be finite", "he.not-finite", "a plain vector holds NaN or infinity", "check the input and the model's weights"),
    ("value must be finite", "he.not-finite", "a plain vector holds NaN or infinity", "check the input and the model's weights"),
    ("scale mismatch", "he.scales", "ciphertexts of different scales are added", "this is a mistake of the compiler: please report the model"),
    ("scale out of bounds", "he.scales", "a scale is beyond the modulus that is left", "compile again with more levels or a greater degree"),
    ("encoded values are too large", "he.range", "a value is too large for the modulus that is left", "scale the input into the calibrated range"),
    ("Galois key not present", "he.missing-key", "a rotation key is missing", "make evaluation keys for this program"),
)
"""What SEAL says -> code, sentence, hint."""


@contextmanager
def translated(code: str = "he.engine") -> Iterator[None]:
    """Errors of SEAL as ours; `code` for those that have none of their own."""
    try:
        yield
    except MemoryError as error:
        raise BadInput("he.memory", "SEAL found no memory", hint="a smaller program, fewer keys, or a machine with more memory") from error
    except (ValueError, RuntimeError, IndexError, TypeError) as error:
        said = str(error)
        for words, own, sentence, hint in _TOLD:
            if words in said:
                raise (BadInput(own, sentence, hint=hint) if sentence else transparent()) from error
        raise BadInput(code, f"SEAL refuses: {said}", hint="ask for the message or the keys again") from error


def _write(file: str | int, blob: bytes | memoryview) -> None:
    # unbuffered and without asking the file anything: inside a locked guest `open` may do no more
    with open(file, "wb", buffering=0, closefd=not isinstance(file, int)) as to:
        rest = memoryview(blob)
        while rest:
            rest = rest[to.write(rest) :]


def _read(file: str | int) -> bytes:
    with open(file, "rb", buffering=0, closefd=not isinstance(file, int)) as of:
        of.seek(0)
        return of.read()
