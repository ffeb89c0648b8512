"""The forty leak cases, played through the command lines of `velatura obfuscate` and of deface.

Each case is a real file around one real face (the public-domain portrait in scikit-image) with a recognisable secret: a mark, a second picture, a
hidden frame. Afterwards an adversary looks: carves pictures out of the output's bytes, unpacks its text, decodes every frame of every stream.
*closed*: nothing of the secret, and the face nowhere; *refused*: an error with a reason, and no output; *fails*: no output, and no reason that a
person could use; *damaged*: an output that does not open, or is not what the input was. deface runs as people run it (its blur), with
`--replacewith solid`, and, for pictures, with `--keep-metadata` (`-m`) beside that.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks import material, peers
from benchmarks.leakcases import CASES, LeakCase, look
from benchmarks.leakcases.play import Outcome, Tool, play
from benchmarks.page import Row, table, write
from velatura.media.leaks.cases import CASES as KNOWN

ROOT = Path(__file__).parent.parent
OURS = [sys.executable, "-m", "velatura"]
FRAMES = ("L14", "L15", "L16", "L19", "L22")


def tools(folder: Path) -> list[Tool]:
    """Ours first."""
    env = {**os.environ, "VELATURA_HOME": str(material.models(folder)), "PYTHONPATH": str(ROOT / "src")}
    ours = Tool("velatura", lambda a, b: [*OURS, "obfuscate", str(a), "-o", str(b)], env, refuses=(2, 3, 5), log=("--json",), replace=("--force",))
    program = str(peers.environment(peers.DEFACE) / "bin" / "deface")
    plain = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    def peer(name: str, *options: str, pictures_only: bool = False) -> Tool:
        def command(source: Path, out: Path) -> list[str]:
            # For a folder deface writes beside each input; an output name would be one file for all of them.
            return [program, str(source), *options] if source.is_dir() else [program, str(source), "-o", str(out), *options]

        return Tool(name, command, plain, pictures_only=pictures_only)

    solid = ("--replacewith", "solid")
    return [ours, peer("deface"), peer("deface, solid", *solid), peer("deface, solid, -m", *solid, "--keep-metadata", pictures_only=True)]


def scanned(output: Path | None, env: Mapping[str, str]) -> list[str]:
    """What our own scan says of our output, further frames aside."""
    if output is None:
        return []
    done = subprocess.run([*OURS, "scan", str(output), "--json", "--quiet"], env=dict(env), capture_output=True, text=True, check=False)
    if done.returncode:
        return [f"scan ended with {done.returncode}"]
    items = json.loads(done.stdout)["result"]["items"]
    return [
        f"{one['case']} {one['where']}: {one['what']}"
        for item in items
        for one in item["findings"]
        if not (one["case"] in FRAMES and "further" in one["what"])
    ]


def cell(outcome: Outcome) -> str:
    word = f"**{outcome.verdict}**" if not outcome.good else outcome.verdict
    return f"{word}: {outcome.what}" if outcome.what else word


def play_all(case: LeakCase, played: list[Tool], folder: Path) -> dict[str, Outcome]:
    """By tool; one that differs for pictures alone has the outcome of the tool before it."""
    found: dict[str, Outcome] = {}
    for number, tool in enumerate(played):
        same = tool.pictures_only and case.is_clip
        found[tool.name] = found[played[number - 1].name] if same else play(tool, case, folder / f"{case.case}-{number}")
    return found


def aims(good: Mapping[str, int]) -> list[Row]:
    count = good["velatura"]
    return [Row("leak cases closed or refused", "40 of 40", f"{count} of 40 (deface: {good['deface']})", count == 40)]


def main(chosen: Sequence[str] = ()) -> None:
    """All cases, or those that are named (then nothing is written)."""
    look.register()
    rows, figures, own = [], {}, {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        played = tools(folder)
        for case in [case for case in CASES if not chosen or case.case in chosen]:
            found = play_all(case, played, folder)
            print(case.case, *(f"| {name}: {cell(outcome)}" for name, outcome in found.items()), flush=True)
            if left := scanned(found["velatura"].output, played[0].env):
                own[case.case] = left
                print(f"    scan of our own output: {left}", flush=True)
            rows.append([case.case, KNOWN[case.case].kind, KNOWN[case.case].leaks, *(cell(outcome) for outcome in found.values())])
            figures[case.case] = {name: {"verdict": outcome.verdict, "what": outcome.what} for name, outcome in found.items()}
    if chosen:
        return
    good = {tool.name: sum(figures[case][tool.name]["verdict"] in ("closed", "refused") for case in figures) for tool in played}
    counts = [f"{name}: {count} of {len(CASES)} closed or refused" for name, count in good.items()]
    said = (
        "`velatura scan` of our own outputs finds nothing but further frames."
        if not own
        else f"`velatura scan` of our own outputs still finds: {own}."
    )
    head = ["case", "file", "what leaks", *(tool.name for tool in played)]
    body = f"{__doc__}\n{'; '.join(counts)}. Target: 40 of 40{'' if good['velatura'] == 40 else ' (missed)'}.\n{said}\n\n{table(head, rows)}"
    write("leaks", "What a file leaks beside its pixels", body, {"cases": figures, "closed_or_refused": good, "own_outputs": own}, aims(good))


if __name__ == "__main__":
    main(sys.argv[1:])
