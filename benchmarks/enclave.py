"""The enclave: verdicts on real evidence, forgeries, flipped bits, random bytes, what verification costs, escapes, what a confined process costs.

    python -m benchmarks.enclave                        measure all, write the page
    python -m benchmarks.enclave negative cost          measure these again, write the page
    python -m benchmarks.enclave --page                 write the page from the results that are kept

Each step's result is a file in docs/benchmarks/enclave. Evidence is read from VELATURA_SHARED; CPU time of this process, one thread.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.federated_kept import Kept, keep, kept
from benchmarks.page import DOCS, Row, table, write

STEPS: dict[str, tuple[str, str]] = {
    "verdicts": ("enclave_evidence", "verdicts"),
    "negative": ("enclave_evidence", "negative"),
    "flips": ("enclave_evidence", "flipped_bits"),
    "drawn": ("enclave_evidence", "drawn"),
    "cost": ("enclave_evidence", "cost"),
    "attacks": ("enclave_attacks", "attacks"),
    "sealing": ("enclave", "sealing"),
    "process": ("enclave", "process"),
}
"""Step -> module and function."""
FOLDER = DOCS / "enclave"
MOST_MS = {"sev-snp": 3.0, "sgx": 4.0, "tdx": 4.0}
"""CPU of one verification; 5 where no other is asked for."""
SEALED_MIB = 256
ROUNDS = 40


def main(words: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.enclave", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("steps", nargs="*", metavar="STEP", help=", ".join(STEPS))
    parser.add_argument("--page", action="store_true", help="measure nothing")
    given = parser.parse_args(words)
    if unknown := [name for name in given.steps if name not in STEPS]:
        parser.error(f"there is no step {unknown[0]!r}; there are: {', '.join(STEPS)}")
    for name in [] if given.page else given.steps or STEPS:
        keep(name, _of(*STEPS[name]), folder=FOLDER)
    found = {name: kept(name, folder=FOLDER) for name in STEPS}
    told = rows(found)
    figures = {name: one.figures for name, one in found.items() if one is not None}
    lines = table(["what", "target", "measured", ""], [row.cells for row in told])
    days = ", ".join(f"{name}: {one.day}" for name, one in found.items() if one is not None)
    body = f"""Evidence is real, from public repositories, and each document is accepted at its time before anything is made of it. A change counts as
accepted only where what is signed has changed with it: the text around a certificate, padding, and the second of two valid ECDSA signatures are not
signed. Of the 44 classes of what must be refused, documents show 39; exchanged keys and jobs (29, 30) are among the tampered sessions, 43 are the
sealed files, 44 is what a job hands over, and revocation (22) shows only under an authority that is trusted, which the tests have. A word of the
data is looked for in places where a plain process shows it. CPU milliseconds go from the document's bytes and the policy's text to the verdict;
"first" with no certificate known yet.

{lines}

{_costs(found["cost"])}

Taken on: {days}."""
    write("enclave", "Secure enclaves", body, figures, told)


def rows(found: Mapping[str, Kept | None]) -> list[Row]:
    """The issue's table."""
    told: list[Row] = []

    def row(step: str, what: str, target: str, judged: Callable[[Any], tuple[str, bool]]) -> None:
        one = found.get(step)
        if one is None or one.figures is None:
            told.append(Row(what, target, "not measured" if one is None else f"failed: {one.failed}", reached=False))
        else:
            text, reached = judged(one.figures)
            told.append(Row(what, target, text, reached))

    row(
        "verdicts",
        "formats verified on real evidence, and our own",
        "all",
        lambda f: (f"{len(f['formats'])} of {len(f['asked'])}", f["formats"] == f["asked"]),
    )
    row("verdicts", "verdicts on every case, at its time", "100 %", lambda f: (f"{f['right']} of {f['cases']}", f["right"] == f["cases"] >= 46))
    row("negative", "forged documents, none accepted", ">= 300", _negative)
    row("flips", "flipped bits of what is signed, and of certificates", "0 accepted", _flips)
    row("drawn", "random changes", "0 of 1e5 accepted", lambda f: (_of_tried(f), not f["accepted"] and f["tried"] >= 100_000))
    for named, most in (("sev-snp", 3.0), ("sgx", 4.0), ("tdx", 4.0), ("", 5.0)):
        what = f"verify one document, first: {named or 'any other format'}"
        row("cost", what, f"<= {most:g} ms CPU", lambda f, named=named, most=most: _slowest(f, named, most))  # type: ignore[misc]
    row("attacks", "escape probes in the process of a job, root", "all denied", lambda f: _probes(f["root"]))
    row("attacks", "escape probes in the process of a job, ordinary user", "all denied", lambda f: _probes(f["user"]))
    row(
        "attacks",
        "a word of the data, outside of the process",
        "never",
        lambda f: (_words(f), not f["words_found"] and not any(inside for _, inside in f["places"].values())),
    )
    row("attacks", "tampered sessions that are served", "none", lambda f: (f"{f['ways_served']} of {f['ways']} ways", not f["ways_served"]))
    row("attacks", "sealed files that were tampered with, opened", "none", lambda f: (f"{f['opened']} of {f['sealed']} ways", not f["opened"]))
    row("sealing", "data set encryption in memory, one core", ">= 1,000 MB/s", lambda f: _rate(f["seal in memory"], 1000))
    row("sealing", "data set encryption, file to file", ">= 300 MB/s", lambda f: _rate(f["seal file to file"], 300))
    for name in ("inference", "training"):
        row("process", f"{name} in `process` against outside", "<= 1.05x", lambda f, name=name: _inside(f[name]))  # type: ignore[misc]
    row("process", "lock-down", "<= 50 ms", lambda f: (f"{f['start']['lock_ms']:.1f} ms", f["start"]["lock_ms"] <= 50))
    return told


def sealing() -> dict[str, dict[str, float]]:
    from benchmarks.enclave_sealing import figures

    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        return figures(SEALED_MIB, Path(folder))


def process() -> dict[str, Any]:
    from benchmarks.enclave_process import figures

    return figures(ROUNDS)


def _inside(one: Mapping[str, float]) -> tuple[str, bool]:
    return f"{one['ratio']:.3f}x [{one['low']:.3f}..{one['high']:.3f}]", one["ratio"] <= 1.05


def _negative(figures: Any) -> tuple[str, bool]:
    told = f"{figures['forgeries']:,} of {figures['classes']} classes; {len(figures['accepted'])} accepted"
    return f"{told} ({100 * figures['believed']:.0f} % by who believes evidence)", not figures["accepted"] and figures["forgeries"] >= 300


def _flips(figures: Any) -> tuple[str, bool]:
    taken = sum(len(one["accepted"]) for one in figures.values())
    return f"{taken} of {sum(one['flips'] for one in figures.values()):,} over {len(figures)} documents", not taken


def _of_tried(figures: Any) -> str:
    return f"{len(figures['accepted'])} of {figures['tried']:,}; {figures['same_content']} that changed nothing signed were accepted"


def _slowest(figures: Any, named: str, most: float) -> tuple[str, bool]:
    chosen = {name: one for name, one in figures.items() if (one["format"] == named if named else one["format"] not in MOST_MS)}
    singles = {name: one for name, one in chosen.items() if name != "nvidia-multi-gpu"}  # four documents in one
    name = max(singles, key=lambda one: singles[one]["first_ms"]["median"])
    first, again = singles[name]["first_ms"]["median"], singles[name]["ms"]["median"]
    return f"{first:.2f} ms ({name}); again {again:.2f} ms", first <= most


def _probes(figures: Any) -> tuple[str, bool]:
    if figures is None:
        return "not run here", False
    told = f"{figures['open']} of {figures['inside']} open; {figures['controls']} have a control that works outside"
    told += f", {', '.join(figures['unproven'])} none here" if figures["unproven"] else ""
    return told, figures["open"] == 0 and figures["controls"] >= 60


def _words(figures: Any) -> str:
    """Where a plain process shows it, too."""
    shown = [name for name, (plain, _) in figures["places"].items() if plain]
    found = figures["words_found"] + sum(inside for name, (_, inside) in figures["places"].items() if name in shown)
    return f"{found} of {figures['words'] + len(shown)}, in files and messages, {', '.join(shown)}"


def _rate(one: Mapping[str, float], least: float) -> tuple[str, bool]:
    return f"{one['cpu']:,.0f} MB/s of CPU, {one['clock']:,.0f} by the clock", one["clock"] >= least


def _costs(one: Kept | None) -> str:
    if one is None or one.figures is None:
        return ""
    lines = [
        [name, figures["format"], f"{figures['first_ms']['median']:.2f}", f"{figures['ms']['median']:.2f}"]
        for name, figures in sorted(one.figures.items(), key=lambda pair: (pair[1]["format"], pair[0]))
    ]
    return table(["document", "format", "first, ms", "again, ms"], lines)


def _of(module: str, function: str) -> Callable[[], Any]:
    return lambda: getattr(import_module(f"benchmarks.{module}"), function)()


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
