"""What a relying party asks of evidence: the TOML that it writes. The policy chooses the verifier, never the evidence.

    version = 1
    format = "sev-snp"
    minimum_assurance = "tee"
    [reference]
    measurement = ["6a0f..."]
    [require]
    min_tcb = { bl = 3, snp = 20 }
    [with]
    leaf = "vcek.der"

A policy without a reference value is refused unless it says `any_measurement = true`; unknown keys are refused with the nearest known one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from velatura.enclave.assurance import Assurance
from velatura.errors import BadSpec, nearest
from velatura.specs import Spec, load_spec, read_toml

__all__ = ["FORMATS", "GPU", "Format", "Policy", "Reference", "Require", "With", "load_policy", "parse_policy"]

PCRS: dict[str, tuple[int, ...]] = {f"pcr{index}": (20, 32, 48, 64) for index in range(24)}
GPU: dict[str, tuple[int, ...]] = {"driver": (), "vbios": (), "gpu_measurement": (48,)}
TD: dict[str, tuple[int, ...]] = {"mrtd": (48,), "rtmr0": (48,), "rtmr1": (48,), "rtmr2": (48,), "rtmr3": (48,)}


@dataclass(frozen=True, slots=True)
class Format:
    """What a policy may say about one format.

    Attributes:
        assurance: the most that this format can reach by itself.
        values: name of a reference value -> the lengths in bytes that it may have; () for text.
        nonce: the lengths in bytes of what its nonce place can hold; None: any up to 1,024.
        telling_time: the evidence itself says when it was made.
    """

    assurance: Assurance
    values: Mapping[str, tuple[int, ...]]
    nonce: tuple[int, ...] | None = (64,)
    telling_time: bool = False


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "sev-snp": Format(Assurance.TEE, {"measurement": (48,)} | GPU),
        "tdx": Format(Assurance.TEE, TD | GPU),
        "sgx": Format(Assurance.TEE, {"mrenclave": (32,), "mrsigner": (32,)}),
        "nitro": Format(Assurance.TEE, PCRS, None, telling_time=True),
        "tpm": Format(Assurance.VM, PCRS | {"ak": (32,)}, None),
        "azure-snp": Format(Assurance.TEE, PCRS | {"measurement": (48,)} | GPU, None),
        "azure-tdx": Format(Assurance.TEE, PCRS | TD | GPU, None),
        "nvidia": Format(Assurance.TEE, GPU, (32,)),
        "process": Format(Assurance.PROCESS, {"measurement": (32,), "job": (32,)}, (32,), telling_time=True),
        "vm": Format(Assurance.VM, PCRS | {"ak": (32,)}, None),
        "simulated": Format(Assurance.SIMULATED, {"measurement": (32,), "job": (32,)}, (32,), telling_time=True),
    }
)
"""Format, as a policy names it -> what may be asked of it. Each has a verifier in `evidence/`."""

Words = tuple[str, ...]


class Reference(Spec, frozen=True, kw_only=True):
    """`[reference]`: lists of lower-case hex, any of which will do; or `any_measurement = true` alone.

    Attributes:
        mrsigner: wants `prodid` and `min_svn` beside it: a signer signs more than one enclave.
        driver, vbios: of a GPU, as text.
        gpu_measurement: SHA-384 of what a GPU measured of itself, from a report that is known to be good.
    """

    any_measurement: bool = False
    measurement: Words | None = None
    mrtd: Words | None = None
    rtmr0: Words | None = None
    rtmr1: Words | None = None
    rtmr2: Words | None = None
    rtmr3: Words | None = None
    mrenclave: Words | None = None
    mrsigner: Words | None = None
    prodid: int | None = None
    min_svn: int | None = None
    ak: Words | None = None
    driver: Words | None = None
    vbios: Words | None = None
    gpu_measurement: Words | None = None
    job: Words | None = None
    pcr0: Words | None = None
    pcr1: Words | None = None
    pcr2: Words | None = None
    pcr3: Words | None = None
    pcr4: Words | None = None
    pcr5: Words | None = None
    pcr6: Words | None = None
    pcr7: Words | None = None
    pcr8: Words | None = None
    pcr9: Words | None = None
    pcr10: Words | None = None
    pcr11: Words | None = None
    pcr12: Words | None = None
    pcr13: Words | None = None
    pcr14: Words | None = None
    pcr15: Words | None = None
    pcr16: Words | None = None
    pcr17: Words | None = None
    pcr18: Words | None = None
    pcr19: Words | None = None
    pcr20: Words | None = None
    pcr21: Words | None = None
    pcr22: Words | None = None
    pcr23: Words | None = None

    @property
    def values(self) -> dict[str, tuple[str, ...]]:
        """Those that are given, hex in lower case."""
        given = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: tuple(word if name in TEXTS else word.lower() for word in words) for name, words in given.items() if isinstance(words, tuple)}


TEXTS = frozenset({"driver", "vbios"})


class Require(Spec, frozen=True, kw_only=True):
    """`[require]`.

    Attributes:
        debug, migration: true tolerates a guest that may be debugged or migrated.
        vmpl: levels of a SEV-SNP guest that may ask.
        min_tcb: component -> least version, compared with the REPORTED TCB field by field (bl, tee, snp, ucode; Turin also fmc).
        tcb_status: of DCAP that are tolerated; all but UpToDate make a warning.
        nonce: hex; compared with the format's nonce place.
        max_age_s: of the evidence, where it tells its time.
        collateral_max_age_s: of DCAP collateral and of CRLs, since they were issued.
        min_evaluation_number: of DCAP collateral (tcbEvaluationDataNumber): the highest that was seen, so that nobody holds back newer collateral.
        gpus: how many GPUs must be attested; None: one or more.
        secure_boot: of an Azure guest; None: not looked at.
        degraded: layers that a confined process may lack, by name.
        accept_warning: a warning exits 0, and releases data; never where less than `minimum_assurance` is reached.
    """

    debug: bool = False
    migration: bool = False
    vmpl: tuple[int, ...] = (0,)
    min_tcb: dict[str, int] = msgspec.field(default_factory=dict)
    tcb_status: tuple[str, ...] = ("UpToDate",)
    nonce: str | None = None
    max_age_s: float | None = None
    collateral_max_age_s: float | None = None
    min_evaluation_number: int | None = None
    gpus: int | None = None
    secure_boot: bool | None = None
    degraded: tuple[str, ...] = ()
    accept_warning: bool = False


class With(Spec, frozen=True, kw_only=True):
    """`[with]`: companions, relative to the policy's file. None of them can name a root that the package does not pin.

    Attributes:
        leaf: certificate of the key that signed, DER or PEM.
        chain: those above it, PEM or DER, the nearest first; the package has AMD's, AWS's, Intel's, NVIDIA's and Google Cloud's roots.
        root: must be one that the package pins.
        dcap: Intel's collateral, JSON.
        eventlog: TCG event log or CCEL.
        crl: revocation lists, DER or PEM.
        gpu: evidence of the GPUs beside a processor (sev-snp, tdx, azure-*), as NVIDIA's tools list them; they must answer `nvidia.gpu_nonce`.
    """

    leaf: str | None = None
    chain: str | None = None
    root: str | None = None
    dcap: str | None = None
    eventlog: str | None = None
    gpu: str | None = None
    crl: tuple[str, ...] = ()


class Policy(Spec, frozen=True, kw_only=True):
    """See the module. Made by `load_policy` and `parse_policy`, which check it."""

    version: int
    format: str
    minimum_assurance: str = ""
    reference: Reference = Reference()
    require: Require = Require()
    companions: With = msgspec.field(name="with", default=With())

    @property
    def least(self) -> Assurance:
        """`minimum_assurance`, or what the format can reach."""
        return Assurance.of(self.minimum_assurance) if self.minimum_assurance else FORMATS[self.format].assurance

    @property
    def nonce(self) -> bytes | None:
        return None if self.require.nonce is None else bytes.fromhex(self.require.nonce)

    def expecting(self, nonce: bytes) -> Policy:
        """The same policy for one verification whose nonce place must hold `nonce`; its digest stays."""
        return msgspec.structs.replace(self, require=msgspec.structs.replace(self.require, nonce=nonce.hex()))

    @property
    def digest(self) -> str:
        """SHA-256 of what is asked, hex: neither where companions lie nor one verification's nonce, so that it stays the same."""
        asked: dict[str, Any] = msgspec.to_builtins(self)
        del asked["with"]
        asked["require"]["nonce"] = None
        return hashlib.sha256(msgspec.json.encode(asked, order="sorted")).hexdigest()

    def check(self, where: str) -> None:
        """Raises BadSpec `enclave.policy`, `enclave.assurance`."""
        if self.version != 1:
            raise BadSpec("enclave.policy", f"{where}: a policy of version {self.version} is not known", hint="version = 1")
        if self.format not in FORMATS:
            raise BadSpec("enclave.policy", f"{where}: there is no format {self.format!r}", hint=nearest(self.format, FORMATS))
        form = FORMATS[self.format]
        if self.least > form.assurance and not (self.least is Assurance.TEE_GPU and form.assurance is Assurance.TEE):
            raise BadSpec(
                "enclave.policy", f"{where}: {self.format} reaches {form.assurance.word} at most, and minimum_assurance is {self.least.word}"
            )
        _check_reference(self.reference, self.format, where)
        _check_require(self.require, form, where)
        _check_asked(self.require, self.format, where)


def load_policy(path: Path) -> Policy:
    """Read and check a policy's file. Raises BadSpec `spec.*`, `enclave.policy`, `enclave.assurance`; BadInput `spec.too-large`."""
    policy = load_spec(path, Policy)
    policy.check(str(path))
    return policy


def parse_policy(text: str, *, where: str = "policy") -> Policy:
    """The same from TOML text."""
    policy = read_toml(text.encode(), Policy, where=where)
    policy.check(where)
    return policy


def _check_reference(reference: Reference, named: str, where: str) -> None:
    values, known = reference.values, FORMATS[named].values
    beside = named != "nvidia" and bool(values) and set(values) <= set(GPU)
    numbers = [name for name in ("prodid", "min_svn") if getattr(reference, name) is not None]
    if reference.any_measurement == bool(values):
        said = "both any_measurement and values" if values else "no value"
        raise BadSpec(
            "enclave.policy",
            f"{where}: [reference] has {said}",
            hint=f"give one or more of {', '.join(known)}, or any_measurement = true alone, which says that any program will do",
        )
    if beside:
        raise BadSpec("enclave.policy", f"{where}: [reference] has values of a GPU alone, none of what runs in {named}")
    for name, words in values.items():
        if name not in known:
            raise BadSpec("enclave.policy", f"{where}: {named} has no reference value {name!r}", hint=nearest(name, known))
        if not words:
            raise BadSpec("enclave.policy", f"{where}: reference.{name} is an empty list, which nothing meets")
        for word in words:
            _check_value(name, word, known[name], where)
    if "mrsigner" in values and len(numbers) != 2:
        raise BadSpec(
            "enclave.policy", f"{where}: reference.mrsigner wants prodid and min_svn beside it", hint="a signer signs more than one enclave"
        )
    if numbers and "mrsigner" not in values:
        raise BadSpec("enclave.policy", f"{where}: reference.{numbers[0]} stands beside mrsigner alone")


def _check_value(name: str, word: str, lengths: tuple[int, ...], where: str) -> None:
    if not lengths:
        if not word:
            raise BadSpec("enclave.policy", f"{where}: reference.{name} has an empty text")
        return
    if len(_hex(word, f"reference.{name}", where)) not in lengths:
        wanted = " or ".join(str(length) for length in lengths)
        raise BadSpec("enclave.policy", f"{where}: reference.{name} has {len(word) // 2} bytes", hint=f"it wants {wanted}, as hex")


def _check_require(require: Require, form: Format, where: str) -> None:
    if require.nonce is not None:
        nonce = _hex(require.nonce, "require.nonce", where)
        if not 1 <= len(nonce) <= 1024 or (form.nonce is not None and len(nonce) > max(form.nonce)):
            most = 1024 if form.nonce is None else max(form.nonce)
            raise BadSpec("enclave.policy", f"{where}: require.nonce has {len(nonce)} bytes", hint=f"1 to {most}, as hex")
        if not any(nonce):  # it is what an empty place of a report holds
            raise BadSpec("enclave.policy", f"{where}: require.nonce is zeros alone", hint="random bytes: openssl rand -hex 32")
    for name in ("max_age_s", "collateral_max_age_s"):
        seconds = getattr(require, name)
        if seconds is not None and not 0 < seconds < float("inf"):
            raise BadSpec("enclave.policy", f"{where}: require.{name} = {seconds:g} is not possible", hint="more than 0 seconds")
    if require.min_evaluation_number is not None and not 0 < require.min_evaluation_number < 2**31:
        raise BadSpec("enclave.policy", f"{where}: require.min_evaluation_number = {require.min_evaluation_number} is not possible", hint="1 or more")
    if unknown := sorted(set(require.min_tcb) - TCB):
        raise BadSpec("enclave.policy", f"{where}: require.min_tcb has no component {unknown[0]!r}", hint=nearest(unknown[0], TCB))
    if any(not 0 <= least <= 255 for least in require.min_tcb.values()):
        raise BadSpec("enclave.policy", f"{where}: a component of require.min_tcb is 0 to 255")
    if unknown := sorted(set(require.tcb_status) - STATUSES):
        raise BadSpec("enclave.policy", f"{where}: require.tcb_status knows no {unknown[0]!r}", hint=nearest(unknown[0], STATUSES))
    if not require.vmpl or any(level not in range(4) for level in require.vmpl):
        raise BadSpec("enclave.policy", f"{where}: require.vmpl lists levels from 0 to 3")
    if require.gpus is not None and not 1 <= require.gpus <= 64:
        raise BadSpec("enclave.policy", f"{where}: require.gpus is 1 to 64")


SNP, DCAP, AZURE = frozenset({"sev-snp", "azure-snp"}), frozenset({"sgx", "tdx", "azure-tdx"}), frozenset({"azure-snp", "azure-tdx"})
ASKED_OF: Mapping[str, frozenset[str]] = {
    "vmpl": SNP,
    "min_tcb": SNP,
    "min_evaluation_number": DCAP,
    "secure_boot": AZURE,
    "gpus": frozenset(name for name, form in FORMATS.items() if set(GPU) <= set(form.values)),
    "collateral_max_age_s": frozenset(FORMATS) - {"process", "simulated"},
}
"""Key of `[require]` that asks for something -> formats whose verifier looks at it. Elsewhere it would be a demand that nobody holds."""


def _check_asked(require: Require, named: str, where: str) -> None:
    for key, formats in ASKED_OF.items():
        if named not in formats and getattr(require, key) != getattr(Require(), key):
            raise BadSpec(
                "enclave.policy",
                f"{where}: require.{key} is nothing that evidence of {named} can be asked for",
                hint=f"leave it out; it is for {', '.join(sorted(formats))}",
            )


TCB = frozenset({"fmc", "bl", "tee", "snp", "ucode"})
STATUSES = frozenset(
    {
        "UpToDate",
        "SWHardeningNeeded",
        "ConfigurationNeeded",
        "ConfigurationAndSWHardeningNeeded",
        "OutOfDate",
        "OutOfDateConfigurationNeeded",
    }
)
"""Of Intel's TCB levels; Revoked is never tolerated."""


def _hex(word: str, name: str, where: str) -> bytes:
    try:
        if any(letter.isspace() for letter in word):
            raise ValueError
        return bytes.fromhex(word)
    except ValueError:
        raise BadSpec("enclave.policy", f"{where}: {name} is not hex", hint="two digits of 0-9 and a-f for each byte, without spaces") from None
