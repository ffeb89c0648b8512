"""Where encoded video comes from, as a person names it: a file, a folder of clips, or a camera (RTSP, HTTP Motion JPEG, V4L2).

A camera is live: its end is a loss, the newest frame counts, ticks follow the clock. A file is read whole, or played as a camera would (`live`).
V4L2 is written after FFmpeg's documentation and was not tried on a device.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit, urlunsplit

from velatura.edge.login import Login
from velatura.errors import BadInput, BadSpec

__all__ = ["Source", "redacted", "source_of"]

Kind = Literal["file", "folder", "rtsp", "http", "v4l2"]
SCHEMES = {"rtsp": ("rtsp", 554), "rtsps": ("rtsp", 322), "http": ("http", 80), "https": ("http", 443)}
CLIPS = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mjpeg", ".mjpg", ".h264", ".hevc"})

CONTAINERS = ("mov", "matroska", "webm", "avi", "mpegts", "mpeg", "flv", "ivf", "obu", "h264", "hevc", "mjpeg", "m4v")
"""Of files, as FFmpeg calls them: those that name no other place."""
_FILES, _TCP = "file", "tcp,tls"
PROTOCOLS = {"file": _FILES, "folder": _FILES, "v4l2": _FILES, "rtsp": f"rtp,rtsp,{_TCP}", "http": f"http,https,{_TCP}"}


@dataclass(frozen=True, slots=True)
class Source:
    """Attributes:
    kind: how it is reached.
    word: path or address, without a password: may be shown.
    live: frames that come too fast are dropped, an end is a loss.
    login: what a camera asks for.
    """

    kind: Kind
    word: str
    live: bool
    login: Login | None = None

    @property
    def address(self) -> str:
        """What FFmpeg opens; holds the password."""
        if self.login is None or self.kind not in ("rtsp", "http"):
            return self.word
        parts = urlsplit(self.word)
        user, password = (quote(word, safe="") for word in (self.login.user, self.login.password))
        return urlunsplit(parts._replace(netloc=f"{user}:{password}@{parts.netloc}"))

    @property
    def port(self) -> int | None:
        """The TCP port of a camera."""
        parts = urlsplit(self.word)
        return parts.port or SCHEMES[parts.scheme][1] if self.kind in ("rtsp", "http") else None

    def clips(self) -> list[Path]:
        """The file, or the clips of the folder, sorted by name. Raises BadInput `edge.no-clips`."""
        if self.kind == "file":
            return [Path(self.word)]
        found = sorted(path for path in Path(self.word).iterdir() if path.is_file() and path.suffix.lower() in CLIPS)
        if not found:
            raise BadInput("edge.no-clips", f"{self.word}: no clip is in this folder", hint=f"clips end in {', '.join(sorted(CLIPS))}")
        return found

    def options(self) -> Mapping[str, str]:
        """Of FFmpeg. Its probing opens no decoder: none is on the list of those that may be.

        A file opens files alone, and is a container by its content: with a playlist or the description of a session this machine would connect,
        bind and ask for names as whoever wrote the file chose.
        """
        common = {"codec_whitelist": "none", "protocol_whitelist": PROTOCOLS[self.kind]}
        if self.kind == "rtsp":
            return {**common, "format_whitelist": "rtsp", "rtsp_transport": "tcp", "analyzeduration": "1000000"}
        return {**common, "format_whitelist": ",".join(CONTAINERS)} if self.kind in ("file", "folder") else common


def source_of(word: str, *, live: bool = False, login: Login | None = None) -> Source:
    """What a word names.

    Raises:
        BadSpec: `edge.source`: unknown kind of address, or a user in it and in the login too.
        BadInput: `edge.no-source`: no such file.
    """
    scheme = word.partition("://")[0].lower() if "://" in word else ""
    if scheme:
        if scheme not in SCHEMES:
            raise BadSpec("edge.source", f"{redacted(word)}: addresses begin with {', '.join(f'{name}://' for name in SCHEMES)}")
        parts = urlsplit(word)
        if not parts.hostname:
            raise BadSpec("edge.source", f"{redacted(word)}: names no camera", hint="rtsp://CAMERA/PATH")
        if parts.username is not None:
            if login is not None:
                raise BadSpec("edge.source", "the address holds a user, and so does the login", hint="one of both")
            login = Login(parts.username, parts.password or "")
            host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
            word = urlunsplit(parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host))
        return Source("rtsp" if scheme.startswith("rtsp") else "http", word, True, login)
    path = Path(word)
    if re.fullmatch(r"/dev/video\d+", word):
        return Source("v4l2", word, True)
    if path.is_dir():
        return Source("folder", word, live)
    if not path.is_file():
        raise BadInput("edge.no-source", f"{word}: no such file", hint="a file, a folder, rtsp://CAMERA, http://CAMERA or /dev/videoN")
    return Source("file", word, live)


def redacted(text: str) -> str:
    """Without user names and passwords in addresses; FFmpeg's messages quote them."""
    return re.sub(r"(\w+://)[^/\s]*@", r"\1", text)
