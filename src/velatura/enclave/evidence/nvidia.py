"""NVIDIA GPUs and NVSwitches: what each device measured of itself, signed with its own key, chained to NVIDIA's device root.

Evidence is one report, its chain beside it (`[with] chain`, leaf first), or the JSON list of NVIDIA's own tools, one item a device:
`[{"arch", "certificate", "evidence", "nonce"}]`, certificate (PEM) and evidence in base64. All devices must answer one nonce with different keys.

What the measurements are worth: without NVIDIA's reference manifests (RIM) nobody can say which firmware they are, and the verdict is a warning
(`no-reference-values`), unless the policy lists the digest of a report that was known to be good (`gpu_measurement`: it is the same for all devices
of one kind with one firmware and driver). Revocation is told by OCSP alone, which needs the network: not looked at. Whether a GPU is in a developer's
mode is told by measurements alone.

What it does not prove: where the GPU is. `gpu_nonce` ties a report to one piece of evidence of a processor, so that no older report serves; that the
GPU is in that machine is the work of the measured guest, whose driver speaks to it over an encrypted session.

Source: NVIDIA nvtrust and attestation-sdk (names of opaque fields), DMTF DSP0274 1.1.1, TCG DICE Attestation Architecture 1.1, section 6 (FWID).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from velatura.enclave.appraisal import Examination, Refused
from velatura.enclave.assurance import Assurance
from velatura.enclave.companions import Companions
from velatura.enclave.evidence.certificates import certificates_in, hold_chain, key_digest, tried
from velatura.enclave.evidence.requirements import hold_nonce
from velatura.enclave.evidence.roots import pinned_chain, pins
from velatura.enclave.evidence.spdm import MeasurementReport, read_measurement_report
from velatura.enclave.evidence.strict_json import member, octets, read_document
from velatura.enclave.policy import Policy
from velatura.errors import BadInput

__all__ = ["Device", "examine", "gpu_nonce", "hold_devices"]

MOST_DEVICES = 64
DRIVER, VBIOS, FWID, FEATURES = 3, 6, 20, 36
MODES = {0: "single", 1: "multi-gpu", 2: "protected-pcie"}
"""Of the feature flag: one GPU, several with an encrypted NVLink, several with NVLink and switches inside what is trusted."""

DEVICE_NAME = x509.ObjectIdentifier("1.3.6.1.4.1.412.274.1")  # DMTF's otherName: "NVIDIA:GH100:48B0..."
FWIDS = ("2.23.133.5.4.1", "2.23.133.5.4.1.1")  # Hopper and switches; Blackwell, with two
FWID_IN_DER = re.compile(rb"\x30\x3d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x04\x30(.{48})", re.DOTALL)  # SEQUENCE of SHA-384 and 48 bytes
ARCHITECTURES = {"HOPPER": "GH", "BLACKWELL": "GB", "LS10": "LS"}


@dataclass(frozen=True, slots=True)
class Document:
    """One device's report and chain, not yet looked at; `says`: what the list says of it."""

    report: bytes
    chain: tuple[bytes, ...]
    says: tuple[str | None, str | None] = (None, None)


@dataclass(frozen=True, slots=True)
class Device:
    """One device whose report was signed by a key of NVIDIA's chain.

    Attributes:
        product, serial: as its certificate names it, such as GH100.
        key: SHA-256 of its key, hex.
        fwid: SHA-384 of the firmware that holds the key, hex, by the certificate.
    """

    product: str
    serial: str
    key: str
    fwid: str
    report: MeasurementReport

    @property
    def is_gpu(self) -> bool:
        """By NVIDIA's names of chips: G, the generation, a number. LS_10 is a switch; a name that is not known is no GPU."""
        return re.fullmatch(r"G[A-Z][0-9]{3}", self.product) is not None

    @property
    def driver(self) -> str | None:
        return _text(self.report.opaque.get(DRIVER))

    @property
    def vbios(self) -> str | None:
        """GPUs write two little-endian words, switches a text: 96.00.5E.00.01."""
        raw = self.report.opaque.get(VBIOS)
        if raw is None or len(raw) != 8:
            return _text(raw)
        return ".".join(f"{byte:02X}" for byte in (*raw[3::-1], raw[4]))

    @property
    def claims(self) -> dict[str, Any]:
        flag = self.report.opaque.get(FEATURES)
        return {
            "kind": "gpu" if self.is_gpu else "switch" if self.product.startswith("LS") else "other",
            "product": self.product,
            "serial": self.serial,
            "key": self.key,
            "driver": self.driver,
            "vbios": self.vbios,
            "firmware": self.fwid,
            "mode": None if flag is None else MODES.get(int.from_bytes(flag, "little"), flag.hex()),
            "gpu_measurement": self.report.digest,
            "measurements": len(self.report.measurements),
        }


def gpu_nonce(report_data: bytes) -> bytes:
    """The 32 bytes that a GPU beside a processor must answer: SHA-256 of a label and what the processor's evidence carries in its nonce place."""
    return hashlib.sha256(b"velatura-gpu-v1" + len(report_data).to_bytes(4, "big") + report_data).digest()


def examine(examination: Examination, evidence: bytes, policy: Policy, companions: Companions, now: datetime) -> Assurance:
    """See `enclave/verify.py`."""
    devices = hold_devices(examination, evidence, policy, companions, now)
    hold_nonce(examination, policy, devices[0].report.nonce)
    return Assurance.TEE


def hold_devices(examination: Examination, evidence: bytes, policy: Policy, companions: Companions, now: datetime) -> tuple[Device, ...]:
    """Everything but what the nonce must be; `claims`: devices, nonce."""
    documents = _documents(evidence, companions)
    devices: list[Device] = []
    for place, document in enumerate(documents):
        part, prefix = Examination(), f"device{place}:" if len(documents) > 1 else ""
        try:
            devices.append(_device(part, document, companions.crl, now))
        except Refused as refused:
            check = refused.check
            raise Refused(prefix + check.name, check.code, check.told, hint=check.hint) from refused
        finally:
            examination.checks += [replace(check, name=prefix + check.name) for check in part.checks]
    examination.claims |= {"nonce": devices[0].report.nonce.hex(), "devices": [device.claims for device in devices]}
    _hold_together(examination, devices, policy)
    _hold_references(examination, devices, policy)
    _hold_switches(examination, devices)
    return tuple(devices)


def _documents(evidence: bytes, companions: Companions) -> list[Document]:
    if not evidence.lstrip().startswith((b"[", b"{")):
        if companions.chain is None:
            read_measurement_report(evidence)  # bytes that are no report are told before what is missing beside them
            told = "a report comes with the certificates of its device, the device's own first; none are given"
            raise Refused(
                "companions",
                "collateral-missing",
                told,
                hint='ask the driver for them (nvmlDeviceGetConfComputeGpuCertificate), [with] chain = "FILE.pem"',
            )
        leaf = certificates_in(companions.leaf) if companions.leaf else []
        return [Document(evidence, (*leaf, *certificates_in(companions.chain)))]
    listed = read_document(evidence, "the list of devices")
    if isinstance(listed, dict):
        listed = member(listed, "evidence_list", list, "the list of devices")
    if not 1 <= len(listed) <= MOST_DEVICES:
        raise BadInput("enclave.evidence", f"a list of {len(listed)} devices; 1 to {MOST_DEVICES}")
    return [_listed(item, f"device {place}") for place, item in enumerate(listed)]


def _listed(item: Any, named: str) -> Document:
    report = octets(member(item, "evidence", str, named), f"evidence of {named}", "base64")
    chain = octets(member(item, "certificate", str, named), f"certificate of {named}", "base64")
    says = [item.get(name) for name in ("arch", "nonce")]
    if not all(one is None or isinstance(one, str) for one in says):
        raise BadInput("enclave.evidence", f"arch and nonce of {named} must be texts")
    return Document(report, tuple(certificates_in(chain)), (says[0], says[1]))


def _device(examination: Examination, document: Document, crls: Sequence[bytes], now: datetime) -> Device:
    report = read_measurement_report(document.report)
    examination.passed("structure", f"SPDM 1.1, {len(report.measurements)} measurements, {report.padding} zeros after the signature")
    root = pinned_chain("nvidia-device")[-1]
    leaf = hold_chain(examination, document.chain, pins=pins("nvidia-device"), now=now, anchor=root, crls=crls)[0]
    _hold_signature(examination, leaf, report)
    product, serial = _named(leaf)
    device = Device(product, serial, key_digest(leaf), _hold_firmware(examination, leaf, report), report)
    arch, nonce = document.says
    if arch is not None and not product.startswith(ARCHITECTURES.get(arch.upper(), arch)):
        raise Refused("structure", "malformed", f"the list calls a {product} {arch}")
    if nonce is not None and nonce.lower() != report.nonce.hex():
        raise Refused("structure", "malformed", "the list names another nonce than the signed report")
    return device


def _hold_signature(examination: Examination, leaf: x509.Certificate, report: MeasurementReport) -> None:
    key, half = leaf.public_key(), len(report.signature) // 2
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        raise Refused("signature", "chain-invalid", "the device's key is not on P-384")
    r, s = (int.from_bytes(part, "big") for part in (report.signature[:half], report.signature[half:]))
    verify = partial(key.verify, utils.encode_dss_signature(r, s), report.signed, ec.ECDSA(hashes.SHA384()))
    tried("signature", "signature", "the device's key did not sign this report", verify)
    examination.passed("signature", "the device's key signed request and answer (ECDSA P-384, SHA-384)")


def _hold_firmware(examination: Examination, leaf: x509.Certificate, report: MeasurementReport) -> str:
    """The check `firmware`: the firmware that the certificate's key belongs to is the one that the report names, where it names one."""
    held: list[str] = [
        one.hex() for extension in leaf.extensions if extension.oid.dotted_string in FWIDS for one in FWID_IN_DER.findall(_raw(extension))
    ]
    if not held:
        raise Refused("firmware", "chain-invalid", "the device's certificate names no firmware (FWID)")
    named = report.opaque.get(FWID)
    if named is None:
        examination.passed(
            "firmware", f"the certificate is of firmware {held[0][:16]}...; drivers before 550 and switches do not repeat it in the report"
        )
    else:
        told = f"the report names firmware {named.hex()[:16]}..., the certificate {held[0][:16]}..."
        examination.need("firmware", any(named) and named.hex() in held, "chain-invalid", told)
    return held[0]


def _raw(extension: x509.Extension[x509.ExtensionType]) -> bytes:
    value: bytes = extension.value.value if isinstance(extension.value, x509.UnrecognizedExtension) else b""
    return value


def _named(leaf: x509.Certificate) -> tuple[str, str]:
    """Product and serial number by the certificate, whose text NVIDIA signed."""
    names = next((one.value for one in leaf.extensions if isinstance(one.value, x509.SubjectAlternativeName)), ())
    for name in names:
        if isinstance(name, x509.OtherName) and name.type_id == DEVICE_NAME and name.value[:1] == b"\x0c":
            vendor, _, rest = name.value[2:].decode("ascii", "replace").partition(":")
            product, _, serial = rest.partition(":")
            if vendor == "NVIDIA" and product and serial:
                return product, serial
    raise Refused("chain", "chain-invalid", "the device's certificate does not name a device of NVIDIA's")


def _hold_together(examination: Examination, devices: Sequence[Device], policy: Policy) -> None:
    """The checks `one-nonce`, `distinct`, `gpus`: one asker, and as many devices as there are reports."""
    nonce = devices[0].report.nonce
    same = all(hmac.compare_digest(device.report.nonce, nonce) for device in devices)
    examination.hold("one-nonce", same, "nonce-mismatch", f"{len(devices)} devices answered {'one nonce' if same else 'different nonces'}")
    keys = {device.key for device in devices}
    examination.hold("distinct", len(keys) == len(devices), "composite", f"{len(devices)} reports are signed by {len(keys)} different devices")
    gpus, wanted = sum(device.is_gpu for device in devices), policy.require.gpus
    products = ", ".join(sorted({device.product for device in devices}))
    if wanted is not None or policy.format != "nvidia" or policy.least is Assurance.TEE_GPU:
        told = f"{gpus} GPUs among {len(devices)} devices ({products}); the policy wants {wanted or 'one or more'}"
        examination.hold("gpus", gpus >= 1 if wanted is None else gpus == wanted, "composite", told)
    else:
        examination.passed("gpus", f"{gpus} GPUs among {len(devices)} devices ({products}); the policy does not say how many (require.gpus)")


def _hold_references(examination: Examination, devices: Sequence[Device], policy: Policy) -> None:
    """The checks `measurement:driver` (of GPUs), `measurement:vbios`, `measurement:gpu_measurement` (of all devices), and `reference-values`."""
    listed = policy.reference.values
    for name, shown in (
        ("driver", [device.driver for device in devices if device.is_gpu]),
        ("vbios", [device.vbios for device in devices]),
        ("gpu_measurement", [device.report.digest for device in devices]),
    ):
        if name in listed:
            told = f"{name} is {', '.join(sorted({one or 'not told' for one in shown})) or 'not told'}; the policy lists {len(listed[name])}"
            examination.hold(f"measurement:{name}", bool(shown) and all(one in listed[name] for one in shown), "measurement-mismatch", told)
    if "gpu_measurement" in listed:
        examination.passed(
            "reference-values", "the measurements were compared with those that the policy lists; NVIDIA's manifests were not looked at"
        )
    else:
        told = "the firmware's measurements were compared with nothing: NVIDIA's manifests (RIM) are not read, and the policy lists none"
        examination.warned("reference-values", "no-reference-values", told, hint="list gpu_measurement of a device that is known to be good")


def _hold_switches(examination: Examination, devices: Sequence[Device]) -> None:
    """The check `switches`: where GPUs speak to each other in the clear, what carries their words must be looked at too."""
    clear = sum(device.claims["mode"] == MODES[2] for device in devices)
    switches = sum(device.claims["kind"] == "switch" for device in devices)
    if clear and not switches:
        told = f"{clear} GPUs trust the NVSwitches between them (protected-pcie), and none of those is attested here"
        examination.warned("switches", "switches-absent", told, hint="add the switches' reports to the list")
    elif clear:
        examination.passed("switches", f"{clear} GPUs trust the NVSwitches between them; {switches} are attested here")


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else raw.rstrip(b"\0").decode("ascii", "replace")
