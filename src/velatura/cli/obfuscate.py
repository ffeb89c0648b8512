"""`velatura obfuscate`: the main job, from the command line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from velatura.cli import batch_told
from velatura.cli.options import Audio, Detectors, Every, Force, Inputs, Json, Out, Preset, Quiet, Recheck, Thorough, words
from velatura.errors import one_line
from velatura.obfuscation.limits import SENTENCES

if TYPE_CHECKING:
    from velatura.obfuscation.report import Protected, Report

__all__ = ["EPILOG", "NO_ARGS_IS_HELP", "command"]

NO_ARGS_IS_HELP = True
EPILOG = """What each method does not protect:

{methods}

dp-pixelate with m=roi and 8 cells has a noise of 48,960 / epsilon of 256 grey levels on a cell of a square region: at epsilon 50 nothing of the
picture is left, at 5,000 it looks pixelated, and identifies.

A face that no detector finds is not covered: --thorough finds more, --review shows who was found, and looking at the output is yours.

\b
Examples:
  velatura obfuscate street.mp4 -o street-safe.mp4
  velatura obfuscate album/ -o safe/ --targets face,plate --review sheet.html
""".format(methods="\n\n".join(f"{name}: {sentence}" for name, sentence in SENTENCES.items()))

METHOD = (
    "fill | pixelate:N (N cells across the shorter side) | pixelate:Npx | blur:SIGMA (pixels) | blur:N% | "
    "dp-pixelate:cells=N,m=roi|INT,epsilon=E | seal; pixelate and blur are cosmetic: they can be reversed"
)


def command(
    inputs: Inputs,
    out: Out,
    targets: Annotated[str, typer.Option(metavar="LIST", help="of face, plate, person, vehicle, text; separated by commas")] = "face",
    method: Annotated[str, typer.Option(metavar="METHOD", help=METHOD)] = "fill",
    dilate: Annotated[float, typer.Option(metavar="SHARE", help="margin on each side of a region, as a share of its size")] = 0.3,
    expand: Annotated[str | None, typer.Option(metavar="head|person", help="cover hair and neck too, or the whole standing person")] = None,
    shape: Annotated[str, typer.Option(metavar="box|ellipse", help="cover a region's box, or the ellipse in it")] = "box",
    every: Every = 1,
    thorough: Thorough = False,
    detectors: Detectors = "",
    regions: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="instead of detection, for the files it lists: `detect --json`, edited or not")
    ] = None,
    recipient: Annotated[str | None, typer.Option(metavar="KEY.pub", help="who can open what is sealed: a public key or its file")] = None,
    sidecar: Annotated[str, typer.Option(metavar="beside|attach", help="where what is sealed goes: OUT.vseal, or the end of OUT")] = "beside",
    audio: Audio = None,
    policy: Annotated[
        str, typer.Option(metavar="closed|open", help="closed: what is in doubt turns black or is not released; open: it is only told")
    ] = "closed",
    review: Annotated[Path | None, typer.Option(metavar="SHEET.html", help="a page with everybody who was found, to decide on (secret)")] = None,
    recheck: Recheck = True,
    preset: Preset = "veryfast",
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Make faces, plates, people in pictures and clips unrecognisable, or seal them.

    Each output is searched again before it gets its name. One bad file does not stop the rest; into a folder, a second run does only what is
    missing (.velatura-done.jsonl there remembers, without the inputs' names). Exit status 3: something still shows and was not released;
    5: an input was refused.
    """
    from velatura.cli.output import emit, worst
    from velatura.cli.progress import progress
    from velatura.obfuscation.obfuscate import obfuscate

    report = obfuscate(
        inputs,
        out,
        targets=words(targets),
        method=method,
        dilate=dilate,
        expand=expand,  # type: ignore[arg-type]  # words are checked where they are used
        shape=shape,  # type: ignore[arg-type]
        every=every,
        thorough=thorough,
        detectors=words(detectors),
        regions=regions,
        recipient=recipient,
        sidecar=sidecar,  # type: ignore[arg-type]
        audio=audio,  # type: ignore[arg-type]
        policy=policy,  # type: ignore[arg-type]
        review=review,
        recheck=recheck,
        preset=preset,
        force=force,
        progress=progress(quiet=quiet),
    )
    emit("obfuscate", _as_json(report), json=json, text=_text(report), warnings=_warnings(report))
    return worst(failed.error.exit_status for failed in report.failed)


def _text(report: Report) -> str:
    lines = [*(_line(done) for done in report.items), *batch_told.lines(report)]
    lines += [f"{report.review}: the review sheet; it shows the originals, keep it secret"] if report.review else []
    limits = dict.fromkeys(done.limits for done in report.items if done.regions and not done.cosmetic)  # a cosmetic one's stands in a warning
    return "\n".join([*lines, *limits])


def _line(done: Protected) -> str:
    kinds: dict[str, int] = {}
    for track in done.tracks:
        if not track.clear:
            kinds[track.label] = kinds.get(track.label, 0) + 1
    who = ", ".join(f"{count} {_plural(one_line(label, 40), count)}" for label, count in sorted(kinds.items())) or "nothing"
    frames = "" if done.kind == "picture" else f" in {done.frames} frames"
    left = sum(track.clear for track in done.tracks)
    clear = f", {left} left as decided" if left else ""
    checked = "" if not done.rechecked else "; searched again: nothing else found" if not done.shows else f"; {len(done.shows)} regions STILL SHOW"
    return f"{one_line(str(done.out))}: {who} covered{frames} ({done.method}){clear}{checked}"


def _plural(label: str, count: int) -> str:
    return label + ("s" if count != 1 and label in ("face", "plate", "person", "vehicle") else "")


def _warnings(report: Report) -> list[str]:
    """What a cosmetic method does not protect is said of a file that is alone, not of each of several."""
    if not batch_told.named(report):
        return batch_told.warnings(report)
    items = [
        replace(done, warnings=tuple(sentence for sentence in done.warnings if not (done.cosmetic and sentence == done.limits)))
        for done in report.items
    ]
    return batch_told.warnings(replace(report, items=tuple(items)))


def _as_json(report: Report) -> dict[str, Any]:
    return {**batch_told.as_json(report), "review": None if report.review is None else str(report.review)}
