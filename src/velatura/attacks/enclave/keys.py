"""Keys of the attacker's own, each like one of a vendor's: the same algorithm, the same curve."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec, rsa

__all__ = ["Keys", "PrivateKey"]

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
RSA_BITS = 2048
"""Shorter than a vendor's 4,096, which take seconds to make."""


@dataclass(frozen=True, slots=True)
class Keys:
    """seed: of the elliptic ones; RSA keys are made once in a process."""

    seed: int = 0
    _held: dict[tuple[str, str], PrivateKey] = field(default_factory=dict)

    def like(self, public: object, name: str) -> PrivateKey:
        """The attacker's key of that name: the same whenever it is asked for."""
        kind = public.curve.name if isinstance(public, ec.EllipticCurvePublicKey) else "rsa"
        if (kind, name) not in self._held:
            self._held[kind, name] = self._made(public, name)
        return self._held[kind, name]

    def bytes(self, name: str, count: int) -> bytes:
        """What the attacker would choose for a nonce or a measurement; never zeros."""
        return hashlib.shake_256(f"{self.seed} bytes {name}".encode()).digest(count)

    def _made(self, public: object, name: str) -> PrivateKey:
        if not isinstance(public, ec.EllipticCurvePublicKey):
            return _rsa(name, RSA_BITS)
        # 40 bits more than the order has, so that it is all but uniform; 1 is added since 0 is no key
        drawn = hashlib.shake_256(f"{self.seed} {name}".encode()).digest(public.curve.key_size // 8 + 5)
        return ec.derive_private_key(int.from_bytes(drawn) % (1 << (public.curve.key_size - 1)) + 1, public.curve)


@lru_cache(maxsize=8)
def _rsa(name: str, bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)
