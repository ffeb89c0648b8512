"""Names that a person may write, and the code behind them: ours from a table, other people's from entry points.

Ours are looked up first, without `importlib.metadata`: scanning every distribution costs 50 ms of CPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from velatura.errors import BadSpec, nearest

__all__ = ["Registry"]


class Registry:
    """One kind of plug-in, e.g. methods.

    Args:
        group: the entry-point group of other packages, e.g. "velatura.methods".
        noun: what an entry is called in messages, e.g. "method".
        ours: name -> "module:attribute" of those that ship with velatura.
    """

    def __init__(self, group: str, noun: str, ours: Mapping[str, str]) -> None:
        self.group, self.noun, self.ours = group, noun, dict(ours)

    def load(self, name: str) -> Any:
        """The object behind `name`. Raises BadSpec `plugins.unknown` with the valid names."""
        if name in self.ours:
            return _attribute(self.ours[name])
        entries = self._foreign()
        if name in entries:
            return _attribute(entries[name])
        raise BadSpec("plugins.unknown", f"there is no {self.noun} {name!r}", hint=nearest(name, self.ours.keys() | entries.keys()))

    def names(self) -> list[str]:
        """All names, foreign ones included, sorted."""
        return sorted(self.ours.keys() | self._foreign().keys())

    def _foreign(self) -> dict[str, str]:
        from importlib.metadata import entry_points

        return {entry.name: entry.value for entry in entry_points(group=self.group)}


def _attribute(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)
