"""The privacy ledger: what was released, what it has cost, and whether one more release is within the budget.

Charged before noise is drawn: a line is written and synced, then the caller draws, then releases. A crash between the two counts a release that never
left; none leaves uncounted. A release that is repeated bit by bit (the same `key`) is one release.

A line that a crash cut off was never synced, so nothing was drawn for it: it is dropped. Damage anywhere else is refused. One process
writes; the file is locked.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from velatura.dp.accounting import Event, epsilon
from velatura.errors import BadInput, BadSpec, Withheld
from velatura.files import alone, sync

__all__ = ["Budget", "PrivacyLedger"]

FIRST = "0" * 64
EVERYBODY = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """(epsilon, delta) that all releases together stay within."""

    epsilon: float
    delta: float

    def __post_init__(self) -> None:
        if not self.epsilon > 0:
            raise BadSpec("dp.epsilon", f"epsilon {self.epsilon} is no budget", hint="more than 0, usually at most 8")
        if not 0 <= self.delta < 1:
            raise BadSpec("dp.delta", f"delta {self.delta} is no probability below 1", hint="less than one over the number of records, e.g. 1e-5")


class PrivacyLedger:
    """A file of charges. `with` it, or `close` it.

    Args:
        path: made where it is missing (mode 0600); its folder must be there.
        budget: never exceeded.

    Raises:
        BadInput: `dp.ledger`: damaged, another ledger's, or in use.
    """

    def __init__(self, path: Path, budget: Budget) -> None:
        self.budget, self._path = budget, path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            self._lock()
            self._keys: dict[str, str] = {}
            self._counts: dict[str, Counter[Event]] = {}
            self._last = self._read()
        except BaseException:
            os.close(self._descriptor)
            raise

    def spent(self, scope: str | None = None) -> float:
        """Epsilon at the budget's delta: of one scope, or the largest of all.

        Scopes are disjoint sets of people or records; what concerns everybody is in each.
        """
        return max((self._epsilon(one, {}) for one in self._scopes(scope)), default=0.0)

    def after(self, event: Event, times: int = 1, *, scope: str = EVERYBODY) -> float:
        """Epsilon once `event` was released so often too."""
        return max(self._epsilon(one, {event: times}) for one in ([scope] if scope else self._scopes(None) or [EVERYBODY]))

    def check(self, event: Event, times: int = 1, *, scope: str = EVERYBODY) -> float:
        """The same, within the budget.

        Raises:
            Withheld: `dp.budget`.
        """
        cost = self.after(event, times, scope=scope)
        if cost > self.budget.epsilon:
            sentence = f"epsilon would be {cost:.4g}, and the budget is {self.budget.epsilon:g} at delta {self.budget.delta:g}"
            raise Withheld("dp.budget", sentence, hint="what was released until now stays; a larger budget is a decision, not a setting")
        return cost

    def charge(self, key: str, event: Event, *, scope: str = EVERYBODY, known: bool = False) -> bool:
        """Write down one release, before its noise is drawn.

        Args:
            key: names the release; the same once more is the same noise on the same sum, and costs nothing.
            scope: whom it concerns.
            known: `check` was asked for all of a run's releases at once.

        Returns:
            whether it is a new one.

        Raises:
            Withheld: `dp.budget`.
            BadInput: `dp.ledger`: the key was used for something else.
        """
        told = _told(event, scope)
        if key in self._keys:
            if self._keys[key] != told:
                raise BadInput("dp.ledger", f"{self._path}: {key} was charged as something else")
            return False
        if not known:
            self.check(event, scope=scope)
        line = json.dumps({"before": self._last, "key": key, "release": told}, separators=(",", ":")) + "\n"
        end = os.lseek(self._descriptor, 0, os.SEEK_END)
        try:
            _write(self._descriptor, line.encode())
            os.fsync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, end)
            raise
        self._note(key, event, scope, told)
        self._last = hashlib.sha256(line.encode()).hexdigest()
        return True

    def close(self) -> None:
        os.close(self._descriptor)

    def __enter__(self) -> PrivacyLedger:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def count(self, event: Event) -> int:
        """How often this very kind of release was charged, to whomever."""
        return sum(counts[event] for counts in self._counts.values())

    def _lock(self) -> None:
        try:
            alone(self._descriptor)
        except OSError as error:
            raise BadInput("dp.ledger", f"{self._path}: another process charges it", hint="one run at a time") from error

    def _read(self) -> str:
        """All lines; the digest of the last one."""
        raw = b""
        while block := os.read(self._descriptor, 1 << 20):
            raw += block
        whole = raw[: raw.rfind(b"\n") + 1]
        if len(whole) < len(raw):
            os.ftruncate(self._descriptor, len(whole))
        if not raw:
            sync(self._path.parent)
        last = FIRST
        for number, line in enumerate(whole.splitlines(keepends=True), 1):
            try:
                read = json.loads(line)
                if read["before"] != last:
                    raise ValueError
                mechanism, noise, sampling, scope = json.loads(read["release"])
                self._note(read["key"], Event(mechanism, noise, sampling), scope, read["release"])
            except (ValueError, KeyError, TypeError, BadSpec) as error:
                raise BadInput(
                    "dp.ledger", f"{self._path}: line {number} is damaged, and what was spent is not known", hint="restore it from a copy"
                ) from error
            last = hashlib.sha256(line).hexdigest()
        return last

    def _note(self, key: str, event: Event, scope: str, told: str) -> None:
        self._keys[key] = told
        self._counts.setdefault(scope, Counter())[event] += 1

    def _scopes(self, scope: str | None) -> list[str]:
        return [scope] if scope is not None else list(self._counts)

    def _epsilon(self, scope: str, more: Mapping[Event, int]) -> float:
        parts = [self._counts.get(EVERYBODY, {}), self._counts.get(scope, {}) if scope else {}, more]
        return epsilon([item for part in parts for item in part.items()], self.budget.delta)


def _told(event: Event, scope: str) -> str:
    return json.dumps([event.mechanism, event.noise, event.sampling, scope])


def _write(descriptor: int, raw: bytes) -> None:
    while raw:
        raw = raw[os.write(descriptor, raw) :]
