"""The decoder in its cell: hostile bytes in, planes out. One child a file; see `velatura.sandbox`.

It is handed no file and may open none: bytes come through `Outlet.file`, planes leave through the shared mapping. Whatever fails on the way is
one typed refusal; an exception that we did not foresee is the file's fault until proved otherwise (`media.malformed`), for the parent must
not stop on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

import msgspec

from velatura.errors import BadInput, Unsupported
from velatura.media.kinds import CLIP, kind_of, refused_as
from velatura.media.outlet import Inbox, Outbox, Outlet
from velatura.media.wire import Leak, Leaks, Open, encode

__all__ = ["TASKS", "MediaGuest"]

TASKS = ("picture", "heic", "clip", "scan")
"""What a guest can be warmed for; a scan opens pictures too."""

_open = msgspec.json.Decoder(Open)


class MediaGuest:
    """A `velatura.sandbox` guest.

    Args:
        tasks: of `TASKS`. A child that is warmed for clips alone has no picture's parser in it, and starts in half the time.
    """

    def __init__(self, tasks: Sequence[str] = TASKS) -> None:
        self._tasks = tuple(tasks)

    def warm(self) -> None:
        """Decode a sample of every format: codecs and plug-ins are imported lazily, and after the lock nothing can be."""
        for task in self._tasks:
            import_module(f"velatura.media.guest_{task}").warm()
        encode(Leaks((Leak("", "", ""),)))

    def serve(self, inbox: Inbox, outbox: Outbox, frames: memoryview | None) -> None:
        """One request, then the end: a child never sees a second file."""
        raw = inbox.get()
        if raw is None:
            return
        outlet = Outlet(inbox, outbox, memoryview(bytearray()) if frames is None else frames, _open.decode(raw))
        try:
            answer(outlet)
        except BadInput as refused:
            outlet.refuse(refused.code, refused.sentence)
        except MemoryError:
            outlet.refuse("media.too-large", "decoding it takes more memory than the limit allows")
        except EOFError:
            return
        except Exception as error:  # libraries raise whatever they like on bytes that nobody foresaw
            outlet.refuse("media.malformed", f"the decoder stopped: {type(error).__name__}")
        while inbox.get() is not None:  # credit that is still on its way
            pass


def answer(outlet: Outlet) -> None:
    """Do what was asked; the modules are here since `warm`. Raises BadInput."""
    if not outlet.file.size:
        raise BadInput("media.empty", "the file is empty")
    if outlet.request.want == "scan":
        from velatura.media import guest_scan

        outlet.leaks(guest_scan.scan_bytes(outlet.file, outlet.request))
        return
    head = outlet.file.read(512)
    outlet.file.seek(0)
    kind = kind_of(head)
    if not kind:
        raise Unsupported("media.unknown-type", f"is {refused_as(head)}, neither picture nor clip")
    if kind == CLIP:
        from velatura.media import guest_clip

        guest_clip.decode(outlet)
    else:
        from velatura.media import guest_picture

        guest_picture.decode(outlet, kind)
