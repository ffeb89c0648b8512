"""Where encoded video comes from, as a person names it: a file, a folder of clips, or a camera (RTSP, HTTP Motion JPEG, V4L2).

A camera is live: its end is a loss, the newest frame counts, ticks follow the clock. A file is read whole, or played as a camera would (`live`).
V4L2 is written after FFmpeg's documentation and was not tried on a device.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from velatura.edge.certificates import certificates_of
from velatura.edge.login import Login
from velatura.errors import BadInput, BadSpec
from velatura.files import is_there
from velatura.media.kinds import is_clip_name

__all__ = ["Source", "redacted", "source_of"]

Kind = Literal["file", "folder", "rtsp", "http", "v4l2"]
SCHEMES = {"rtsp": ("rtsp", 554), "rtsps": ("rtsp", 322), "http": ("http", 80), "https": ("http", 443)}
MORE_CLIPS = (".mjpeg", ".mjpg", ".obu")
"""Names of streams without a container, which only cameras write."""
CONTAINERS = ("mov", "matroska", "webm", "avi", "mpegts", "mpeg", "flv", "ivf", "obu", "h264", "hevc", "mjpeg", "m4v")
"""Of files, as FFmpeg calls them: those that name no other place."""
_FILES, _TCP = "file", "tcp,tls"
_HOST = re.compile(r"[^\s]{1,253}")
_SECRET = re.compile(r"((?:user|login|pass|pwd|psw|token|auth|key|secret)[A-Za-z]*)=[^/?#]*", re.IGNORECASE)
PROTOCOLS = {"file": _FILES, "folder": _FILES, "v4l2": _FILES, "rtsp": f"rtp,rtsp,{_TCP}", "http": f"http,https,{_TCP}"}


@dataclass(frozen=True, slots=True)
class Source:
    """Attributes:
    kind: how it is reached.
    word: path or address, without user and password; a query may still hold some, so `shown` is what is told.
    live: frames that come too fast are dropped, an end is a loss.
    login: what a camera asks for.
    ca: file of certificates, one of which must have signed the camera's, or be it; "": over TLS it may be anybody.
    """

    kind: Kind
    word: str
    live: bool
    login: Login | None = None
    ca: str = ""

    @property
    def shown(self) -> str:
        """For a person, a log, a status: many cameras take user and password in their query, or in a piece of their path."""
        return redacted(self.word) if self.kind in ("rtsp", "http") else self.word

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
        """The file, or what is named as a clip in the folder, sorted by name. Raises BadInput `edge.no-clips`."""
        if self.kind == "file":
            return [Path(self.word)]
        found = sorted(path for path in Path(self.word).iterdir() if _is_clip(path))
        if not found:
            raise BadInput("edge.no-clips", f"{self.word}: no clip is in this folder", hint="clips are told by their names: .mp4, .mkv, .avi ...")
        return found

    def others(self) -> list[str]:
        """Names of what else lies in the folder, sorted; what is hidden is nobody's clip."""
        if self.kind != "folder":
            return []
        return sorted(path.name for path in Path(self.word).iterdir() if not _is_clip(path) and not path.name.startswith("."))

    def options(self) -> Mapping[str, str]:
        """Of FFmpeg. Its probing opens no decoder: none is on the list of those that may be.

        A file opens files alone, and is a container by its content: with a playlist or the description of a session this machine would connect,
        bind and ask for names as whoever wrote the file chose.
        """
        verified = {"tls_verify": "1", "ca_file": self.ca} if self.ca else {}  # without it FFmpeg takes any certificate
        common = {"codec_whitelist": "none", "protocol_whitelist": PROTOCOLS[self.kind], **verified}
        if self.kind == "rtsp":
            return {**common, "format_whitelist": "rtsp", "rtsp_transport": "tcp", "analyzeduration": "1000000"}
        return {**common, "format_whitelist": ",".join(CONTAINERS)} if self.kind in ("file", "folder") else common


def _is_clip(path: Path) -> bool:
    """By its name. A folder is none; what cannot be opened is one that is missed."""
    return (is_clip_name(path.name) or path.suffix.lower() in MORE_CLIPS) and not path.is_dir()


def source_of(word: str, *, live: bool = False, login: Login | None = None, ca: str = "") -> Source:
    """What a word names. ca: see `Source`; only for addresses of TLS.

    Raises:
        BadSpec: `edge.source`: unknown kind of address, or a user in it and in the login too.
        BadInput: `edge.no-source`: no such file; `edge.unreadable`.
    """
    if "://" in word or (word.partition(":")[0].lower() in SCHEMES and not is_there(Path(word))):
        return _verified(_camera(word, login), ca)
    if ca:
        raise BadSpec("edge.source", f"{word}: is reached without TLS, and --ca is given", hint="rtsps:// or https://, or leave it out")
    if re.fullmatch(r"/dev/video[0-9]{1,9}", word):
        return Source("v4l2", word, True)
    return Source(_kind_of(Path(word)), word, live)


def _kind_of(path: Path) -> Literal["file", "folder"]:
    """Of what is there, and can be read. Raises BadInput `edge.no-source`, `edge.unreadable`."""
    try:
        if path.is_dir():
            os.scandir(path).close()
            return "folder"
        if path.is_file():
            path.open("rb").close()
            return "file"
        why = "is no plain file" if path.exists() else "no such file"
    except OSError as error:
        raise BadInput("edge.unreadable", f"{path}: cannot be read: {error.strerror}", hint="check its name and its permissions") from error
    raise BadInput("edge.no-source", f"{path}: {why}", hint="a file, a folder, rtsp://CAMERA, http://CAMERA or /dev/videoN")


def _camera(word: str, login: Login | None) -> Source:
    """An address. Raises BadSpec `edge.source`."""
    scheme, _, rest = word.partition(":")
    scheme = scheme.lower()
    if scheme not in SCHEMES or not rest.startswith("//"):
        told = redacted(word) if "://" in word else f"{scheme}: without //"
        raise BadSpec("edge.source", f"{told}: addresses begin with {', '.join(f'{name}://' for name in SCHEMES)}")
    parts = _split(word)
    if parts.username is not None:
        if login is not None:
            raise BadSpec("edge.source", "the address holds a user, and so does the login", hint="one of both")
        login = Login(unquote(parts.username), unquote(parts.password or ""))
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        word = urlunsplit(parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host or ""))
    return Source("rtsp" if scheme.startswith("rtsp") else "http", word, True, login)


def _verified(camera: Source, ca: str) -> Source:
    """Raises BadSpec `edge.source`: a camera without TLS has no certificate; `edge.ca`."""
    if not ca:
        return camera
    if urlsplit(camera.word).scheme not in ("rtsps", "https"):
        raise BadSpec("edge.source", f"{camera.shown}: is reached without TLS, and --ca is given", hint="rtsps:// or https://, or leave it out")
    return replace(camera, ca=str(certificates_of(ca).resolve()))


def _split(word: str) -> SplitResult:
    """Its parts, with a host and a port that can be. Raises BadSpec `edge.source`."""
    try:
        parts = urlsplit(word)
        host, port = parts.hostname, parts.port
    except ValueError:  # its text quotes the address; what stands where a port should may be a password without its host
        host, port, parts = "", 0, SplitResult("", "", "", "", "")
        word = word if "@" in word else word.partition("//")[0] + "//..."
    if any("@" in part for part in (parts.path, parts.query, parts.fragment)) or ("@" in word and not host):
        sentence = f"{redacted(word)}: there is an '@' behind its host, or a / ? # in its password, and nobody can tell which"
        raise BadSpec("edge.source", sentence, hint="--login FILE for user and password; %2F, %3F, %23, %40 for / ? # @")
    if not host or port == 0 or not _HOST.fullmatch(host) or not word.isprintable():  # urlsplit drops line ends, FFmpeg does not
        raise BadSpec("edge.source", f"{redacted(word)}: names no camera, or a port that is none", hint="rtsp://CAMERA[:PORT]/PATH")
    return parts


def redacted(text: str) -> str:
    """Without users and passwords in addresses; a password may hold any of / ? # @ and blanks.

    All from `//` to the last `@` goes, queries, and values of a path that are named like a secret; rather too much than a part of a password.
    """
    text = re.sub(r"([A-Za-z][A-Za-z0-9+.-]*://).*@", r"\1", text, flags=re.DOTALL)
    if "://" not in text:
        return text
    return _SECRET.sub(r"\1=...", re.sub(r"(://[^?]*\?).+", r"\1...", text, flags=re.DOTALL))
