"""SEAL as a server has it: evaluation keys, ciphertexts, plain vectors. No secret key, and no module that knows one, is reachable from here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from velatura.errors import BadInput
from velatura.homomorphic.levels import check_scales
from velatura.homomorphic.parameters import Parameters
from velatura.homomorphic.seal_base import Context, parted, sealapi, translated

__all__ = ["PublicSide"]

Floats: TypeAlias = NDArray[np.float64]
Ciphertext: TypeAlias = Any
Plaintext: TypeAlias = Any


class PublicSide:
    """A `CkksEngine` over SEAL. One thread: SEAL's binding never lets go of Python's lock.

    Args:
        keys: evaluation keys as `SecretSide.evaluation_keys` gives them; None: a program that neither rotates nor multiplies ciphertexts.
        folder: see `seal_base.Context`.

    Raises:
        BadInput: `he.blob`, `he.parameters`. Operations: `he.missing-key`, `he.transparent`, `he.not-finite`, `he.scales`, `he.range`, `he.engine`.
        Missing: `he.tenseal`.
    """

    def __init__(self, parameters: Parameters, keys: bytes | memoryview | None = None, *, folder: Path | None = None) -> None:
        self.context = Context(parameters, folder)
        seal = sealapi()
        self._new_ciphertext, self._new_plaintext = seal.Ciphertext, seal.Plaintext
        self._encoder, self._evaluator = seal.CKKSEncoder(self.context.seal), seal.Evaluator(self.context.seal)
        relinearisation, galois = parted(keys) if keys is not None else (b"", b"")
        self._relinearisation = self.context.load(seal.RelinKeys, relinearisation) if relinearisation else None
        self._galois = self.context.load(seal.GaloisKeys, galois) if galois else None

    def load(self, blob: bytes | memoryview, *, level: int, scale: float) -> Ciphertext:
        """A ciphertext from bytes. Raises BadInput: `he.blob`, `he.transparent`."""
        return self.context.load_ciphertext(blob, level=level, scale=scale)

    def dump(self, ciphertext: Ciphertext) -> bytes:
        return self.context.dump(ciphertext)

    def encode(self, values: Floats, level: int, scale: float) -> Plaintext:
        made = self._new_plaintext()
        with translated():
            # one number has one coefficient and takes thirteen microseconds, a vector half a millisecond
            self._encoder.encode(float(values[0]) if len(values) == 1 else values.tolist(), self.context.parms_id[level], scale, made)
        return made

    def rotate(self, of: Ciphertext, by: int) -> Ciphertext:
        element = self.context.element(by)
        if self._galois is None or not self._galois.has_key(element):
            raise BadInput("he.missing-key", f"there is no key to rotate by {by}", hint="make evaluation keys for this program: velatura he keygen")
        made = self._new_ciphertext()
        with translated():
            self._evaluator.apply_galois(of, element, self._galois, made)
        return made

    def weigh(self, terms: Sequence[tuple[Ciphertext, Plaintext]], scale: float) -> Ciphertext:
        total, product = self._new_ciphertext(), self._new_ciphertext()
        (first, by), *rest = terms
        with translated():
            self._evaluator.multiply_plain(first, by, total)
            for ciphertext, plain in rest:
                self._evaluator.multiply_plain(ciphertext, plain, product)
                self._add_to(total, product)
        return self._at_scale(total, scale)

    def multiply(self, pairs: Sequence[tuple[Ciphertext, Ciphertext]]) -> Ciphertext:
        if self._relinearisation is None:
            raise BadInput("he.missing-key", "there is no key for products", hint="make evaluation keys for this program: velatura he keygen")
        with translated():
            total, *rest = [self._product(a, b) for a, b in pairs]
            for product in rest:
                self._add_to(total, product)
            self._evaluator.relinearize_inplace(total, self._relinearisation)
        return total

    def add(self, of: Sequence[Ciphertext]) -> Ciphertext:
        first, second, *rest = [one if one.scale == of[0].scale else self._copy(one) for one in of]
        total = self._new_ciphertext()
        with translated():
            self._evaluator.add(first, self._at_scale(second, first.scale), total)
            for one in rest:
                self._add_to(total, one)
        return total

    def shift(self, of: Ciphertext, by: Plaintext) -> Ciphertext:
        made = self._new_ciphertext()
        with translated():
            self._evaluator.add_plain(of, by, made)
        return made

    def rescale(self, of: Ciphertext, scale: float) -> Ciphertext:
        made = self._new_ciphertext()
        with translated():
            self._evaluator.rescale_to_next(of, made)
        check_scales("Rescale", [made.scale, scale])
        made.scale = scale
        return made

    def drop(self, of: Ciphertext, level: int) -> Ciphertext:
        made = self._new_ciphertext()
        with translated():
            self._evaluator.mod_switch_to(of, self.context.parms_id[level], made)
        return made

    def _product(self, a: Ciphertext, b: Ciphertext) -> Ciphertext:
        made = self._new_ciphertext()
        if a is b:
            self._evaluator.square(a, made)
        else:
            self._evaluator.multiply(a, b, made)
        return made

    def _copy(self, of: Ciphertext) -> Ciphertext:
        made = self._new_ciphertext()
        self._evaluator.mod_switch_to(of, of.parms_id(), made)
        return made

    def _add_to(self, total: Ciphertext, one: Ciphertext) -> None:
        self._evaluator.add_inplace(total, self._at_scale(one, total.scale))

    def _at_scale(self, one: Ciphertext, scale: float) -> Ciphertext:
        """`one`, changed. Scales that differ by rounding of doubles are taken for equal: SEAL compares every bit."""
        if one.scale != scale:
            check_scales("Sum", [scale, one.scale])
            one.scale = scale
        return one
