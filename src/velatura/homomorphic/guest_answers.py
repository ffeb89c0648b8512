"""How a guest answers: bytes, or a refusal in our words. What comes out of it is hostile, so its words are read narrowly."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from velatura.errors import BadInput, Unsupported, VelaturaError
from velatura.homomorphic.parameters import Parameters
from velatura.sandbox.guest import Inbox, Outbox

__all__ = ["answering", "done", "parameters_of", "refusal", "settings_of", "understood"]

_CODE = re.compile(r"he\.[a-z-]{1,40}")


class _Refusal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: str
    sentence: str
    hint: str
    unsupported: bool = False


def answering(inbox: Inbox, outbox: Outbox, answer: Callable[[bytes, memoryview], bytes], *, setup: frozenset[bytes] = frozenset()) -> None:
    """Requests until there are no more; the first byte of one is its kind.

    Args:
        setup: kinds whose answers nobody hears: what was refused there is said where it matters.
    """
    refused: Exception | None = None
    while (request := inbox.get()) is not None:
        kind = request[:1]
        try:
            if refused is not None and kind not in setup:
                raise refused
            made = answer(kind, memoryview(request)[1:])
        except Exception as error:  # foreign parsers raise whatever they like on bytes that nobody foresaw
            refused = refused or (error if kind in setup else None)
            made = refusal(error)
        del request
        outbox.put(made)


def done(payload: bytes = b"") -> bytes:
    return b"+" + payload


def refusal(error: Exception) -> bytes:
    """An error as an answer. One that nobody foresaw is the message's fault until proved otherwise."""
    if isinstance(error, VelaturaError):
        told = _Refusal(error.code, error.sentence, error.hint, isinstance(error, Unsupported))
    elif isinstance(error, MemoryError):
        told = _Refusal("he.memory", "there is not enough memory for it", "fewer samples at a time, or a smaller program")
    else:
        told = _Refusal("he.engine", f"the engine stopped: {type(error).__name__}", "ask for the message or the keys again")
    return b"-" + msgspec.json.encode(told)


def understood(answer: bytes) -> memoryview:
    """The payload of an answer.

    Raises:
        BadInput, Unsupported: what the guest refused, by its code; `he.engine` where it makes no sense.
    """
    if answer[:1] == b"+":
        return memoryview(answer)[1:]
    try:
        told = msgspec.json.decode(answer[1:], type=_Refusal)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        told = None
    if answer[:1] != b"-" or told is None or not _CODE.fullmatch(told.code):
        raise BadInput("he.engine", "the confined engine gave an answer that makes no sense", hint="ask for the message or the keys again")
    raise (Unsupported if told.unsupported else BadInput)(told.code, told.sentence, hint=told.hint)


def settings_of(parameters: Parameters) -> dict[str, Any]:
    """A parameter set as a guest's settings."""
    return {"n": parameters.n, "data": list(parameters.data), "special": parameters.special, "insecure": parameters.insecure}


def parameters_of(settings: dict[str, Any]) -> Parameters:
    return Parameters(settings["n"], tuple(settings["data"]), settings["special"], settings["insecure"])
