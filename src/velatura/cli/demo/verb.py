"""`velatura demo`: protects a portrait and a street (or one's own file), attacks the protection, takes somebody out of a clip, writes a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from velatura.cli.options import Json, Quiet

if TYPE_CHECKING:
    from velatura.cli.demo.page import Shown
    from velatura.obfuscation.report import Protected
    from velatura.progress import Progress

__all__ = ["EPILOG", "command", "make_street"]

EPILOG = "Example: velatura demo my.mp4 -o demo-out"


def command(
    source: Annotated[
        Path | None, typer.Argument(metavar="[INPUT]", help="your own picture or clip; default: a portrait and a street of our own")
    ] = None,
    out: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="where the page and its pictures go")] = Path("demo-out"),
    force: Annotated[bool, typer.Option("--force", help="replace what an earlier demo left there")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Protect a photograph and a clip, attack the protection, take somebody out of another clip, and write a page and the attacker's report.

    The attacker is meant to win against pixelation and blur: that is no failure of the demo, and the exit status is 0.
    """
    from velatura.cli.demo.attacked import FOLDER, attacked, summary
    from velatura.cli.demo.page import write_page
    from velatura.cli.demo.taken_out import show_removed, take_out
    from velatura.cli.output import emit
    from velatura.cli.progress import progress
    from velatura.files import atomic_output

    shown_progress = progress(quiet=quiet)
    out.mkdir(parents=True, exist_ok=True)
    index = out / "index.html"
    with atomic_output(index, force=force) as part:
        originals = [own_file(source, out, force=force)] if source else samples(out, shown_progress, force=force)
        done = [protect(original, force=force, progress=shown_progress) for original in originals]
        gone = [] if source else [take_out(passage(out, force=force), force=force, progress=shown_progress)]
        shown = [*(show(item, out) for item in done), *(show_removed(item, out) for item in gone)]
        report = attacked(out, done, force=force, progress=shown_progress)
        own = source.name if source else "my.mp4"
        limits = [*sorted({item.limits for item in done}), *(item.limits for item in gone)]
        commands = [f"velatura obfuscate {own} -o safe{Path(own).suffix}", f"velatura remove {own} -o empty{Path(own).suffix}"]
        write_page(part, shown, limits, commands, report=f"{FOLDER}/report.html")
    lines = [f"{item.before}: {fact}" for item in shown for fact in item.facts[:2]]
    result = {
        "page": str(index),
        "report": str(out / FOLDER / "report.html"),
        "verdict": report.report.verdict,
        "files": [{"before": str(item.file), "after": str(item.out), "tracks": len(item.tracks)} for item in done],
        "removed": [{"before": str(item.file), "after": str(item.out), "frames": item.touched} for item in gone],
    }
    secret = f"open {index} and {out / FOLDER / 'report.html'} ({out} holds the unprotected originals, too)"
    warnings = [w for item in shown for w in item.warnings]
    emit("demo", result, json=json, text="\n".join([*lines, *summary(report), secret]), warnings=[*warnings, *report.warnings])
    return 0


def own_file(source: Path, out: Path, *, force: bool) -> Path:
    """The user's file, copied beside the page so that the page can show it. Raises BadInput."""
    import shutil

    from velatura.files import existing_file, private_output, refuse_same

    target = out / source.name
    refuse_same(existing_file(source), target)
    with private_output(target, force=force) as part:
        shutil.copyfile(source, part)
    return target


def samples(out: Path, progress: Progress, *, force: bool) -> list[Path]:
    """The portrait and the street. Raises Missing `models.missing`: the portrait was not brought."""
    from velatura.files import atomic_output
    from velatura.models.store import ModelStore

    store = ModelStore()
    portrait, street = out / "portrait.png", out / "street.mp4"
    with atomic_output(portrait, force=force) as part:
        part.write_bytes(store.load("portrait"))
    with atomic_output(street, force=force) as part:
        make_street(portrait, part, progress=progress)
    return [portrait, street]


def passage(out: Path, *, force: bool) -> Path:
    """Somebody who walks through a street, with the portrait's head."""
    from velatura.cli.demo.taken_out import make_passage
    from velatura.files import atomic_output

    clip = out / "passage.mp4"
    with atomic_output(clip, force=force) as part:
        make_passage(out / "portrait.png", part)
    return clip


def make_street(portrait: Path, target: Path, *, progress: Progress | None = None) -> None:
    """Render the street with the heads of a portrait into the file `target`, an MP4."""
    from velatura.cli.demo.filming import film, heads
    from velatura.cli.demo.street import FRAMES, SIZE, render
    from velatura.progress import SILENT

    film(render(heads(portrait)), target, frames=FRAMES, size=SIZE, progress=progress or SILENT)


def protect(original: Path, *, force: bool, progress: Progress) -> Protected:
    """The main job with every default."""
    from velatura.obfuscation.obfuscate import obfuscate

    safe = original.with_name(f"{original.stem}-safe{_suffix(original)}")
    report = obfuscate([original], safe, force=force, progress=progress)
    return report.items[0]


def _suffix(original: Path) -> str:
    """The output's suffix: the input's own, where we write it."""
    from velatura.media.clip_encoding import SUFFIXES
    from velatura.media.picture_formats import OUTPUTS

    suffix = original.suffix.lower()
    if suffix in SUFFIXES or suffix in OUTPUTS:
        return suffix
    return ".jpg" if suffix in (".heic", ".heif") else ".mp4"


def show(done: Protected, out: Path) -> Shown:
    """The page's section on one file, with a before/after sheet beside it."""
    from velatura.cli.demo.page import Shown
    from velatura.cli.demo.sheet import write_sheet

    sheet = out / f"{done.file.stem}-before-after.jpg"
    write_sheet(done.file, done.out, sheet, second=_busiest(done))
    people = sum(1 for track in done.tracks if not track.clear)
    facts = [
        f"{_count(people, 'face')} found and covered in {_count(done.frames, 'frame')} of {done.width}x{done.height}",
        "the finished file was searched again: nothing else found" if not done.shows else f"{len(done.shows)} regions still show",
        f"method: {done.method}; detector: {', '.join(done.detectors)}",
        "the file was decoded in a confined child process" if done.confined is None else f"the decoder was not confined: {done.confined}",
        *(f"not in the output: {what}" for what in done.dropped),
    ]
    kind = "A clip" if done.kind == "clip" else "A picture"
    return Shown(f"{kind}: {done.file.name}", sheet.name, done.file.name, done.out.name, done.kind == "clip", facts, done.warnings)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _busiest(done: Protected) -> float:
    """The second at which most tracks are on."""
    edges = [track.first_s for track in done.tracks]
    return max(edges, key=lambda at: sum(track.first_s <= at <= track.last_s for track in done.tracks), default=0.0)
