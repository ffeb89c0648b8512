"""What of a track must be hidden at a given time: its hits, the way between them, and before its start and after its end.

Everything that is not a hit grows with the time to the nearest hit, because nobody saw it there. Between two looks the grown line is enough:
uniting it with the boxes at both looks covered nothing more and masked a tenth more on the tuning clips. Boxes are in the track's steady
coordinates (camera motion taken out), without the margin that the user asked for.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from velatura.detect.kalman import Floats, to_boxes, unit
from velatura.detect.settings import TrackSettings
from velatura.detect.track import Hit, Track

__all__ = ["Moment", "hidden", "reach_back"]

SAME_S = 1e-6  # two times that are one
START_S = 0.25  # the speed at a start is that of the first hits


class Moment:
    """A frame's place among the looks.

    Attributes:
        time_s: seconds.
        look: number of the last look at or before this frame.
        looked: this very frame was looked at.
    """

    __slots__ = ("look", "looked", "time_s")

    def __init__(self, time_s: float, look: int, *, looked: bool) -> None:
        self.time_s, self.look, self.looked = time_s, look, looked


def hidden(track: Track, now: Moment, s: TrackSettings) -> list[tuple[Floats, float]]:
    """Boxes (4,) of one track at a moment, each with the score of the hit that it stands on.

    A confirmed track is bridged and carried beyond its ends; one that is not is hidden on its hits, between them, and on frames beside them
    that nobody looked at.
    """
    i = bisect_left(track.hits, now.look + (not now.looked), key=lambda hit: hit.look)  # by looks: two frames may share a time
    if i == len(track.hits):
        return _after(track, now, s)
    if now.looked and track.hits[i].look == now.look:
        return [(to_boxes(track.hits[i].state), track.hits[i].score)]
    return _between(track, i, now, s) if i else _before(track, now, s)


def _grown(state: Floats, seconds: float, s: TrackSettings, rate: float = 1.0) -> Floats:
    by = min(s.grow * rate * seconds, s.grow_most) * float(unit(state))
    return np.asarray(to_boxes(state) + np.array([-by, -by, by, by]), dtype=np.float64)


def _moved(hit: Hit, speed: Floats, seconds: float) -> Floats:
    """The hit's state carried at a speed; its size stays."""
    state = hit.state.copy()
    state[:2] += speed[:2] * seconds
    return np.asarray(state, dtype=np.float64)


def _line(a: Hit, b: Hit, time_s: float) -> Floats:
    weight = (time_s - a.time_s) / max(b.time_s - a.time_s, SAME_S)
    return np.asarray((1 - weight) * a.state + weight * b.state, dtype=np.float64)


def _between(track: Track, i: int, now: Moment, s: TrackSettings) -> list[tuple[Floats, float]]:
    a, b = track.hits[i - 1], track.hits[i]
    since, until = now.time_s - a.time_s, b.time_s - now.time_s
    score = a.score if since <= until else b.score
    boxes = [_grown(_line(a, b, now.time_s), min(since, until), s)]
    miss = _moved(a, a.speed, since + until)[:2] - b.state[:2]
    if np.hypot(*miss) > s.doubt * float(unit(b.state)):  # a doubtful link: what each side would do alone is hidden too
        if since <= s.end_ahead_s:
            boxes.append(_grown(_moved(a, a.speed, since), since, s, 2.0))
        if until <= s.start_back_s and i + 1 < len(track.hits):
            after = track.hits[i + 1]
            boxes.append(_grown(_moved(b, (after.state - b.state) / max(after.time_s - b.time_s, SAME_S), -until), until, s, 2.0))
    return [(box, score) for box in boxes]


def _before(track: Track, now: Moment, s: TrackSettings) -> list[tuple[Floats, float]]:
    first = track.hits[0]
    until = first.time_s - now.time_s
    boxes = [_grown(_line(old, first, now.time_s), min(now.time_s - old.time_s, until), s) for _, old in track.bridges if old.time_s < now.time_s]
    unlooked = now.look == first.look - 1 and not now.looked
    if unlooked or (track.confirmed and until <= s.start_back_s + SAME_S):
        boxes.append(_grown(_moved(first, _first_speed(track), -until), until, s, 2.0))
        if first.look - now.look <= 1:
            boxes.append(to_boxes(first.state))
    return [(box, first.score) for box in boxes]


def _after(track: Track, now: Moment, s: TrackSettings) -> list[tuple[Floats, float]]:
    last = track.last
    since = now.time_s - last.time_s
    if now.look != last.look and not (track.confirmed and since <= s.end_ahead_s + SAME_S):
        return []
    boxes = [_grown(_moved(last, last.speed, since), since, s, 2.0)]
    if now.look - last.look <= 1:
        boxes.append(to_boxes(last.state))
    return [(box, last.score) for box in boxes]


def _first_speed(track: Track) -> Floats:
    first = track.hits[0]
    j = bisect_left(track.hits, first.time_s + START_S + SAME_S, key=lambda hit: hit.time_s) - 1
    if j < 1:
        return np.zeros(4)
    return np.asarray((track.hits[j].state - first.state) / max(track.hits[j].time_s - first.time_s, SAME_S), dtype=np.float64)


def reach_back(track: Track, faint: Sequence[tuple[float, int, Floats, Floats]], s: TrackSettings) -> None:
    """Turn low scores before the start of a track that lie on its line into hits.

    Args:
        faint: (time, number of the look, states (k, 4), scores (k,)) of what was left over, in order of time.
    """
    first, last = track.hits[0], track.last
    speed = (last.state - first.state) / max(last.time_s - first.time_s, SAME_S)
    for time_s, look, states, scores in reversed(faint):
        gap = track.hits[0].time_s - time_s
        if gap <= 0 or not len(states):
            continue
        if gap > s.hits_within_s:
            return
        expected = track.hits[0].state - speed * gap
        away = np.hypot(*(states[:, :2] - expected[:2]).T) / float(unit(expected)) + np.abs(states[:, 3] - expected[3])
        best = int(away.argmin())
        if away[best] < s.gate:
            track.hits.insert(0, Hit(time_s, look, states[best], speed, float(scores[best])))
