"""The door: what starts at once, what every command line answers, and what nothing may load."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.programs import VELATURA, bare_environment, velatura

from velatura.cli.main import VERBS

HEAVY = {"numpy", "cv2", "asyncio", "av", "PIL", "onnxruntime", "scipy", "rich", "torch", "msgspec", "cryptography", "importlib.metadata", "jinja2"}


def loaded_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint('\\n'.join(sys.modules))"], capture_output=True, text=True, check=True, timeout=280
    )
    return set(done.stdout.split())


def loaded_after_help(*words: str) -> set[str]:
    quiet = "import io, contextlib\nwith contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):"
    return loaded_after(f"from velatura.cli.main import main\n{quiet}\n    main({[*words, '--help']!r})")


def test_importing_the_package_loads_none_of_the_heavy_ones() -> None:
    assert not loaded_after("import velatura") & HEAVY


def test_help_loads_none_of_the_heavy_ones_and_no_room() -> None:
    modules = loaded_after_help()
    assert not modules & HEAVY
    assert not {name for name in modules if name.startswith(("velatura.media", "velatura.detect", "velatura.models", "velatura.obfuscation"))}


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_loads_none_of_the_heavy_ones(verb: str) -> None:
    assert not loaded_after_help(verb) & HEAVY


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_and_gives_an_example(verb: str, tmp_path: Path) -> None:
    done = velatura(verb, "--help", env=bare_environment(tmp_path))
    assert done.returncode == 0
    assert "Usage: velatura " + verb in done.stdout
    assert "xample" in done.stdout


def test_the_package_offers_its_verbs_as_functions() -> None:
    every = "assert all(callable(getattr(velatura, name)) for name in velatura.__all__ if name[0] != '_')"
    code = f"import velatura\n{every}\nimport velatura.detect\nassert callable(velatura.detect)"
    assert "velatura.detect" in loaded_after(code)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["obfuscat"], 2, "did you mean 'obfuscate'"),
        (["obfuscate"], 2, "velatura obfuscate"),
        (["obfuscate", "a.jpg", "-o", "b.jpg", "--methd", "fill"], 2, "--method"),
        (["--no-such"], 2, "--no-such"),
        ([], 2, "Usage"),
        (["--version"], 0, "velatura "),
    ],
)
def test_a_wrong_command_line_names_the_nearest_right_one(words: list[str], code: int, said: str, tmp_path: Path) -> None:
    done = velatura(*words, env=bare_environment(tmp_path))
    assert done.returncode == code
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_doctor_says_what_is_missing_and_how_to_bring_it(tmp_path: Path) -> None:
    done = velatura("doctor", "--json", env=bare_environment(tmp_path, VELATURA_HOME=str(tmp_path / "v")))
    told = json.loads(done.stdout)
    detector = next(check for check in told["result"]["checks"] if check["name"] == "face detector")
    assert done.returncode == 4
    assert detector["state"] == "missing"
    assert detector["brings"] == "velatura models pull"
    assert told["schema"] == "velatura/1"
    assert told["command"] == "doctor"


def test_a_closed_pipe_and_a_full_stdout_end_without_a_traceback(tmp_path: Path) -> None:
    env = bare_environment(tmp_path)
    done = subprocess.run(["sh", "-c", f"'{VELATURA}' doctor | head -1"], env=env, capture_output=True, text=True, check=False, timeout=280)
    assert "Traceback" not in done.stderr
    if Path("/dev/full").exists():
        with Path("/dev/full").open("w") as full:
            done = subprocess.run([VELATURA, "doctor"], env=env, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=280)
        assert done.returncode == 1
        assert "[cli.stdout]" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_reason_to_fail(closed: str, tmp_path: Path) -> None:
    env = bare_environment(tmp_path, VELATURA_HOME=str(tmp_path / "v"))
    command = f"'{VELATURA}' keys new -o '{tmp_path}/key' {closed}"
    done = subprocess.run(["sh", "-c", command], env=env, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "key").read_text().count("velatura")
    assert "Traceback" not in done.stderr


def test_a_wrong_command_line_is_told_in_json_too(tmp_path: Path) -> None:
    for words in (["scan", "--bad", "--json"], ["obfuscate", "p.jpg", "--json"], ["frobnicate", "--json"]):
        done = velatura(*words, env=bare_environment(tmp_path))
        assert done.returncode == 2
        assert json.loads(done.stdout)["error"]["code"] == "cli.usage"


def test_no_home_and_no_locale_are_no_reason_to_fail(tmp_path: Path) -> None:
    for env in (
        {"PATH": "/usr/bin:/bin"},
        {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": "/nonexistent"},
        {"PATH": "", "LC_ALL": "POSIX", "COLUMNS": "1"},
    ):
        done = velatura("--help", env=env, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
