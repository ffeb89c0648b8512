"""Measures what `cost` reckons with on the machine at hand: SEAL's operations, one by one, in CPU time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import process_time

import numpy as np

from velatura.files import atomic_output
from velatura.homomorphic.cost import Factors
from velatura.homomorphic.parameters import Parameters, parameters
from velatura.homomorphic.seal_public import PublicSide
from velatura.homomorphic.seal_secret import SecretSide
from velatura.specs import Spec, dump_json, load_spec

__all__ = ["calibrate", "kept", "remembered"]

_SETS = ((8192, [40, 32, 32, 32], 40), (16384, [50] * 7, 50))
_SCALE = 2.0**30
_REPEATS = 7


class _Kept(Spec, frozen=True):
    factors: tuple[Factors, ...]


def calibrate() -> tuple[Factors, ...]:
    """A few seconds. Raises Missing: `he.tenseal`."""
    return tuple(_measured(parameters(n, bits, special)) for n, bits, special in _SETS)


def kept(factors: tuple[Factors, ...], path: Path, *, force: bool = True) -> None:
    """Written as JSON, whole or not at all."""
    with atomic_output(path, force=force) as part:
        part.write_bytes(dump_json(_Kept(factors)))


def remembered(path: Path) -> tuple[Factors, ...]:
    """What `kept` wrote. Raises BadSpec: `spec.*`."""
    return load_spec(path, _Kept).factors


def _measured(chosen: Parameters) -> Factors:
    owner = SecretSide(chosen)
    engine = PublicSide(chosen, owner.evaluation_keys([1]))
    top = len(chosen.data)
    vector = np.random.default_rng(0).uniform(-1, 1, chosen.slots)
    one, other = (engine.load(owner.encrypt(vector, _SCALE), level=top, scale=_SCALE) for _ in range(2))
    low = engine.drop(one, 2)
    plain, number = engine.encode(vector, top, _SCALE), np.full(1, 0.5)
    weigh = _time(lambda: engine.weigh([(one, plain)], _SCALE**2)) / top
    add = _time(lambda: engine.add([one, other])) / top
    square_low, square_high = 2 * 3, top * (top + 1)
    turn_low, turn_high = _time(lambda: engine.rotate(low, 1)), _time(lambda: engine.rotate(one, 1))
    # a l (l + 1) + b l through both
    square = max((turn_high - turn_low * top / 2) / (square_high - square_low * top / 2), 0.0)
    switch = (turn_low - square * square_low) / 2

    def product(a: object, b: object) -> float:
        """One product of several, which are relinearised once."""
        return max((_time(lambda: engine.multiply([(a, b)] * 4)) - _time(lambda: engine.multiply([(a, b)]))) / 3 / top - add, weigh)

    return Factors(
        n=chosen.n,
        switch_square=max(square, 1e-6),
        switch=max(switch, 1e-6),
        weigh=weigh,
        multiply=product(one, other),
        square=product(one, one),
        rescale=_time(lambda: engine.rescale(one, _SCALE / chosen.data[-1])) / top,
        add=add,
        drop=_time(lambda: engine.drop(one, 2)) / top,
        encode=_time(lambda: engine.encode(vector, top, _SCALE)) / top,
        encode_number=_time(lambda: engine.encode(number, top, _SCALE)) / top,
    )


def _time(work: Callable[[], object]) -> float:
    """Milliseconds of CPU, the least of several: what else runs here only adds."""
    taken = []
    for _ in range(_REPEATS):
        start = process_time()
        work()
        taken.append(1000 * (process_time() - start))
    return max(min(taken), 1e-4)
