"""What starting costs: CPU of `import velatura` and of `velatura --help` above the bare interpreter, from an installed wheel with .pyc files."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import cpu_of, interleaved
from benchmarks.page import Row, table, write

ROOT = Path(__file__).parent.parent
RUNS = 11


def installed_wheel(folder: Path) -> Path:
    """An environment with the wheel of this checkout, compiled by pip as a user's is; it borrows this environment's libraries."""
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder), str(ROOT)], check=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    python = folder / "venv" / "bin" / "python"
    wheel = next(folder.glob("velatura-*.whl"))
    subprocess.run([sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)], check=True)
    site = next((folder / "venv" / "lib").glob("python*/site-packages"))
    theirs = next(path for path in sys.path if path.endswith("site-packages"))
    (site / "libraries.pth").write_text(theirs + "\n")  # after velatura's own folder in sys.path: the installed wheel wins
    return folder / "venv" / "bin"


def main() -> None:
    env = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")}
    with tempfile.TemporaryDirectory() as folder:
        bins = installed_wheel(Path(folder))
        python = str(bins / "python")
        cases = {
            "bare": lambda: cpu_of([python, "-c", "pass"], env=env),
            "import velatura": lambda: cpu_of([python, "-c", "import velatura"], env=env),
            "velatura --help": lambda: cpu_of([str(bins / "velatura"), "--help"], env=env),
            "velatura obfuscate --help": lambda: cpu_of([str(bins / "velatura"), "obfuscate", "--help"], env=env),
        }
        found = interleaved(cases, runs=RUNS)
    bare = found["bare"].median
    targets = {"import velatura": 0.06, "velatura --help": 0.12}
    rows, figures, aims = [], {"bare_s": bare}, []
    for name, spread in found.items():
        if name != "bare":
            above = spread.median - bare
            figures[name] = {"above_bare_s": above, "runs": spread.runs, "low_s": spread.low - bare, "high_s": spread.high - bare}
            if name in targets:
                aims.append(Row(f"`{name}`, CPU above the bare interpreter", f"<= {targets[name]} s", f"{above:.3f} s", above <= targets[name]))
            verdict = "-" if name not in targets else ("reached" if above <= targets[name] else "missed")
            rows.append([f"`{name}`", f"{above:.3f} s [{spread.low - bare:.3f}..{spread.high - bare:.3f}]", targets.get(name, "-"), verdict])
    body = f"CPU above `python -c pass` ({bare:.3f} s), median of {RUNS} fresh processes, interleaved.\n\n" + table(
        ["what", "measured", "target", ""], rows
    )
    write("startup", "Starting up", body, figures, aims)


if __name__ == "__main__":
    main()
