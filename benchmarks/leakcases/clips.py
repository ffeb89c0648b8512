"""L24 to L36: a short clip of the face, which moves, with something beside, inside or behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import numpy as np
from av.bitstream import BitStreamFilterContext

from benchmarks.leakcases import look
from benchmarks.leakcases.boxes import box, find, into_moov, with_edit
from benchmarks.leakcases.case import LeakCase
from benchmarks.leakcases.face import MARK, portrait
from benchmarks.leakcases.jpegs import small

FRAMES = 24
RATE = 24
UNEVEN = [0, 40, 41, 200, 240, 280, 500, 533, 566, 900, 933, 1100, 1133, 1140, 1500, 1533]
_QUIET = {"preset": "veryfast", "crf": "18", "g": "12", "bf": "0", "threads": "1"}
_Packets = list[av.Packet]


def _film(out: av.container.OutputContainer, shifts: Sequence[int], stamps: Sequence[int], **options: str) -> tuple[Any, _Packets]:
    """A stream of the face, and its packets."""
    stream = out.add_stream("libx264", rate=RATE, options=_QUIET | options)
    stream.width = stream.height = portrait().width
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
    packets: _Packets = []
    for shift, stamp in zip(shifts, stamps, strict=True):
        frame = av.VideoFrame.from_ndarray(np.asarray(portrait(shift)), format="rgb24")
        frame.pts, frame.time_base = stamp, Fraction(1, 1000)
        packets += stream.encode(frame)
    return stream, packets + stream.encode(None)


def _even(count: int = FRAMES) -> tuple[range, list[int]]:
    return range(0, 2 * count, 2), [n * 1000 // RATE for n in range(count)]


def _mux(out: av.container.OutputContainer, packets: _Packets) -> None:
    for packet in sorted(packets, key=lambda one: float((one.dts or 0) * one.time_base)):
        out.mux(packet)


def _write(path: Path, add: Callable[[av.container.OutputContainer, _Packets], None] | None = None, *, options: dict[str, str] | None = None) -> None:
    """A clip of the face; `add` puts streams and packets to it before anything is written."""
    with av.open(str(path), "w", container_options={"fflags": "+bitexact", **(options or {})}) as out:
        _, packets = _film(out, *_even())
        if add is not None:
            add(out, packets)
        _mux(out, packets)


@cache
def plain() -> bytes:
    """An MP4 of the face, `moov` last, no user data of its encoder."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "plain.mp4"
        _write(path)
        return without_sei(path)


def without_sei(path: Path) -> bytes:
    """The clip with x264's settings taken out of its stream, so that a case has one leak."""
    return _filtered(path, "filter_units=remove_types=6")


def _filtered(path: Path, filters: str) -> bytes:
    target = path.with_name("filtered" + path.suffix)
    with av.open(str(path)) as clip, av.open(str(target), "w", container_options={"fflags": "+bitexact"}) as out:
        source = clip.streams.video[0]
        stream = out.add_stream_from_template(source)
        chain = BitStreamFilterContext(filters, source, stream)
        for packet in [*clip.demux(source), None]:
            for done in chain.filter(packet):
                done.stream = stream
                out.mux(done)
    return target.read_bytes()


def _audio(out: av.container.OutputContainer, packets: _Packets) -> None:
    stream = out.add_stream("aac", rate=48_000, layout="mono")
    for at in range(0, 48_000, 1024):
        wave = (np.sin(np.arange(at, at + 1024) / 9) * 9000).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
        frame.rate, frame.pts, frame.time_base = 48_000, at, Fraction(1, 48_000)
        packets += stream.encode(frame)
    packets += stream.encode(None)


def _second_film(out: av.container.OutputContainer, packets: _Packets) -> None:
    _, more = _film(out, *_even())
    packets += more


def _subtitles(out: av.container.OutputContainer, packets: _Packets) -> None:
    stream = out.add_stream("mov_text")
    stream.time_base = Fraction(1, 1000)
    stream.codec_context.subtitle_header = b"[Script Info]\n[Events]\n"
    for start in (0, 400):
        packet = av.Packet(len(MARK).to_bytes(2, "big") + MARK)
        packet.stream, packet.time_base = stream, Fraction(1, 1000)
        packet.pts = packet.dts = start
        packet.duration = 300
        packets.append(packet)


def _attachment(out: av.container.OutputContainer, packets: _Packets) -> None:
    out.add_attachment("face.jpg", "image/jpeg", small(320))
    out.add_attachment("note.txt", "text/plain", MARK)


def _chapters(out: av.container.OutputContainer, packets: _Packets) -> None:
    out.set_chapters([{"id": 1, "start": 0, "end": 500, "time_base": Fraction(1, 1000), "metadata": {"title": MARK.decode()}}])


def _tagged(path: Path) -> None:
    entry = box(b"\xa9nam", box(b"data", b"\0\0\0\1\0\0\0\0", MARK))
    handler = box(b"hdlr", b"\0" * 8, b"mdirappl", b"\0" * 9)
    place = b"+41.8900-070.0850/" + MARK
    user = box(b"udta", box(b"\xa9xyz", len(place).to_bytes(2, "big"), b"\x15\xc7", place), box(b"meta", b"\0" * 4, handler, box(b"ilst", entry)))
    path.write_bytes(into_moov(plain(), user))


def _cover(path: Path) -> None:
    entry = box(b"covr", box(b"data", b"\0\0\0\x0d\0\0\0\0", small(320)))
    handler = box(b"hdlr", b"\0" * 8, b"mdirappl", b"\0" * 9)
    path.write_bytes(into_moov(plain(), box(b"udta", box(b"meta", b"\0" * 4, handler, box(b"ilst", entry)))))


def _telemetry(path: Path) -> None:
    """A track whose packets carry the mark: GoPro's kind of data, its own handler."""
    raw, sample = plain(), b"DEVC" + MARK * 4
    start, end = find(raw, b"moov", b"trak", b"tkhd")
    header = raw[start + 8 : start + 20] + b"\0\0\0\2" + raw[start + 24 : end]
    at = len(raw[: find(raw, b"moov")[0]]) + 8  # its own mdat goes before moov
    zero = b"\0\0\0\0"
    table = box(
        b"stbl",
        box(b"stsd", zero, b"\0\0\0\1", box(b"gpmd", b"\0" * 6, b"\0\1", zero)),
        box(b"stts", zero, b"\0\0\0\1\0\0\0\1\0\0\3\xe8"),
        box(b"stsc", zero, b"\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1"),
        box(b"stsz", zero, len(sample).to_bytes(4, "big"), b"\0\0\0\1"),
        box(b"stco", zero, b"\0\0\0\1", at.to_bytes(4, "big")),
    )
    head = find(raw, b"moov")[0]
    information = box(
        b"minf", box(b"gmhd", box(b"gmin", b"\0" * 16)), box(b"dinf", box(b"dref", zero, b"\0\0\0\1", box(b"url ", b"\0\0\0\1"))), table
    )
    times = box(b"mdhd", b"\0" * 12, b"\0\0\3\xe8\0\0\3\xe8\x55\xc4\0\0")
    media = box(b"mdia", times, box(b"hdlr", b"\0" * 8, b"meta", b"\0" * 12, b"\0"), information)
    path.write_bytes(into_moov(raw[:head] + box(b"mdat", sample) + raw[head:], box(b"trak", box(b"tkhd", header), media)))


def _sei(path: Path) -> None:
    whole = path.with_name("before.mp4")
    whole.write_bytes(plain())
    told = "086f3693-b7b3-4f2c-9653-21492feee5b8+" + MARK.decode()
    path.write_bytes(_filtered(whole, f"h264_metadata=sei_user_data={told}"))
    whole.unlink()
    whole.with_name("filtered.mp4").unlink()


def _hidden_lead_in(path: Path) -> None:
    start, _ = find(raw := plain(), b"moov", b"trak", b"mdia", b"mdhd")
    scale = int.from_bytes(raw[start + 20 : start + 24], "big")
    path.write_bytes(with_edit(raw, scale // 2, 500))


def _private_boxes(path: Path) -> None:
    raw = plain()
    head = find(raw, b"moov")[0]
    owned = box(b"uuid", bytes(range(16)), MARK)
    whole = into_moov(raw[:head] + box(b"free", MARK) + raw[head:], owned)
    path.write_bytes(whole + owned + box(b"skip", small(320)) + MARK)


def _damaged(path: Path) -> None:
    """Bytes of five pictures in the middle of the second group are overwritten."""
    raw = bytearray(plain())
    with TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.mp4"
        whole.write_bytes(raw)
        with av.open(str(whole)) as clip:
            packets = [(packet.pos, packet.size) for packet in clip.demux(video=0) if packet.size]
    for at, size in packets[14:19]:
        for place in range(at + size // 3, at + size, 3):
            raw[place] ^= 0x5A
    path.write_bytes(raw)


def _uneven(path: Path) -> None:
    """Uneven times, pictures stored in another order than shown, and a face that jumps."""
    with av.open(str(path), "w", container_options={"fflags": "+bitexact"}) as out:
        _, packets = _film(out, [(n % 2) * 70 for n in range(len(UNEVEN))], UNEVEN, bf="3", g="16")
        _mux(out, packets)
    path.write_bytes(without_sei(path))
    path.with_name("filtered.mp4").unlink()


def _of_streams(kind: str, words: str, most: int = 0) -> Callable[[Path], str]:
    return lambda path: look.first_of(words if look.streams(path).get(kind, 0) > most else "", look.mark(path))


def _second(path: Path) -> str:
    return "a second video stream" if look.streams(path).get("video", 0) > 1 else ""


def _other_times(path: Path) -> str:
    kept = look.times(path)
    return "" if kept == [round(stamp / 1000, 4) for stamp in UNEVEN] else f"{len(UNEVEN)} frames became {len(kept)}, at other times"


def _mp4(case: str, name: str, make: Callable[[Path], None], leaks: Callable[[Path], str], *, suffix: str = ".mp4", **more: Any) -> LeakCase:
    return LeakCase(case, f"{case}_{name}{suffix}", f"{case}_{name}{suffix}", make, leaks, **more)


CASES = [
    _mp4("L24", "tags", _tagged, look.mark),
    _mp4("L25", "cover", _cover, lambda path: look.first_of(look.carved(path), "cover art" if look.streams(path).get("cover") else "")),
    _mp4("L26", "attachment", lambda path: _write(path, _attachment), lambda path: look.first_of(look.mark(path), look.carved(path)), suffix=".mkv"),
    _mp4("L27", "subtitles", lambda path: _write(path, _subtitles), _of_streams("subtitle", "subtitles")),
    _mp4("L28", "telemetry", _telemetry, _of_streams("data", "a data track")),
    _mp4("L29", "second_film", lambda path: _write(path, _second_film), _second),
    _mp4("L30", "sound", lambda path: _write(path, _audio), _of_streams("audio", "the sound track")),
    _mp4("L31", "sei", _sei, look.mark),
    _mp4("L32", "edit_list", _hidden_lead_in, lambda path: look.face(path, edits=False)),
    _mp4("L33", "chapters", lambda path: _write(path, _chapters), look.mark, suffix=".mkv"),
    _mp4("L34", "boxes", _private_boxes, lambda path: look.first_of(look.mark(path), look.carved(path))),
    _mp4("L35", "damaged", _damaged, look.face, found=False),
    _mp4("L36", "uneven", _uneven, look.face, found=False, harm=_other_times),
]
