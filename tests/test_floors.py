"""The floors of the house hold: what import-linter says, and that no table forgot a file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_no_module_imports_from_above_and_no_room_imports_another() -> None:
    done = subprocess.run([Path(sys.executable).parent / "lint-imports", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def test_onnxruntime_is_imported_in_one_file() -> None:
    files = [
        path
        for path in (ROOT / "src").rglob("*.py")
        if "import onnxruntime" in path.read_text("utf-8") or "from onnxruntime" in path.read_text("utf-8")
    ]
    assert [path.relative_to(ROOT).as_posix() for path in files] == ["src/velatura/models/runtime.py"]


def test_nothing_prints_exits_or_reads_argv_outside_the_command_line() -> None:
    words = ("print(", "sys.exit", "sys.argv", "logging.basicConfig")
    for path in (ROOT / "src" / "velatura").rglob("*.py"):
        if "cli" in path.relative_to(ROOT / "src" / "velatura").parts or path.name == "__main__.py":
            continue
        text = path.read_text("utf-8")
        assert not [word for word in words if word in text.replace("pprint(", "")], path
