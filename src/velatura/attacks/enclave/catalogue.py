"""Everything that is made of one honest submission: the forgeries of all classes that apply to its format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain

from velatura.attacks.enclave import chains, composite, freshness, signatures, state, structure
from velatura.attacks.enclave.keys import Keys
from velatura.attacks.enclave.parts import Opened
from velatura.attacks.enclave.submission import Forgery

__all__ = ["forgeries"]


def forgeries(honest: Opened, others: Sequence[Opened], keys: Keys) -> Iterator[Forgery]:
    """In the order of their families; each has a name of its own.

    Args:
        others: further honest submissions, of which parts are taken.
        keys: of the attacker.
    """
    seen = Counter[tuple[int, str]]()
    for one in chain(
        structure.forgeries(honest, others),
        signatures.forgeries(honest, others, keys),
        chains.forgeries(honest, others, keys),
        freshness.forgeries(honest, others, keys),
        state.forgeries(honest, others, keys),
        composite.forgeries(honest, others, keys),
    ):
        seen[one.number, one.name] += 1
        count = seen[one.number, one.name]
        yield one if count == 1 else replace(one, name=f"{one.name} ({count})")
