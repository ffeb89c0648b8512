"""Which backend: by its name, or the strongest that works here. `auto` never takes `simulated`: a person asks for it by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from velatura.enclave.backends.attesters.configfs_tsm import ConfigfsTsm
from velatura.enclave.backends.attesters.gramine import Gramine
from velatura.enclave.backends.attesters.nsm import Nsm
from velatura.enclave.backends.attesters.sev_guest import SevGuest
from velatura.enclave.backends.backend import Backend
from velatura.enclave.backends.hardware import HardwareBackend
from velatura.enclave.backends.process import ProcessBackend
from velatura.enclave.backends.simulated import SimulatedBackend
from velatura.errors import BadSpec, Missing, nearest

__all__ = ["BACKENDS", "backend"]

BACKENDS: Mapping[str, Callable[[], Backend]] = MappingProxyType(
    {
        "configfs-tsm": lambda: HardwareBackend(ConfigfsTsm()),
        "sev-guest": lambda: HardwareBackend(SevGuest()),
        "nsm": lambda: HardwareBackend(Nsm()),
        "gramine": lambda: HardwareBackend(Gramine()),
        "process": ProcessBackend,
        "simulated": SimulatedBackend,
    }
)
"""Name -> how to make it; the strongest first."""

AUTO = "auto"


def backend(name: str, *, allow_degraded: frozenset[str] = frozenset()) -> Backend:
    """
    Args:
        name: of BACKENDS, or `auto`.
        allow_degraded: layers that may be absent.

    Raises:
        BadSpec: `enclave.backend`: there is none of that name. Missing: `enclave.no-backend`: nothing works here.
    """
    if name == AUTO:
        return _strongest(allow_degraded)
    if name not in BACKENDS:
        raise BadSpec("enclave.backend", f"there is no backend {name!r}", hint=nearest(name, [AUTO, *BACKENDS]))
    return BACKENDS[name]()


def _strongest(allow_degraded: frozenset[str]) -> Backend:
    absent: list[str] = []
    devices: list[str] = []
    for name in (name for name in BACKENDS if name != "simulated"):
        found = BACKENDS[name]()
        lacking = [one for one in found.lacking() if one.partition(":")[0] not in allow_degraded]
        if not lacking:
            return found
        absent += [f"{name} lacks {one}" for one in lacking if one.partition(":")[0] != name]
        devices += [name for one in lacking if one.partition(":")[0] == name]
    raise Missing(
        "enclave.no-backend",
        "no backend works here: " + "; ".join([*absent, *([f"there is no device for {', '.join(devices)}"] if devices else [])]),
        hint="velatura enclave doctor; --allow-degraded LAYER lifts one layer, and the evidence says so",
    )
