"""What can run here, what is missing, what each layer gives, and what brings it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from velatura.enclave.assurance import Assurance
from velatura.enclave.backends import memfd_secret
from velatura.enclave.backends.backend import Backend
from velatura.enclave.backends.cell import SECRETMEM
from velatura.enclave.backends.choice import BACKENDS
from velatura.sandbox.layers import layers

__all__ = ["LAYERS", "Found", "examine_backends", "examine_layers", "swap", "swap_warning"]


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that was tried.

    Attributes:
        absent: why it is not here; "" if it is.
        gives: what it is good for.
        brings: the command or the setting that brings it.
    """

    name: str
    absent: str
    gives: str
    brings: str = ""


LAYERS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "uid": ("the job is nobody (65534), and owns no file", "run as an ordinary user, or with a Python that everybody may read"),
        "namespaces": (
            "no network, no file but the libraries', IPC and host name of its own",
            "sysctl -w kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0; in a container: allow unshare and mount",
        ),
        "landlock": ("opens no file, no TCP, no signal outward, should a call for it be open", "Linux 5.13; boot with lsm=landlock,..."),
        "caps": ("none of root's powers, and no way to get one", "Linux with no_new_privs"),
        "rlimits": ("memory, files and processes within what it was given", "/proc must be mounted"),
        "seccomp": ("reads its inbox, writes its outbox, computes; nothing else", "Linux on x86-64 or aarch64 with CONFIG_SECCOMP_FILTER"),
        SECRETMEM: (
            "its key lies where reading memory as root gives an error",
            "Linux 5.14 with CONFIG_SECRETMEM; before 6.5 boot with secretmem.enable=1",
        ),
    }
)
"""Layer -> what it gives, what brings it."""

DEVICES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "configfs-tsm": (
            "SEV-SNP and TDX through the kernel",
            "in a confidential VM: modprobe tsm_report; mount -t configfs none /sys/kernel/config",
        ),
        "sev-guest": ("SEV-SNP through its device", "in a SEV-SNP guest: modprobe sev-guest"),
        "nsm": ("AWS Nitro Enclaves", "build an enclave image: nitro-cli run-enclave"),
        "gramine": ("SGX, for a program that runs under Gramine", 'in the manifest: sgx.remote_attestation = "dcap"'),
        "process": ("a confined process on this machine", ""),
        "simulated": ("the same without confinement; proves nothing", ""),
    }
)


def examine_layers() -> list[Found]:
    """Each layer, tried. Takes a tenth of a second."""
    absent = {layer.value: word for layer, word in layers().items()} | {SECRETMEM: memfd_secret.why_absent()}
    return [Found(name, absent[name], *told) for name, told in LAYERS.items()]


def examine_backends() -> list[tuple[Found, Assurance]]:
    """Each backend, tried, the strongest first."""
    found = []
    for name, make in BACKENDS.items():
        backend: Backend = make()
        gives, brings = DEVICES[name]
        found.append((Found(name, "; ".join(backend.lacking()), gives, brings), backend.assurance))
    return found


def swap(path: Path = Path("/proc/swaps")) -> Found:
    """Whether memory may go to the disk: the data's may, the key's never."""
    gives = "what a job computes with stays in memory"
    try:
        devices = [line.split()[0] for line in path.read_text().splitlines()[1:] if line.split()]
    except OSError:
        devices = []
    return Found("no swap", f"memory may be written to {', '.join(devices)}" if devices else "", gives, "swapoff -a" if devices else "")


def swap_warning(found: Found) -> tuple[str, ...]:
    """What a run says of it; (): there is no swap."""
    return (f"{found.absent} while the job computes; keys never are ({found.brings}, or encrypt it)",) if found.absent else ()
