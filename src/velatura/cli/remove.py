"""`velatura remove`: from the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from velatura.cli import batch_told
from velatura.cli.options import Audio, Detectors, Every, Force, Inputs, Json, Out, Preset, Quiet, Recheck, Thorough, words
from velatura.errors import BadSpec, one_line
from velatura.removal.limits import REMOVAL

if TYPE_CHECKING:
    from velatura.media.each import Report
    from velatura.removal.report import Removed

__all__ = ["EPILOG", "NO_ARGS_IS_HELP", "command"]

NO_ARGS_IS_HELP = True
EPILOG = f"""{REMOVAL}

A clip of a camera that stands needs no detector: what moves goes. Where the camera moves, and in pictures, detectors say what goes
(velatura models pull fastestdet), or --mask does.

\b
Examples:
  velatura remove square.mp4 -o empty-square.mp4
  velatura remove photo.jpg -o empty.jpg --targets person,plate
  velatura remove walk.mp4 -o without-her.mp4 --pick 2.5,640,300"""


def command(
    inputs: Inputs,
    out: Out,
    targets: Annotated[
        str | None,
        typer.Option(metavar="LIST", help="of motion, face, plate, person, vehicle, text; separated by commas  [default: motion,person]"),
    ] = None,
    camera: Annotated[str, typer.Option(metavar="auto|static|moving", help="how the camera stands; auto looks")] = "auto",
    mask: Annotated[
        Path | None, typer.Option(metavar="FILE|FOLDER", help="what goes, instead of a search: a picture, a clip, or a picture a frame; white goes")
    ] = None,
    whole_object: Annotated[bool, typer.Option("--whole-object", help="a plate takes its vehicle with it, a face its person")] = False,
    pick: Annotated[list[str] | None, typer.Option(metavar="TIME,X,Y", help="take out only what is there (seconds, pixels), all its way")] = None,
    from_s: Annotated[float | None, typer.Option("--from", metavar="T", help="seconds; frames before stay as they are")] = None,
    to_s: Annotated[float | None, typer.Option("--to", metavar="T", help="seconds; frames from then on stay as they are")] = None,
    masks_out: Annotated[Path | None, typer.Option(metavar="DIR", help="a folder for what was replaced: a picture a frame, white went")] = None,
    fallback: Annotated[
        str, typer.Option(metavar="fill|blur|fail", help="what is in doubt is covered (fill, blur), or nothing is released (fail)")
    ] = "fill",
    dilate: Annotated[float, typer.Option(metavar="SHARE", help="margin on each side of a detection, as a share of its size")] = 0.12,
    every: Every = 1,
    thorough: Thorough = False,
    detectors: Detectors = "",
    inpainter: Annotated[
        str, typer.Option(metavar="FILE.onnx|NAME", help="an inpainter of yours (LaMa, MI-GAN), for what no other frame shows  [default: ours]")
    ] = "",
    recheck: Recheck = True,
    audio: Audio = None,
    preset: Preset = "veryfast",
    seed: Annotated[int, typer.Option(metavar="N", help="of grain and texture; same seed, same output")] = 0,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Take people and things out of pictures and clips, and fill in what was behind them.

    Each output is searched again before it gets its name, and painted again more widely where something still shows. What was never seen behind
    somebody, or might be somebody who stood there all the time, is covered instead of invented. Exit status 3: --fallback fail, and something is in
    doubt, or hardly anything would be left to see; 4: the camera moves, or it is a picture, and no detector is here; 5: an input was refused.
    """
    from velatura.cli.output import emit, worst
    from velatura.cli.progress import progress
    from velatura.compose.remove import remove

    report = remove(
        inputs,
        out,
        targets=() if targets is None else [targets],
        camera=camera,  # type: ignore[arg-type]  # words are checked where they are used
        mask=mask,
        whole_object=whole_object,
        pick=None if pick is None else _picked(pick),
        from_s=from_s,
        to_s=to_s,
        masks_out=masks_out,
        fallback=fallback,  # type: ignore[arg-type]
        dilate=dilate,
        every=every,
        thorough=thorough,
        detectors=words(detectors),
        inpainter=inpainter,
        recheck=recheck,
        audio=audio,  # type: ignore[arg-type]
        preset=preset,
        seed=seed,
        force=force,
        progress=progress(quiet=quiet),
    )
    emit("remove", batch_told.as_json(report), json=json, text=_text(report), warnings=batch_told.warnings(report))
    return worst(failed.error.exit_status for failed in report.failed)


def _picked(given: Sequence[str]) -> tuple[float, float, float]:
    """Raises BadSpec `remove.pick`."""
    text, *more = given
    if more:
        raise BadSpec("remove.pick", f"--pick is given {len(given)} times", hint="one goes at a time: once more, on the output")
    try:
        time_s, x, y = map(float, text.split(","))
    except ValueError:
        raise BadSpec("remove.pick", f"--pick {one_line(text, 60)}: is not TIME,X,Y", hint="seconds and pixels: --pick 2.5,640,300") from None
    return time_s, x, y


def _text(report: Report[Removed]) -> str:
    limits = dict.fromkeys(done.limits for done in report.items if done.touched)
    return "\n".join([*(_line(done) for done in report.items), *batch_told.lines(report), *limits])


def _line(done: Removed) -> str:
    kinds: dict[str, int] = {}
    for gone in done.gone:
        kinds[gone.label] = kinds.get(gone.label, 0) + 1
    who = ", ".join(f"{count} {one_line(label, 40)}{'s' * (count != 1 and label != 'text')}" for label, count in sorted(kinds.items()))
    where = "" if done.kind == "picture" else f" in {done.touched} of {done.frames} frames"
    what = (who or ("what moves" if done.mask is None else "what is masked")) if done.touched else "nothing"
    area = f", {done.mask_share:.2%} of the picture ({done.mask_most:.2%} at most)" if done.touched else ""
    cameras = ", ".join(dict.fromkeys(shot.camera for shot in done.shots)) if done.kind in ("clip", "animation") else ""
    camera = f"; camera {cameras}" if cameras else ""
    return f"{one_line(str(done.out))}: {what} taken out{where}{area}{camera}; {_checked(done)}"


def _checked(done: Removed) -> str:
    if not done.rechecked:
        return "NOT searched again"
    if done.shows:
        return f"{len(done.shows)} places covered by the fallback"
    scores = ", ".join(f"{label} {least:.2f}" for label, least in sorted(done.thresholds.items()))
    again = f"searched again {done.scope}" if done.scope else "searched again"
    if scores:
        return f"{again}: no detections at threshold {scores} by {', '.join(done.detectors)}"
    compared = any(shot.camera != "short" for shot in done.shots)
    return f"{again}: nothing differs from the background" if compared else "read back, but nothing could be searched for in it"
