"""Classes 33 to 42: a machine, its firmware or its program in a state that was not asked for, and policies that ask for nothing.

Each is tried twice: the evidence as it is, under a policy that it does not meet; and with what the policy wants written into it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from velatura.attacks.enclave.eventlog import events_of
from velatura.attacks.enclave.freshness import shown, with_field
from velatura.attacks.enclave.keys import Keys
from velatura.attacks.enclave.parts import Opened, Part
from velatura.attacks.enclave.submission import Forgery, Submission

__all__ = ["BITS", "REFERENCES", "forgeries"]

BITS = {
    "sev-snp": {33: ("guest_policy", 19), 34: ("guest_policy", 18)},
    "azure-snp": {33: ("guest_policy", 19), 34: ("guest_policy", 18)},
    "sgx": {33: ("attributes", 1)},
    "tdx": {33: ("td_attributes", 0), 34: ("td_attributes", 29)},
    "azure-tdx": {33: ("td_attributes", 0), 34: ("td_attributes", 29)},
}
"""Format -> class -> the field, and the bit in it that says so."""
REFERENCES = {
    "sev-snp": ("measurement",),
    "azure-snp": ("measurement", "pcr4"),
    "sgx": ("mrenclave",),
    "tdx": ("mrtd", "rtmr0", "rtmr3"),
    "azure-tdx": ("mrtd", "rtmr1", "pcr4"),
    "nitro": ("pcr0", "pcr4"),
    "tpm": ("pcr0", "pcr7"),
    "vm": ("pcr0",),
    "process": ("measurement", "job"),
    "simulated": ("measurement", "job"),
}
"""Format -> fields that a policy may fix."""
TCB = {"fmc": 0xFF, "bl": 0xFF, "tee": 0xFF, "snp": 0xFF, "ucode": 0xFF}


def forgeries(honest: Opened, others: Sequence[Opened], keys: Keys) -> Iterator[Forgery]:
    yield from _bits(honest)
    yield from _signer(honest)
    yield from _versions(honest)
    yield from _measurements(honest, keys)
    yield from _collateral(honest, others)
    for part in honest.parts:
        if part.name == "event log":
            yield from _log(part)
    yield from _logs_beside(honest)
    yield from _policies(honest)
    yield from _own_policy(honest)


def _bits(honest: Opened) -> Iterator[Forgery]:
    submission = honest.submission
    for number, (name, bit) in BITS.get(submission.format, {}).items():
        word, is_set = {33: "debug", 34: "migration"}[number], bool(int.from_bytes(shown(honest, name), "little") >> bit & 1)
        yield Forgery(number, f"bit {bit} of {name} is turned", partial(with_field, submission, name, partial(_turned, bit=bit)))
        if is_set:
            strict = submission.asked("require", **{word: None})
            yield Forgery(number, f"{word} is not tolerated", lambda strict=strict: strict)  # type: ignore[misc]
            yield Forgery(number, f"{word} is not tolerated, and its bit is cleared", partial(with_field, strict, name, partial(_turned, bit=bit)))
    if submission.format == "nitro":
        yield Forgery(33, "PCRs of a debugged enclave", partial(with_field, submission, "pcr0", bytes(48)))
        if not any(shown(honest, "pcr0")):
            strict = submission.asked("require", debug=None)
            yield Forgery(33, "debug is not tolerated", lambda: strict)
            yield Forgery(33, "debug is not tolerated, and PCR 0 is written", partial(with_field, strict, "pcr0", b"\x01" * 48))


def _signer(honest: Opened) -> Iterator[Forgery]:
    submission, level = honest.submission, shown(honest, "vmpl")
    if level:
        other = (level[0] + 1) % 4
        strict = submission.asked("require", vmpl=[other])
        yield Forgery(35, f"level {other} is asked for", lambda: strict)
        yield Forgery(35, f"level {other} is asked for, and written", partial(with_field, strict, "vmpl", bytes([other])))
    if shown(honest, "key_attributes"):
        free = partial(with_field, submission, "key_attributes", b"\0\x04\0\0")
        yield Forgery(35, "the key signs whatever it is handed", free)
    if signer := shown(honest, "mrsigner"):
        told = {"any_measurement": None, "mrenclave": None, "prodid": 0, "min_svn": 0}
        foreign = submission.asked("reference", **told, mrsigner=[_turned(signer, bit=0).hex()])
        yield Forgery(35, "another signer is asked for", lambda: foreign)
        yield Forgery(35, "another signer is asked for, and written", partial(with_field, foreign, "mrsigner", _turned(signer, bit=0)))
        svn = submission.asked("reference", **{**told, "min_svn": 65_535}, mrsigner=[signer.hex()])
        yield Forgery(35, "a later version of the signer's program is asked for", lambda: svn)
        product = submission.asked("reference", **{**told, "prodid": 65_535}, mrsigner=[signer.hex()])
        yield Forgery(35, "another program of the signer is asked for", lambda: product)


def _versions(honest: Opened) -> Iterator[Forgery]:
    submission = honest.submission
    if shown(honest, "reported_tcb"):
        for name in ("bl", "snp", "ucode"):
            strict = submission.asked("require", min_tcb={name: 0xFF})
            yield Forgery(36, f"{name} 255 is the least", lambda strict=strict: strict)  # type: ignore[misc]
        strict = submission.asked("require", min_tcb=dict.fromkeys(("bl", "snp", "ucode"), 0xFF))
        high = partial(with_field, strict, "reported_tcb", b"\xff" * 8)
        yield Forgery(36, "the reported versions are written higher", high)
        yield Forgery(36, "the current versions alone are high", partial(with_field, strict, "current_tcb", b"\xff" * 8))
    if (statuses := submission.asking("require", "tcb_status")) is not None:
        strict = submission.asked("require", tcb_status=["UpToDate"])
        if statuses != ["UpToDate"]:
            yield Forgery(37, "only UpToDate is tolerated", lambda: strict)
            lax = submission.asked("require", tcb_status=["UpToDate", "SWHardeningNeeded"])
            yield Forgery(37, "another status is tolerated", lambda: lax)
            yield Forgery(37, "a warning is not accepted", partial(submission.asked, "require", accept_warning=None))
    if shown(honest, "tee_tcb_svn"):
        yield Forgery(36, "the module's version is written lower", partial(with_field, submission, "tee_tcb_svn", bytes(16)))
    if shown(honest, "cpusvn"):
        yield Forgery(36, "the processor's version is written higher", partial(with_field, submission, "cpusvn", b"\xff" * 16))


def _measurements(honest: Opened, keys: Keys) -> Iterator[Forgery]:
    submission = honest.submission
    for name in REFERENCES.get(submission.format, ()):
        held = shown(honest, name)
        if not held:
            continue
        wanted = keys.bytes(name, len(held))
        kept = {"ak": submission.asking("reference", "ak")} if submission.asking("reference", "ak") else {}
        strict = _with_table(submission, "reference", {**kept, name: [wanted.hex()]})
        yield Forgery(38, f"another {name} is asked for", lambda strict=strict: strict)  # type: ignore[misc]
        yield Forgery(38, f"another {name} is asked for, and written", partial(with_field, strict, name, wanted))
        if honest.signed_anew is not None and not kept:
            made = partial(_written_anew, honest.signed_anew, strict, name, wanted, keys)
            yield Forgery(38, f"another {name} is asked for, written, and all is signed by another", made)
    if submission.format == "nvidia":
        for name in ("driver", "vbios"):
            strict = _with_table(submission, "reference", {name: ["0.0"]})
            yield Forgery(38, f"another {name} is asked for", lambda strict=strict: strict)  # type: ignore[misc]
            yield Forgery(38, f"another {name} is asked for, and written", partial(with_field, strict, name, b"0.0"))
        yield Forgery(38, "more devices are asked for", partial(submission.asked, "require", gpus=64))


def _written_anew(anew: Callable[[Submission, Keys], Submission], strict: Submission, name: str, wanted: bytes, keys: Keys) -> Submission:
    return anew(with_field(strict, name, wanted), keys)


def _collateral(honest: Opened, others: Sequence[Opened]) -> Iterator[Forgery]:
    submission, raw = honest.submission, honest.submission.companions.get("dcap")
    if raw is None:
        return
    document = json.loads(raw)
    told = json.loads(document["tcb_info"])
    ends, begins = _time(told["nextUpdate"]), _time(told["issueDate"])
    yield Forgery(39, "none is there", partial(submission.beside, dcap=None))
    yield Forgery(39, "a day after it ends", partial(replace, submission, at=ends + timedelta(days=1)))
    yield Forgery(39, "a day before it begins", partial(replace, submission, at=begins - timedelta(days=1)))
    yield Forgery(39, "older than the policy allows", partial(submission.asked, "require", collateral_max_age_s=1.0))
    for text in ("tcb_info", "qe_identity"):
        for name, old, new in _edits(document[text]):
            changed = {**document, text: document[text].replace(old, new, 1)}
            yield Forgery(39, f"{name} of {text} is changed", partial(_beside, submission, changed))
        other = {**document, f"{text}_signature": "00" * 64}
        yield Forgery(39, f"{text} is signed with zeros", partial(_beside, submission, other))
    swapped = {**document, "tcb_info_signature": document["qe_identity_signature"]}
    yield Forgery(39, "signature of the other text", partial(_beside, submission, swapped))
    for name in document:
        yield Forgery(39, f"{name} is missing", partial(_beside, submission, {key: value for key, value in document.items() if key != name}))
        if document[name]:
            yield Forgery(39, f"{name} is empty", partial(_beside, submission, {**document, name: ""}))
    for other_one in others:
        theirs = other_one.submission.companions.get("dcap")
        if theirs is None or theirs == raw:
            continue
        foreign = json.loads(theirs)
        if json.loads(foreign["tcb_info"])["fmspc"] != told["fmspc"]:
            yield Forgery(23, f"collateral of platform {json.loads(foreign['tcb_info'])['fmspc']}", partial(submission.beside, dcap=theirs))
            for name in ("tcb_info", "tcb_info_signature"):
                mixed = {**document, name: foreign[name]}
                yield Forgery(39, f"{name} of another platform", partial(_beside, submission, mixed))


def _edits(text: str) -> Iterator[tuple[str, str, str]]:
    told = json.loads(text)
    yield "the end", told["nextUpdate"], "2099-01-01T00:00:00Z"
    yield "the evaluation number", f'"tcbEvaluationDataNumber":{told["tcbEvaluationDataNumber"]}', '"tcbEvaluationDataNumber":1'
    if "fmspc" in told:
        yield "the platform", told["fmspc"], "00" * 6
        yield "a status", '"tcbStatus":"OutOfDate"', '"tcbStatus":"UpToDate"'


def _time(word: str) -> datetime:
    return datetime.strptime(word, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def _beside(submission: Submission, document: Any) -> Submission:
    return submission.beside(dcap=json.dumps(document).encode())


def _logs_beside(honest: Opened) -> Iterator[Forgery]:
    """A log that travels as a companion."""
    from velatura.attacks.enclave.eventlog import log_part

    submission = honest.submission
    if raw := submission.companions.get("eventlog"):
        yield from _log(log_part(raw, lambda made: submission.beside(eventlog=made)))


def _log(part: Part) -> Iterator[Forgery]:
    raw, events = part.raw, events_of(part)
    covered = [place for place, (start, _) in enumerate(events) if _field(part, place, "digest") is not None and start]
    first, last = events[covered[0]], events[covered[-1]]
    made = {
        "an event is missing": raw[: first[0]] + raw[first[1] :],
        "the last event is missing": raw[: last[0]] + raw[last[1] :],
        "an event stands twice": raw[: first[1]] + raw[first[0] :],
        "two events have changed places": _exchanged(raw, events[covered[0]], events[covered[1]]),
        "an event moved to another register": _written(part, covered[0], "register", 0xF),
        "a digest is another": _flipped(part, covered[0], "digest"),
        "the count of digests is huge": _written(part, covered[0], "count", 0xFFFFFFFF),
        "the size of the data is huge": _written(part, covered[0], "size", 0xFFFFFFFF),
        "it ends within an event": raw[: last[1] - 1],
        "it is empty": b"",
        "only its head is left": raw[: events[0][0]],
    }
    for name, changed in made.items():
        if changed != raw:
            yield Forgery(40, name, partial(part.put, changed))


def _field(part: Part, place: int, name: str) -> Any:
    found = part.field(f"{place} {name}")
    return found if found is not None and (found.signed or name in ("count", "size")) else None


def _written(part: Part, place: int, name: str, value: int) -> bytes:
    found = part.field(f"{place} {name}")
    assert found is not None, "of every event"
    return found.written(part.raw, value.to_bytes(4, "little"))


def _flipped(part: Part, place: int, name: str) -> bytes:
    made = part.raw
    for one in part.fields:
        if one.name == f"{place} {name}":
            made = one.written(made, _turned(one.of(made), bit=0))
    return made


def _exchanged(raw: bytes, first: tuple[int, int], second: tuple[int, int]) -> bytes:
    return raw[: first[0]] + raw[second[0] : second[1]] + raw[first[1] : second[0]] + raw[first[0] : first[1]] + raw[second[1] :]


def _policies(honest: Opened) -> Iterator[Forgery]:
    submission = honest.submission
    text = submission.policy
    value = {name: ["00" * len(shown(honest, name))] for name in REFERENCES.get(submission.format, ())[:1]} or {"driver": ["1"]}
    told = {
        "a key that is not known": text.replace("[reference]", "[reference]\nmeasurment = []", 1),
        "a table that is not known": text + "\n[requires]\ndebug = false\n",
        "no reference value": _with_table(submission, "reference", {}).policy,
        "any_measurement = false alone": _with_table(submission, "reference", {"any_measurement": False}).policy,
        "any program, and one": _with_table(submission, "reference", {"any_measurement": True, **value}).policy,
        "an empty list": _with_table(submission, "reference", {name: [] for name in value}).policy,
        "a value that is too short": _with_table(submission, "reference", {name: ["00"] for name in value if name != "driver"}).policy,
        "no version": submission.asked("", version=None).policy,
        "a later version": submission.asked("", version=2).policy,
        "nothing": "",
        "an assurance that is not known": submission.asked("", minimum_assurance="tee+moon").policy,
        "no TOML": text + "\n[require\n",
    }
    for name, policy in told.items():
        yield Forgery(41, name, partial(replace, submission, policy=policy))


def _with_table(submission: Submission, table: str, values: dict[str, Any]) -> Submission:
    import tomllib

    now = tomllib.loads(submission.policy).get(table, {})
    return submission.asked(table, **{**dict.fromkeys(now), **values})


def _own_policy(honest: Opened) -> Iterator[Forgery]:
    """Under a policy that it does not meet, with a lax one inside."""
    submission = honest.submission
    if submission.evidence.lstrip()[:1] != b"{":
        return
    strict = submission.asked("require", nonce="00" * (len(shown(honest)) or 32))
    for name in ("policy", "format", "verifier", "verdict"):
        document = {**json.loads(submission.evidence), name: {"policy": submission.policy}.get(name, "affirming")}
        yield Forgery(42, f"{name} within the evidence", partial(replace, strict, evidence=json.dumps(document).encode()))


def _turned(raw: bytes, *, bit: int) -> bytes:
    """One bit, counted from the first byte's least."""
    return raw[: bit // 8] + bytes([raw[bit // 8] ^ 1 << bit % 8]) + raw[bit // 8 + 1 :]
