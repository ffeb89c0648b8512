"""The issue's table from kept results: asked, measured, reached. A step that was not measured, or failed, is a row that says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.federated_accuracy import MCMAHAN_AIM, NIID_PUBLISHED
from benchmarks.federated_kept import Kept
from benchmarks.page import Row

__all__ = ["rows"]

Judged = tuple[str, bool]
Figures = Any
"""As JSON has them."""


def rows(found: Mapping[str, Kept | None]) -> list[Row]:
    """In the order of the issue's table."""
    made = []
    for what, target, step, judge in ROWS:
        kept = found.get(step)
        if kept is None:
            made.append(Row(what, target, f"not measured: python -m benchmarks.federated {step}", False))
        elif kept.failed:
            made.append(Row(what, target, f"failed: {kept.failed}", False))
        else:
            measured, reached = judge(kept.figures)
            made.append(Row(what, target, measured, bool(reached)))
    return made


def _spread(one: Mapping[str, float], shape: str = ".2f") -> str:
    return f"{one['median']:{shape}} [{one['low']:{shape}}..{one['high']:{shape}}]"


def _ratio(case: str, most: float, beside: str = "") -> Callable[[Figures], Judged]:
    def judge(found: Figures) -> Judged:
        one, cpu = found["ratio"][case], found["cpu_s"]
        more = f"; {beside} {_spread(found['ratio'][beside])}x" if beside else ""
        return f"{_spread(one)}x ({cpu[case]['median']:.3f} against {cpu['bare']['median']:.3f} s{more})", one["median"] <= most

    return judge


def _same(found: Figures) -> Judged:
    return ("bit-identical" if found["same"] else "other bits"), found["same"]


def _ray(found: Figures) -> Judged:
    told, reached = _ratio("ray", 1.5)(found)
    same = "the same bits" if found["same"] else "other bits"
    return f"{told}; {same}; start-up {found['start_s']:.1f} s", reached and found["cpu_s"]["bare"]["median"] >= 0.5


def _first(found: Figures) -> Judged:
    later = f", of which a later round has {found['steady_cpu_s']:.2f}" if "steady_cpu_s" in found else ""
    clocks = f"{found['first_wall_s']:.2f} by the clock of a busy machine (imports {found['import_cpu_s']:.1f} s CPU)"
    told = f"{found['first_cpu_s']:.2f} s CPU{later}; {clocks}"
    return told, found["first_cpu_s"] <= 0.5


def _lost(how: str, most: float) -> Callable[[Figures], Judged]:
    def judge(found: Figures) -> Judged:
        mean = {name: 100 * sum(found[name]) / len(found[name]) for name in ("pooled", how)}
        lost = mean["pooled"] - mean[how]
        return f"{lost:+.2f} points ({mean[how]:.2f} against {mean['pooled']:.2f} %; {len(found[how])} seeds)", lost <= most

    return judge


def _niid(found: Figures) -> Judged:
    best, done = max(found["accuracy"]), len(found["accuracy"])
    return f"{100 * best:.2f} % ({done} of {found['of']} rounds; one seed)", round(10_000 * (NIID_PUBLISHED - best)) <= 50


def _to99(found: Figures) -> Judged:
    at = next((number for number, value in enumerate(found["accuracy"], 1) if value >= MCMAHAN_AIM), None)
    if at is None:
        return f"not within {len(found['accuracy'])} rounds; best {100 * max(found['accuracy']):.2f} %", False
    return f"round {at}", at <= 25


def _secagg_cpu(found: Figures) -> Judged:
    return f"{_spread(found['site_s'], '.3f')} s ({found['parameters']} parameters, {found['sites']} sites)", found["site_s"]["median"] <= 0.05


def _secagg_bytes(found: Figures) -> Judged:
    ratio = found["sent"] / found["plain"]
    return f"{ratio:.4f}x", ratio <= 1.01


def _stages(found: Figures) -> Judged:
    bad = [one["stage"] for one in found if not (one["survived"] and one["aborted"])]
    told = f"{found[0]['lost']} of 10 lost: survived at {sum(one['survived'] for one in found)} of {len(found)} stages"
    return f"{told}; one more: aborted at {sum(one['aborted'] for one in found)}" + (f"; not so: {', '.join(bad)}" if bad else ""), not bad


def _points(one: Mapping[str, Any]) -> float:
    return 100 * (sum(one["honest"]) / len(one["honest"]) - sum(one["spoilt"]) / len(one["spoilt"]))


def _crashed(found: Figures) -> Judged:
    lost = _points(found["crashed"][0])
    return f"{lost:.2f} points (25 rounds, {len(found['crashed'][0]['spoilt'])} seeds)", lost <= 2


def _poisoned(found: Figures) -> Judged:
    under = {one["what"].partition(",")[0]: _points(one) for one in found["poisoned"] if one["what"].endswith(", MultiKrum")}
    worst = max(under, key=lambda name: under[name])
    return f"{under[worst]:.2f} points at worst ({worst}; {len(under)} poisons)", under[worst] <= 3


def _faults(found: Figures) -> Judged:
    good = [one for one in found["faults"] if one["named"] and one["same"]]
    return f"{len(good)} of {len(found['faults'])} faults: named, and the model is bit by bit the one without that site", len(good) == len(
        found["faults"]
    )


ROWS: list[tuple[str, str, str, Callable[[Figures], Judged]]] = [
    ("`local` against a bare torch FedAvg loop, steady round, 164k-parameter CNN", "<= 1.10x CPU", "local", _ratio("job", 1.10)),
    ("its weights", "bit-identical", "local", _same),
    ("its first round, after import", "<= .5 s", "first", _first),
    ("our wrapper against bare Flower on the same engine", "<= 1.05x CPU", "wrapper", _ratio("guarded", 1.05, "job")),
    ("Ray, steady round of .5 s of bare work or more", "<= 1.5x CPU", "ray", _ray),
    ("digits, IID, against pooled training", "within 1 point", "digits", _lost("iid", 1.0)),
    ("digits, Dirichlet(.5)", "within 1.5 points", "digits", _lost("dirichlet", 1.5)),
    ("MNIST, IID, against pooled training", "within 1 point", "mnist", _lost("iid", 1.0)),
    ("MNIST, Dirichlet(.5)", "within 1.5 points", "mnist", _lost("dirichlet", 1.5)),
    ("niid_bench, MNIST, Dirichlet(.5), best of 50 rounds (published 98.89)", "within .5 point", "niid", _niid),
    ("MNIST CNN to 99 %, 100 sites, C = .1, E = 5, B = 10, IID", "<= 25 rounds", "to99", _to99),
    ("SecAgg+, 1e6 parameters, 10 sites: CPU of a site", "<= .05 s", "secagg", _secagg_cpu),
    ("SecAgg+: bytes beside a plain update", "<= 1.01x", "secagg", _secagg_bytes),
    ("n - t sites lost at each SecAgg+ stage; one more", "survived; aborted, nothing released", "lost", _stages),
    ("40 % of the sites crash every round", "<= 2 points lost", "robust", _crashed),
    ("2 of 10 poisoned under MultiKrum", "<= 3 points lost", "robust", _poisoned),
    ("one site broken in each way", "nothing lost beyond it, each named", "robust", _faults),
]
