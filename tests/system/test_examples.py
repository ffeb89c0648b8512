"""Every example runs as its first lines say."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.edge.brokers import needs_mosquitto
from tests.edge.cameras import rtsp_camera
from tests.programs import VELATURA, bare_environment, needs

from velatura.cli.demo.street import PASSAGE_FRAMES
from velatura.cli.demo.taken_out import make_passage

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


@pytest.mark.xdist_group("processes")
def test_the_folder_example_protects_what_it_can_and_names_the_rest(tmp_path: Path, portrait: Path, model_home: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    shutil.copy(portrait, source / "a.png")
    (source / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    env = bare_environment(tmp_path, VELATURA_HOME=str(model_home))
    command = [sys.executable, str(EXAMPLES / "obfuscation" / "protect_folder.py"), str(source), str(tmp_path / "out")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=280)
    assert "a.png: 1 covered in 1 frames" in done.stdout
    assert "b.png: not done" in done.stdout
    assert (tmp_path / "out" / "a.png").exists()


@pytest.mark.xdist_group("processes")
def test_the_removal_example_sorts_what_needs_a_look(tmp_path: Path, portrait: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    make_passage(portrait, source / "passage.mp4")
    (source / "broken.mp4").write_bytes(b"\0\0\0\x18ftypisom broken")
    env = bare_environment(tmp_path, VELATURA_HOME=str(tmp_path / "no-models"))
    command = [sys.executable, str(EXAMPLES / "removal" / "empty_places.py"), str(source), str(tmp_path / "out")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=280)
    assert "sure/passage.mp4: " in done.stdout
    assert "broken.mp4: not done" in done.stdout
    assert (tmp_path / "out" / "sure" / "passage.mp4").exists()
    assert len(list((tmp_path / "out" / "passage-masks").iterdir())) == PASSAGE_FRAMES


@pytest.mark.xdist_group("processes")
@pytest.mark.skipif(sys.platform != "linux", reason="vision is confined by Linux")
def test_the_edge_example_loses_nothing_when_its_broker_is_killed(tmp_path: Path, street: Path, model_home: Path) -> None:
    needs_mosquitto()
    with rtsp_camera():
        pass  # skips where GStreamer is not
    env = bare_environment(tmp_path, VELATURA_HOME=str(model_home), PATH="/usr/bin:/bin:/usr/sbin")  # velatura is this Python's, not the path's
    command = [sys.executable, str(EXAMPLES / "edge" / "run_example.py"), str(street), "--model", "centerface"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the same: True" in done.stdout and "sink mqtts" in done.stdout and " down" in done.stdout
    assert "seen 0;" not in done.stdout, "the street's faces were counted"


HIDDEN = {
    "mosquitto": "import shutil; shutil.which = lambda *a, **k: None",
    "paho-mqtt": "import sys, importlib.util as u; u.find_spec = lambda name, *a, f=u.find_spec: None if name == 'paho' else f(name, *a)",
    "GStreamer": "import subprocess as s; s.Popen.__init__ = lambda self, w, *a, f=s.Popen.__init__, **k: f(self, [w[0], '-S', *w[1:]], *a, **k)"
    " if 'camera.py' in str(w) else f(self, w, *a, **k)",  # -S: no packages of Debian's
}


@pytest.mark.xdist_group("processes")
@pytest.mark.parametrize("what", HIDDEN)
def test_the_edge_example_says_kindly_what_is_missing(what: str, tmp_path: Path) -> None:
    if what == "GStreamer":
        needs_mosquitto()
    script = f"{HIDDEN[what]}\nimport runpy, sys\nsys.path[:0], sys.argv = [sys.argv[1]], ['x']\n"
    script += "runpy.run_path(sys.path[0] + '/run_example.py', run_name='__main__')"
    env = bare_environment(tmp_path, PATH="/usr/bin:/bin:/usr/sbin")
    done = subprocess.run([sys.executable, "-c", script, str(EXAMPLES / "edge")], env=env, capture_output=True, text=True, check=False, timeout=280)
    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (4, "", 1), done.stdout + done.stderr
    assert what in done.stdout and ("pip install 'velatura[edge]'" if what == "paho-mqtt" else "apt-get install mosquitto") in done.stdout


@pytest.mark.xdist_group("processes")
def test_the_edge_example_run_by_another_python_says_so(tmp_path: Path) -> None:
    bare = [sys.executable, "-S", str(EXAMPLES / "edge" / "run_example.py")]  # -S: nothing is installed
    done = subprocess.run(bare, env=bare_environment(tmp_path), capture_output=True, text=True, check=False, timeout=280)
    assert (done.returncode, done.stderr) == (4, "") and done.stdout.startswith("velatura for ") and "pip install 'velatura[edge]'" in done.stdout


def test_the_unit_leaves_vision_what_it_locks_itself_with() -> None:
    unit = EXAMPLES / "edge" / "velatura-edge.service"
    done = subprocess.run([needs("systemd-analyze", "systemd"), "verify", str(unit)], capture_output=True, text=True, check=False, timeout=280)
    assert [line for line in done.stderr.splitlines() if "is not executable" not in line] == []
    settings = [line.partition("=") for line in unit.read_text().splitlines() if "=" in line and not line.startswith("#")]
    words = {name: [word for other, _, text in settings if other == name for word in text.split()] for name, _, _ in settings}
    assert {"user", "mnt", "net", "ipc", "uts"} <= set(words["RestrictNamespaces"])
    assert {"@mount", "landlock_restrict_self", "seccomp"} <= set(words["SystemCallFilter"])
    assert words["KillMode"] == ["mixed"], "the gateway ends the others itself"


@pytest.mark.xdist_group("processes")
def test_three_hospitals_train_on_a_table_and_gain_by_it(tmp_path: Path) -> None:
    said = _federated("table", tmp_path / "run", tmp_path)
    assert said.count("a single update is seen by nobody") == 3
    assert "together: " in said and (tmp_path / "run" / "model.npz").exists()
    together = float(said.partition("accuracy ")[2].split()[0])
    alone = [float(line.rpartition(" ")[2]) for line in said.splitlines() if " alone: accuracy " in line]
    assert len(alone) == 3 and together > max(alone), said


@pytest.mark.xdist_group("processes")
def test_three_hospitals_bound_what_is_told_of_each_patient(tmp_path: Path) -> None:
    job = EXAMPLES / "federated" / "table" / "private.toml"
    env = bare_environment(tmp_path, OMP_NUM_THREADS="1")
    command = [str(VELATURA), "fl", "run", str(job), "-o", str(tmp_path / "run"), "--json", "--quiet"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)["result"]
    assert 0 < told["epsilon"] <= 8 and told["delta"] == 1e-5 and told["sites"] == 3 and told["accuracy"] > 0.85, told
    ledgers = sorted((tmp_path / "run" / "sites").glob("site-*/ledger"))
    assert len(ledgers) == 3 and all(len(one.read_text().splitlines()) == 10 for one in ledgers), "a step in each of ten rounds"


@pytest.mark.slow
@pytest.mark.xdist_group("processes")
def test_three_hospitals_train_on_pictures_and_have_a_model_to_use(tmp_path: Path) -> None:
    """Slow: folders of pictures are held by tests/federated/test_picture_folders.py, `fl run` and `fl export` by tests/system/test_fl.py."""
    said = _federated("pictures", tmp_path / "all", tmp_path)
    assert "1797 pictures" in said and "8 rounds of 3 sites" in said
    assert float(said.partition("sites: accuracy ")[2].split()[0]) > 0.9
    assert (tmp_path / "all" / "model.onnx").exists() and (tmp_path / "all" / "model.safetensors").exists()


def _federated(which: str, folder: Path, tmp_path: Path) -> str:
    env = bare_environment(tmp_path, OMP_NUM_THREADS="1")
    command = [sys.executable, str(EXAMPLES / "federated" / which / "run_example.py"), str(folder)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("which", ["digits", "mnist"])
def test_digits_are_named_by_a_server_that_does_not_see_them(which: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    more = ["--mnist", str(request.getfixturevalue("shared") / "data" / "mnist")] if which == "mnist" else []
    command = [sys.executable, str(EXAMPLES / "homomorphic" / "digits" / "run_example.py"), str(tmp_path), *more]
    done = subprocess.run(command, env=bare_environment(tmp_path), capture_output=True, text=True, check=False, timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 of 10 labels are those of the network in the open" in done.stdout
    assert not list((tmp_path / "server").rglob("secret.key"))
    assert not list((tmp_path / "owner").rglob("server.vlhe"))


def test_three_clouds_evidence_verifies_without_a_network(tmp_path: Path) -> None:
    pytest.importorskip("dcap_qvl", reason="dcap-qvl is not installed")
    script = EXAMPLES / "enclave" / "verify_offline" / "run_example.py"
    done = subprocess.run([sys.executable, str(script)], env=bare_environment(tmp_path), capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(": affirming, assurance tee") == 3
    assert done.stdout.count("one bit turned over: contraindicated") == 3
