"""Both sides of each attack on a program: decryptions with new keys on SEAL, parameters, the model as an oracle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.key_recovery import Disclosure, Key
from velatura.attacks.ring import Numbers, Ring
from velatura.audit.homomorphic.material import Material
from velatura.homomorphic import embedding
from velatura.homomorphic.compiled import pack
from velatura.homomorphic.engine import run
from velatura.homomorphic.flooding import flooded
from velatura.homomorphic.parameters import MAX_LOG_QP, Parameters
from velatura.homomorphic.seal_base import sealapi
from velatura.homomorphic.seal_public import PublicSide
from velatura.homomorphic.seal_secret import SecretSide
from velatura.homomorphic.security import estimated_bits
from velatura.homomorphic.sharing import released

__all__ = ["DecryptionArm", "OracleArm", "ParameterArm", "new_key"]

Floats: TypeAlias = NDArray[np.float64]
CIPHERTEXTS = 2
TIMES = 2
"""Decryptions of one ciphertext that are given out."""


def new_key(parameters: Parameters) -> Key:
    """A key of SEAL's own making, and its coefficients."""
    side = SecretSide(parameters)
    secret = side.context.load(sealapi().SecretKey, side.secret_bytes())
    held = secret.data()  # a view: it dies with `secret`
    n, ring = parameters.n, Ring(parameters.n, parameters.data[0])
    width = n.bit_length() - 1
    # SEAL keeps values in the order of reversed bits, at powers of the least root
    values = np.array([held.data(int(f"{place:0{width}b}"[::-1], 2)) for place in range(n)], dtype=object)
    return Key(ring.centred(ring.coefficients(values)).astype(np.int8), side)


@dataclass(frozen=True, slots=True)
class DecryptionArm:
    """Answers of the program under a key, on SEAL, and what of their decryptions is given out: all of it, or what the policy lets out.

    Under `public` every slot is given, more than an owner would: scores are a few of them.
    """

    material: Material
    raw: bool

    def __call__(self, key: Key, rng: Generator) -> Sequence[Disclosure]:
        client, server, owner = self.material.client, self.material.server, key.held
        public = PublicSide(client.parameters, owner.evaluation_keys(client.rotations, products=client.products))
        made = []
        for x in self.material.questions(CIPHERTEXTS, rng):
            packed = pack(client.packing, client.parameters.slots, x[None])[0]
            level, scale = len(client.parameters.data), client.input_scale
            inputs = {
                place: public.load(owner.encrypt(slots, scale), level=level, scale=scale) for place, slots in zip(server.inputs, packed, strict=True)
            }
            answer = run(server.program, server.plan, public, inputs)[0]
            first, second = _coefficients(public, answer, client.parameters.n, client.outputs[0][0])
            made.append(Disclosure(first, second, client.parameters.data[0], self._told(owner, public.dump(answer))))
        return made

    def _told(self, owner: SecretSide, answer: bytes) -> Floats:
        """(times, n) coefficients; zeros where nothing but a label leaves."""
        client = self.material.client
        level, scale = client.outputs[0]
        values = owner.decrypt(answer, level=level, scale=scale)
        if self.raw:
            return embedding.coefficients(values)[None] * scale
        if client.sharing.share != "public":
            return np.zeros((1, client.parameters.n))
        return np.stack([embedding.coefficients(flooded(values, client.flooding[0], scale=scale)) * scale for _ in range(TIMES)])


def _coefficients(public: PublicSide, ciphertext: Any, n: int, level: int) -> tuple[Numbers, Numbers]:
    """c0 and c1 modulo the first prime."""
    plain = sealapi().Ciphertext()
    sealapi().Evaluator(public.context.seal).transform_from_ntt(ciphertext, plain)
    numbers = plain.dyn_array()
    first, second = ([numbers.at(at + place) for place in range(n)] for at in (0, n * level))
    return np.array(first, dtype=object), np.array(second, dtype=object)


@dataclass(frozen=True, slots=True)
class ParameterArm:
    """Bits of the program's parameters, estimated; `loose`: of the same degree with twice the modulus that the table allows."""

    parameters: Parameters
    loose: bool

    def __call__(self, secret: None, rng: Generator) -> float:
        n = self.parameters.n
        return estimated_bits(n, 2 * MAX_LOG_QP[n] if self.loose else self.parameters.log_qp)


@dataclass(frozen=True, slots=True)
class OracleArm:
    """The model to whom asks: every score, exactly, as often as he likes; or what the policy lets out, with its noise, until the limit."""

    material: Material
    free: bool

    def __call__(self, x: Floats, rng: Generator) -> Floats:
        if self.free:
            return self.material.scores(x)
        client = self.material.client
        limit, each = client.sharing.queries, len(client.outputs)
        if limit is not None:
            x = x[: limit // each * (client.parameters.slots if client.packing.batch else 1)]
        if not len(x):
            return np.zeros((0, self.material.outputs))
        answer = released(self.material.scores(x, rng), client.sharing)
        if answer.scores is not None:
            return answer.scores
        if self.material.outputs == 1:
            return answer.labels.astype(np.float64)
        weight = np.arange(answer.labels.shape[1], 0, -1) / answer.labels.shape[1]  # best first is told, too
        return np.asarray(weight @ np.eye(self.material.outputs)[answer.labels])
