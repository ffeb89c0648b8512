"""The floors of the house hold: what import-linter says, and that no table forgot a file."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_no_module_imports_from_above_and_no_room_imports_another() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_onnxruntime_is_imported_by_models_alone() -> None:
    files = [
        path
        for path in (ROOT / "src").rglob("*.py")
        if "import onnxruntime" in path.read_text("utf-8") or "from onnxruntime" in path.read_text("utf-8")
    ]
    assert sorted(path.relative_to(ROOT).as_posix() for path in files) == [
        "src/velatura/models/quantise.py",
        "src/velatura/models/runtime.py",
    ]


def forbidden(tree: ast.AST) -> list[str]:
    """Calls of print, and uses of sys.exit, sys.argv, logging.basicConfig, that stand in code (not in a string)."""
    found = [node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"]
    attributes = {("sys", "exit"), ("sys", "argv"), ("logging", "basicConfig")}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and (node.value.id, node.attr) in attributes:
            found.append(f"{node.value.id}.{node.attr}")
    return found


def test_nothing_prints_exits_or_reads_argv_outside_the_command_line() -> None:
    room = ROOT / "src" / "velatura"
    # Programs of their own: the guest's process, and the controls of the escape probes (`python -m velatura.sandbox.escapes.control`).
    programs = {room / "__main__.py", room / "sandbox" / "inside.py", room / "sandbox" / "escapes" / "control.py"}
    for path in room.rglob("*.py"):
        if "cli" not in path.relative_to(room).parts and path not in programs:
            assert not forbidden(ast.parse(path.read_text("utf-8"))), path
