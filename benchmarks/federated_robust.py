"""What crashing, lying and broken sites cost: accuracy lost against the same job without them, on scikit-learn's digits.

    python -m benchmarks.federated_robust [crashed] [poisoned] [faults] [--seeds 2]

crashed: 40 % of the sites, others each round, end with an error. poisoned: 2 of 10 by each of the audit's poisons, under a mean without guards and
under MultiKrum with them. faults: one site of ten misbehaves in each of 13 ways; the model must be the one without that site, bit by bit, and the
site named. The job is that of `velatura fl run` on the engine `local`; sites are its own client app, spoilt on the way.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

SITES, HIS, ROUNDS, CRASHED = 10, (3, 7), 25, 0.4
MOST_CRASHED, MOST_POISONED = 0.02, 0.03
DEADLINE_S = 4.0
Reply = Callable[[Any, Any], Any]
"""(message, honest reply) -> what comes instead."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Accuracy, one for each seed. spoilt: with the faulty sites."""

    what: str
    honest: list[float]
    spoilt: list[float]

    @property
    def mean(self) -> float:
        return float(np.mean(self.honest) - np.mean(self.spoilt))


@dataclass(frozen=True, slots=True)
class Fault:
    """named: the site and no other, in each round; same: the model is the one without it; why: as the run says; lost: accuracy beyond that."""

    what: str
    named: bool
    same: bool
    why: str
    lost: float


def job(seed: int = 0, *, rounds: int = ROUNDS, strategy: str = "fedavg", deadline_s: float = 600.0, **options: int) -> Any:
    """The CNN of 6,000 parameters, ten sites, two local epochs."""
    from velatura.federated.job import Data, FederatedJob, Model, Rounds, StrategyOf, Training

    data = Data("digits", sites=SITES, classes=10)
    training = Training(epochs=2, batch=16, lr=0.05, momentum=0.9)
    return FederatedJob(Model("digits-cnn"), data, training, StrategyOf(strategy, dict(options)), Rounds(rounds, deadline_s=deadline_s), seed=seed)


def krum(seed: int) -> Any:
    return job(seed, strategy="multikrum", num_malicious_nodes=len(HIS), num_nodes_to_select=6)


def ran(of: Any, app: Any = None) -> Any:
    """Outcome of a job whose sites are `app`."""
    from velatura.federated.quiet import switch_off

    with tempfile.TemporaryDirectory() as place:
        switch_off(Path(place) / "flower")
        from velatura.federated.local_grid import LocalGrid
        from velatura.federated.serving import serve_job
        from velatura.federated.site import client_app

        grid = LocalGrid(app or client_app(of, Path()), of.data.sites)
        try:
            return serve_job(of, grid, Path(place), Path())
        finally:
            grid.close()


def spoilt(of: Any, faults: Callable[[int, int], Reply | None]) -> Callable[[Any, Any], Any]:
    """A client app; faults(round, site): what it makes of its reply to train."""
    from velatura.federated.records import round_of
    from velatura.federated.site import client_app

    honest = client_app(of, Path())

    def answer(message: Any, context: Any) -> Any:
        fault = faults(round_of(message), int(context.node_config["partition-id"])) if message.metadata.message_type == "train" else None
        return honest(message, context) if fault is None else fault(message, honest(message, context))

    return answer


def crashed(seeds: Sequence[int]) -> list[Lost]:
    """40 % of the sites raise, others in each round."""
    lost = Lost("40 % of the sites crash every round", [], [])
    for seed in seeds:
        gone = [set(np.random.default_rng([seed, number]).permutation(SITES)[: round(CRASHED * SITES)].tolist()) for number in range(ROUNDS + 1)]
        lost.honest.append(ran(job(seed)).history[-1].accuracy)
        app = spoilt(job(seed), lambda number, site, gone=gone: _crash if site in gone[number] else None)  # type: ignore[misc]
        lost.spoilt.append(ran(job(seed), app).history[-1].accuracy)
    return [lost]


def poisoned(seeds: Sequence[int]) -> list[Lost]:
    """Each poison under a mean without guards (the first seed alone) and under MultiKrum; the honest run is a mean's."""
    from velatura.attacks.training.poison import POISONS
    from velatura.audit.federated.material import unprotected

    bare = {seed: ran(unprotected(job(seed))).history[-1].accuracy for seed in seeds}
    found = [Lost("MultiKrum alone, nobody lies", list(bare.values()), [ran(krum(seed)).history[-1].accuracy for seed in seeds])]
    for name, poison in POISONS.items():
        first = seeds[0]
        found.append(Lost(f"{name}, a mean", [bare[first]], [_poisoned(unprotected(job(first)), poison, first)]))
        found.append(Lost(f"{name}, MultiKrum", list(bare.values()), [_poisoned(krum(seed), poison, seed) for seed in seeds]))
    return found


def _poisoned(of: Any, poison: Any, seed: int) -> float:
    from velatura.audit.federated.hostile import Hostile

    with tempfile.TemporaryDirectory() as place:
        accuracy: float = ran(of, Hostile(of, Path(), HIS, poison, Path(place), np.random.default_rng(seed))).history[-1].accuracy
    return accuracy


def faults() -> list[Fault]:
    """One site in each way, two rounds; beside the same run in which that site raises."""
    of = job(rounds=2, deadline_s=DEADLINE_S)
    without = ran(of, spoilt(of, lambda number, site: _crash if site == HIS[0] else None))
    return [_faulty(of, name, fault, without) for name, fault in WAYS.items()]


def _faulty(of: Any, name: str, fault: Reply, without: Any) -> Fault:
    found = ran(of, spoilt(of, lambda number, site: fault if site == HIS[0] else None))
    same = all(np.array_equal(found.model[one], value) for one, value in without.model.items())
    named = {(one.round, one.partition) for one in found.refused} == {(number, HIS[0]) for number in (1, 2)}
    return Fault(name, named, same, found.refused[-1].why if found.refused else "", without.history[-1].accuracy - found.history[-1].accuracy)


def _crash(message: Any, reply: Any) -> Any:
    raise RuntimeError("a site that crashes")


def _exit(message: Any, reply: Any) -> Any:
    raise SystemExit(3)


def _sleep(message: Any, reply: Any) -> Any:
    time.sleep(5 * DEADLINE_S)
    return reply


def _arrays(change: Callable[[Any], Any]) -> Reply:
    def fault(message: Any, reply: Any) -> Any:
        from velatura.federated.records import packed, unpacked

        state = unpacked(reply.content["arrays"])
        reply.content["arrays"] = packed({name: change(value) for name, value in state.items()})
        return reply

    return fault


def _one(value: float) -> Reply:
    return _arrays(lambda array: np.concatenate([[value], array.ravel()[1:]]).reshape(array.shape).astype(array.dtype))


def _examples(number: float) -> Reply:
    def fault(message: Any, reply: Any) -> Any:
        from flwr.app import MetricRecord

        reply.content["metrics"] = MetricRecord({**dict(reply.content["metrics"]), "num-examples": number})
        return reply

    return fault


def _replayed() -> Reply:
    """What the site said in the round before, again; in the first one, of a round that has not been."""

    def fault(message: Any, reply: Any) -> Any:
        from flwr.app import ConfigRecord

        card = dict(reply.content["velatura"])
        reply.content["velatura"] = ConfigRecord({**card, "round": int(card["round"]) - 1})
        return reply

    return fault


WAYS: dict[str, Reply] = {
    "NaN": _one(np.nan),
    "Inf": _one(np.inf),
    "wrong shape": _arrays(lambda array: array.T if array.ndim == 2 else array[..., None]),
    "a shape that broadcasts": _arrays(lambda array: array[:1]),
    "float64": _arrays(lambda array: array.astype(np.float64)),
    "int64": _arrays(lambda array: array.astype(np.int64)),
    "100 times as long": _arrays(lambda array: array * 100),
    "0 examples": _examples(0),
    "1e9 examples": _examples(1e9),
    "a replayed round": _replayed(),
    "SystemExit": _exit,
    "raises": _crash,
    "sleeps": _sleep,
}


def told(found: dict[str, list[Any]]) -> str:
    lines = []
    for one in [*found.get("crashed", []), *found.get("poisoned", [])]:
        each = " ".join(f"{value:.4f}" for value in one.spoilt)
        lines.append(f"{one.what:42s} {100 * one.mean:6.2f} points lost  [{each}] against {np.mean(one.honest):.4f}")
    for fault in found.get("faults", []):
        verdict = (
            "named, and no more than its own absence" if fault.named and fault.same else f"NOT AS IT SHOULD: named {fault.named}, same {fault.same}"
        )
        lines.append(f"{fault.what:42s} {verdict} ({fault.lost:+.4f}): {fault.why}")
    return "\n".join(lines)


def measured(steps: Sequence[str], seeds: int) -> dict[str, list[Any]]:
    """Steps by name: crashed, poisoned, faults."""
    known: dict[str, Callable[[], list[Any]]] = {
        "crashed": lambda: crashed(range(seeds)),
        "poisoned": lambda: poisoned(range(seeds)),
        "faults": faults,
    }
    return {name: known[name]() for name in steps}


def all_measured() -> dict[str, list[Any]]:
    """All steps, two seeds: about 20 minutes of one core."""
    return measured(["crashed", "poisoned", "faults"], 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("steps", nargs="*", default=["crashed", "poisoned", "faults"])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    found = measured(asked.steps, asked.seeds)
    if asked.json:
        asked.json.write_text(json.dumps({name: [asdict(one) for one in step] for name, step in found.items()}, indent=1) + "\n")
    print(told(found))


if __name__ == "__main__":
    main()
