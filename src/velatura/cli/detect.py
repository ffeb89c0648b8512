"""`velatura detect`: where faces, plates, people, vehicles and text are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from velatura.cli.options import Detectors, Every, Inputs, Quiet, Thorough, words

if TYPE_CHECKING:
    from velatura.detect.document import Item

__all__ = ["EPILOG", "NO_ARGS_IS_HELP", "command"]

EPILOG = "Example: velatura detect street.mp4 --json > regions.json; edit it; velatura obfuscate street.mp4 --regions regions.json -o safe.mp4"
NO_ARGS_IS_HELP = True


def command(
    inputs: Inputs,
    targets: Annotated[str, typer.Option(help="of face, plate, person, vehicle, text; separated by commas")] = "face",
    every: Every = 1,
    thorough: Thorough = False,
    detectors: Detectors = "",
    json: Annotated[bool, typer.Option("--json", help="one JSON document on stdout, as --regions of obfuscate takes it")] = False,
    quiet: Quiet = False,
) -> int:
    """Say where faces, plates, people, vehicles and text are: boxes (left, top, right, bottom) in pixels of the upright picture.

    In a clip things are followed: what is listed is what obfuscate hides at first, before its margin; its second look may add some.
    """
    from velatura.cli.output import emit, worst
    from velatura.cli.progress import progress
    from velatura.detect.detection import detect

    result = detect(inputs, targets=words(targets), thorough=thorough, every=every, detectors=words(detectors), progress=progress(quiet=quiet))
    text = "\n".join([line for item in result.items for line in _lines(item)] + [f"{failed.file}: {failed.sentence}" for failed in result.failed])
    emit("detect", result, json=json, text=text, warnings=[failed.sentence for failed in result.failed])
    return worst(failed.exit for failed in result.failed)


def _lines(item: Item) -> list[str]:
    """One line for each track, or one that says that there is nothing."""
    tracks: dict[tuple[str, int | None], list[int]] = {}
    for k, row in enumerate(item.regions):
        tracks.setdefault((row.label, row.track), []).append(k)
    if not tracks:
        return [f"{item.file}: nothing found"]
    return [f"{item.file}: {label} {'-' if track is None else track}: {_span(item, rows)}" for (label, track), rows in tracks.items()]


def _span(item: Item, numbers: list[int]) -> str:
    first, last = item.regions[numbers[0]], item.regions[numbers[-1]]
    best = max(item.regions[k].score for k in numbers)
    box = ", ".join(f"{side:.0f}" for side in first.box)
    if len(numbers) == 1:
        return f"[{box}], score {best:.2f}" + (f", at {first.time:.2f} s" if first.time else "")
    return f"{first.time or 0:.2f} to {last.time or 0:.2f} s, {len(numbers)} frames, first [{box}], best score {best:.2f}"
