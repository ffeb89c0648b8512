"""The table `[federated]` of an audit's spec: whose job is attacked, on which rows, by whom."""

from __future__ import annotations

from velatura.attacks.training.membership import LEAST_SHADOWS
from velatura.attacks.training.poison import POISONS
from velatura.audit.federated.names import ATTACKS
from velatura.errors import BadSpec, nearest
from velatura.specs import Spec

__all__ = ["FederatedOptions"]


class FederatedOptions(Spec, frozen=True, kw_only=True):
    """See the module.

    Attributes:
        job: the job.toml, or the job.json of a run's folder; what the run left beside it is told in the report.
        base: what relative paths in the job are relative to; "": the job's own folder.
        data: a table instead of the job's source: of a deployment, whose rows are not here.
        attacks: which to run; () means all that concern the job.
        updates: that are inverted; 36 at least for a verdict.
        records: candidates of the attack on membership at most.
        shadows, targets: models that it trains, and that it attacks.
        malicious: share of the sites that the poisoning attacker controls.
        poisons: which he tries; () means all.
    """

    job: str
    base: str = ""
    data: str = ""
    attacks: tuple[str, ...] = ()
    updates: int = 36
    records: int = 2000
    shadows: int = 16
    targets: int = 2
    malicious: float = 0.2
    poisons: tuple[str, ...] = ()

    def check(self) -> None:
        """Raises BadSpec `audit.attack`, `audit.twice`, `audit.poison`, `audit.updates`, `audit.shadows`, `audit.malicious`."""
        _known(self.attacks, ATTACKS, "audit.attack", "attack on a training")
        _known(self.poisons, tuple(POISONS), "audit.poison", "poison")
        if self.updates < 2:
            raise BadSpec("audit.updates", f"{self.updates} updates cannot be inverted", hint="36 or more for a verdict; 2 at least")
        if self.shadows < LEAST_SHADOWS or self.shadows % 2 or self.targets < 1 or self.records < 1:
            told = f"{self.shadows} shadow models, {self.targets} attacked ones and {self.records} records are not possible"
            raise BadSpec("audit.shadows", told, hint=f"an even number from {LEAST_SHADOWS}; 1 or more; 200 or more")
        if not 0 < self.malicious < 0.5:
            told = f"{self.malicious:g} of the sites cannot be the attacker's"
            raise BadSpec("audit.malicious", told, hint="more than 0, and less than half: nothing stands against a majority")


def _known(names: tuple[str, ...], known: tuple[str, ...], code: str, what: str) -> None:
    wrong = next((name for name in names if name not in known), None)
    if wrong is not None:
        raise BadSpec(code, f"there is no {what} {wrong!r}", hint=nearest(wrong, known))
    if len(set(names)) < len(names):
        raise BadSpec("audit.twice", f"one of {', '.join(names)} is named twice", hint="name it once: its findings would be the same")
