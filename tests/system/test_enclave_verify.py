"""`velatura enclave verify`, `policy`, `collateral` and `explain` as a person types them, on real evidence."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.programs import bare_environment, velatura

from velatura.cli.main import main

pytest.importorskip("dcap_qvl", reason="dcap-qvl is not installed")

EVIDENCE = Path(__file__).parent.parent.parent / "examples" / "enclave" / "verify_offline"
DOCUMENTS = {
    "snp": ("evidence/snp-v5-turin-vcek.report.bin", "1782809233"),
    "tdx": ("evidence/tdx-v4.quote.bin", "1751624655"),
    "nitro": ("evidence/nitro-2025-indefinite.cose.bin", "1766668538"),
}

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`velatura enclave ...` in an empty folder, in this process: exit status, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def go(*words: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["enclave", *map(str, words)])
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return go


def words_of(name: str) -> list[str]:
    evidence, time = DOCUMENTS[name]
    return ["verify", str(EVIDENCE / evidence), "--policy", str(EVIDENCE / f"{name}.toml"), "--time", time]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_installed_command_affirms_real_evidence(name: str, tmp_path: Path) -> None:
    done = velatura("enclave", *words_of(name), "--json", env=bare_environment(tmp_path), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert (document["schema"], document["command"], document["warnings"]) == ("velatura/1", "enclave verify", [])
    found = document["result"]
    assert (found["verdict"], found["code"], found["assurance"]) == ("affirming", "ok", "tee")
    assert all(check["outcome"] == "passed" for check in found["checks"]) and len(found["checks"]) > 10
    assert found["ear"]["ear_status"] == "affirming" and found["claims"]
    assert sorted(tmp_path.iterdir()) == []


def test_every_case_has_its_verdict(run: Run, shared: Path, tmp_path: Path) -> None:
    folder = shared / "data" / "enclave-evidence"
    cases = json.loads((folder / "cases.json").read_text())["cases"]
    assert len(cases) >= 46
    differing = {}
    for case in cases:
        policy = tmp_path / f"{case['id']}.toml"
        policy.write_text(toml_of(case, folder))
        status, out, err = run("verify", folder / case["evidence"], "--policy", policy, "--time", str(case["time"]), "--json")
        found = json.loads(out)["result"]
        wanted = 0 if case["verdict"] == "affirming" else 3
        if (found["verdict"], status) != (case["verdict"], wanted) or "Traceback" in err:
            differing[case["id"]] = (found["verdict"], found["code"], status, err)
    assert differing == {}


def toml_of(case: dict[str, Any], folder: Path) -> str:
    """A case's policy as a person would write it."""
    policy = case.get("policy", {})
    parts = {"reference": policy.get("reference", {"any_measurement": True}), "require": policy.get("require", {})}
    parts["with"] = {name: str(folder / file) for name, file in case.get("with", {}).items()}
    lines = ["version = 1", f'format = "{case["format"]}"']
    for name, part in parts.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in part.items())]
    return "\n".join(lines)


def test_a_warning_exits_0_only_where_the_policy_says_so(run: Run, shared: Path, tmp_path: Path) -> None:
    folder = shared / "data" / "enclave-evidence"
    head = 'version = 1\nformat = "nvidia"\n[reference]\nany_measurement = true\n[require]\n'
    words = ("verify", folder / "nvidia" / "sdk-multi-gpu.json", "--time", "2026-06-30T08:47:13Z", "--policy")
    for text, status in ((head, 3), (head + "accept_warning = true\n", 0), (head + "accept_warning = true\ngpus = 3\n", 3)):
        (tmp_path / "p.toml").write_text(text)
        found, out, err = run(*words, tmp_path / "p.toml")
        assert found == status, out
        assert "warning: reference-values" in err


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_forms_in_which_evidence_travels_are_one_document(name: str, run: Run, tmp_path: Path) -> None:
    raw = (EVIDENCE / DOCUMENTS[name][0]).read_bytes()
    plain = json.loads(run(*words_of(name), "--json")[1])["result"]
    forms = {"hex": raw.hex().encode() + b"\n", "base64": base64.encodebytes(raw), "BASE": base64.b64encode(raw)}
    for kind, form in forms.items():
        (tmp_path / kind).write_bytes(form)
        words = words_of(name)
        words[1] = str(tmp_path / kind)
        assert json.loads(run(*words, "--json")[1])["result"] == plain, kind
    words = words_of(name)
    words[1] = "-"
    with (tmp_path / "hex").open("rb") as stream:
        done = velatura("enclave", *words, "--json", env=bare_environment(tmp_path), stdin=stream)
    assert json.loads(done.stdout)["result"] == plain


def test_times_are_unix_seconds_or_iso(run: Run) -> None:
    words = words_of("snp")[:-1]
    times = {"1782809233": 0, "2026-06-30T08:47:13Z": 0, "2026-06-30T10:47:13+02:00": 0, "2026-06-30": 0, "1782809233.5": 0, "2020-01-01": 3}
    assert {time: run(*words, time)[0] for time in times} == times
    for time in ("soon", "nan", "inf", "", "99999999999999999999", "2026-13-01", "1e9"):
        status, _, err = run(*words, time)
        assert (status, "[enclave.time]" in err) == (2, True), time
    for time in ("0", "4200000000", "1999-01-01"):
        status, _, err = run(*words, time)
        assert (status, "[enclave.clock]" in err) == (5, True), time


def test_companions_of_the_command_line_win(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bare.toml").write_text((EVIDENCE / "snp.toml").read_text().partition("[with]")[0])
    words = words_of("snp")
    words[3] = str(tmp_path / "bare.toml")
    status, out, _ = run(*words)
    assert status == 3 and "[collateral-missing]" in out and "/vcek/v1/Turin/59790fb1c39f35c1?fmcSPL=1" in out
    leaf = EVIDENCE / "evidence" / "snp-v5-turin-vcek.leaf.pem"
    assert run(*words, "--with", f"leaf={leaf}")[0] == 0
    assert run(*words_of("snp"), "--with", "leaf=absent.der")[0] == 3
    for word, code in (("leef=x", "enclave.with"), ("leaf", "enclave.with"), ("leaf=", "enclave.with")):
        status, _, err = run(*words, "--with", word)
        assert (status, f"[{code}]" in err) == (2, True), word
    assert run(*words, "--with", f"leaf={leaf}", "--with", f"leaf={leaf}")[0] == 2


def test_a_nonce_of_the_command_line_is_held(run: Run) -> None:
    shown = json.loads(run(*words_of("snp"), "--json")[1])["result"]["claims"]["report_data"]
    assert run(*words_of("snp"), "--nonce", shown)[0] == 0
    status, out, _ = run(*words_of("snp"), "--nonce", "00" * 31 + "01")
    assert status == 3 and "[nonce-mismatch]" in out
    for word in ("xyz", "abc", "", "0x00"):
        assert run(*words_of("snp"), "--nonce", word)[0] == 2


def test_a_record_is_signed_read_and_explained(run: Run, tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["keys", "new", "--kind", "signer", "-o", "me.key"])
    assert run(*words_of("tdx"), "--sign", "me.key", "-o", "record.jws")[0] == 0
    assert run(*words_of("tdx"), "-o", "record.json")[0] == 0
    policy = json.loads(run(*words_of("tdx"), "--json")[1])["result"]["policy"]
    assert json.loads(Path("record.json").read_text())["submods"]["cpu0"]["ear_appraisal_policy_ids"] == [f"sha256:{policy}"]
    status, out, _ = run("explain", "record.jws", "--signer", "me.key.pub")
    assert status == 0 and "AFFIRMING" in out and "its signature verifies" in out
    status, out, _ = run("explain", "record.json")
    assert status == 0 and "nobody's signature was looked at" in out
    Path("document.json").write_text(run(*words_of("tdx"), "--json")[1])
    assert run("explain", "document.json")[1] == out
    raw = Path("record.jws").read_bytes()
    Path("changed.jws").write_bytes(raw[:90] + (b"A" if raw[90:91] != b"A" else b"B") + raw[91:])
    assert run("explain", "changed.jws", "--signer", "me.key.pub")[0] in (3, 5)
    assert run("explain", "record.jws")[0] == 5
    assert run("explain", "record.json", "--signer", "me.key.pub")[0] == 5
    assert run(*words_of("tdx"), "--sign", "me.key")[0] == 2
    assert run(*words_of("tdx"), "-o", "record.json")[0] == 2


def test_a_policy_is_written_and_then_met_by_its_document_alone(run: Run, tmp_path: Path) -> None:
    evidence, time = DOCUMENTS["snp"]
    leaf = f"leaf={EVIDENCE / 'evidence' / 'snp-v5-turin-vcek.leaf.pem'}"
    status, out, err = run("policy", EVIDENCE / evidence, "--with", leaf, "--time", time, "-o", "p.toml")
    assert (status, err) == (0, "") and "affirming" in out
    assert run("verify", EVIDENCE / evidence, "--policy", "p.toml", "--time", time)[0] == 0
    assert run("policy", EVIDENCE / evidence, "--with", leaf, "--time", time, "-o", "p.toml")[0] == 2
    before = hashlib.sha256(Path("p.toml").read_bytes()).hexdigest()
    status, _, err = run("policy", EVIDENCE / evidence, "--time", time, "-o", "q.toml")
    assert (status, "[enclave.unverified]" in err, Path("q.toml").exists()) == (3, True, False)
    assert run("policy", EVIDENCE / evidence, "--with", leaf, "--format", "sgx", "-o", "q.toml")[0] == 5
    assert run("policy", EVIDENCE / evidence, "--with", leaf, "--format", "sevsnp", "-o", "q.toml")[0] == 2
    Path("words").write_text("00ff")
    status, _, err = run("policy", "words", "-o", "q.toml")
    assert (status, "[enclave.unknown-format]" in err) == (5, True)
    assert hashlib.sha256(Path("p.toml").read_bytes()).hexdigest() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.toml", "words"]


def test_what_is_needed_is_told(run: Run) -> None:
    status, out, _ = run("collateral", EVIDENCE / "evidence" / "tdx-v4.quote.bin")
    assert status == 0 and "MISSING   dcap" in out and "/tdx/certification/v4/tcb?fmspc=B0C06F000000" in out
    given = f"dcap={EVIDENCE / 'evidence' / 'tdx-B0C06F000000-2025-06.json'}"
    found = json.loads(run("collateral", EVIDENCE / "evidence" / "tdx-v4.quote.bin", "--with", given, "--time", "1751624655", "--json")[1])["result"]
    assert (found["complete"], found["verdict"], found["needs"][0]["state"]) == (True, "affirming", "given")
    found = json.loads(run("collateral", EVIDENCE / "evidence" / "tdx-v4.quote.bin", "--with", given, "--json")[1])["result"]
    assert (found["complete"], found["needs"][0]["state"]) == (False, "unfit")


@pytest.mark.parametrize("word", ["sev-snp", "tee+gpu", "tcb-status", "measurement", "none"])
def test_a_word_is_explained(word: str, run: Run) -> None:
    status, out, _ = run("explain", word)
    assert status == 0 and word in out and len(out) > 40


def test_a_word_that_nobody_knows_comes_with_the_nearest(run: Run) -> None:
    status, _, err = run("explain", "tcb-statuss")
    assert (status, "did you mean 'tcb-status'" in err) == (2, True)
    status, out, _ = run("explain")
    assert status == 0 and out.count("\n") > 50


def test_collateral_is_put_together_from_answers_and_verifies(run: Run, tmp_path: Path) -> None:
    from tests.enclave.evidence.test_dcap_responses import answers

    (tmp_path / "answers").mkdir()
    for name, raw in answers().items():
        (tmp_path / "answers" / name).write_bytes(raw)
    quote = EVIDENCE / "evidence" / "tdx-v4.quote.bin"
    status, out, err = run("collateral", quote, "--responses", "answers", "-o", "dcap.json", "--time", "1751624655")
    assert (status, err) == (0, "") and "GIVEN     dcap" in out and "affirming" in out
    assert run(*words_of("tdx"), "--with", "dcap=dcap.json")[0] == 0
    assert run("collateral", quote, "--responses", "answers", "-o", "dcap.json")[0] == 2
    assert run("collateral", quote, "--responses", "answers")[0] == 2
    (tmp_path / "answers" / "pck_crl").unlink()
    status, _, err = run("collateral", quote, "--responses", "answers", "-o", "other.json")
    assert (status, "[enclave.response]" in err, (tmp_path / "other.json").exists()) == (5, True, False)
