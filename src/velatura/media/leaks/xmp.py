"""What kind of things an XMP packet tells, by the names of its properties; no XML parser touches it.

Source: Adobe XMP specification part 2; MWG guidelines 2.0 section 5.9 (face regions); Android's motion photo and depth formats.
"""

from __future__ import annotations

from velatura.media.leaks.span import Span

__all__ = ["describe_xmp"]

_MOST = 4 << 20
_WORDS = {
    b"GPS": "GPS position",
    b"mwg-rs": "named face regions",
    b"PersonInImage": "names of people",
    b"dc:creator": "names",
    b"dc:description": "a description",
    b"photoshop:": "captions",
    b"xmp:Thumbnails": "a thumbnail",
    b"xmpGImg": "a thumbnail",
    b"GDepth": "a depth map",
    b"GImage": "a second picture",
    b"MotionPhoto": "a motion photo",
    b"MicroVideo": "a motion photo",
    b"SerialNumber": "serial numbers",
    b"DocumentID": "identity of the document",
    b"InstanceID": "identity of the document",
    b"xmpMM:History": "history of edits",
    b"CreateDate": "dates",
    b"CreatorTool": "software",
}


def describe_xmp(span: Span) -> str:
    """`XMP: GPS position, named face regions`, or `XMP` alone where no known property is in it."""
    raw = span.some(0, min(len(span), _MOST))
    told = list(dict.fromkeys(what for word, what in _WORDS.items() if word in raw))
    return "XMP: " + ", ".join(told) if told else "XMP"
