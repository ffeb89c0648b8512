"""The forty ways in which a picture or a clip gives away what its pixels no longer show, by name.

`seen`: `velatura scan` can tell from the file alone. The others need a run (what became of the output, of the log, of the frames) and are played
by `benchmarks/leaks.py`, which plays all forty.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CASES", "Case"]


@dataclass(frozen=True, slots=True)
class Case:
    """One case: its kind of file, and what leaks."""

    kind: str
    leaks: str
    seen: bool = True


CASES: dict[str, Case] = {
    "L01": Case("JPEG", "thumbnail of the clear picture (EXIF, JFIF, Photoshop)"),
    "L02": Case("JPEG", "maker note or sub-directory with a preview picture; a vendor's own segment"),
    "L03": Case("JPEG", "GPS position, names, serial numbers, times in EXIF"),
    "L04": Case("JPEG", "a second full picture after the first (MPF)"),
    "L05": Case("JPEG", "XMP packet: names of people, face regions"),
    "L06": Case("JPEG", "IPTC caption, by-line, place"),
    "L07": Case("JPEG", "comment"),
    "L08": Case("JPEG", "extended XMP: depth map, motion photo, second picture"),
    "L09": Case("JPEG", "bytes after the end: another picture, the clip of a motion photo"),
    "L10": Case("JPEG", "colour profile with its own description or serial number"),
    "L11": Case("PNG", "text, EXIF, time, private chunks"),
    "L12": Case("PNG", "bytes after the end (aCropalypse)"),
    "L13": Case("PNG", "pixels under alpha 0"),
    "L14": Case("PNG", "further frames (APNG), default picture outside the animation"),
    "L15": Case("GIF", "further frames"),
    "L16": Case("TIFF", "further pages, sub-directories, thumbnails"),
    "L17": Case("TIFF", "private tags, XMP, IPTC, Photoshop blocks"),
    "L18": Case("JPEG", "orientation: a reader that ignores it looks at a face that lies on its side"),
    "L19": Case("WebP", "EXIF, XMP, private chunks, further frames"),
    "L20": Case("any", "the rest of a longer file that the output replaced", seen=False),
    "L21": Case("HEIC", "depth, auxiliary, thumbnail and further pictures, EXIF, XMP"),
    "L22": Case("AVIF", "frames of a sequence, EXIF, XMP, further pictures"),
    "L23": Case("any", "a name that lies about the content"),
    "L24": Case("MP4", "place, title, device, times in udta, meta and headers"),
    "L25": Case("MP4", "cover art with the face"),
    "L26": Case("MKV", "attachments (pictures, fonts)"),
    "L27": Case("MP4/MKV", "subtitles and captions with names"),
    "L28": Case("MP4", "data track: telemetry (gpmd), time code (tmcd), camera position"),
    "L29": Case("MP4", "a second video stream"),
    "L30": Case("MP4", "sound: voices, spoken names"),
    "L31": Case("H.264", "user data inside the video stream (SEI): encoder, position, time code"),
    "L32": Case("MP4", "frames that an edit list hides"),
    "L33": Case("MP4/MKV", "chapters, names of tracks"),
    "L34": Case("MP4", "free, skip and uuid boxes, bytes after the last box"),
    "L35": Case("clip", "a damaged frame shown as an earlier one, or half decoded", seen=False),
    "L36": Case("clip", "uneven frame times: the mask on the wrong frame", seen=False),
    "L37": Case("folder", "side files (.xmp .thm .lrv .srt .aae) beside the input"),
    "L38": Case("disk", "temporary and half-written files after a kill"),
    "L39": Case("log", "values from the file in messages and reports", seen=False),
    "L40": Case("output", "last row and column, regions over the border, chroma under the mask", seen=False),
}
