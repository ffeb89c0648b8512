"""The passes over a file, told: values for the report, and warnings that a person must not miss."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from velatura.media.sink import notes_for
from velatura.removal.limits import REMOVAL
from velatura.removal.passes import Passes, Written
from velatura.removal.places import Places
from velatura.removal.report import Gone, Removed, ShotTold
from velatura.removal.shot import Shot
from velatura.removal.survey import SHORT
from velatura.removal.targets import distinct
from velatura.removal.tracks import Track
from velatura.removal.wanted import Wanted

__all__ = ["told"]

NAMED = 3
RESTLESS = 0.002
"""Share of the picture, from which on somebody may be there."""


def told(passes: Passes, written: Written, *, detectors: Sequence[str], said: Sequence[str]) -> Removed:
    """What was done to one file.

    Args:
        detectors: names of what searched.
        said: what was told while it ran.
    """
    wanted, facts = passes.wanted, written.facts
    return Removed(
        file=passes.source,
        out=passes.out,
        kind=facts.kind,
        width=facts.width,
        height=facts.height,
        frames=written.frames,
        touched=written.touched,
        gone=tuple(_gone(track) for shot in written.shots for track in distinct(shot.tracks)) if wanted.mask is None else (),
        left=tuple(_gone(track) for shot in written.shots for track in distinct(shot.signs)) if wanted.mask is None else (),
        shots=tuple(_shot(shot) for shot in written.shots),
        mask_share=round(written.masked / max(written.area, 1), 6),
        mask_most=round(written.most, 6),
        invented=round(written.invented / max(written.masked, 1), 6),
        covered=len(written.boxes),
        fallback=wanted.fallback_name,
        rounds=written.rounds,
        rechecked=written.check is not None,
        shows=written.still_shown.shows() if written.still_shown else (),
        thresholds=dict(written.check.thresholds) if written.check else {},
        detectors=tuple(detectors),
        limits=REMOVAL,
        covered_places=written.places.largest(),
        covered_places_total=written.places.total,
        black=len(written.black_frames),
        dropped=(*facts.dropped, *notes_for(facts, passes.out.name)),
        confined=facts.confined,
        mask=wanted.mask,
        masks=wanted.masks_out,
        scope=_scope(wanted),
        warnings=tuple(dict.fromkeys((*_warnings(wanted, written, detectors), *said, *written.notes))),
    )


def _scope(wanted: Wanted) -> str:
    """Where alone a person asked for anything."""
    named = [
        (wanted.mask is not None, "around your masks"),
        (wanted.pick is not None, "on the way of what was picked"),
        (wanted.from_s is not None or wanted.to_s is not None, "within --from and --to"),
    ]
    return " and ".join(words for asked, words in named if asked)


def _gone(track: Track) -> Gone:
    return Gone(track.id, track.label, round(track.first_s, 3), round(track.last_s, 3), len(track.boxes), round(track.score, 3), track.still)


def _shot(shot: Shot) -> ShotTold:
    ground = shot.ground
    shares = (ground.doubt_share, ground.invented_share, ground.restless_share) if ground is not None else ()
    return ShotTold(round(shot.start_s, 3), shot.frames, shot.kind, round(shot.sway_px, 2), *(round(share, 6) for share in shares))


def _warnings(wanted: Wanted, written: Written, detectors: Sequence[str]) -> Iterable[str]:
    """Sentences, worst first."""
    facts, check, still_shown = written.facts, written.check, written.still_shown
    clip = facts.kind in ("clip", "animation")
    if still_shown:
        shown = f"{len(still_shown.failures)} places still showed something after {written.rounds - 1} rounds"
        yield f"{shown}, and were covered: look at it before you release it"
    if written.boxes:
        share = f"in {len(written.boxes)} of {written.frames} frames " if clip else ""
        doubt = f"{share}it is in doubt what lies behind, and the place is covered ({wanted.fallback_name}) instead of filled"
        yield f"{doubt}: {_where(written.places, timed=clip)}"
    if not written.touched:
        yield "nothing was found to take out: look at it before you release it"
    if check is not None and _scope(wanted):
        yield f"the finished file was searched {_scope(wanted)} alone: whoever is elsewhere is still there"
    if not clip and written.masked:
        yield f"no other frame shows what was behind: all of the fill ({written.most:.0%} of the picture at most) is invented from what lies around"
    if check is None:
        yield "the finished file was not searched again: look at it before you release it"
    if clip and written.masked and written.invented / written.masked > 0.05:
        yield f"{written.invented / written.masked:.0%} of what was filled no other frame shows; it is invented from what lies around"
    restless = max((shot.ground.restless_share for shot in written.shots if shot.ground is not None), default=0.0)
    if clip and restless > RESTLESS and wanted.targets.motion and wanted.mask is None:
        who = f"only {', '.join(detectors)} can find somebody there" if detectors else "and no detector searched: look there before you release it"
        yield f"{restless:.1%} of the picture never rests (leaves, water, a screen), so that motion says nothing there; {who}"
    signs = [track for shot in written.shots for track in shot.signs] if clip and wanted.mask is None else []
    if signs:
        where = ", ".join(f"{track.label} at ({x:.0f}, {y:.0f})" for track in signs[:4] for x, y in [_place(track)])
        yield f"{len(signs)} places look faintly like somebody and never move; left as they are: {where}: look at them, and take them out with --mask"
    short = sum(shot.kind == "short" for shot in written.shots)
    if clip and short:
        yield f"{short} shot{'s' * (short > 1)} of fewer than {SHORT} frames: too short for a background, each frame was treated by itself"
    if clip and wanted.targets.motion and any(shot.kind == "moving" for shot in written.shots) and wanted.mask is None:
        yield "where the camera moves only detectors say what goes: what merely moves is still there"
    if written.black_frames:
        yield f"{len(written.black_frames)} frames are damaged in the source and are black"
    if facts.confined:
        yield facts.confined
    if wanted.keep_audio and facts.audio:
        yield "the sound track is kept: voices and what they say identify people"


def _where(places: Places, *, timed: bool) -> str:
    """The first ones, as a person looks for them."""
    told = []
    for place in places.largest()[:NAMED]:
        x0, y0, x1, y1 = place.box
        when = f"{place.first_s:.2f}-{place.last_s:.2f} s " if timed else ""
        told.append(f"{when}({x0:.0f}, {y0:.0f}, {x1:.0f}, {y1:.0f})")
    more = f" and {places.total - NAMED} more" if places.total > NAMED else ""
    return ", ".join(told) + more


def _place(track: Track) -> tuple[float, float]:
    x0, y0, x1, y1 = track.boxes[track.first]
    return (x0 + x1) / 2, (y0 + y1) / 2
