"""What a relying party is shown when it is to trust a machine: evidence, what travels beside it, its own policy, and the time.

The secret of every attack on attestation is an honest submission, which is accepted; a forgery is another one, which must not be.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

__all__ = ["Forgery", "Submission"]


@dataclass(frozen=True, slots=True)
class Submission:
    """See the module.

    Attributes:
        format: of the evidence, as policies name it.
        evidence: the document.
        policy: TOML; what the relying party asks.
        at: when it is judged, with a time zone.
        companions: by the names of the policy's `[with]`.
        crls: revocation lists.
    """

    format: str
    evidence: bytes
    policy: str
    at: datetime
    companions: Mapping[str, bytes] = field(default_factory=dict)
    crls: tuple[bytes, ...] = ()

    def beside(self, **companions: bytes | None) -> Submission:
        """With these companions; None takes one away."""
        kept = {**self.companions, **companions}
        return replace(self, companions={name: raw for name, raw in kept.items() if raw is not None})

    def asked(self, table: str, **values: Any) -> Submission:
        """With these keys in a table of the policy, "" for the top; None takes one away."""
        document = tomllib.loads(self.policy)
        place = document.setdefault(table, {}) if table else document
        place.update(values)
        for name in [name for name, value in place.items() if value is None]:
            del place[name]
        return replace(self, policy=_toml(document))

    def without(self, table: str) -> Submission:
        """With a policy that has no such table."""
        return replace(self, policy=_toml({name: value for name, value in tomllib.loads(self.policy).items() if name != table}))

    def asking(self, table: str, name: str) -> Any:
        """What the policy says there; None: nothing."""
        return tomllib.loads(self.policy).get(table, {}).get(name)

    def later(self, seconds: float) -> Submission:
        return replace(self, at=self.at + timedelta(seconds=seconds))


@dataclass(frozen=True, slots=True)
class Forgery:
    """One submission that must not be accepted.

    Attributes:
        number: of its class, 1 to 44 (`classes.py`).
        name: what was done.
        make: does it; what it raises is a fault of the attack.
    """

    number: int
    name: str
    make: Callable[[], Submission]


def _toml(document: Mapping[str, Any]) -> str:
    top = {name: value for name, value in document.items() if not isinstance(value, dict)}
    lines = [f"{name} = {_value(value)}" for name, value in top.items()]
    for table in (name for name in document if name not in top):
        lines += [f"[{table}]", *(f"{name} = {_value(value)}" for name, value in document[table].items())]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    """TOML of what policies hold; its strings are JSON's here, since none holds a control character."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_value(one)}" for name, one in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value)
