"""What may come in wrong at `velatura enclave`: a clear line or a verdict, the right exit status, nothing affirmed, nothing written."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.programs import bare_environment, velatura
from tests.system.test_enclave_verify import DOCUMENTS, EVIDENCE, words_of

from velatura.cli.main import main

pytest.importorskip("dcap_qvl", reason="dcap-qvl is not installed")

Verified = tuple[int, str, str]
Run = Callable[[Sequence[str | Path]], Verified]

SNP, TDX, NITRO = ((EVIDENCE / DOCUMENTS[name][0]).read_bytes() for name in DOCUMENTS)
LEAF = (EVIDENCE / "evidence" / "snp-v5-turin-vcek.leaf.pem").read_bytes()
COLLATERAL = (EVIDENCE / "evidence" / "tdx-B0C06F000000-2025-06.json").read_bytes()
HEAD = 'version = 1\nformat = "sev-snp"\n'
ANY = "[reference]\nany_measurement = true\n"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`velatura enclave ...` in an empty folder, in this process. Whatever happens: no traceback, at most one line of error, no other file."""
    monkeypatch.chdir(tmp_path)

    def go(words: Sequence[str | Path]) -> Verified:
        before = sorted(Path().iterdir())
        with pytest.raises(SystemExit) as ended:
            main(["enclave", *map(str, words)])
        told = capsys.readouterr()
        assert "Traceback" not in told.err and "[internal]" not in told.err, told.err
        assert sum(line.startswith("error:") for line in told.err.splitlines()) <= 1
        assert sorted(Path().iterdir()) == before
        return int(ended.value.code or 0), told.out, told.err

    return go


def judged(run: Run, name: str, evidence: bytes, **options: str) -> Verified:
    Path("evidence").write_bytes(evidence)
    words = words_of(name)
    words[1] = "evidence"
    return run([*words, *(part for option, value in options.items() for part in (f"--{option}", value))])


FILES = {
    "absent": (None, "cannot be read"),
    "empty": (b"", "is empty"),
    "blank": (b" \n\t", "is empty"),
    "one": (b"\2", ""),
    "text": (b"this is no evidence!", "neither hex nor base64"),
    "odd": (SNP.hex().encode()[:-1], "odd number"),
    "cut64": (b"AgAAAAIAAAA", "neither hex nor base64"),
    "noise": (bytes(range(256)) * 8, ""),
    "large": (b"\0" * ((1 << 20) + 1), "at most"),
    "json": (b'{"format": "tpm2", "format": "tpm2"}', ""),
    "latin": (b'{"quote": "\xff"}', ""),
    "deep": (b"[" * 100_000, ""),
    "digits": (b'{"a": ' + b"9" * 9000 + b"}", ""),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("policy", DOCUMENTS)
def test_a_file_that_holds_no_evidence_exits_5(name: str, policy: str, run: Run) -> None:
    raw, why = FILES[name]
    if raw is None:
        status, out, err = run([words_of(policy)[0], "absent", *words_of(policy)[2:]])
    else:
        status, out, err = judged(run, policy, raw)
    assert (status, out) == (5, ""), (status, out, err)
    assert re.search(r"\[enclave\.[a-z-]+\]", err) and why in err


def test_what_is_no_plain_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "huge").touch()
    os.truncate(tmp_path / "huge", 1 << 30)
    for name in ("fifo", "huge", ".", "/dev/zero"):
        words = words_of("snp")
        words[1] = name
        done = velatura("enclave", *words, env=bare_environment(tmp_path), cwd=tmp_path, timeout_s=20)
        assert (done.returncode, "[enclave.evidence]" in done.stderr, done.stdout) == (5, True, ""), name
    with open("/dev/zero", "rb") as stream:
        done = velatura("enclave", words_of("snp")[0], "-", *words_of("snp")[2:], env=bare_environment(tmp_path), stdin=stream, timeout_s=20)
    assert (done.returncode, "[enclave.evidence]" in done.stderr) == (5, True)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_that_was_cut_is_never_affirmed(name: str, run: Run) -> None:
    raw = (EVIDENCE / DOCUMENTS[name][0]).read_bytes()
    whole = len(raw.rstrip(b"\0")) if name == "tdx" else len(raw)  # zeros after a quote are padding, and as good as none
    lengths = {1, 2, 3, 4, 8, 47, 48, 200, 631, 632, 1183, whole // 2, whole - 100, whole - 1}
    statuses = {length: judged(run, name, raw[:length])[0] for length in sorted(lengths) if length < whole}
    assert set(statuses.values()) <= {3, 5}, statuses


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_follows_a_document_is_refused_unless_it_is_zeros(name: str, run: Run) -> None:
    raw = (EVIDENCE / DOCUMENTS[name][0]).read_bytes()
    for rest in (b"\1", b"\0\0\1", b"a line of text\n", raw):
        status, out, _ = judged(run, name, raw + rest)
        assert status in (3, 5) and "AFFIRMING" not in out, rest[:10]
    if name == "tdx":
        assert judged(run, name, raw + bytes(3000))[0] == 0


@pytest.mark.parametrize("policy", DOCUMENTS)
@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_policy_chooses_the_verifier(policy: str, name: str, run: Run) -> None:
    raw = (EVIDENCE / DOCUMENTS[name][0]).read_bytes()
    status, out, err = judged(run, policy, raw)
    if policy == name:
        assert status == 0
    else:
        assert (status, out) == (5, "") and "[enclave.evidence]" in err


def test_every_changed_byte_of_a_report_is_refused_with_a_name(run: Run) -> None:
    codes = set()
    for at in range(0, 0x330, 23):
        status, out, err = judged(run, "snp", SNP[:at] + bytes([SNP[at] ^ 0x10]) + SNP[at + 1 :])
        assert status in (3, 5), at
        codes |= set(re.findall(r"\[([a-z.-]+)\]", out.splitlines()[0] if out else err))
    assert "signature" in codes and "malformed" in codes


LEAVES = {
    "crlf": (LEAF.replace(b"\n", b"\r\n"), 0),
    "nul": (LEAF + b"\0\0\0", 0),
    "twice": (LEAF + LEAF, 3),
    "empty": (b"", 3),
    "around": (b"Bag Attributes\n" + LEAF, 3),
    "after": (LEAF + b"the end\n", 3),
    "cut": (LEAF[:-40], 3),
    "text": (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 3),
    "noise": (bytes(range(256)), 3),
    "key": (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", 3),
}


@pytest.mark.parametrize("name", LEAVES)
def test_a_leaf_that_is_none_is_a_verdict(name: str, run: Run) -> None:
    raw, wanted = LEAVES[name]
    Path("leaf").write_bytes(raw)
    Path("evidence").write_bytes(SNP)
    status, out, err = run([*words_of("snp"), "--with", "leaf=leaf"])
    assert status == wanted, (out, err)
    assert (wanted == 0) == out.startswith("AFFIRMING")


def test_companions_that_are_no_plain_files_exit_5(run: Run) -> None:
    os.mkfifo("fifo")
    Path("large").write_bytes(b"-" * ((4 << 20) + 1))
    for name in ("fifo", ".", "large", "/dev/zero"):
        status, out, err = run([*words_of("snp"), "--with", f"leaf={name}"])
        assert (status, out, "[enclave.companion]" in err) == (5, "", True), name
    status, out, _ = run([*words_of("snp"), "--with", "crl=absent"])
    assert status == 3 and "[collateral-missing]" in out


COLLATERALS = {
    "empty": b"",
    "list": b"[]",
    "cut": COLLATERAL[:-10],
    "bare": b"{}",
    "twice": b'{"tcb_info": 1, "tcb_info": 2}',
    "latin": b'{"tcb_info": "\xff"}',
    "deep": b'{"a":' * 5000,
    "numbers": b'{"tcb_info": NaN}',
    "other": COLLATERAL.replace(b"UpToDate", b"OutOfDat"),
    "number": re.sub(rb'"tcb_info": *"', b'"tcb_info": 7, "x": "', COLLATERAL, count=1),
}


@pytest.mark.parametrize("name", COLLATERALS)
def test_collateral_that_is_none_is_a_verdict(name: str, run: Run) -> None:
    Path("dcap").write_bytes(COLLATERALS[name])
    status, out, err = run([*words_of("tdx"), "--with", "dcap=dcap"])
    assert (status, out.startswith("CONTRAINDICATED")) == (3, True), (out, err)


POLICIES = {
    "absent": (None, "spec.unreadable", ""),
    "empty": (b"", "spec.wrong", ""),
    "latin": (b"version = 1\nformat = '\xff'", "spec.syntax", ""),
    "no toml": (b"version: 1", "spec.syntax", ""),
    "version": (b'version = 2\nformat = "tdx"\n' + ANY.encode(), "enclave.policy", "version = 1"),
    "format": (b'version = 1\nformat = "sev_snp"\n' + ANY.encode(), "enclave.policy", "did you mean 'sev-snp'"),
    "typo": (HEAD.encode() + b"[refrence]\nany_measurement = true\n", "spec.unknown-key", "did you mean 'reference'"),
    "inner typo": (HEAD.encode() + ANY.encode() + b"[require]\ndebugg = true\n", "spec.unknown-key", "did you mean 'debug'"),
    "companion": (HEAD.encode() + ANY.encode() + b'[with]\nleaff = "x"\n', "spec.unknown-key", "did you mean 'leaf'"),
    "no value": (HEAD.encode(), "enclave.policy", "any_measurement"),
    "both": (HEAD.encode() + ANY.encode() + b'measurement = ["' + b"00" * 48 + b'"]\n', "enclave.policy", "both"),
    "empty list": (HEAD.encode() + b"[reference]\nmeasurement = []\n", "enclave.policy", "empty list"),
    "short": (HEAD.encode() + b'[reference]\nmeasurement = ["00"]\n', "enclave.policy", "48"),
    "no hex": (HEAD.encode() + b'[reference]\nmeasurement = ["' + b"zz" * 48 + b'"]\n', "enclave.policy", "hex"),
    "foreign": (HEAD.encode() + b'[reference]\nmrtd = ["' + b"00" * 48 + b'"]\n', "enclave.policy", "measurement"),
    "nonce": (HEAD.encode() + ANY.encode() + b'[require]\nnonce = ""\n', "enclave.policy", "nonce"),
    "long nonce": (HEAD.encode() + ANY.encode() + b'[require]\nnonce = "' + b"00" * 65 + b'"\n', "enclave.policy", "64"),
    "age": (HEAD.encode() + ANY.encode() + b"[require]\nmax_age_s = -1\n", "enclave.policy", "max_age_s"),
    "nan": (HEAD.encode() + ANY.encode() + b"[require]\nmax_age_s = nan\n", "enclave.policy", "max_age_s"),
    "date": (HEAD.encode() + ANY.encode() + b"[require]\nmax_age_s = 2026-01-01\n", "spec.wrong", ""),
    "tcb": (HEAD.encode() + ANY.encode() + b"[require]\nmin_tcb = { snpp = 1 }\n", "enclave.policy", "did you mean 'snp'"),
    "status": (HEAD.encode() + ANY.encode() + b'[require]\ntcb_status = ["Revoked"]\n', "enclave.policy", "UpToDate"),
    "assurance": (HEAD.encode() + b'minimum_assurance = "tea"\n' + ANY.encode(), "enclave.assurance", "did you mean 'tee'"),
    "too much": (b'version = 1\nformat = "process"\nminimum_assurance = "tee"\n' + ANY.encode(), "enclave.policy", "process"),
    "word": (HEAD.encode() + ANY.encode() + b'[require]\ndebug = "yes"\n', "spec.wrong", ""),
    "own verifier": (HEAD.encode() + ANY.encode() + b'verifier = "mine"\n', "spec.unknown-key", ""),
}


@pytest.mark.parametrize("name", POLICIES)
def test_a_wrong_policy_exits_2_before_evidence_is_read(name: str, run: Run) -> None:
    raw, code, hint = POLICIES[name]
    if raw is not None:
        Path("p.toml").write_bytes(raw)
    status, out, err = run(["verify", "absent", "--policy", "p.toml"])
    assert (status, out) == (2, ""), err
    assert f"[{code}]" in err and hint in err, err


def test_a_policy_that_is_no_plain_file_is_refused_without_waiting(run: Run) -> None:
    os.mkfifo("fifo")
    Path("large").write_bytes(b"#" * ((1 << 20) + 1))
    assert run(["verify", EVIDENCE / DOCUMENTS["snp"][0], "--policy", "fifo"])[0] == 2
    assert run(["verify", EVIDENCE / DOCUMENTS["snp"][0], "--policy", "."])[0] == 2
    assert run(["verify", EVIDENCE / DOCUMENTS["snp"][0], "--policy", "large"])[0] == 5


def test_names_that_are_hostile_stay_on_one_line(run: Run) -> None:
    for name in ("a\nb", "\x1b[31mred", "x" * 5000, "nul\0byte"):
        status, out, err = run(["verify", name, "--policy", str(EVIDENCE / "snp.toml")])
        assert (status, out) == (5, "") and "\x1b" not in err and len(err.splitlines()) <= 2


def test_a_refusal_is_a_document_too(run: Run) -> None:
    status, out, _ = judged(run, "snp", b"no evidence at all!", time="1782809233")
    assert (status, out) == (5, "")
    Path("evidence").write_bytes(b"no evidence at all!")
    status, out, _ = run(["verify", "evidence", "--policy", EVIDENCE / "snp.toml", "--json"])
    told = json.loads(out)
    assert (status, told["result"], told["error"]["code"], told["error"]["exit"]) == (5, None, "enclave.evidence", 5)


@pytest.mark.parametrize("verb", ["collateral", "policy"])
@pytest.mark.parametrize(
    "raw", [b"", b"zz", b"\2\0\0\0", SNP[:1183], TDX[:700], NITRO[:60], b'{"td_quote": 3}', b'{"ak_public": []}', b"[3]", b"[" * 9999]
)
def test_the_other_verbs_refuse_the_same(verb: str, raw: bytes, run: Run) -> None:
    Path("evidence").write_bytes(raw)
    status, out, err = run([verb, "evidence", *(("-o", "p.toml") if verb == "policy" else ())])
    assert status in (3, 5) and out == "" and re.search(r"\[enclave\.[a-z-]+\]", err), (status, out, err)
