"""Policies: what a person may write, what is refused and how, and that a demand is never one that nobody holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.enclave.assurance import Assurance
from velatura.enclave.policy import FORMATS, GPU, STATUSES, TCB, Policy, Reference, Require, With, load_policy, parse_policy
from velatura.errors import BadSpec, VelaturaError

ANY = "[reference]\nany_measurement = true\n"


def toml(named: str = "sev-snp", reference: str = ANY, require: str = "", more: str = "") -> str:
    return f'version = 1\nformat = "{named}"\n{more}{reference}[require]\n{require}'


@pytest.mark.parametrize("named", FORMATS)
def test_the_least_is_what_the_format_can_reach(named: str) -> None:
    assert parse_policy(toml(named)).least is FORMATS[named].assurance
    assert parse_policy(toml(named, more='minimum_assurance = "none"\n')).least is Assurance.NONE


@pytest.mark.parametrize("named", FORMATS)
def test_a_format_reaches_no_more_than_it_can(named: str) -> None:
    most = FORMATS[named].assurance
    for assurance in Assurance:
        text = toml(named, more=f'minimum_assurance = "{assurance.word}"\n')
        if assurance <= most or (assurance is Assurance.TEE_GPU and most is Assurance.TEE):
            assert parse_policy(text).least is assurance
        else:
            with pytest.raises(BadSpec, match="at most"):
                parse_policy(text)


def test_the_simulated_is_never_enough_for_anything_else() -> None:
    for named, form in FORMATS.items():
        assert named == "simulated" or parse_policy(toml(named)).least > Assurance.SIMULATED, form


@pytest.mark.parametrize("named", FORMATS)
def test_values_are_those_of_the_format_and_of_its_lengths(named: str) -> None:
    own = next(iter(FORMATS[named].values.items()))
    name, lengths = own
    for length in (0, 1, 19, 20, 31, 32, 33, 47, 48, 49, 64, 65):
        text = toml(named, f'[reference]\n{name} = ["{"AB" * length}"]\n')
        if length in lengths or (not lengths and length):
            assert parse_policy(text).reference.values[name] in (("ab" * length,), ("AB" * length,))
        elif not lengths or length:
            with pytest.raises(BadSpec):
                parse_policy(text)
    foreign = {key for form in FORMATS.values() for key in form.values} - set(FORMATS[named].values)
    for key in sorted(foreign):
        with pytest.raises(BadSpec, match=f"no reference value '{key}'"):
            parse_policy(toml(named, f'[reference]\n{key} = ["{"00" * 32}"]\n{name} = ["{"00" * (lengths or (1,))[0]}"]\n'))


def test_a_gpus_values_alone_say_nothing_of_the_processor() -> None:
    with pytest.raises(BadSpec, match="of a GPU alone"):
        parse_policy(toml("tdx", f'[reference]\ngpu_measurement = ["{"00" * 48}"]\n'))
    assert parse_policy(toml("nvidia", f'[reference]\ngpu_measurement = ["{"00" * 48}"]\n')).reference.values


def test_a_signer_is_no_program_without_product_and_version() -> None:
    signer = f'[reference]\nmrsigner = ["{"00" * 32}"]\n'
    with pytest.raises(BadSpec, match="prodid and min_svn"):
        parse_policy(toml("sgx", signer + "prodid = 1\n"))
    assert parse_policy(toml("sgx", signer + "prodid = 1\nmin_svn = 2\n")).reference.min_svn == 2
    with pytest.raises(BadSpec, match="beside mrsigner"):
        parse_policy(toml("sgx", f'[reference]\nmrenclave = ["{"00" * 32}"]\nprodid = 1\n'))


DEMANDS = {
    "vmpl": ("vmpl = [1]", {"sev-snp", "azure-snp"}),
    "min_tcb": ("min_tcb = { snp = 1 }", {"sev-snp", "azure-snp"}),
    "min_evaluation_number": ("min_evaluation_number = 17", {"sgx", "tdx", "azure-tdx"}),
    "secure_boot": ("secure_boot = true", {"azure-snp", "azure-tdx"}),
    "gpus": ("gpus = 2", {"nvidia", "sev-snp", "tdx", "azure-snp", "azure-tdx"}),
}


@pytest.mark.parametrize("key", DEMANDS)
@pytest.mark.parametrize("named", FORMATS)
def test_a_demand_that_no_verifier_holds_is_refused(key: str, named: str) -> None:
    line, formats = DEMANDS[key]
    if named in formats:
        assert parse_policy(toml(named, require=line))
    else:
        with pytest.raises(BadSpec, match=rf"require.{key} is nothing that evidence of {named}"):
            parse_policy(toml(named, require=line))


@pytest.mark.parametrize("named", FORMATS)
def test_defaults_may_be_written_out(named: str) -> None:
    plain = {key: value for key, value in msgspec.to_builtins(Require()).items() if value is not None and value != {}}
    written = "".join(f"{key} = {json.dumps(value)}\n" for key, value in plain.items())
    assert parse_policy(toml(named, require=written)) == parse_policy(toml(named))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('nonce = ""', "nonce"),
        ('nonce = "0"', "hex"),
        ('nonce = "00 11"', "hex"),
        (f'nonce = "{"00" * 65}"', "65 bytes"),
        (f'nonce = "{"00" * 64}"', "zeros alone"),  # an empty place would hold it
        ("max_age_s = 0", "max_age_s"),
        ("max_age_s = inf", "max_age_s"),
        ("collateral_max_age_s = -1", "collateral_max_age_s"),
        ("vmpl = []", "vmpl"),
        ("vmpl = [4]", "vmpl"),
        ("min_tcb = { snp = 256 }", "0 to 255"),
        ("min_tcb = { snp = -1 }", "0 to 255"),
        ("gpus = 0", "gpus"),
        ('tcb_status = ["Revoked"]', "Revoked"),
    ],
)
def test_a_value_that_cannot_be_is_refused(line: str, said: str) -> None:
    with pytest.raises(BadSpec, match=said):
        parse_policy(toml(require=line))


@given(st.dictionaries(st.text(max_size=8), st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists, max_leaves=5)))
def test_whatever_is_written_there_is_a_policy_or_a_line(tree: dict[str, Any]) -> None:
    try:
        policy = msgspec.convert({"version": 1, "format": "sev-snp", "require": tree}, Policy)
        policy.check("policy")
    except (VelaturaError, msgspec.ValidationError):
        pass


def test_the_digest_is_of_what_is_asked_alone() -> None:
    one = parse_policy(toml(require="vmpl = [0]"))
    assert parse_policy(toml(require="")).digest == one.digest, "a default that is written out asks for the same"
    assert one.expecting(b"\1" * 32).digest == one.digest, "each question has its own nonce"
    assert parse_policy(toml() + '[with]\nleaf = "elsewhere.der"\n').digest == one.digest
    others = [toml("tdx"), toml(require="vmpl = [0, 1]"), toml(require="debug = true"), toml(more='minimum_assurance = "vm"\n')]
    others.append(toml(reference=f'[reference]\nmeasurement = ["{"00" * 48}"]\n'))
    digests = {parse_policy(text).digest for text in others} | {one.digest}
    assert len(digests) == len(others) + 1


def test_what_is_expected_wins_over_what_is_written() -> None:
    policy = parse_policy(toml(require=f'nonce = "{"11" * 32}"'))
    assert policy.nonce == b"\x11" * 32
    assert policy.expecting(b"\1" * 64).nonce == b"\1" * 64


def test_a_policy_is_read_from_its_file_alone(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(toml() + '[with]\nleaf = "x.der"\ncrl = ["a", "b"]\n')
    policy = load_policy(tmp_path / "p.toml")
    assert (policy.companions.leaf, policy.companions.crl) == ("x.der", ("a", "b"))
    with pytest.raises(BadSpec, match=r"\[spec.unreadable\]"):
        load_policy(tmp_path / "q.toml")


def test_names_are_the_ones_that_documents_use() -> None:
    assert {"fmc", "bl", "tee", "snp", "ucode"} == TCB and "Revoked" not in STATUSES
    known = {key for form in FORMATS.values() for key in form.values}
    assert known | {"any_measurement", "prodid", "min_svn"} == set(Reference.__struct_fields__)
    assert set(GPU) <= known and "gpu" in With.__struct_fields__
