"""What a person asked for, checked: options on one side, what the passes over a file need on the other."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from velatura.errors import BadSpec, nearest
from velatura.media.clip_encoding import PRESETS
from velatura.obfuscation.fill import Fill
from velatura.obfuscation.method import Method
from velatura.obfuscation.policy import Covering

if TYPE_CHECKING:
    from velatura.crypto.keys import Recipient

__all__ = ["POLICIES", "Wanted", "check_audio", "check_sidecar"]

POLICIES = ("closed", "open")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Everything that changes an output, except what is searched for and with what.

    Attributes:
        method: and how a person writes it (`named`).
        covering: margin, expansion, shape.
        every: look at each K-th frame.
        policy: "closed": what is in doubt turns black or is not released; "open": it is only told.
        recheck: search the finished file again.
        recipient: of what is sealed; `attach`: append the sidecar to the output instead of writing it beside.
        keep_audio: encode the sound track anew instead of leaving it out.
        preset: of the x264 coder.
        force: replace an existing output.
        entropy: `entropy(n)` gives n random bytes; a test may say which.

    Raises:
        BadSpec: `obfuscate.policy`, `obfuscate.every`, `obfuscate.preset`, `obfuscate.recipient`.
    """

    method: Method = field(default_factory=Fill)
    named: str = "fill"
    covering: Covering = field(default_factory=Covering)
    every: int = 1
    policy: Literal["closed", "open"] = "closed"
    recheck: bool = True
    recipient: Recipient | None = None
    attach: bool = False
    keep_audio: bool = False
    preset: str = "veryfast"
    force: bool = False
    entropy: Callable[[int], bytes] = os.urandom

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise BadSpec("obfuscate.policy", f"there is no policy {self.policy!r}", hint=nearest(self.policy, POLICIES))
        if self.every < 1:
            raise BadSpec("obfuscate.every", f"every {self.every}: must be 1 or more", hint="1 looks at each frame, 5 at every fifth")
        if self.preset not in PRESETS:
            raise BadSpec("obfuscate.preset", f"x264 has no preset {self.preset!r}", hint=nearest(self.preset, PRESETS))
        seals = self.named.partition(":")[0].strip() == "seal"
        if seals and self.recipient is None:
            raise BadSpec("obfuscate.recipient", "to seal, a recipient is needed", hint="velatura keys new -o KEY, then --recipient KEY.pub")
        if self.recipient is not None and not seals:
            raise BadSpec("obfuscate.recipient", f"{self.named} seals nothing for a recipient", hint="--method seal, or leave the recipient out")

    @property
    def closed(self) -> bool:
        return self.policy == "closed"

    def in_words(self) -> str:
        """All of it in one text; other words mean another output."""
        recipient = self.recipient.raw.hex() if self.recipient else ""
        return repr((self.named, self.covering, self.every, self.policy, self.recheck, recipient, self.attach, self.keep_audio, self.preset))


def check_audio(audio: str | None) -> bool:
    """Whether the sound track is kept. Raises BadSpec `obfuscate.audio`."""
    if audio not in (None, "keep"):
        raise BadSpec("obfuscate.audio", f"there is no way {audio!r} to treat sound", hint="keep, or nothing: then it is left out")
    return audio == "keep"


def check_sidecar(sidecar: str) -> bool:
    """Whether the sidecar is attached to the output. Raises BadSpec `obfuscate.sidecar`."""
    if sidecar not in ("beside", "attach"):
        raise BadSpec("obfuscate.sidecar", f"there is no place {sidecar!r} for a sidecar", hint="beside, or attach")
    return sidecar == "attach"
