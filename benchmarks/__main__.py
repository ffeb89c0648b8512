"""`python -m benchmarks [ROOM ...]`: run all, or those that are named."""

from __future__ import annotations

import sys
from importlib import import_module

from velatura.errors import VelaturaError

OBFUSCATION = ("startup", "faces", "tracking", "jobs", "memory", "timing", "leaks")
ATTACKS = ("mcpherson_orl", "text", "inversion", "averaging", "residue", "verdicts", "audit")
REMOVAL = ("removal_memory", "removal")
EDGE = ("edge",)
FEDERATED = ("federated",)
HOMOMORPHIC = ("homomorphic",)
ENCLAVE = ("enclave",)
ROOMS = (*OBFUSCATION, *ATTACKS, *REMOVAL, *EDGE, *FEDERATED, *HOMOMORPHIC, *ENCLAVE, "overview")


def main() -> None:
    chosen = sys.argv[1:] or ROOMS
    unknown = [room for room in chosen if room not in ROOMS]
    if unknown:
        sys.exit(f"error: there is no benchmark {unknown[0]!r}; there are: {', '.join(ROOMS)}")
    for room in chosen:
        print(f"== {room}", flush=True)
        try:
            import_module(f"benchmarks.{room}").main()
        except VelaturaError as error:
            sys.exit(f"error: {error}\n  {error.hint}")


if __name__ == "__main__":
    main()
