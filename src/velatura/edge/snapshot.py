"""Privacy level 0: one still of a camera, for drawing lines and zones, on the machine that a person sits at.

The masks of the policy are burned in, by the process that decodes; lines and zones are drawn on top, where vision will look for them. The still goes
into one local file (0600) and never through the gateway: there is no sink here, and a policy that names one is refused. A still is what everything
else in this room keeps back, so it is made only from a terminal of this machine, unless a person says `--yes-local`; that keeps services, cron and
remote shells from doing it by mistake, and nobody who means to.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from PIL import Image, ImageDraw, ImageFont

from velatura.edge.confinement import vision_confinement
from velatura.edge.geometry import Point
from velatura.edge.pair import Ingest
from velatura.edge.policy import Camera, Policy
from velatura.edge.remarks import unread
from velatura.edge.sources import Source
from velatura.edge.still import HEAD, MOST_BYTES, NO_MASKS, PICTURE
from velatura.errors import BadInput, BadSpec, Withheld, nearest
from velatura.files import private_output
from velatura.sandbox.child import Child
from velatura.sandbox.warm import Warm

__all__ = ["Snapshot", "camera_of", "refuse_elsewhere", "snapshot"]

GUEST = "velatura.edge.still:Still"
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
PATIENCE_S = 30.0
_REMOTE = ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT")
_HOPELESS = {
    "auth": "the camera wants another user or password",
    "codec": "its codec is not read",
    "no-video": "there is no picture stream in it",
    "no-source": "there is no such file or device",
    "no-access": "it may not be opened",
}
_LINE, _ZONE, _ARROW = (255, 210, 0), (0, 220, 255), 0.06


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was made. degraded: layers that its process did without."""

    file: Path
    width: int
    height: int
    masks: int
    lines: list[str]
    zones: list[str]
    degraded: list[str]


def refuse_elsewhere(*, terminal: bool, environment: Mapping[str, str], yes_local: bool) -> None:
    """A still is for whoever sits at this machine. Raises Withheld `edge.not-local`."""
    remote = next((name for name in _REMOTE if environment.get(name)), "")
    if yes_local or (terminal and not remote):
        return
    why = f"this is a remote shell ({remote})" if remote else "this is no terminal"
    raise Withheld("edge.not-local", f"a still shows what the camera sees, and {why}", hint="sit at the machine, or say --yes-local")


def camera_of(policy: Policy, name: str) -> Camera:
    """The camera whose masks, lines and zones are meant; "": the only one. Raises BadSpec `edge.snapshot`."""
    if policy.sinks:
        raise BadSpec("edge.snapshot", "the policy names sinks, and a still never leaves this machine", hint="a policy without [[sinks]]")
    cameras = {camera.name: camera for camera in policy.cameras}
    if name and name not in cameras:
        raise BadSpec("edge.snapshot", f"the policy names no camera {name!r}", hint=nearest(name, cameras))
    if not name and len(cameras) > 1:
        raise BadSpec("edge.snapshot", f"the policy names {len(cameras)} cameras", hint=f"--camera {' or '.join(cameras)}")
    return cameras[name] if name else policy.cameras[0]


def snapshot(
    source: Source,
    out: Path,
    camera: Camera,
    *,
    at_s: float = 0.0,
    degraded: Collection[str] = (),
    force: bool = False,
    patience_s: float = PATIENCE_S,
) -> Snapshot:
    """One still.

    Args:
        out: .png or .jpg.
        at_s: seconds of the source's time to pass over.
        patience_s: for the first frame from there on.

    Raises:
        BadSpec: `edge.snapshot`, `edge.layer`, `files.exists` ...
        Missing: `sandbox.no-<layer>`.
        BadInput: `edge.no-still`, `edge.masks`.
    """
    if out.suffix.lower() not in FORMATS:
        raise BadSpec("edge.snapshot", f"{out}: a still is a .png or a .jpg", hint="-o still.png")
    if not math.isfinite(at_s) or at_s < 0:
        raise BadSpec("edge.snapshot", "--at-s is not negative")
    with private_output(out, force=force) as part:
        picture, absent = _seen(source, camera, at_s=at_s, degraded=degraded, patience_s=patience_s + at_s)
        _draw(picture, camera)
        picture.save(part, FORMATS[out.suffix.lower()], **({} if out.suffix.lower() == ".png" else {"quality": 92}))
    names = [line.name for line in camera.lines], [zone.name for zone in camera.zones]
    return Snapshot(out, *picture.size, len(camera.masks), *names, absent)


def _seen(source: Source, camera: Camera, *, at_s: float, degraded: Collection[str], patience_s: float) -> tuple[Image.Image, list[str]]:
    """The masked picture, and layers that were absent."""
    settings = {"camera": msgspec.to_builtins(msgspec.structs.replace(camera, source="", login="", ca="")), "at_s": at_s}
    ingest = Ingest(source)
    try:
        with Warm(GUEST, settings, vision_confinement(degraded=degraded)) as warm:
            child, held = warm.lock()
            with child:
                ingest.begin(child.hand_over_inbox())
                return _picture(_answer(child, ingest, source, patience_s, at_s)), sorted(layer.value for layer in held.absent)
    finally:
        ingest.close()


def _answer(child: Child, ingest: Ingest, source: Source, patience_s: float, at_s: float) -> bytes:
    until = time.monotonic() + patience_s
    while not child.has_come(within_s=0.1):
        if source.kind not in ("file", "folder") and ingest.state in _HOPELESS:
            raise _no_still(source, _HOPELESS[ingest.state])
        if time.monotonic() > until:
            raise _no_still(source, f"no frame came within {patience_s:g} s; the last word of its reader is {ingest.state!r}")
    try:
        return child.receive(deadline_s=PATIENCE_S, limit=MOST_BYTES)
    except BadInput as error:
        raise _no_still(source, _ended(ingest, source, at_s)) from error


def _ended(ingest: Ingest, source: Source, at_s: float) -> str:
    """Why nothing came, when it is over."""
    if source.kind in ("file", "folder"):
        ingest.finish()
        if not ingest.counts.get("packets"):
            return unread(source, ingest.faults)
    return f"it ended before a whole frame had come{f' at {at_s:g} s' if at_s else ''}"


def _no_still(source: Source, why: str) -> BadInput:
    return BadInput("edge.no-still", f"{source.shown}: no still: {why}", hint="velatura edge run says more of a source's state")


def _picture(answer: bytes) -> Image.Image:
    """From bytes that are not believed."""
    if answer == NO_MASKS:
        raise BadInput("edge.masks", "the policy's masks cannot be drawn into this kind of picture", hint="let the camera send 4:2:0 video")
    if len(answer) >= HEAD.size:
        kind, width, height = HEAD.unpack_from(answer)
        if kind == PICTURE and width and height and len(answer) == HEAD.size + 3 * width * height:
            return Image.frombytes("RGB", (width, height), answer[HEAD.size :])
    raise BadInput("edge.no-still", "what the confined process told is no picture")


def _draw(picture: Image.Image, camera: Camera) -> None:
    draw = ImageDraw.Draw(picture)
    width = max(2, min(picture.size) // 180)
    font = ImageFont.load_default(size=max(11, min(picture.size) // 32))
    for zone in camera.zones:
        corners = [_pixels(corner, picture.size) for corner in zone.polygon]
        draw.line([*corners, corners[0]], fill=_ZONE, width=width, joint="curve")
        _name(draw, corners[0], zone.name, _ZONE, font)
    for line in camera.lines:
        a, b = (_pixels(end, picture.size) for end in (line.a, line.b))
        draw.line([a, b], fill=_LINE, width=width)
        _arrow(draw, a, b, width, picture.size)
        _name(draw, a, f"{line.name}: in", _LINE, font)


def _arrow(draw: ImageDraw.ImageDraw, a: Point, b: Point, width: int, size: tuple[int, int]) -> None:
    """From the middle to the right of a -> b, y down: the way that counts as "in"."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    length = math.hypot(dx, dy) or 1.0
    reach = _ARROW * min(size)
    nx, ny = -dy / length * reach, dx / length * reach
    x, y = (a[0] + b[0]) / 2, (a[1] + b[1]) / 2
    draw.line([(x, y), (x + nx, y + ny)], fill=_LINE, width=width)
    side = (dx / length * reach / 3, dy / length * reach / 3)
    base = (x + 0.6 * nx, y + 0.6 * ny)
    draw.polygon([(x + nx, y + ny), (base[0] + side[0], base[1] + side[1]), (base[0] - side[0], base[1] - side[1])], fill=_LINE)


def _name(draw: ImageDraw.ImageDraw, at: Point, text: str, colour: tuple[int, int, int], font: Any) -> None:
    draw.text((at[0] + 4, at[1] + 4), text, fill=colour, font=font, stroke_width=2, stroke_fill=(0, 0, 0))


def _pixels(point: Point, size: tuple[int, int]) -> Point:
    return (point[0] * size[0], point[1] * size[1])
