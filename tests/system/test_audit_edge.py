"""`velatura audit` of the edge room and `velatura attack exfiltration`, installed, as a person runs them."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest
from tests.attacks.people import made_people
from tests.programs import bare_environment, velatura

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.skipif(sys.platform != "linux", reason="vision is confined by Linux")]

POLICY = """
[[cameras]]
name = "hall"
[[cameras.zones]]
name = "desk"
polygon = [[0.1, 0.1], [0.5, 0.1], [0.5, 0.5]]
[cameras.egress]
level = 2
tick_s = 60
bits_per_hour = 256
[[cameras]]
name = "yard"
[cameras.egress]
level = 1
tick_s = 1
bits_per_hour = 1024
"""
SPEC = """
title = "What leaves the hall"
room = "edge"
[edge]
policy = "site.toml"
attacks = ["exfiltration-paths", "linkage"]
hours = 0.4
"""
ONE = """
title = "What leaves the hall"
room = "edge"
[edge]
policy = "site.toml"
cameras = ["hall"]
attacks = ["exfiltration"]
ways = ["presence"]
hours = 0.4
periods = 20
period_s = 0.2
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    (tmp_path / "site.toml").write_text(POLICY)
    path = tmp_path / "AUDIT.toml"
    path.write_text(SPEC)
    return path


def test_a_policy_becomes_a_report_that_a_person_can_repeat(spec: Path, tmp_path: Path) -> None:
    env, out = bare_environment(tmp_path), tmp_path / "out"
    done = velatura("audit", spec, "-o", out, "--require", "not-broken", "--json", env=env)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)["result"]["report"]
    told = [(finding["attack"], finding["target"].split()[1], finding["verdict"]) for finding in report["findings"]]
    assert told == [("exfiltration-paths", "hall", "held"), ("exfiltration-paths", "yard", "held"), ("linkage", "yard", "stated")]
    assert "takes" in report["subject"]["camera hall"]
    page = (out / "report.html").read_text()
    assert "taken over" in page and (out / "report.html").stat().st_mode & 0o777 == 0o600, "it shows faces"
    assert velatura("report", "show", out, env=env).stdout.startswith("HELD")
    linked = report["findings"][-1]
    again = velatura(*shlex.split(linked["repeat"])[1:], "--json", env=env, cwd=tmp_path)
    assert json.loads(again.stdout)["result"]["report"]["findings"][0]["estimate"] == linked["estimate"]


def test_numbers_are_judged_by_their_bound(spec: Path, tmp_path: Path) -> None:
    """Of one camera: what plays against the clock takes as long as its periods."""
    spec.write_text(ONE)
    done = velatura("audit", spec, "-o", tmp_path / "out", "--require", "not-broken", "--json", env=bare_environment(tmp_path))
    assert done.returncode == 0, done.stderr
    (finding,) = json.loads(done.stdout)["result"]["report"]["findings"]
    assert (finding["attack"], finding["target"].split()[1], finding["verdict"]) == ("exfiltration", "hall", "held")
    assert finding["estimate"]["value"] <= finding["claim"]["bound"] == 1 and finding["baseline"]["value"] > 100


def test_one_attack_on_ones_own_pictures(spec: Path, tmp_path: Path) -> None:
    from PIL import Image

    Image.fromarray(made_people(2, 2)[0].picture).save(tmp_path / "me.png")
    words = ("exfiltration", "site.toml", "--camera", "hall", "--pictures", "me.png", "--only", "exfiltration-paths", "-o", "out")
    done = velatura("attack", *words, env=bare_environment(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "HELD" in done.stdout and "leak rate 0.0 %" in done.stdout


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("no.toml",), 2, "no.toml"),
        (("site.toml", "--camera", "hal"), 2, "did you mean 'hall'"),
        (("site.toml", "--only", "exfil"), 2, "exfiltration"),
        (("site.toml", "--periods", "1"), 2, "20 to 10000"),
        (("site.toml", "--pictures", "none.png"), 5, "none.png"),
    ],
)
def test_a_wrong_word_is_told_in_a_line(words: tuple[str, ...], status: int, told: str, spec: Path, tmp_path: Path) -> None:
    done = velatura("attack", "exfiltration", *words, env=bare_environment(tmp_path), cwd=tmp_path)
    assert done.returncode == status, done.stderr
    assert told in done.stderr and "Traceback" not in done.stderr
