"""The process that may reach the camera, and never decodes: it takes containers and streams apart and hands packets on.

    python -m velatura.edge.ingest      stdin: a socket that brings settings and vision's inbox; stdout: states as lines of JSON

It sees encoded video and has the network, so it is kept small and gives up what it can: no new privileges, no other files, no other TCP port than the
camera's (Landlock, where the kernel has it), no core dumps. Not even FFmpeg's probing decodes (`Source.options`).
Of a camera it never waits: what the pipe has no room for is dropped up to the next key frame, and counted. A camera that ends, refuses or falls
silent is tried again, .5 s doubling to 30 s with jitter; a packet is never torn.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import select
import socket
import struct
import sys
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from velatura.edge.containers import frame_s, header_of, state_of_error
from velatura.edge.feed import MOST_PACKET, End, Feed, Header, Packet
from velatura.edge.login import Login
from velatura.edge.remarks import FAULTS
from velatura.edge.sources import Source
from velatura.edge.timeline import Timeline
from velatura.edge.whole import is_cut
from velatura.sandbox.control import Control

__all__ = ["STATES", "Ingest", "main"]

STATES = ("connecting", "streaming", "lost", "stalled", "refused", "auth", "no-source", "no-access", "malformed", "no-video", "codec", "ended")
OPEN_S, READ_S = 5.0, 2.0  # FFmpeg counts the second twice: a frozen camera is noticed after 4 s
FIRST_S, LONGEST_S = 0.5, 30.0
BEAT_S = 1.0
DRAIN_MS = 20
MOST_FAULTS = 64  # of a file, in a row
PIPE_BYTES = 1 << 20
_SET_PIPE_SIZE, _GET_PIPE_SIZE = 1031, 1032
Say = Callable[[dict[str, Any]], None]


@dataclass(slots=True)
class Counts:
    packets: int = 0
    dropped: int = 0
    malformed: int = 0


class Ingest:
    """One source, read until it ends; a camera never does.

    Args:
        descriptor: of vision's inbox.
        say: told states of STATES, with counts; after each clip with its number and its faults, of `remarks.FAULTS`.
        clips: as whoever starts this process numbers them; None: those of the source.
    """

    def __init__(self, source: Source, descriptor: int, say: Say, *, rng: random.Random | None = None, clips: Sequence[Path] | None = None) -> None:
        self._clips = source.clips() if clips is None and source.kind in ("file", "folder") else clips or ()
        self._source, self._feed, self._descriptor, self._say = source, Feed(descriptor), descriptor, say
        self._rng = rng or random.Random()
        self.counts = Counts()
        self._time, self._waits_for_key, self._beat_s = Timeline(), False, 0.0
        self._outstanding, self._moved_s = 0, time.monotonic()
        with contextlib.suppress(OSError):
            fcntl.fcntl(descriptor, _SET_PIPE_SIZE, PIPE_BYTES)
        self._room = fcntl.fcntl(descriptor, _GET_PIPE_SIZE)
        os.set_blocking(descriptor, False)
        self._gone, self._ready = select.poll(), select.poll()
        self._gone.register(descriptor, 0)  # asks for nothing, and is told when nobody reads any more
        self._ready.register(descriptor, select.POLLOUT)

    def run(self) -> None:
        """Raises BrokenPipeError: vision has gone."""
        if self._source.live:
            self._follow()
        else:
            self._files()
            self._put(End())
            while self._held() and not self._gone.poll(DRAIN_MS):
                self._watch()
            self._tell("ended")

    def _follow(self) -> None:
        wait_s = FIRST_S
        while True:
            before = self.counts.packets
            state = self._camera()
            self._tell(state)
            wait_s = FIRST_S if self.counts.packets > before + 25 else min(2 * wait_s, LONGEST_S)
            time.sleep(wait_s * self._rng.uniform(0.5, 1.0))

    def _camera(self) -> str:
        """One connection, to its end; the state it ended in."""
        self._tell("connecting")
        if self._is_file:
            return self._files()
        return self._clip(self._source.address)

    def _files(self) -> str:
        """One clip after the other; one that cannot be read ends nothing. "streaming", or the state of the first where none could."""
        states = []
        for number, path in enumerate(self._clips):
            packets, malformed = self.counts.packets, self.counts.malformed
            state = self._clip(path) if path.is_file() else "no-source"  # a pipe's name would be waited for
            came = self.counts.packets > packets
            if not came and state == "streaming":
                state = "malformed" if _is_cut(path) else "no-video"
            if came:
                faults = ["damaged"] * (state != "streaming" or self.counts.malformed > malformed) + ["cut"] * _is_cut(path)
            else:
                faults = [state if state in FAULTS else "lost"]
            self.counts.malformed += state == "malformed"
            self._tell(state, clip=number, faults=faults)
            states.append("streaming" if came else state)
        return "streaming" if "streaming" in states else states[0]

    def _clip(self, address: str | Path) -> str:
        """Packets of one container; how it ended."""
        import av

        begun_s, opened = time.monotonic(), False
        named = f"file:{address}" if isinstance(address, Path) else address  # or a name with a colon would be another protocol's
        try:
            with av.open(named, options=dict(self._source.options()), timeout=(OPEN_S, READ_S), **self._format()) as container:
                opened = True
                return self._packets(container)
        except BrokenPipeError:
            raise
        except (av.error.FFmpegError, ValueError, OSError) as error:  # its text may quote the address, and so the password: it is not told
            if not opened and time.monotonic() - begun_s >= OPEN_S:
                return "stalled"  # FFmpeg calls a camera that takes a connection and says nothing invalid data
            return "malformed" if isinstance(error, av.error.ArgumentError) and self._is_file else state_of_error(error)
        finally:
            self._time.end()

    @property
    def _is_file(self) -> bool:
        return self._source.kind in ("file", "folder")

    def _format(self) -> dict[str, Any]:
        """Streams without a container that says what it is."""
        if self._source.kind == "v4l2":
            return {"format": "v4l2"}
        return {"format": "mpjpeg"} if self._source.kind == "http" else {}

    def _packets(self, container: Any) -> str:
        if not container.streams.video:
            return "no-video"
        stream = container.streams.video[0]
        header = header_of(stream)
        if header is None:
            return "codec"
        self._begin(header)
        self._waits_for_key = True
        self._time.begin(stream.time_base, frame_s(stream))
        begun_s = time.monotonic() - self._time.seconds
        for packet in self._demuxed(container, stream):
            if not packet.size or packet.size > MOST_PACKET:
                self.counts.malformed += packet.size > MOST_PACKET
                continue
            clip_s = self._time.place(packet.dts if packet.dts is not None else packet.pts)
            if self._source.live and self._is_file:
                time.sleep(max(0.0, begun_s + clip_s - time.monotonic()))
            came_s = time.monotonic()
            self._offer(Packet(came_s, came_s if self._source.live else clip_s, bool(packet.is_keyframe), bytes(packet), packet.pts, packet.dts))
            self._watch()
        return "lost" if self._source.live and not self._is_file else "streaming"

    def _demuxed(self, container: Any, stream: Any) -> Iterator[Any]:
        """Packets. A file is read on behind what is damaged; of a camera that is an error, and it is connected to anew."""
        import av

        faults = 0
        while True:
            try:
                for packet in container.demux(stream):
                    faults = 0
                    yield packet
                return
            except (av.error.InvalidDataError, LookupError):  # PyAV looks for streams that damage made up
                faults += 1
                self.counts.malformed += 1
                if not self._is_file or faults > MOST_FAULTS:
                    raise av.error.InvalidDataError(0, "damaged") from None

    def _begin(self, header: Header) -> None:
        """A header is never dropped."""
        self._put(header)

    def _offer(self, packet: Packet) -> None:
        self.counts.packets += 1
        if self.counts.packets == 1:
            self._tell("streaming")  # at once: a run that ends within a second has seen something
        if not self._source.live:
            self._put(packet)
            return
        if packet.is_key:
            self._waits_for_key = False
        if self._waits_for_key or not self._has_room(len(packet.data)) or not self._feed.offer(packet):
            self._waits_for_key = True
            self.counts.dropped += 1

    def _has_room(self, size: int) -> bool:
        """Whether a packet goes into the pipe at once; one that is larger than the pipe goes into an empty one, in pieces."""
        held = self._held()
        return held == 0 or held + size + 8192 <= self._room

    def _held(self) -> int:
        """Bytes in the pipe."""
        (held,) = struct.unpack("i", fcntl.ioctl(self._descriptor, termios.FIONREAD, b"\0\0\0\0"))
        return int(held)

    def _put(self, message: Header | Packet | End) -> None:
        """Wait until a message is out. A full pipe is let run half empty: else every packet that vision takes wakes this process for one more."""
        if isinstance(message, Packet) and not self._has_room(len(message.data)):
            while self._held() > self._room // 2 and not self._gone.poll(DRAIN_MS):
                self._watch()
        while not self._feed.offer(message):
            self._ready.poll(DRAIN_MS)
            self._watch()
        while not self._feed.flush():
            self._ready.poll(DRAIN_MS)
            self._watch()

    def _watch(self) -> None:
        """Look whether vision reads, and say something once a second."""
        outstanding, now_s = self._held() + self._feed.left, time.monotonic()
        if not outstanding or outstanding < self._outstanding:
            self._moved_s = now_s
        self._outstanding = outstanding
        if now_s > self._beat_s + BEAT_S:
            self._tell("streaming")

    def _tell(self, state: str, **more: Any) -> None:
        self._beat_s = time.monotonic()
        unread_s = self._beat_s - self._moved_s if self._outstanding else 0.0
        read = self._time
        left_out = {"gaps": read.gaps, "left_out_s": int(read.left_out_s)}
        self._say({"state": state, "seconds": read.seconds, "unread_s": unread_s, **left_out, **asdict(self.counts), **more})


def _is_cut(path: Path) -> bool:
    try:
        return is_cut(path)
    except OSError:
        return False


def rehearse() -> None:
    """Take a picture of 16x16 apart: PyAV imports much of itself at the first stream that it meets, and once confined nothing can be imported."""
    import io

    import av

    with av.open(io.BytesIO(bytes(256)), "r", format="rawvideo", options={"video_size": "16x16", "pixel_format": "gray"}) as container:
        for packet in container.demux(video=0):
            bytes(packet)


def confine(source: Source) -> bool:
    """Give up what is not needed; whether Landlock holds. Everything that is imported must be by now."""
    from velatura.sandbox import landlock, privileges

    privileges.no_new_privileges()
    privileges.set_dumpable(to=False)
    privileges.set_limits({"RLIMIT_CORE": 0, "RLIMIT_FSIZE": 0})
    if source.kind == "v4l2":
        return False
    system = [path for path in map(Path, ("/etc", "/usr", "/lib", *([source.ca] if source.ca else []))) if path.exists()]
    reads = [Path(source.word)] if source.kind in ("file", "folder") else system
    try:
        landlock.restrict(reads=reads, connects=[] if source.port is None else [source.port])
    except OSError:
        return False
    return True


def main() -> None:
    """Entry point of the process. It is ready before vision is locked, and learns only then what to read."""
    import av

    av.logging.set_level(None)
    rehearse()
    try:
        settings, (inbox,) = Control(socket.socket(fileno=sys.stdin.fileno())).receive()
    except (EOFError, OSError):
        return  # vision could not be locked
    login = settings.get("login")
    source = Source(settings["kind"], settings["word"], settings["live"], Login(*login) if login else None, settings.get("ca", ""))
    confined = confine(source)

    def say(state: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps({**state, "confined": confined}) + "\n")
        sys.stdout.flush()

    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        Ingest(source, inbox, say, clips=[Path(name) for name in settings["clips"]] if "clips" in settings else None).run()


if __name__ == "__main__":
    main()
