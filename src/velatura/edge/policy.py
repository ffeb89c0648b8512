"""What may leave a camera, as a person wrote it down: lines, zones, masks, and how many bits an hour.

One TOML file for one or several cameras; read strictly. Its digest stands in every event, so that whoever receives one knows which promise it was
made under. Everything that cannot be kept is refused when the policy is read: a bucket that holds less than one record would never publish.
"""

from __future__ import annotations

import hashlib
import math
import re
from pathlib import Path
from typing import Any

import msgspec

from velatura.edge.destinations import Destination
from velatura.edge.destinations import check as check_destinations
from velatura.edge.geometry import Point, is_simple
from velatura.edge.schema import schema_of
from velatura.errors import BadSpec
from velatura.specs import Spec, load_spec

__all__ = [
    "LEVELS",
    "Camera",
    "Egress",
    "Line",
    "Mask",
    "Policy",
    "Zone",
    "capacity",
    "check",
    "digest",
    "is_name",
    "load_policy",
    "promised",
    "single",
]

LEVELS = {1: "tracks", 2: "crossings", 3: "counts"}
"""Privacy level -> what `--emit` calls it. 0, a still picture, never passes the gateway (`snapshot`)."""
MOST_CAMERAS, MOST_PLACES = 32, 16
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


class Line(Spec, frozen=True):
    """A segment from a to b, in shares of the picture's width and height, y down. "In" is from its left to its right, as one looks from a to b."""

    name: str
    a: Point
    b: Point


class Zone(Spec, frozen=True):
    """A polygon, corners in shares of the picture's width and height; not closed, without self-crossings."""

    name: str
    polygon: tuple[Point, ...]


class Mask(Spec, frozen=True):
    """What nobody looks at: blackened in the decoded planes, before anything else sees them."""

    polygon: tuple[Point, ...]


class Egress(Spec, frozen=True):
    """What leaves, and how much of it.

    Attributes:
        level: 1 tracks, 2 crossings a window, 3 counts.
        tick_s: seconds between records; one leaves at every tick, whatever happened.
        bits_per_hour: published: nothing that a sender does gets more out in an hour, the burst apart.
        burst_bits: what the bucket holds; 0: as much as one record, or a quarter of an hour's bits, whichever is more.
        most: counts stop here.
        most_tracks: slots of a record of level 1.
        k: a count below k is told as 0; 0: all are told.
        epsilon: of the noise on the counts of one record; None: none.
        per_track: crossings of one line that one track may add to one record.
    """

    level: int = 3
    tick_s: float = 60.0
    bits_per_hour: float = 1024.0
    burst_bits: float = 0.0
    most: int = 63
    most_tracks: int = 8
    k: int = 0
    epsilon: float | None = None
    per_track: int = 1


class Camera(Spec, frozen=True):
    """One camera. source, login, ca: as of the command line; they are not part of what is signed."""

    name: str = "camera"
    source: str = ""
    login: str = ""
    ca: str = ""
    labels: tuple[str, ...] = ("face",)
    lines: tuple[Line, ...] = ()
    zones: tuple[Zone, ...] = ()
    masks: tuple[Mask, ...] = ()
    egress: Egress = Egress()


class Policy(Spec, frozen=True):
    """See the module. sinks: where events of all cameras go; no part of what is signed either."""

    cameras: tuple[Camera, ...]
    sinks: tuple[Destination, ...] = ()


def is_name(word: str) -> bool:
    """Of a camera, a line or a zone."""
    return _NAME.fullmatch(word) is not None


def load_policy(path: Path) -> Policy:
    """Raises BadSpec: what `load_spec` raises, and `edge.policy`."""
    policy = load_spec(path, Policy)
    check(policy, where=str(path))
    return policy


def single(camera: Camera) -> Policy:
    """The policy of one camera, checked. Raises BadSpec `edge.policy`."""
    policy = Policy((camera,))
    check(policy, where="the options")
    return policy


def digest(camera: Camera) -> str:
    """SHA-256, hexadecimal, of what a camera may tell; its source and login are left out."""
    told = promised(msgspec.convert(msgspec.to_builtins(camera), Camera))  # 60 and 60.0 are one number
    return hashlib.sha256(b"velatura edge policy 1\x00" + msgspec.json.encode(told, order="deterministic")).hexdigest()


def promised(camera: Camera) -> dict[str, Any]:
    """What is told and signed of a camera: all but how it is reached."""
    built: dict[str, Any] = msgspec.to_builtins(camera)
    return {name: value for name, value in built.items() if name not in ("source", "login", "ca")}


def capacity(camera: Camera) -> float:
    """Bits that the bucket holds."""
    egress = camera.egress
    return egress.burst_bits or max(schema_of(camera).bits, egress.bits_per_hour / 4)


def check(policy: Policy, *, where: str) -> None:
    """Raises BadSpec `edge.policy`, `edge.sink`."""
    names = [camera.name for camera in policy.cameras]
    if not 1 <= len(names) <= MOST_CAMERAS or len(set(names)) < len(names):
        raise _wrong(where, f"1 to {MOST_CAMERAS} cameras, each with a name of its own")
    check_destinations(policy.sinks)
    for camera in policy.cameras:
        _check_camera(camera, where=f"{where}: {camera.name}")


def _check_camera(camera: Camera, *, where: str) -> None:
    places = [*(line.name for line in camera.lines), *(zone.name for zone in camera.zones)]
    for name in (camera.name, *places):
        if not is_name(name):
            raise _wrong(where, f"{name!r}: a name is 1 to 32 of a-z, 0-9, - and _")
    if len(set(places)) < len(places) or max(len(camera.lines), len(camera.zones), len(camera.masks)) > MOST_PLACES:
        raise _wrong(where, f"lines and zones have names of their own, at most {MOST_PLACES} of each")
    if not camera.labels:
        raise _wrong(where, "labels: name at least one")
    for line in camera.lines:
        _check_points(line.name, (line.a, line.b), where)
        if line.a == line.b:
            raise _wrong(where, f"line {line.name}: both ends are one point")
    for name, polygon in (*((zone.name, zone.polygon) for zone in camera.zones), *(("a mask", mask.polygon) for mask in camera.masks)):
        _check_points(name, polygon, where)
        if not is_simple(polygon):
            raise _wrong(where, f"{name}: a polygon has at least three corners, an area, and does not cross itself")
    _check_egress(camera, where)


def _check_points(name: str, points: tuple[Point, ...], where: str) -> None:
    if not all(math.isfinite(value) and 0 <= value <= 1 for point in points for value in point):
        raise _wrong(where, f"{name}: coordinates are shares of width and height, 0 to 1")


def _check_egress(camera: Camera, where: str) -> None:
    egress = camera.egress
    numbers = (egress.tick_s, egress.bits_per_hour, egress.burst_bits, egress.epsilon or 1.0)
    if egress.level not in LEVELS or not all(math.isfinite(number) for number in numbers):
        raise _wrong(where, "egress.level is 1, 2 or 3, and numbers are finite")
    if not 0.2 <= egress.tick_s <= 86_400 or not 0 < egress.bits_per_hour <= 1e9 or egress.burst_bits < 0:
        raise _wrong(where, "egress.tick_s is .2 to 86400 seconds, bits_per_hour above 0, burst_bits not negative")
    if not 1 <= egress.most <= 65_535 or not 1 <= egress.most_tracks <= 64 or not 1 <= egress.per_track <= egress.most:
        raise _wrong(where, "egress.most is 1 to 65535, most_tracks 1 to 64, per_track 1 to most")
    if not 0 <= egress.k <= egress.most or (egress.epsilon is not None and egress.epsilon <= 0):
        raise _wrong(where, "egress.k is 0 to most, epsilon above 0")
    if egress.level == 1 and (egress.k or egress.epsilon is not None):
        raise _wrong(where, "k and epsilon are of counts; at level 1 whole tracks leave")
    bits = schema_of(camera).bits
    if egress.burst_bits and egress.burst_bits < bits:
        raise _wrong(where, f"egress.burst_bits {egress.burst_bits:g} is less than one record ({bits:.2f} bits): nothing would ever leave")


def _wrong(where: str, what: str) -> BadSpec:
    return BadSpec("edge.policy", f"{where}: {what}", hint="src/velatura/edge/README.md shows a policy")
