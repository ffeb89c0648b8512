"""What an enclave may say when it refuses: a code of this table, a declared name, a line of the job's code. The sentence is made outside.

Whoever runs inside writes to the outbox what it likes, and an error's text would be a way out for the data: so no text of it is passed on. What is
left is the code, one of the names that the job declares, a line that its code has, and the name of one of Python's common exceptions.

Limits: which of these it says is the job's own choice, and so a way out of `bits_at_most` bits for each run that fails; each costs a use of the data.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import msgspec

from velatura.errors import BadInput, VelaturaError, Withheld

__all__ = ["CODES", "Refusal", "bits_at_most", "decoded", "error"]

EXCEPTIONS = frozenset(
    [
        "AssertionError",
        "AttributeError",
        "IndexError",
        "KeyError",
        "NameError",
        "NotImplementedError",
        "OSError",
        "OverflowError",
        "PermissionError",
        "RecursionError",
        "RuntimeError",
        "StopIteration",
        "TypeError",
        "UnboundLocalError",
        "ValueError",
        "ZeroDivisionError",
    ]
)
"""Few: each doubling is a bit."""

NO_FILES = "a job reads its declared inputs and hands over its declared outputs"


@dataclass(frozen=True, slots=True)
class _Kind:
    error: type[VelaturaError]
    sentence: str
    hint: str = ""


CODES: dict[str, _Kind] = {
    "enclave.key-does-not-open": _Kind(Withheld, "the key of {name} does not open here", "it was sealed to another enclave, session or purpose"),
    "enclave.input-refused": _Kind(Withheld, "{name} does not open: another key, purpose or policy, or it was changed"),
    "enclave.input": _Kind(BadInput, "{name} is not of the form that the job declares", "see form in the job's file"),
    "enclave.rollback": _Kind(Withheld, "{name} is not the latest that was sealed", "an older one was put back, or none"),
    "enclave.input-twice": _Kind(Withheld, "{name} was handed over already"),
    "enclave.input-missing": _Kind(Withheld, "{name} was not handed over"),
    "enclave.undeclared-input": _Kind(Withheld, "the job asks for an input that it does not declare{line}", "declare it: [inputs.NAME]"),
    "enclave.undeclared-output": _Kind(Withheld, "the job hands over an output that it does not declare{line}", "declare it: [outputs.NAME]"),
    "enclave.output-twice": _Kind(Withheld, "the job hands over {name} twice{line}"),
    "enclave.output-missing": _Kind(Withheld, "the job did not hand over {name}"),
    "enclave.output": _Kind(Withheld, "{name} breaks the rule that the job declares for it{line}", "see [outputs] in the job's file"),
    "enclave.job-network": _Kind(Withheld, "the job tried to reach the network{line}", "there is none inside"),
    "enclave.job-process": _Kind(Withheld, "the job tried to start a process or a thread{line}", "threads = N in the job's file, at most"),
    "enclave.job-file": _Kind(Withheld, "the job tried to open a file{line}", NO_FILES),
    "enclave.job-import": _Kind(BadInput, "the job imports what was not loaded{line}", 'imports = ["..."] in the job\'s file'),
    "enclave.job-memory": _Kind(BadInput, "the job wants more memory than it was given{line}", "memory_mb in the job's file"),
    "enclave.job-code": _Kind(BadInput, "the job's code is no Python with a function run(inputs, outputs, config){line}"),
    "enclave.job-model": _Kind(BadInput, "the job's model does not load"),
    "enclave.job-failed": _Kind(
        BadInput, "the job failed with {kind}{line}", "its words are not told: they could hold the data. Try it on made-up data"
    ),
    "enclave.job-changed": _Kind(Withheld, "code, model or manifest is not what the job's digest is of"),
}


class Refusal(Exception):
    """Raised inside. Only what `encoded` takes leaves."""

    def __init__(self, code: str, *, name: str = "", line: int = 0, kind: str = "") -> None:
        assert code in CODES, "a code of the table"
        super().__init__(code)
        self.code, self.name, self.line, self.kind = code, name, line, kind

    def encoded(self) -> bytes:
        return msgspec.json.encode(_Told(code=self.code, name=self.name, line=self.line, kind=self.kind))


class _Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: str
    name: str
    line: int
    kind: str


def decoded(raw: bytes, names: Collection[str], lines: int) -> VelaturaError:
    """The error that hostile bytes stand for.

    Args:
        names: of the job's inputs and outputs; no other word of it is repeated.
        lines: that its code has; a line beyond them is made up.
    """
    try:
        told = msgspec.json.decode(raw, type=_Told)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return _unreadable()
    if told.code not in CODES or told.name not in {*names, ""} or not 0 <= told.line <= lines:
        return _unreadable()
    return error(told.code, name=told.name, line=told.line, kind=told.kind)


def bits_at_most(names: int, lines: int) -> float:
    """That one refusal can carry: the logarithm of the number of different ones. The line and the exception are told with some codes alone."""
    told = [
        (names + 1 if "{name}" in one.sentence else 1)
        * (lines + 1 if "{line}" in one.sentence else 1)
        * (len(EXCEPTIONS) + 1 if "{kind}" in one.sentence else 1)
        for one in CODES.values()
    ]
    return math.log2(sum(told) + 1)


def error(code: str, *, name: str = "", line: int = 0, kind: str = "") -> VelaturaError:
    """The error of a code, in a person's words."""
    words = {
        "name": name or "it",
        "line": f", line {line} of its code" if line else "",
        "kind": kind if kind in EXCEPTIONS else "an error of its own",
    }
    told = CODES[code]
    return told.error(code, told.sentence.format(**words), hint=told.hint)


def _unreadable() -> VelaturaError:
    return BadInput("enclave.answer", "the enclave's answer cannot be read", hint="the job may have written it itself: look at its code")
