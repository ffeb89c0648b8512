"""How often verdicts are wrong: reports whose truth is known (`benchmarks/simulated.py`), through the product's own intervals and rule."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from math import e as EULER
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from benchmarks.page import Row, table, write
from benchmarks.simulated import CHANCE, HIGH, LOW, THROUGH_JUDGE, Setting, accused, acquitted, faulty_by_interval, in_a_report
from velatura.attacks.attack import Outcomes
from velatura.attacks.intervals import LEAST_GAIN_UNITS, estimate, exact, worse_than_shuffled
from velatura.findings import Estimate, Verdict, judge, limit

Floats = NDArray[np.float64]
REPORTS = 20_000
FINDINGS = (5, 10, 20)

NULLS = tuple(
    Setting(people, probes, alike, attackers=attackers)
    for attackers, sizes in ((3, ((10, 10), (40, 5), (40, 10), (100, 2), (100, 10))), (1, ((10, 10), (40, 10))))
    for people, probes in sizes
    for alike in (0.0, 0.1, 0.3, 1.0, None)
)
LEAKS = tuple(
    Setting(people, probes, alike, truth=3, attackers=attackers)
    for attackers in (3, 1)
    for people, probes in ((10, 5), (10, 10), (40, 1), (40, 5), (40, 10), (100, 2), (100, 5), (100, 10))
    for alike in (0.0, 0.1, 0.3, 1.0)
)


def nulls(reports: int, rng: Generator, settings: Sequence[Setting] = NULLS) -> list[dict[str, Any]]:
    """False `weakened` or `broken`, and false `error`, in reports all of whose findings are at chance."""
    lines = []
    for setting in settings:
        success = setting.play(reports, rng)
        line: dict[str, Any] = {"attackers": setting.attackers, "setting": setting.words}
        for findings in FINDINGS:
            line[f"accused {findings}"] = in_a_report(float(accused(setting, success, findings).mean()), findings)
            line[f"error {findings}"] = in_a_report(faulty_by_interval(setting, success, findings), findings)
        lines.append(line)
    return lines


def faulty(reports: int, rng: Generator) -> list[dict[str, Any]]:
    """False `error` by the tables of guesses, through `worse_than_shuffled`."""
    lines = []
    for setting in (Setting(10, 10, 0.0), Setting(10, 10, 0.3), Setting(40, 5, 0.1), Setting(40, 10, 0.3)):
        tables = list(setting.guesses(reports, rng))
        line: dict[str, Any] = {"setting": setting.words}
        for findings in FINDINGS:
            share = float(np.mean([worse_than_shuffled(each, LOW / 2 / findings) for each in tables]))
            line[f"error {findings}"] = in_a_report(share, findings)
        lines.append(line)
    return lines


def leaks(reports: int, rng: Generator, settings: Sequence[Setting] = LEAKS, findings: int = 10) -> list[dict[str, Any]]:
    """False `held` of attackers who are truly at three times chance, where the limit lies or (ten people) beyond it; and what is held at chance."""
    lines = []
    for setting in settings:
        success = setting.play(reports, rng)
        blind = Setting(setting.people, setting.probes, setting.correlation, 1, setting.attackers)
        lines.append(
            {
                "setting": setting.words,
                "attackers": setting.attackers,
                "held at 3x": float(acquitted(setting, success, findings).mean()),
                "found at 3x": float(accused(setting, success, findings).mean()),
                "held at 1x": float(acquitted(blind, blind.play(reports // 4, rng), findings).mean()),
            }
        )
    return lines


def least(chance: float) -> dict[str, Any]:
    """The smallest effective n at which an attacker at chance in the middle is `held`, and at which he is in 80 % of runs."""
    base = Estimate(0.96, 0.95, 0.98, chance, 40, "people", "rank-1 rate")
    edge = limit(base, base, CHANCE)
    sizes = np.unique((4 * 1.02 ** np.arange(300)).astype(int))
    first = next(n for n in sizes if exact(np.array([n * chance]), np.array([float(n)]), LOW, HIGH)[1][0] < edge)
    rng = np.random.default_rng(0)
    mostly = next(
        n for n in sizes if (exact(rng.binomial(n, chance, 4000).astype(float), np.full(4000, float(n)), LOW, HIGH)[1] < edge).mean() >= 0.8
    )
    return {"chance": chance, "limit": edge, "reachable": int(first), "in 80 %": int(mostly)}


def gains(reports: int, rng: Generator) -> Iterator[dict[str, Any]]:
    """Ends of a mean of skewed gains (exponential, mean 1); and a leak at the limit: one unit in ten recovered in full, of the others nothing."""
    clear = Estimate(1.0, 1.0, 1.0, 0.385, 40, "people", "SSIM")
    for units in (LEAST_GAIN_UNITS, 60, 100):
        skewed = [estimate(_gain(rng.exponential(1, units), 0)) for _ in range(reports)]
        rare = [estimate(_gain(np.where(rng.random(units) < 0.1, 1.0, 0.385), 0.385)) for _ in range(reports)]
        yield {
            "units": units,
            "low > truth": float(np.mean([found.low > 1 for found in skewed])),
            "high < truth": float(np.mean([found.high < 1 for found in skewed])),
            "held, one in ten shown": float(np.mean([judge(found, clear, CHANCE) is Verdict.HELD for found in rare])),
        }


def _gain(success: Floats, chance: float) -> Outcomes:
    return Outcomes(success[None], ("one",), chance, "people", "SSIM", kind="gain")


def areas(reports: int, rng: Generator) -> Iterator[dict[str, Any]]:
    """Ends of an AUC of two normal distributions."""
    from scipy.special import ndtr

    for side, shift in ((10, 0.0), (10, 3.0), (50, 0.0), (50, 1.0), (200, 0.0), (200, 3.0)):
        member, truth = np.arange(2 * side) < side, float(ndtr(shift / 2**0.5))
        drawn = (rng.normal(size=2 * side) + shift * member for _ in range(reports))
        found = [estimate(Outcomes(s[None], ("one",), 0.5, "records", "AUC", kind="auc", member=member), low=0.025) for s in drawn]
        yield {
            "records a side": side,
            "truth": truth,
            "low > truth": float(np.mean([each.low > truth for each in found])),
            "high < truth": float(np.mean([each.high < truth for each in found])),
            "width": float(np.median([each.high - each.low for each in found])),
        }


def epsilons(reports: int, rng: Generator) -> Iterator[dict[str, Any]]:
    """Ends of the log ratio of an event of one half against e^-epsilon of it; the lower end at .001, as for a promise."""
    for runs, truth in ((500, 1.0), (2000, 1.0), (20_000, 0.5), (20_000, 1.0), (20_000, 2.0), (20_000, 5.0)):
        hits = zip(rng.binomial(runs, 0.5, reports), rng.binomial(runs, 0.5 / EULER**truth, reports), strict=True)
        found = [estimate(_event(a, b, runs), low=0.001) for a, b in hits]
        yield {
            "runs a side": runs,
            "truth": truth,
            "low > truth": float(np.mean([each.low > truth for each in found])),
            "high < truth": float(np.mean([each.high < truth for each in found])),
            "low / truth": float(np.median([each.low for each in found]) / truth),
            "high / truth": float(np.median([each.high for each in found]) / truth),
        }


def _event(with_: int, without: int, runs: int) -> Outcomes:
    return Outcomes(np.array([[with_, runs, without, runs]], float), ("one",), 0.0, "runs", "epsilon", kind="epsilon")


def cost(rng: Generator) -> float:
    """CPU milliseconds of the slowest of 200 estimates of four attackers at chance, 40 people, ten probes, with tables of guesses."""
    setting, worst = Setting(40, 10, 0.0, attackers=4), 0.0
    for guesses in setting.guesses(200, rng):
        outcomes = setting.named(guesses)
        start = time.process_time()
        estimate(outcomes, findings=10)
        worst = max(worst, time.process_time() - start)
    return 1000 * worst


def percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _cells(line: dict[str, Any], skip: int = 1) -> list[str]:
    return [*line["setting"].split(" | "), *(percent(value) for value in list(line.values())[skip:])]


def _rows(found: dict[str, Any]) -> list[Row]:
    rows = []
    for findings in FINDINGS:
        worst = max(line[f"accused {findings}"] for line in found["nulls"])
        rows.append(
            Row(f"reports with a false weakened or broken, {findings} findings all at chance", "<= 5 %", f"{percent(worst)} %", worst <= 0.05)
        )
    for attackers, target in ((3, 0.02), (1, 0.025)):
        worst = max(line["held at 3x"] for line in found["leaks"] if line["attackers"] == attackers)
        who = "three attackers" if attackers == 3 else "one attacker alone"
        rows.append(Row(f"false held, {who} truly at three times chance", f"<= {100 * target:g} %", f"{percent(worst)} %", worst <= target))
    worst = max(line[f"error {findings}"] for line in [*found["nulls"], *found["faulty"]] for findings in FINDINGS)
    rows.append(Row("reports with a false error, 5 to 20 findings all at chance", "<= 5 %", f"{percent(worst)} %", worst <= 0.05))
    ms = found["slowest estimate, ms CPU"]
    rows.append(Row("CPU of one estimate, 40 people, four attackers, at chance", "<= 50 ms", f"{ms:.0f} ms", ms <= 50))
    return rows


def _body(found: dict[str, Any], rows: Sequence[Row]) -> str:
    kinds = ("false weakened or broken", "false error")
    null_head = ["attackers", "people x probes", "correlation", *(f"{kind}, F = {findings}" for kind in kinds for findings in FINDINGS)]
    null_keys = [f"{what} {findings}" for what in ("accused", "error") for findings in FINDINGS]
    null_lines = [[line["attackers"], *_cells({key: line[key] for key in ("setting", *null_keys)})] for line in found["nulls"]]
    leak_lines = [[line["attackers"], *_cells(line, 2)] for line in found["leaks"]]
    least_lines = [[f"{line['chance']:.4g}", f"{line['limit']:.4g}", line["reachable"], line["in 80 %"]] for line in found["least"]]
    others = {
        "Gains": (
            found["gains"],
            "an exponential gain, nominal 2.5 % above and 5 % below; then a leak at the limit: one unit in ten recovered in full",
        ),
        "AUC": (found["areas"], "nominal 2.5 % at both ends"),
        "Epsilon": (found["epsilons"], "nominal .1 % below, 2.5 % above"),
    }
    return f"""{table(["what", "target", "measured", ""], [row.cells for row in rows])}

What is measured against a target is the largest of its table. {REPORTS:,} findings a setting; of each {THROUGH_JUDGE} and more went through
`estimate` and `judge` themselves and came out the same. How a verdict is made: [verdicts](../explanation/verdicts.md).

## All at chance: per cent of reports
F findings a report; findings drawn independently, the worst case. `error` here by the interval alone.

{table(null_head, null_lines)}

`error` by shuffled names, where the attack hands back whom it took for whom; names are liked unequally, so that two probes of one person agree:

{table(["people x probes", "correlation", *(f"F = {f}" for f in FINDINGS)], [_cells(line) for line in found["faulty"]])}

## Attackers at three times chance: per cent of findings
The limit of `held` lies at three times chance (with ten people lower), so the truth is where `held` has just become false. F = 10.

{table(["attackers", "people x probes", "correlation", "false held at 3x", "weakened or broken at 3x", "held at 1x"], leak_lines)}

One attacker alone is acquitted more often than one finding in forty where a person's probes agree with one another (correlation .1 and more): few
successes say little of how they cluster. Our identifications have three attackers and more, a blind guess among them.

## The smallest effective n
{table(["chance", "limit", "held reachable, middle at chance", "held in 80 % of runs"], least_lines)}

{_tables(others)}
"""


def _tables(parts: dict[str, tuple[list[dict[str, Any]], str]]) -> str:
    def cell(key: str, value: float) -> str:
        if isinstance(value, int):
            return f"{value:,}"
        return f"{100 * value:.2g} %" if ">" in key or "<" in key or "held" in key else f"{value:.3g}"

    blocks = []
    for name, (lines, words) in parts.items():
        blocks.append(f"## {name}\nIn per cent: {words}.\n\n" + table(list(lines[0]), [[cell(k, v) for k, v in line.items()] for line in lines]))
    return "\n\n".join(blocks)


def main() -> None:
    rng = np.random.default_rng(0)
    found: dict[str, Any] = {
        "nulls": nulls(REPORTS, rng),
        "faulty": faulty(REPORTS // 4, rng),
        "leaks": leaks(REPORTS // 2, rng),
        "least": [least(chance) for chance in (1 / 1000, 1 / 100, 1 / 40, 1 / 10, 1 / 2)],
        "gains": list(gains(REPORTS // 4, rng)),
        "areas": list(areas(REPORTS // 8, rng)),
        "epsilons": list(epsilons(REPORTS // 4, rng)),
        "slowest estimate, ms CPU": cost(rng),
    }
    rows = _rows(found)
    write("verdicts", "How often verdicts are wrong", _body(found, rows), found, rows)


if __name__ == "__main__":
    main()
