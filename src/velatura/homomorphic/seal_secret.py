"""SEAL as an owner has it: the secret key, encryption under it, decryption, evaluation keys made from it. A server never imports this file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from velatura.errors import BadInput
from velatura.homomorphic.parameters import Parameters
from velatura.homomorphic.seal_base import Context, joined, sealapi, translated

__all__ = ["SecretSide"]

Floats: TypeAlias = NDArray[np.float64]


class SecretSide:
    """One secret key. It does not print, and does not pickle.

    Args:
        secret: a key that `secret_bytes` gave; None: a new one.
        folder: see `seal_base.Context`.

    Raises:
        BadInput: `he.blob`, `he.parameters`.
        Missing: `he.tenseal`.
    """

    def __init__(self, parameters: Parameters, secret: bytes | memoryview | None = None, *, folder: Path | None = None) -> None:
        self.context = Context(parameters, folder)
        seal = sealapi()
        with translated():
            if secret is None:
                self._maker = seal.KeyGenerator(self.context.seal)
            else:
                self._maker = seal.KeyGenerator(self.context.seal, self.context.load(seal.SecretKey, secret))
            self._secret = self._maker.secret_key()
            self._encryptor = seal.Encryptor(self.context.seal, self._secret)
            self._decryptor = seal.Decryptor(self.context.seal, self._secret)
            self._encoder = seal.CKKSEncoder(self.context.seal)

    def __repr__(self) -> str:
        return "<secret key>"

    def __reduce__(self) -> str:
        raise TypeError("a secret key is not pickled")

    def secret_bytes(self) -> bytes:
        """The secret key itself: for a file with mode 0600 and nothing else."""
        return self.context.dump(self._secret)

    def evaluation_keys(self, rotations: Iterable[int], *, products: bool = True) -> bytes:
        """Keys for a server, half of each a seed. `rotations`: steps to the left; `products`: whether ciphertexts are multiplied."""
        elements = sorted({self.context.element(by) for by in rotations} - {1})
        with translated():
            relinearisation = self.context.dump(self._maker.create_relin_keys()) if products else b""
            galois = self.context.dump(self._maker.create_galois_keys(elements)) if elements else b""
        return joined(relinearisation, galois)

    def encrypt(self, values: Floats, scale: float) -> bytes:
        """A fresh ciphertext on the top level, half of it a seed. `values`: (slots,), finite.

        Raises:
            BadInput: `he.slots`, `he.not-finite`, `he.range`.
        """
        values = np.asarray(values, np.float64)
        if values.shape != (self.context.parameters.slots,):
            raise BadInput("he.slots", f"values of shape {values.shape} do not fill {self.context.parameters.slots} slots", hint="pack them first")
        plain = sealapi().Plaintext()
        with translated():
            self._encoder.encode(values.tolist(), self.context.parms_id[len(self.context.parameters.data)], scale, plain)
            return self.context.dump(self._encryptor.encrypt_symmetric(plain))

    def decrypt(self, blob: bytes | memoryview, *, level: int, scale: float) -> NDArray[np.complex128]:
        """The slots, (slots,) complex: imaginary parts are noise. **Whoever gets all of them gets the key** (Li, Micciancio, EUROCRYPT 2021): what
        may leave the owner is for `sharing` to decide. A wrong key gives garbage without a word; the key id in the wire format is what tells.

        Raises:
            BadInput: `he.blob`, `he.transparent`.
        """
        ciphertext = self.context.load_ciphertext(blob, level=level, scale=scale)
        plain = sealapi().Plaintext()
        with translated():
            self._decryptor.decrypt(ciphertext, plain)
            return np.array(self._encoder.decode_complex(plain), np.complex128)
