"""One tree of errors; each carries a stable code, a sentence and what to do next, and knows its exit status.

    VelaturaError                 1   an unexpected failure of our own
      BadSpec                     2   the command line or a spec is wrong; OUT exists; IN and OUT are one file
      Broken                      3   a verdict is broken
      Withheld                    3   a verification failed, a policy or budget refused to release, a key does not open
      Missing                     4   a model, extra, engine or kernel feature is not here
      BadInput                    5   the input is malformed, too large, untrusted, not what it claims
        Unsupported               5   well formed, but not something we treat

The words of `code` are listed in docs/reference/errors.md; a test holds that list complete.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["BadInput", "BadSpec", "Broken", "Missing", "Unsupported", "VelaturaError", "Withheld", "nearest", "one_line"]


class VelaturaError(Exception):
    """What went wrong, in one line, with the next step.

    Args:
        code: stable words, `room.reason`, e.g. `media.truncated`.
        sentence: what, where, why; one line; no secret, no traceback.
        hint: what the person can do next; may be empty.
    """

    exit_status = 1

    def __init__(self, code: str, sentence: str, *, hint: str = "") -> None:
        super().__init__(code, sentence, hint)
        self.code = code
        self.sentence = one_line(sentence)
        self.hint = one_line(hint)

    def __str__(self) -> str:
        return f"{self.sentence} [{self.code}]"


class BadSpec(VelaturaError):
    """The command line or a spec is wrong."""

    exit_status = 2


class Broken(VelaturaError):
    """A verdict is `broken`, or less than was required."""

    exit_status = 3


class Withheld(VelaturaError):
    """A verification failed, or a policy, a budget or a key refused to release."""

    exit_status = 3


class Missing(VelaturaError):
    """Something needed is not here; the hint is the command that brings it."""

    exit_status = 4


class BadInput(VelaturaError):
    """The input is refused: malformed, too large, untrusted, or not what it claims to be."""

    exit_status = 5


class Unsupported(BadInput):
    """The input is well formed, but nothing here treats it."""


def one_line(text: str, limit: int = 400) -> str:
    """`text` on one printable line: names of files are hostile (newlines, escape sequences, lone surrogates)."""
    clean = text.replace("\n", " ")
    if not clean.isprintable():
        clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in clean)
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def nearest(word: str, valid: Iterable[str]) -> str:
    """A hint for an unknown name: the nearest valid one first, then all of them."""
    from difflib import get_close_matches

    names = sorted(valid)
    close = get_close_matches(word, names, n=1, cutoff=0.5)
    known = "valid: " + ", ".join(names) if names else "there are none"
    return f"did you mean {close[0]!r}? {known}" if close else known
