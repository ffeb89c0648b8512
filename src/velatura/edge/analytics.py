"""From tracks to the numbers of a record's schema.

Only confirmed tracks are counted: one that was found `CONFIRMED` times within its life. Flows are totals since the beginning; the gateway makes
windows of them. `per_track` is the honest sender's promise that one track adds no more to a window than that: since windows are the gateway's, a
track is held to it over any stretch as long as a window. It is no promise about a *person*, who may come back as another track.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from velatura.detect.region import Region
from velatura.edge.geometry import Point
from velatura.edge.lines import LineCounter
from velatura.edge.policy import Camera
from velatura.edge.schema import GRID, SIZES, schema_of
from velatura.edge.zones import ZoneCounter

__all__ = ["CONFIRMED", "Analytics"]

CONFIRMED = 3
LIFE_S = 1.2  # a track that was not seen for longer is another one


class Analytics:
    """Of one camera.

    Args:
        size: (width, height) of the upright picture; a later `resize` moves no line.
    """

    def __init__(self, camera: Camera, size: tuple[int, int]) -> None:
        self._camera, self._schema = camera, schema_of(camera)
        self._lines = {line.name: LineCounter(line.a, line.b, gap_s=LIFE_S) for line in camera.lines}
        self._zones = {zone.name: ZoneCounter(zone.polygon, LIFE_S) for zone in camera.zones}
        self._picture = ZoneCounter([(-1.0, -1.0), (2.0, -1.0), (2.0, 2.0), (-1.0, 2.0)], LIFE_S)
        self._hits: dict[int, tuple[int, float]] = {}
        self._crossed: dict[tuple[str, str, int], list[float]] = {}
        self._flows: dict[str, int] = {}
        self._seen = 0
        self.resize(size)

    def resize(self, size: tuple[int, int]) -> None:
        """The picture has another size from now on."""
        self._size = size
        for line in self._lines.values():
            line.aspect = size[0] / size[1]

    def see(self, found: Sequence[Region], time_s: float, *, health: int = 0) -> tuple[int, ...]:
        """One look; the values of a `Tally`, in the schema's order.

        Args:
            found: regions in pixels, those that a tracker named with `track`; of labels that the camera counts.
            health: a number of `schema.HEALTH`.
        """
        tracks = [region for region in found if region.track is not None and region.label in self._camera.labels and self._confirmed(region, time_s)]
        for region in tracks:
            assert region.track is not None, "chosen above"
            self._count(region.track, self._foot(region), time_s)
        self._forget(time_s)
        told = self._slots(tracks) if self._camera.egress.level == 1 else self._told(time_s)
        return tuple(health if one.name == "health" else told[one.name] for one in self._schema.fields)

    def _confirmed(self, region: Region, time_s: float) -> bool:
        assert region.track is not None, "a tracker named it"
        hits, last_s = self._hits.get(region.track, (0, time_s))
        hits = hits + 1 if time_s - last_s <= LIFE_S else 1
        self._hits[region.track] = hits, time_s
        self._seen += hits == CONFIRMED
        return hits >= CONFIRMED

    def _count(self, track: int, at: Point, time_s: float) -> None:
        self._picture.see(track, at, time_s)
        for zone in self._zones.values():
            zone.see(track, at, time_s)
        for name, line in self._lines.items():
            way = {1: "in", -1: "out"}.get(line.see(track, at, time_s))
            if way is not None and self._within_cap(name, way, track, time_s):
                for field in (f"{name}.{way}", way):
                    self._flows[field] = self._flows.get(field, 0) + 1

    def _within_cap(self, line: str, way: str, track: int, time_s: float) -> bool:
        """Whether a track's crossing counts: so many of them in any stretch of a window."""
        egress = self._camera.egress
        before = [at for at in self._crossed.get((line, way, track), []) if time_s - at < egress.tick_s]
        counts = len(before) < egress.per_track
        self._crossed[line, way, track] = [*before, time_s] if counts else before
        return counts

    def _forget(self, time_s: float) -> None:
        self._hits = {track: hit for track, hit in self._hits.items() if time_s - hit[1] <= LIFE_S}
        for line in self._lines.values():
            line.forget(time_s - LIFE_S)
        oldest = time_s - self._camera.egress.tick_s
        self._crossed = {key: times for key, times in self._crossed.items() if times and times[-1] > oldest}

    def _told(self, time_s: float) -> Mapping[str, int]:
        zones = {f"{name}.inside": zone.occupancy(time_s) for name, zone in self._zones.items()}
        dwell = {f"{name}.dwell": int(zone.dwell_s) for name, zone in self._zones.items()}
        inside = sum(zones.values()) if zones else self._picture.occupancy(time_s)
        flows = dict.fromkeys((one.name for one in self._schema.fields if one.kind == "flow"), 0)
        return {**flows, **self._flows, **zones, **dwell, "inside": inside, "seen": self._seen}

    def _slots(self, tracks: Sequence[Region]) -> Mapping[str, int]:
        """The surest tracks, quantised; the empty slots 0."""
        most = self._camera.egress.most_tracks
        told = dict.fromkeys((one.name for one in self._schema.fields if one.kind == "slot"), 0)
        for number, region in enumerate(sorted(tracks, key=lambda region: -region.score)[:most]):
            x0, y0, x1, y1 = region.box
            width, height = self._size
            label = 1 + self._camera.labels.index(region.label)
            values = (label, _step((x0 + x1) / 2 / width, GRID), _step((y0 + y1) / 2 / height, GRID))
            sizes = (_step((x1 - x0) / width, SIZES), _step((y1 - y0) / height, SIZES))
            told.update({f"{number}.{name}": value for name, value in zip(("label", "x", "y", "w", "h"), (*values, *sizes), strict=True)})
        return told

    def _foot(self, region: Region) -> Point:
        x0, _, x1, y1 = region.box
        return (x0 + x1) / 2 / self._size[0], y1 / self._size[1]


def _step(share: float, steps: int) -> int:
    return min(max(int(share * steps), 0), steps - 1)
