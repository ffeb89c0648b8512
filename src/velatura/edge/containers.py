"""What FFmpeg knows of a container without decoding: the stream of pictures, how long a frame lasts, and which state an error of its stands for."""

from __future__ import annotations

from typing import Any

from velatura.edge.feed import CODECS, Header

__all__ = ["frame_s", "header_of", "state_of_error"]


def header_of(stream: Any) -> Header | None:
    """What vision is told of a container's stream of pictures; None: its codec is not read."""
    codec = stream.codec_context
    name = codec.codec.canonical_name if codec is not None else ""  # `name` is the decoder's: AV1 is "libdav1d" there
    if name not in CODECS:
        return None
    base = stream.time_base
    return Header(name, codec.width, codec.height, (base.numerator, base.denominator), bytes(codec.extradata or b""))


def frame_s(stream: Any) -> float:
    rate = stream.average_rate
    return 1 / float(rate) if rate else 0.04


def state_of_error(error: Exception) -> str:
    """The state for an error of FFmpeg, by its kind alone."""
    import av

    kinds: list[tuple[Any, str]] = [
        (av.error.HTTPUnauthorizedError, "auth"),
        (av.error.HTTPForbiddenError, "auth"),
        (av.error.ExitError, "stalled"),
        (TimeoutError, "stalled"),
        (ConnectionRefusedError, "refused"),
        (av.error.InvalidDataError, "malformed"),
        (av.error.HTTPError, "refused"),
        (av.error.HTTPClientError, "refused"),  # 404, which is no HTTPError to PyAV
        (FileNotFoundError, "no-source"),
        (PermissionError, "no-access"),
    ]
    return next((state for kind, state in kinds if isinstance(error, kind)), "lost")
