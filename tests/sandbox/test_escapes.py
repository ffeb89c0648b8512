"""The one list of escape probes: each works outside, and none inside a real guest, as root and as an ordinary user."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import warnings
from typing import Any

import pytest
from tests.sandbox.cells import LEAST, linux, run

from velatura.sandbox import ALL_LAYERS, FILES, Confinement, Layer
from velatura.sandbox.escapes import OPEN, all_probes, targets
from velatura.sandbox.layers import layers

pytestmark = linux

# They want the real root of the machine: EPERM before any filter, so their denial proves nothing.
UNPROVEN = {"fanotify", "bpf", "syslog"}
DENIALS = {"EPERM", "EACCES", "ENOENT", "EBADF", "ENOMEM", "EFBIG", "RuntimeError", "MemoryError"}
HAVE_MEDIA = importlib.util.find_spec("velatura.media.source") is not None
GUESTS = {
    "idle": ("velatura.sandbox.layers:Idle", Confinement()),
    "files": ("sandbox_guests:Filer", Confinement(scratch_mb=8, calls=FILES)),
}
if HAVE_MEDIA:
    from velatura.media.reader import Limits
    from velatura.media.source import GUEST, confinement

    GUESTS["media"] = (GUEST, confinement(Limits()))


@pytest.fixture(scope="module")
def controls() -> dict[str, str]:
    """Every probe in the open: in namespaces that die with it."""
    done = subprocess.run([sys.executable, "-m", "velatura.sandbox.escapes.control"], capture_output=True, text=True, check=False, timeout=120)
    found = json.loads(done.stdout or "{}")
    if not found:
        pytest.skip("controls: this machine makes no user namespaces, so no probe can be shown to work outside")
    return found


@pytest.fixture(scope="module")
def all_hold() -> None:
    """Root runs probes with every layer or not at all: one that got out would get out as root."""
    absent = {layer: why for layer, why in layers().items() if why}
    if absent and os.getuid() == 0:
        pytest.skip(f"escapes as root: not with a layer absent ({absent})")


def test_the_list_has_150_probes_of_distinct_names() -> None:
    with targets() as at:
        names = [probe.name for probe in all_probes(at)]
    assert len(names) == len(set(names))
    assert len(names) == 150 if os.uname().machine == "x86_64" else len(names) > 130


def test_the_probes_work_outside_and_those_that_do_not_are_named(controls: dict[str, str]) -> None:
    failing = {name: outcome for name, outcome in controls.items() if outcome != OPEN}
    if failing.keys() - UNPROVEN:  # an older kernel, a stricter sysctl: less is proven here, and which
        warnings.warn(f"probes whose denial proves nothing on this machine: {failing}", stacklevel=1)
    assert len(controls) - len(failing) >= 120


@pytest.mark.parametrize("name", ["idle", "files", "media"])
@pytest.mark.parametrize("nobody", [False, True], ids=["ourselves", "nobody"])
def test_no_probe_gets_out_of_a_guest(name: str, nobody: bool, controls: dict[str, str], all_hold: None) -> None:
    found = break_into(name, ALL_LAYERS if os.getuid() == 0 else LEAST, nobody=nobody)
    judge(found, controls, allowed={"stat"} if name == "files" and found["held"][Layer.NAMESPACES] not in ("kernel", "self") else set())


def test_a_call_that_is_granted_is_seen_to_be_open(all_hold: None) -> None:
    """Probes name their calls by number, and must not ask anything of the system to do so: denied that, all of them would seem to be denied."""
    may = {**Confinement(calls=frozenset({"getrandom", "fcntl"})).to_json(), "required": sorted(ALL_LAYERS if os.getuid() == 0 else LEAST)}
    found = run("escapes", "velatura.sandbox.layers:Idle", "{}", json.dumps(may))
    assert {probe for probe, outcome in found["outcomes"].items() if outcome == OPEN} == {"getrandom", "fcntl F_GETFL"}


@pytest.mark.parametrize(("name", "allowed"), [("media", set()), ("files", {"stat"})])
def test_without_namespaces_an_ordinary_users_guest_learns_no_more_than_what_held_says(
    name: str, allowed: set[str], controls: dict[str, str], all_hold: None
) -> None:
    found = break_into(name, LEAST, nobody=True, without="namespaces")
    judge(found, controls, allowed=allowed)
    assert ("size and times of files" in found["held"][Layer.NAMESPACES]) == bool(allowed)


def break_into(name: str, required: frozenset[Layer], *, nobody: bool, without: str = "") -> dict[str, Any]:
    if name not in GUESTS:
        pytest.skip("media: its guest is not part of this tree")
    guest, may = GUESTS[name]
    return run("escapes", guest, "{}", json.dumps({**may.to_json(), "required": sorted(required)}), nobody=nobody, without=without)


def judge(found: dict[str, Any], controls: dict[str, str], *, allowed: set[str]) -> None:
    """Nothing is open but what is allowed, and where the control works the denial has one of the forms that we know."""
    assert {probe for probe, outcome in found["outcomes"].items() if outcome == OPEN} <= allowed
    strange = {probe: word for probe, word in found["outcomes"].items() if controls[probe] == OPEN and word not in {*DENIALS, OPEN}}
    assert not strange
