"""One file in one confined child, seen from the parent: serves the child's reads, and takes its facts and frames through `checked`.

Every wait has a deadline that also counts the reads served meanwhile, so a child cannot keep us by asking. Whatever goes wrong is an error of
this file alone: the child is ended and the next file gets a fresh one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol, Self

import msgspec

from velatura.errors import BadInput, one_line
from velatura.media.checked import Checked, Nonsense
from velatura.media.frame import Frame
from velatura.media.kinds import lies
from velatura.media.reader import Facts, Limits
from velatura.media.sound import SoundQueue
from velatura.media.wire import (
    CREDIT,
    DATA,
    MESSAGE_LIMIT,
    End,
    Heard,
    Leak,
    Leaks,
    Open,
    Opened,
    Read,
    Refused,
    Shown,
    decode_answer,
    encode,
    fraction,
    refusal,
)

__all__ = ["ChildLike", "FramesLike", "Remote"]


class ChildLike(Protocol):
    """What is used of `velatura.sandbox.Child`."""

    def send(self, message: bytes) -> None: ...
    def receive(self, *, deadline_s: float, limit: int) -> bytes: ...
    def close(self) -> int: ...


class FramesLike(Protocol):
    """What is used of `velatura.sandbox.SharedFrames`."""

    @property
    def view(self) -> memoryview: ...
    def close(self) -> None: ...


class Remote:
    """A `Reader` whose decoder is a child. It owns file, child and mapping, and ends all three.

    Args:
        path: names the file in messages; `file`: the same, opened.
        child, frames: a fresh fork of the media guest, and its mapping.
        confined: see `Facts`.
        audio: the sound track too, in `sound`.
        scan: ask what the file tells beside its pixels, for `leaks`.

    Attributes:
        sound: where samples wait, once the facts are known, if they were asked for and are there.
        notes: what a person should know of the file, complete when all frames were seen.
    """

    def __init__(
        self,
        path: Path,
        file: BinaryIO,
        child: ChildLike,
        frames: FramesLike,
        limits: Limits,
        *,
        confined: str | None = None,
        audio: bool = False,
        scan: bool = False,
    ) -> None:
        self._path, self._file, self._child, self._frames = path, file, child, frames
        self._limits, self._confined = limits, confined
        self._closed = False
        self._checked: Checked | None = None
        self.sound: SoundQueue | None = None
        self.notes: tuple[str, ...] = ()
        self._request = Open(
            size=os.fstat(file.fileno()).st_size,
            pixels=limits.pixels,
            frames=limits.frames,
            pages=limits.pages,
            picture_bytes=limits.picture_bytes,
            want="scan" if scan else "frames",
            audio=audio,
        )
        self._send(encode(self._request))

    @property
    def facts(self) -> Facts:
        """Read at first use. Raises BadInput as iterating does."""
        if self._checked is None:
            self._checked = self._open()
        return self._checked.facts

    def __iter__(self) -> Iterator[Frame]:
        still = self.facts.kind == "picture"
        seen = 0
        while isinstance(answer := self._answer(), Shown | Heard):
            if isinstance(answer, Heard):
                self._hear(answer)
                continue
            frame = self._take(answer)
            seen += 1
            if still:  # nothing follows; child and mapping need not wait until the picture has been worked on
                self._end(self._answer())
                yield frame
                return
            yield frame
        self._end(answer)
        if not seen:
            raise BadInput("media.no-frames", f"{self._path}: there is no picture in it", hint="look whether it plays elsewhere")

    def leaks(self) -> tuple[Leak, ...]:
        """The answer to a scan. Raises BadInput."""
        answer = self._answer()
        if not isinstance(answer, Leaks):
            raise self._nonsense("an answer to another question")
        self.close()
        return answer.found

    def close(self) -> None:
        """End the child; what was not read is lost. Harmless twice."""
        if not self._closed:
            self._closed = True
            self._child.close()
            if self._checked is not None:
                self._checked.detach()
            self._frames.close()
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _open(self) -> Checked:
        answer = self._answer()
        if not isinstance(answer, Opened):
            raise self._nonsense("frames before facts")
        if answer.sound_rate and answer.sound_channels and self._request.audio:
            self.sound = SoundQueue(answer.sound_rate, answer.sound_channels)
        lie = lies(self._path.name, "clip" if answer.what == "clip" else answer.container)
        try:
            return Checked(answer, self._frames.view, self._limits, confined=self._confined, lie=lie)
        except Nonsense as error:
            raise self._nonsense(str(error)) from error

    def _take(self, shown: Shown) -> Frame:
        assert self._checked is not None, "facts come before frames"
        try:
            frame = self._checked.frame(shown)
        except Nonsense as error:
            raise self._nonsense(str(error)) from error
        self._send(CREDIT + bytes([shown.slot]))
        return frame

    def _hear(self, heard: Heard) -> None:
        if self.sound is None:
            raise self._nonsense("sound that nobody asked for")
        self.sound.put(fraction(heard.time), heard.samples)

    def _end(self, answer: object) -> None:
        if not isinstance(answer, End):
            raise self._nonsense("facts twice, or more than one picture")
        self.notes = tuple(one_line(note, 200) for note in answer.notes)
        self.close()

    def _answer(self) -> Opened | Shown | Heard | Leaks | End:
        """The child's next word that is no read; its refusal is raised."""
        deadline = time.monotonic() + self._limits.wait_s
        while True:
            answer = self._receive(deadline - time.monotonic())
            if isinstance(answer, Read):
                self._serve(answer)
            elif isinstance(answer, Refused):
                self.close()
                raise refusal(answer, str(self._path))
            else:
                return answer

    def _receive(self, left_s: float) -> Opened | Shown | Heard | Leaks | End | Read | Refused:
        try:
            return decode_answer(self._child.receive(deadline_s=max(left_s, 0.0), limit=MESSAGE_LIMIT))
        except BadInput as error:
            raise self._lost(error) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._nonsense("a message that is none") from error

    def _send(self, message: bytes) -> None:
        try:
            self._child.send(message)
        except BadInput as error:
            raise self._lost(error) from error

    def _serve(self, read: Read) -> None:
        if read.offset + read.count > self._request.size:
            raise self._nonsense("a read beyond the end of the file")
        raw = os.pread(self._file.fileno(), read.count, read.offset)
        if len(raw) != read.count:
            self.close()
            raise BadInput("media.truncated", f"{self._path}: became shorter while it was read", hint="wait until it is complete")
        self._send(DATA + raw)

    def _lost(self, error: BadInput) -> BadInput:
        """The child has gone, or did not answer in time."""
        self.close()
        if error.code == "sandbox.hung":
            hint = "the file is damaged, or made to cost time; leave it out"
            return BadInput(
                "media.decoder-hung", f"{self._path}: its decoder gave no picture within {self._limits.wait_s:g} s and was ended", hint=hint
            )
        return BadInput("media.decoder-crashed", f"{self._path}: its decoder broke on it and was ended", hint="the file is damaged; leave it out")

    def _nonsense(self, what: str) -> BadInput:
        """The child said what an honest decoder never says."""
        self.close()
        return BadInput("media.decoder-crashed", f"{self._path}: its decoder answered with {what} and was ended", hint="leave the file out")
