"""`velatura audit` and `attack`, installed, as a person runs them: exit statuses, bad input, no torch, the same seed."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from tests.audit.obfuscation.faces import drawn_people, write_people, write_picture
from tests.programs import bare_environment, velatura

pytestmark = pytest.mark.xdist_group("processes")


def spec(folder: Path, *, methods: str = '"fill"', more: str = 'people = "faces"\nattacks = ["reidentify"]') -> Path:
    path = folder / "AUDIT.toml"
    path.write_text(f'title = "Ours"\nroom = "obfuscation"\n[obfuscation]\nmethods = [{methods}]\n{more}\n')
    return path


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Too few for `held`, and a third of the work."""
    return write_people(tmp_path / "faces", drawn_people(16, 5))


@pytest.fixture
def crowd(tmp_path: Path) -> Path:
    """Enough for `held`."""
    return write_people(tmp_path / "faces", drawn_people(40, 6))


def test_a_method_that_holds_ends_with_0_and_one_that_breaks_with_3(crowd: Path, tmp_path: Path) -> None:
    env = bare_environment(tmp_path)
    held = velatura("audit", spec(tmp_path), "-o", tmp_path / "held", env=env)
    assert held.returncode == 0, held.stderr
    assert held.stdout.startswith("HELD: Ours")
    broken = velatura("audit", spec(tmp_path, methods='"fill", "pixelate:8px"'), "-o", tmp_path / "broken", "--json", env=env)
    assert broken.returncode == 3, broken.stderr
    document = json.loads(broken.stdout)
    assert [finding["verdict"] for finding in document["result"]["report"]["findings"]] == ["held", "broken"]
    assert (tmp_path / "broken" / "report.html").stat().st_size < 2_000_000


def test_the_same_seed_gives_the_same_report(faces: Path, tmp_path: Path) -> None:
    env, path = bare_environment(tmp_path), spec(tmp_path, methods='"dp-pixelate:cells=4,m=16,epsilon=1"')
    reports = []
    for name in ("a/out", "b/out"):
        (tmp_path / name).parent.mkdir()
        velatura("audit", path, "-o", tmp_path / name, env=env)
        reports.append((tmp_path / name / "report.json").read_bytes())
    assert reports[0] == reports[1]


MORE = {
    "splits": 'people = "faces"\nattacks = ["reidentify"]\nsplits = 7',
    "a box, in context": 'people = "faces"\nattacks = ["reidentify"]\nregion = [8, 8, 32, 40]\ndilate = 0.1',
    "tracks": 'people = "faces"\nattacks = ["averaging", "differences"]\nreleases = 7',
    "text and filter": 'people = "-faces"\nplates = "rendered:6"\nattacks = ["reconstruct", "text"]',
    "files": 'people = "faces"\nattacks = ["leak-paths"]',
}


@pytest.mark.parametrize("what", [pytest.param(what, marks=pytest.mark.slow) if what == "files" else what for what in MORE])
def test_the_command_of_a_finding_repeats_it(what: str, faces: Path, tmp_path: Path) -> None:
    (tmp_path / "-faces").symlink_to(faces, target_is_directory=True)
    env = bare_environment(tmp_path)
    done = velatura("audit", spec(tmp_path, more=MORE[what]), "-o", tmp_path / "out", "--json", env=env)
    findings = json.loads(done.stdout)["result"]["report"]["findings"]
    assert findings
    for finding in findings:
        again = velatura(*shlex.split(finding["repeat"])[1:], "--json", env=env, cwd=tmp_path)
        repeated = [other for other in json.loads(again.stdout)["result"]["report"]["findings"] if other["target"] == finding["target"]]
        assert repeated and repeated[0]["estimate"] == finding["estimate"], (finding["repeat"], again.stderr)
        assert repeated[0]["verdict"] == finding["verdict"]


def test_a_gate_that_asks_for_held_does_not_pass_where_nothing_was_judged(faces: Path, tmp_path: Path) -> None:
    more = 'people = "faces"\nattacks = ["reidentify"]\nregion = [8, 8, 32, 40]\nviews = ["context"]'
    done = velatura("audit", spec(tmp_path, more=more), "-o", tmp_path / "out", "--require", "held", env=bare_environment(tmp_path))
    assert done.returncode == 3, done.stderr
    assert done.stdout.startswith("STATED")


@pytest.mark.parametrize(("people", "pictures", "reason"), [(1, 6, "one person"), (6, 1, "one picture")])
def test_too_few_people_or_pictures_are_an_error_of_that_attack_alone(people: int, pictures: int, reason: str, tmp_path: Path) -> None:
    write_people(tmp_path / "faces", drawn_people(people, pictures))
    more = 'people = "faces"\nplates = "rendered:20"\nattacks = ["reidentify", "text"]'
    done = velatura("audit", spec(tmp_path, more=more), "-o", tmp_path / "out", "--json", env=bare_environment(tmp_path))
    assert done.returncode == 1, done.stderr
    findings = json.loads(done.stdout)["result"]["report"]["findings"]
    assert [finding["verdict"] for finding in findings] == ["error", "held"]
    assert "[attack.one-" in findings[0]["why"], reason


def test_mixed_sizes_and_broken_files_are_dealt_with(faces: Path, tmp_path: Path) -> None:
    for photo, scale in zip(drawn_people(3, 1, colour=True), (1, 2, 3), strict=True):
        write_picture(faces / f"person0{scale}" / "99.jpg", photo.picture.repeat(scale, 0).repeat(scale, 1))
    (faces / "person00" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    done = velatura("audit", spec(tmp_path), "-o", tmp_path / "out", env=bare_environment(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "left out: broken.jpg" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_torch_its_attackers_are_named_as_not_run(crowd: Path, tmp_path: Path) -> None:
    hidden = tmp_path / "no-torch"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text("import sys\nsys.modules['torch'] = None\n")  # as if it were not installed
    more = 'people = "faces"\nattacks = ["reidentify", "reconstruct-learned"]\nattackers = ["nearest", "ridge", "lda", "cnn"]'
    env = bare_environment(tmp_path, PYTHONPATH=str(hidden))
    done = velatura("audit", spec(tmp_path, more=more), "-o", tmp_path / "out", "--json", env=env)
    assert done.returncode == 0, done.stderr
    findings = json.loads(done.stdout)["result"]["report"]["findings"]
    assert [finding["verdict"] for finding in findings] == ["held", "not-run", "not-run"]
    assert all("torch" in finding["why"] and "velatura[train]" in finding["why"] for finding in findings[1:])
    required = velatura("audit", spec(tmp_path, more=more), "-o", tmp_path / "strict", "--require", "held", env=env)
    assert required.returncode == 3, "what could not run is not held"


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["audit", "nowhere.toml", "-o", "out"], 2, "spec.unreadable"),
        (["audit", "AUDIT.toml"], 2, "--output"),
        (["audit", "AUDIT.toml", "-o", "out", "--require", "hold"], 2, "'held'"),
        (["attack"], 2, "reidentify"),
        (["attack", "reidentfy"], 2, "reidentify"),
        (["attack", "reidentify", "nowhere", "--method", "fill"], 5, "media.missing"),
        (["attack", "reidentify", "faces", "--method", "fil"], 2, "'fill'"),
        (["attack", "reidentify", "faces"], 2, "--method"),
        (["attack", "reidentify", "faces", "--method", "fill", "--view", "all"], 2, "spec.wrong"),
        (["attack", "reidentify", "faces", "--method", "fill", "--region", "1,2,3"], 2, "audit.region"),
        (["attack", "reidentify", "faces", "--method", "fill", "--attackers", "nearst"], 2, "nearest"),
        (["attack", "text", "rendered:x", "--method", "fill"], 2, "rendered:N"),
        (["attack", "dp", "--method", "fill"], 2, "audit.no-data"),
        (["report", "show", "faces"], 5, "report.unreadable"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_the_next_step(words: list[str], status: int, said: str, faces: Path, tmp_path: Path) -> None:
    spec(tmp_path)
    done = velatura(*words, env=bare_environment(tmp_path), cwd=tmp_path)
    assert done.returncode == status, (done.returncode, done.stderr)
    assert said in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
