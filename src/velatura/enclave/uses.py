"""How often a data set was released: counted before the key leaves, so that a crash between the two counts a release that never was, and none leaves
uncounted. The account (`crypto.chain`) is made when the data set is sealed; without it nothing is released.

Limit: it lies with the owner or his broker. An older copy in its place gives uses back, and only who remembers notices: the broker's signed log does.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from velatura.crypto.chain import ChainedFile
from velatura.errors import BadInput, Missing, Withheld

__all__ = ["begin_uses", "charge_use", "uses_spent"]


def begin_uses(path: Path, dataset: str, uses: int) -> None:
    """A new account. Raises BadInput `crypto.chain-there`."""
    with ChainedFile(path, new=True) as account:
        account.append({"dataset": dataset, "uses": uses})


def charge_use(path: Path, dataset: str, uses: int, told: Mapping[str, Any]) -> int:
    """Count one release, and say which it is, from 1. `told`: to whom and for what; it stands in the account.

    Raises:
        Withheld: `enclave.uses-spent`; `enclave.uses-unknown`: no account, or it is damaged, another data set's or in use.
    """
    with _account(path, dataset, uses) as account:
        spent = len(account.events) - 1
        if spent >= uses:
            raise Withheld("enclave.uses-spent", f"the data set was released {spent} times, which is all", hint="ask its owner for a new one")
        account.append({"use": spent + 1, **told})
        return spent + 1


def uses_spent(path: Path, dataset: str, uses: int) -> int:
    """Raises Withheld `enclave.uses-unknown`."""
    with _account(path, dataset, uses) as account:
        return len(account.events) - 1


def _account(path: Path, dataset: str, uses: int) -> ChainedFile:
    try:
        account = ChainedFile(path)
    except (BadInput, Missing) as error:
        raise Withheld("enclave.uses-unknown", f"how often the data set was released is not known: {error.sentence}", hint=error.hint) from error
    if not account.events or account.events[0] != {"dataset": dataset, "uses": uses}:
        account.close()
        raise Withheld("enclave.uses-unknown", f"{path}: is not the account of this data set", hint="it lies beside the key, as KEY.uses")
    return account
