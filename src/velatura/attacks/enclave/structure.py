"""Classes 1 to 9: documents that are not as their format says.

What is unsigned and cut, stretched or set must be refused as well: what one reader skips another one reads.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from velatura.attacks.enclave.nitro import BREAK, BYTES, cose, head, members, payload_of
from velatura.attacks.enclave.opening import FORMATS
from velatura.attacks.enclave.parts import Field, Opened, Part
from velatura.attacks.enclave.submission import Forgery, Submission

__all__ = ["forgeries"]

MOST_FIELDS = 12
"""Of one part that are cut or set, evenly spread: a log has thousands."""
TOO_LARGE = (1 << 20) + 1
TRAILERS = {"a byte": b"\x01", "text": b"see also: policy.toml", "zeros and a byte": bytes(64) + b"\x01"}
DEPTH = 2000


def forgeries(honest: Opened, others: Sequence[Opened]) -> Iterator[Forgery]:
    """`others`: further honest submissions, of any format."""
    for part in honest.parts:
        if part.name.startswith("pcr"):
            continue
        yield from _cut(part)
        yield from _stretched(part)
        yield from _set(part)
    yield from _repeated(honest)
    yield from _dressed(honest)
    yield from _large(honest)
    yield from _mixed(honest, others)


def _cut(part: Part) -> Iterator[Forgery]:
    for one in _some(part.fields):
        yield Forgery(1, f"{part.name} ends before {one.name}", partial(_put, part, part.raw[: one.start]))
    yield Forgery(1, f"{part.name} lacks its last byte", partial(_put, part, part.raw.rstrip(b"\0")[:-1]))


def _stretched(part: Part) -> Iterator[Forgery]:
    if part.name in ("hcl", "event log", "payload"):  # what follows a blob of fixed size, or a table, is read by nobody; a payload has its head
        return
    for name, raw in TRAILERS.items():
        yield Forgery(2, f"{name} behind {part.name}", partial(_put, part, part.raw + raw))
    yield Forgery(2, f"{part.name} twice", partial(_put, part, part.raw + part.raw))


def _set(part: Part) -> Iterator[Forgery]:
    for one in _some(tuple(part.having("reserved"))):
        for place, name in ((one.start, "first"), (one.stop - 1, "last")):
            yield Forgery(3, f"{name} byte of {one.name} set in {part.name}", partial(_put, part, _changed(part.raw, place, 0x80)))
    if (r := part.field("r")) is not None and r.stop - r.start > 48:  # AMD's are longer than the order
        yield Forgery(3, "upper bytes of r set", partial(_put, part, _changed(part.raw, r.stop - 1, 1)))
    for one in _some(tuple(part.having("kind"))):
        yield Forgery(4, f"{one.name} of {part.name} is another", partial(_put, part, _changed(part.raw, one.start, 1)))
        yield Forgery(4, f"{one.name} of {part.name} is all ones", partial(_put, part, one.written(part.raw, b"\xff" * (one.stop - one.start))))
    for one in _some(tuple(part.having("length"))):
        yield from _lengths(part, one)


def _lengths(part: Part, one: Field) -> Iterator[Forgery]:
    width = one.stop - one.start
    value = int.from_bytes(one.of(part.raw), part.order)  # type: ignore[arg-type]
    for name, number in (("one more", value + 1), ("one less", value - 1), ("the most", 256**width - 1)):
        if 0 <= number < 256**width and number != value:
            raw = one.written(part.raw, number.to_bytes(width, part.order))  # type: ignore[arg-type]
            yield Forgery(5, f"{one.name} of {part.name} is {name}", partial(_put, part, raw))


def _repeated(honest: Opened) -> Iterator[Forgery]:
    """Two readers may keep one each."""
    submission = honest.submission
    if _is_json(submission):
        for name in _names(json.loads(submission.evidence)):
            yield Forgery(6, f"{name} stands twice", partial(_twice, submission, name))
    for part in honest.parts:
        blocks = list(part.having("block"))
        if len(blocks) > 1:
            yield Forgery(6, f"index of the first block twice in {part.name}", partial(_put, part, _same_index(part.raw, blocks)))
    if submission.format == "nitro":
        yield Forgery(6, "a name of the payload twice", partial(_with_payload, honest, _doubled))


def _dressed(honest: Opened) -> Iterator[Forgery]:
    submission = honest.submission
    if _is_json(submission):
        yield Forgery(7, "JSON too deep to be read", partial(_evidence, submission, b'{"a":' * DEPTH + b"1" + b"}" * DEPTH))
        yield Forgery(7, "a list in the place of an object", partial(_evidence, submission, b"[" + submission.evidence + b"]"))
    if submission.format != "nitro":
        return
    document, payload = submission.evidence, payload_of(submission.evidence)
    half = len(payload) // 2
    chunks = b"\x5f" + b"".join(head(BYTES, len(raw)) + raw for raw in (payload[:half], payload[half:])) + BREAK
    whole = head(BYTES, len(payload)) + payload
    yield Forgery(7, "payload in chunks", partial(_evidence, submission, document.replace(whole, chunks, 1)))
    yield Forgery(7, "array without a length", partial(_evidence, submission, b"\x9f" + document[1 + (document[0] == 0xD2) :] + BREAK))
    yield Forgery(7, "unknown tag", partial(_evidence, submission, b"\xd8\x63" + document))
    yield Forgery(7, "tag 18 twice", partial(_evidence, submission, b"\xd2\xd2" + document[document[0] == 0xD2 :]))
    yield Forgery(7, "arrays in arrays", partial(_evidence, submission, b"\x81" * DEPTH + document))
    yield Forgery(7, "a name in chunks", partial(_with_payload, honest, _chunked))


def _large(honest: Opened) -> Iterator[Forgery]:
    submission = honest.submission
    yield Forgery(8, "more than a mebibyte", partial(_evidence, submission, submission.evidence + b"\0" * TOO_LARGE))
    yield Forgery(8, "nothing", partial(_evidence, submission, b""))
    yield Forgery(8, "one byte", partial(_evidence, submission, submission.evidence[:1]))
    yield Forgery(8, "zeros alone", partial(_evidence, submission, bytes(len(submission.evidence))))
    for name, raw in submission.companions.items():
        yield Forgery(8, f"{name} is empty", partial(submission.beside, **{name: b""}))
        yield Forgery(8, f"{name} is zeros", partial(submission.beside, **{name: bytes(len(raw))}))


def _mixed(honest: Opened, others: Sequence[Opened]) -> Iterator[Forgery]:
    submission = honest.submission
    for named in FORMATS:
        if named != submission.format and {named, submission.format} != {"tpm", "vm"}:  # one format under two names
            yield Forgery(9, f"judged as {named}", partial(_as_format, submission, named))
    for other in others:
        if FORMATS[other.submission.format] != FORMATS[submission.format]:
            told = f"{other.submission.format} evidence in its place"
            yield Forgery(9, told, partial(_evidence, submission, other.submission.evidence))


def _as_format(submission: Submission, named: str) -> Submission:
    """Any program of that format would do; what can be asked of one format alone is not asked."""
    lax = f'version = 1\nformat = "{named}"\n[reference]\nany_measurement = true\n[require]\ndebug = true\nmigration = true\naccept_warning = true\n'
    return replace(submission, format=named, policy=lax)


def _some(fields: Sequence[Field]) -> Sequence[Field]:
    step = max(-(-len(fields) // MOST_FIELDS), 1)
    return [one for one in fields[::step] if one.stop > one.start]


def _put(part: Part, raw: bytes) -> Submission:
    return part.put(raw)


def _evidence(submission: Submission, raw: bytes) -> Submission:
    return replace(submission, evidence=raw)


def _changed(raw: bytes, place: int, bits: int) -> bytes:
    return raw[:place] + bytes([raw[place] ^ bits]) + raw[place + 1 :]


def _is_json(submission: Submission) -> bool:
    return submission.evidence.lstrip()[:1] in (b"{", b"[")


def _names(document: Any) -> Iterator[str]:
    item = document[0] if isinstance(document, list) else document
    yield from list(item)[:6]


def _twice(submission: Submission, name: str) -> Submission:
    """The member again, empty, behind the first."""
    text, mark = submission.evidence.decode(), json.dumps(name)
    at = text.index(mark)
    return _evidence(submission, f"{text[:at]}{mark}: null, {text[at:]}".encode())


def _same_index(raw: bytes, blocks: Sequence[Field]) -> bytes:
    first, second = blocks[:2]
    return raw[: second.start] + raw[first.start : first.start + 1] + raw[second.start + 1 :]


def _with_payload(honest: Opened, change: Callable[[bytes], bytes]) -> Submission:
    submission = honest.submission
    document, payload = honest.parts[0], payload_of(submission.evidence)
    signature = b"".join(one.of(document.raw) for one in document.having("signature"))
    return _evidence(submission, cose(change(payload), signature))


def _doubled(payload: bytes) -> bytes:
    """The first entry once more, in a map without a length, so that no count tells of it."""
    first = next(iter(members(payload)))
    start = 1 if payload[0] != 0xB8 else 2
    inner = payload[start:-1] if payload[0] == 0xBF else payload[start:]
    return b"\xbf" + payload[first.key : first.stop] + inner + BREAK


def _chunked(payload: bytes) -> bytes:
    """The first name in two chunks."""
    first = next(iter(members(payload)))
    name = payload[first.key + 1 : first.value]
    chunks = b"\x7f" + head(3, 1) + name[:1] + head(3, len(name) - 1) + name[1:] + BREAK
    return payload[: first.key] + chunks + payload[first.value :]
