"""A Netpbm picture: comments between its numbers, and bytes after its samples.

Source: the Netpbm project's pages pbm(5), pgm(5), ppm(5): a comment runs from # to the end of the line; several pictures may follow each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from velatura.media.leaks.contents import describe
from velatura.media.leaks.span import Damaged, Span
from velatura.media.leaks.trace import Trace
from velatura.media.netpbm import HEAD_BYTES, NetpbmHead, netpbm_head

__all__ = ["netpbm_file"]

_COMMENT = re.compile(rb"#[^\r\n]*[\r\n]?")


def netpbm_file(span: Span, trace: Trace) -> None:
    """Head and tail of a Netpbm picture. Raises Damaged where it has no head, or fewer samples than that says."""
    head = netpbm_head(span.some(0, HEAD_BYTES))
    if head is None:
        raise Damaged("media.malformed", "the header is damaged")
    if head.comments:
        trace.tell("L07", "header", "comment")
    if head.plain:
        _plain(span.part(head.start), head, trace)
        return
    rest = span.part(head.end)
    if not rest.is_filler():
        trace.tell("L09", "after the end of the picture", describe(rest))


def _plain(span: Span, head: NetpbmHead, trace: Trace) -> None:
    """Samples as text: black and white ones may stand without a space between them."""
    seen, inside = 0, False
    for text, comment in _texts(span):
        if comment:
            trace.tell("L07", "among the samples", "comment")
        if text:
            goes_on = inside and not text[:1].isspace()
            seen += len(b"".join(text.split())) if head.bitmap else len(text.split()) - goes_on
            inside = not text[-1:].isspace()
    if seen < head.samples:
        raise Damaged("media.truncated", "the file ends within the picture")
    if seen > head.samples:
        trace.tell("L09", "after the end of the picture", "more than its samples")


def _texts(span: Span) -> Iterator[tuple[bytes, bool]]:
    """Some of the file at a time, without its comments; whether there were any."""
    open_end = b""
    for chunk in span.chunks():
        whole = open_end + chunk
        text, comments = _COMMENT.subn(b"", whole)
        last_line = whole[max(whole.rfind(b"\n"), whole.rfind(b"\r")) + 1 :]
        open_end = b"#" if b"#" in last_line else b""
        yield text, comments > 0
