"""Packets of one stream into frames, with all that a decoder lets know about damage.

A decoder tells of damage in three ways: it refuses a packet, flags a frame, or only writes a line to its log (Motion JPEG and FFV1 do no more).
All three are taken. What it cannot notice stays unnoticed: VP9 and the arithmetic coders of H.264 and H.265 read most flipped bits as another
valid picture. Such a picture is what a viewer would see too, and detection looks at the very same.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import av
from av.container import InputContainer
from av.stream import Discard
from av.video.stream import VideoStream

from velatura.errors import BadInput, Unsupported
from velatura.media.damage import Decoded, Trouble
from velatura.media.reader import Limits

__all__ = ["decoded", "decoder_for", "encrypted", "listen_to_decoders"]

_REMEMBERED = 64  # packets whose place in the order of decoding is kept: no codec reorders over more than 16

# It flags each frame that it had to mend, and complains aloud about the harmless reference lists of many cameras.
_FLAGS_RELIABLY = "h264"


def listen_to_decoders() -> None:
    """Let decoders' complaints reach `decoded`, and nobody else: they quote hostile bytes."""
    logger = logging.getLogger("libav")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    av.logging.set_level(av.logging.ERROR)


def encrypted() -> Unsupported:
    """The refusal of a clip under digital rights management."""
    return Unsupported("media.encrypted", "is encrypted (digital rights management)", hint="only its owner's player can open it")


def decoder_for(stream: VideoStream, limits: Limits) -> av.VideoCodecContext:
    """The decoder of `stream`, not opened yet: one thread, no picture beyond the limit; the other streams are not even read."""
    context = stream.codec_context
    if context.name in ("vp8", "vp9") and stream.metadata.get("alpha_mode") == "1":
        # FFmpeg's own decoders ignore the transparency of VP8 and VP9 and would show what it hides.
        twin = av.CodecContext.create("libvpx-vp9" if context.name == "vp9" else "libvpx", "r")
        assert isinstance(twin, av.VideoCodecContext)
        twin.extradata = context.extradata
        context = twin
    context.thread_count = 1
    context.thread_type = "NONE"
    context.options = {"max_pixels": str(limits.pixels), "err_detect": "crccheck"}
    # Frames before the first recovery point come flagged instead of not at all.
    context.flags |= av.codec.context.Flags.output_corrupt
    for other in stream.container.streams:
        if other.index != stream.index:
            other.discard = Discard.all
    return context


def decoded(container: InputContainer, stream: VideoStream, codec: av.VideoCodecContext) -> Iterator[Decoded[av.VideoFrame] | Trouble]:
    """Frames in presentation order; a packet that the decoder refuses comes as a frame without a picture.

    Raises:
        BadInput: `media.malformed`, `media.too-large`.
        Unsupported: `media.encrypted`.
    """
    times = _by_dts if container.format.name == "avi" else _by_pts
    order: dict[int | None, int] = {}
    for number, packet in enumerate(_packets(container, stream)):
        order[packet.pts] = number
        if len(order) > _REMEMBERED:
            del order[next(iter(order))]
        with av.logging.Capture(local=False) as complaints:
            frames = _frames(codec, packet)
        if frames is None:
            yield Decoded(None, packet.pts, number, packet.duration or 0, corrupt=True)
        elif complaints and codec.name != _FLAGS_RELIABLY:
            yield Trouble(number)
        for frame in frames or ():
            yield Decoded(frame, times(frame), order.get(frame.pts), frame.duration, key=frame.key_frame, corrupt=frame.is_corrupt)


def _frames(codec: av.VideoCodecContext, packet: av.Packet[VideoStream]) -> list[av.VideoFrame] | None:
    """What a packet (an empty one at the end) brings forth; None if it is refused."""
    try:
        return codec.decode(packet if packet.size else None)
    except (MemoryError, av.error.MemoryError) as error:
        raise BadInput("media.too-large", "its pictures need more memory than a decoder may have") from error
    except av.error.FFmpegError:
        return None if packet.size and not packet.is_discard else []


def _packets(container: InputContainer, stream: VideoStream) -> Iterator[av.Packet[VideoStream]]:
    packets: Iterator[av.Packet[VideoStream]] = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError as error:
            raise BadInput("media.malformed", f"its container is damaged in the middle ({error.strerror})") from error
        if packet is None:
            return
        if packet.size and packet.has_sidedata("encryption_info"):
            raise encrypted()
        yield packet


def _by_pts(frame: av.VideoFrame) -> int | None:
    return frame.dts if frame.pts is None else frame.pts


def _by_dts(frame: av.VideoFrame) -> int | None:
    """AVI stores no presentation times; what is made up for them goes back and forth. FFmpeg's frame.dts is the time by order of decoding."""
    return frame.dts
