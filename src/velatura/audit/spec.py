"""What a person writes: AUDIT.toml. General keys here, what one room needs in a table of that room's name.

    title = "Faces of the spring issue"
    room = "obfuscation"
    seed = 1
    budget_s = 120

    [obfuscation]
    methods = ["fill", "pixelate:16px"]
    people = "faces"

Paths are relative to the spec's own folder. Unknown keys are refused with the nearest valid one.
"""

from __future__ import annotations

from pathlib import Path

from velatura.audit.edge.options import EdgeOptions
from velatura.audit.enclave.options import EnclaveOptions
from velatura.audit.federated.options import FederatedOptions
from velatura.audit.homomorphic.options import HomomorphicOptions
from velatura.audit.obfuscation.options import ObfuscationOptions
from velatura.audit.removal.options import RemovalOptions
from velatura.errors import BadSpec
from velatura.specs import Spec, load_spec

__all__ = ["AuditSpec", "read_spec"]

MOST_BUDGET_S = 86_400.0


class AuditSpec(Spec, frozen=True, kw_only=True):
    """See the module.

    Attributes:
        title: of the report.
        room: whose protection is attacked.
        seed: of every attack; the same seed gives the same report.
        budget_s: seconds that a long attack may take on one arm (those of a second or two do not look at it); one that is ended by it says so, and
            never counts as held for that reason alone.
        pictures: put examples of what is seen, recovered and secret into the report, which is then as secret as the originals.
        share: how many findings share the lower ends' error; 0: as many as are judged against chance here. Set by `attack` for a row of a report.
    """

    room: str
    title: str = ""
    seed: int = 1
    budget_s: float = 120.0
    pictures: bool = True
    share: int = 0
    obfuscation: ObfuscationOptions | None = None
    removal: RemovalOptions | None = None
    edge: EdgeOptions | None = None
    federated: FederatedOptions | None = None
    homomorphic: HomomorphicOptions | None = None
    enclave: EnclaveOptions | None = None

    def check(self) -> None:
        """Raises BadSpec `audit.seed`, `audit.budget`, `audit.share`."""
        if not 0 <= self.seed < 1 << 63:
            raise BadSpec("audit.seed", f"a seed of {self.seed} is not possible", hint="a whole number from 0")
        if not 0 < self.budget_s <= MOST_BUDGET_S:
            raise BadSpec("audit.budget", f"a budget of {self.budget_s:g} seconds is not possible", hint=f"more than 0, at most {MOST_BUDGET_S:g}")
        if not 0 <= self.share <= 10_000:
            raise BadSpec("audit.share", f"{self.share} findings cannot share an error", hint="0: as many as this audit has")


def read_spec(path: Path) -> AuditSpec:
    """Read and check a spec. Raises BadSpec `spec.*`, `audit.*`; BadInput `spec.too-large`."""
    spec = load_spec(path, AuditSpec)
    spec.check()
    return spec
