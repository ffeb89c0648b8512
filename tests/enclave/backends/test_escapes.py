"""Every escape probe inside the real job's process, as whoever we are and as an ordinary user: none gets out but the call that is granted."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.enclave.backends.cells import linux
from tests.sandbox.cells import interpreter_for_nobody, run
from tests.sandbox.test_escapes import DENIALS

from velatura.enclave.backends.cell import GUEST, cell_confinement, settings_of
from velatura.enclave.backends.idle_job import idle_job
from velatura.enclave.backends.memfd_secret import why_absent
from velatura.enclave.job import JobFile
from velatura.sandbox.escapes import OPEN
from velatura.sandbox.layers import layers
from velatura.specs import convert

pytestmark = linux

GRANTED = {"getrandom"}
"""A job draws random numbers; asking the kernel for some tells nobody anything."""


@pytest.fixture(scope="module")
def controls() -> dict[str, str]:
    done = subprocess.run([sys.executable, "-m", "velatura.sandbox.escapes.control"], capture_output=True, text=True, check=False, timeout=120)
    found = json.loads(done.stdout or "{}")
    if not found:
        pytest.skip("controls: this machine makes no user namespaces, so no probe can be shown to work outside")
    return found


def broken_into(controls: dict[str, str], *, nobody: bool, imports: list[str]) -> None:
    if absent := {layer: why for layer, why in layers().items() if why}:
        pytest.skip(f"escapes: not with a layer absent ({absent})")
    like = {"version": 1, "kind": "python", "imports": imports, "outputs": {"x": {"type": "model"}}}
    job = idle_job(convert(like, JobFile, where="test"))
    settings = settings_of(job, secretmem=not why_absent())
    found = run("escapes", GUEST, json.dumps(settings), json.dumps(cell_confinement(job, frozenset()).to_json()), nobody=nobody)
    assert {word in ("kernel", "self") for word in found["held"].values()} == {True}
    assert len(found["outcomes"]) >= 130
    opened = {probe for probe, outcome in found["outcomes"].items() if outcome == OPEN}
    assert opened <= GRANTED
    assert opened  # the probes' calls reach the kernel: a granted one is seen to be open
    strange = {probe: word for probe, word in found["outcomes"].items() if controls[probe] == OPEN and word not in {*DENIALS, OPEN}}
    assert not strange


def test_no_probe_gets_out_of_a_jobs_process(controls: dict[str, str]) -> None:
    broken_into(controls, nobody=False, imports=[])


def test_no_probe_gets_out_where_an_ordinary_user_started_it(controls: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    if os.getuid() != 0:
        pytest.skip("nobody: we are an ordinary user already")
    with bare_interpreter() as interpreter:
        monkeypatch.setattr("tests.sandbox.cells.interpreter_for_nobody", lambda: interpreter)
        broken_into(controls, nobody=True, imports=[])


@contextlib.contextmanager
def bare_interpreter() -> Iterator[str]:
    """A Python that uid 65534 can start and that sees none of the system's packages: their `cryptography` may be older than ours."""
    theirs = Path(interpreter_for_nobody())
    if theirs == Path(sys.executable):
        yield str(theirs)
        return
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        Path(folder, "bin").mkdir()
        Path(folder, "bin", "python3").symlink_to(theirs)
        Path(folder, "pyvenv.cfg").write_text(f"home = {theirs.parent}\ninclude-system-site-packages = false\n")
        yield str(Path(folder, "bin", "python3"))


@pytest.mark.slow
def test_no_probe_gets_out_of_a_process_with_torch_in_it(controls: dict[str, str]) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    broken_into(controls, nobody=False, imports=["torch"])
