"""The passes over a file, told: values for the report, and warnings that a person must not miss."""

from __future__ import annotations

from collections.abc import Sequence

from velatura.media.sink import notes_for
from velatura.obfuscation.passes import Passes, Written, sidecar_of
from velatura.obfuscation.report import Protected
from velatura.obfuscation.wanted import Wanted

__all__ = ["told"]


def told(passes: Passes, written: Written, *, detectors: Sequence[str], targets: Sequence[str], said: Sequence[str]) -> Protected:
    """What was done to one file.

    Args:
        detectors: names of what searched.
        targets: what was looked for.
        said: what was told while it ran.
    """
    source, out, wanted, given = passes.source, passes.out, passes.wanted, passes.given
    facts, look = written.facts, written.look
    shows = tuple(look.shows) if look else ()
    return Protected(
        file=source,
        out=out,
        kind=facts.kind,
        width=facts.width,
        height=facts.height,
        frames=written.record.frames,
        tracks=written.tracks.told(),
        regions=written.record.regions,
        method=wanted.named,
        limits=wanted.method.limits,
        cosmetic=wanted.method.cosmetic,
        detectors=() if given else tuple(detectors),
        black=written.black,
        shows=shows,
        faint=look.faint if look else 0,
        ghosts=look.ghosts if look else 0,
        rechecked=look is not None,
        passes=written.passes,
        dropped=(*facts.dropped, *notes_for(facts, out.name)),
        confined=facts.confined,
        sidecar=(out if wanted.attach else sidecar_of(out)) if written.sealed else None,
        warnings=(*_warnings(wanted, written, targets, given=given), *said),
    )


def _warnings(wanted: Wanted, written: Written, targets: Sequence[str], *, given: bool) -> list[str]:
    """Sentences, worst first."""
    facts, look = written.facts, written.look
    what = " or ".join(targets)
    found = []
    if look and look.doubted:
        found.append(f"{len(look.shows)} regions still show, the first at {look.shows[0].time_s:.2f} s: do not release it before you have looked")
    if not any(not track.clear for track in written.tracks.told()):
        where = "the document covers nothing" if given else f"no {what} was found"
        found.append(f"{where}: look at it before you release it")
    if wanted.method.cosmetic:
        found.append(wanted.method.limits)
    if look is None:
        found.append("the finished file was not searched again: look at it before you release it")
    if written.corrupt:
        kept = "are black" if wanted.closed else "were kept and may show anything"
        found.append(f"{written.corrupt} frames are damaged in the source and {kept}")
    if written.black > written.corrupt:
        found.append(f"{written.black - written.corrupt} frames are black, because something still showed in them after three passes")
    if facts.confined:
        found.append(facts.confined)
    if wanted.keep_audio and facts.audio:
        found.append("the sound track is kept: voices and what they say identify people")
    return [*found, *written.notes]
