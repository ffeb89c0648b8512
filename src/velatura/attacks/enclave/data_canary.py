"""Does a word of the data come out of the process that works on it? Its code is the attacker's, and tries every place that somebody else reads.

The arm runs code of the attacker's on data that hold the word, and answers what lies in one kind of place: files, streams, messages and outputs
afterwards; packets on their way; a core dump; memory, and what of it is swapped, while the data are there. The word is looked for as it is, in
hexadecimal, in base64, and reversed. Limit: what a number that may leave can hold is counted elsewhere (`outputs`).
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator

from velatura.attacks.attack import Arm, Outcomes

__all__ = ["CODE", "CORE", "ENDINGS", "KNOWLEDGE", "DataCanary", "Leak"]

WORD_BYTES = 24

CODE = """
import base64, os, socket, sys

def run(inputs, outputs, config):
    data = bytes(inputs["data"])
    for way in (_file, _note, _shared, _stream, _name, _environment, _socket, _packet, _directory):
        _tried(way, data, outputs, config)
    ENDING(data, outputs, config)

def _tried(step, *given):
    try:
        step(*given)
    except Exception:
        pass

def _file(data, outputs, config):
    with open(os.path.join(config["folder"], "file"), "wb") as stream:
        stream.write(data)

def _note(data, outputs, config):
    with open(os.path.join(config["folder"], "note"), "w") as stream:
        stream.write(base64.b64encode(data).decode())

def _shared(data, outputs, config):
    with open(os.path.join(config["folder"], "shared"), "r+b") as stream:
        stream.write(data)

def _stream(data, outputs, config):
    print(data.hex(), file=sys.stderr, flush=True)

def _name(data, outputs, config):
    os.symlink(data.hex(), os.path.join(config["folder"], "link"))

def _environment(data, outputs, config):
    os.environ["WORD"] = data.hex()

def _socket(data, outputs, config):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.sendto(data, os.path.join(config["folder"], "listener"))

def _packet(data, outputs, config):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(data, ("127.0.0.1", int(config["port"])))

def _directory(data, outputs, config):
    os.mkdir(os.path.join(config["folder"], data.hex()))

def _message(data, outputs, config):
    raise RuntimeError(data.hex())

def _undeclared(data, outputs, config):
    outputs.put("other", data.hex())

def _overfull(data, outputs, config):
    outputs.put("count", {"rows": data.hex()}, rows=100)

def _core(data, outputs, config):
    _tried(os.chdir, config["folder"])
    _tried(_unlimited)
    os.abort()

def _unlimited():
    import resource
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))
"""
"""A job's code: harmless but for the throw-away folder and the port of this machine that its configuration names."""
ENDINGS = ("_message", "_undeclared", "_overfull")
"""Of which a run can have one: each ends it."""
CORE = "_core"
"""One more: it dies, and asks for its memory to be written down."""
KNOWLEDGE = "wrote the job's code, and reads every file, message and output of the machine afterwards; does not own the machine, as root does"


@dataclass(frozen=True, slots=True)
class Leak:
    """A word, and the code that tries to get it out."""

    word: bytes
    code: str = CODE.replace("ENDING", ENDINGS[0])

    def sieved(self, pieces: Iterable[bytes]) -> bytes:
        """Of a stream that is too long to keep: the first stretch that holds the word; b"": none does."""
        before = b""
        for piece in pieces:
            held = before + piece
            if _holds(held, self.word):
                return held
            before = held[-2 * len(self.word) :]  # it may lie across two pieces
        return b""


@dataclass(frozen=True, slots=True)
class DataCanary:
    """An `Attack[Leak, Mapping[str, bytes]]`: place -> what lies there. Success: the share of words that are in any of them.

    Attributes:
        words: how many; each has a run of its own.
        endings: of the runs, in turn.
        knowledge: who reads the places that the arm answers.
    """

    words: int = len(ENDINGS)
    endings: tuple[str, ...] = ENDINGS
    knowledge: str = KNOWLEDGE
    name: ClassVar[str] = "data-canary"

    def play(self, arm: Arm[Leak, Mapping[str, bytes]], secrets: Sequence[Any], rng: Generator, *, budget_s: float) -> Outcomes:
        """See `Attack.play`; words are drawn."""
        words = [rng.bytes(WORD_BYTES) for _ in range(self.words)]
        codes = [CODE.replace("ENDING", self.endings[number % len(self.endings)]) for number in range(self.words)]
        played = [(word, arm(Leak(word, code), rng)) for word, code in zip(words, codes, strict=True)]
        places = [sorted(place for place, seen in told.items() if _holds(seen, word)) for word, told in played]
        found = sorted({place for one in places for place in one})
        return Outcomes(
            np.array([[float(bool(one)) for one in places]]),
            ("his own code",),
            0.0,
            "words",
            "leak rate",
            kind="proof",
            reference="a guess",
            notes={"found in": ", ".join(found) or "no place"},
        )


def _holds(seen: bytes, word: bytes) -> bool:
    text = word.hex().encode()
    return any(form in seen for form in (word, text, base64.b64encode(word).rstrip(b"="), word[::-1], text[::-1]))
