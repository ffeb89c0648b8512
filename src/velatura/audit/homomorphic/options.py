"""The table `[homomorphic]` of an audit's spec: whose program is attacked, how often it is asked."""

from __future__ import annotations

from velatura.attacks.key_recovery import LEAST_KEYS
from velatura.attacks.model_extraction import LEAST_ANSWERS
from velatura.audit.homomorphic.names import ATTACKS
from velatura.errors import BadSpec, nearest
from velatura.specs import Spec

__all__ = ["HomomorphicOptions"]


class HomomorphicOptions(Spec, frozen=True, kw_only=True):
    """See the module.

    Attributes:
        program: the folder that `velatura he compile` wrote.
        inputs: an .npz with `x`, inputs as they will come; "": drawn evenly within the program's bounds.
        attacks: which to run; () means all.
        keys: new ones, that are to be recovered.
        queries: that the extractor asks, if he is let.
        answers: that are changed on their way.
    """

    program: str
    inputs: str = ""
    attacks: tuple[str, ...] = ()
    keys: int = 3
    queries: int = 1000
    answers: int = 10

    def check(self) -> None:
        """Raises BadSpec `audit.attack`, `audit.twice`, `audit.queries`."""
        wrong = next((name for name in self.attacks if name not in ATTACKS), None)
        if wrong is not None:
            raise BadSpec("audit.attack", f"there is no attack {wrong!r} on a program under encryption", hint=nearest(wrong, ATTACKS))
        if len(set(self.attacks)) < len(self.attacks):
            raise BadSpec("audit.twice", f"one of {', '.join(self.attacks)} is named twice", hint="name it once: its findings would be the same")
        if not LEAST_KEYS <= self.keys <= 1000 or not LEAST_ANSWERS <= self.queries <= 20_000 or not 1 <= self.answers <= 1000:
            told = f"{self.keys} keys, {self.queries} queries and {self.answers} answers are not possible"
            raise BadSpec("audit.queries", told, hint=f"{LEAST_KEYS} to 1000; {LEAST_ANSWERS} to 20000; 1 to 1000")
