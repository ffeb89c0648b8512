"""`fl down`: every process of a federation ends, helpers too; keys stay, unless they are to be forgotten."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass

from velatura.errors import VelaturaError
from velatura.federated.deploy.folder import LINK, Folder
from velatura.federated.deploy.processes import alive, end, marked

__all__ = ["Down", "down"]

LIMIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Down:
    """ended: processes that went; killed: those among them that had to be; forgotten: keys, certificates, registry and logs too."""

    folder: str
    ended: int
    killed: int
    forgotten: bool
    seconds: float


def down(folder: Folder, *, forget: bool = False, limit_s: float = LIMIT_S) -> Down:
    """End it. Sites go first, so that they can take their leave; then the server; then whoever is left.

    Args:
        limit_s: until SIGKILL, at each of the three.

    Raises:
        VelaturaError: `federated.down`: somebody is still there.
    """
    begun_s, instance = time.monotonic(), folder.told.instance
    mine = [pid for name in folder.names() if alive(pid := folder.pid(name), instance) and pid is not None]
    before, killed = set(mine) | set(marked(instance)), 0
    server = folder.pid(LINK)
    for group in ([pid for pid in mine if pid != server], [pid for pid in mine if pid == server]):
        killed += end(group, instance, limit_s=limit_s)
    killed += end(marked(instance), instance, limit_s=limit_s)
    if rest := [*marked(instance), *(pid for pid in mine if alive(pid, instance))]:
        raise VelaturaError("federated.down", f"{len(rest)} processes do not end: {', '.join(map(str, sorted(set(rest))))}", hint="kill -9 them")
    for name in folder.names():
        folder.note(name, None)
    if forget:
        shutil.rmtree(folder.path)
    return Down(str(folder.path), len(before), killed, forget, round(time.monotonic() - begun_s, 1))
