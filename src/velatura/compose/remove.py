"""The verb `remove`: things taken out of pictures and clips, what was behind them filled in, and what is in doubt covered by `obfuscation`.

Removal and obfuscation meet here, since rooms do not import each other: the room takes out and checks, the fallback covers.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from velatura.compose.removal_fallback import fallback as covering
from velatura.detect.detection import Paths
from velatura.detect.finder import Finder
from velatura.errors import BadSpec, Missing, VelaturaError
from velatura.media.each import Report, planned
from velatura.media.source import Decoder
from velatura.progress import SILENT, Progress
from velatura.removal.report import Removed
from velatura.removal.run import Run
from velatura.removal.targets import WHOLES, Targets, parse
from velatura.removal.wanted import Pick, Wanted

if TYPE_CHECKING:
    from velatura.models.store import ModelStore

__all__ = ["DEFAULT_TARGETS", "remove"]

File = str | PathLike[str]

DEFAULT_TARGETS = ("motion", "person")


def remove(
    paths: Paths,
    out: File,
    *,
    targets: Sequence[str] = (),
    camera: Literal["auto", "static", "moving"] = "auto",
    mask: File | None = None,
    whole_object: bool = False,
    pick: tuple[float, float, float] | None = None,
    from_s: float | None = None,
    to_s: float | None = None,
    masks_out: File | None = None,
    fallback: Literal["fill", "blur", "fail"] = "fill",
    dilate: float = 0.12,
    every: int = 1,
    thorough: bool = False,
    detectors: Sequence[str] = (),
    inpainter: str = "",
    recheck: bool = True,
    audio: Literal["keep"] | None = None,
    preset: str = "veryfast",
    seed: int = 0,
    force: bool = False,
    store: ModelStore | None = None,
    decoder: Decoder | None = None,
    progress: Progress = SILENT,
) -> Report[Removed]:
    """Take people and things out of pictures and clips, and fill in what was behind them.

    Args:
        paths: a file, folder or pattern, or several.
        out: a file; for several inputs a folder.
        targets: of motion, face, plate, person, vehicle, text; by default motion and person, and motion alone where no person detector is here.
        camera: "static" and "moving" end the doubt; "auto" looks.
        mask: a picture, a clip or a folder of pictures: white goes, black stays, and nothing is searched for.
        whole_object: a plate takes its vehicle with it, a face its person.
        pick: (seconds, x, y): take out only what is there, over its whole way.
        from_s, to_s: frames before and after stay as they are.
        masks_out: a folder for what was replaced, a picture a frame.
        fallback: covers what is in doubt: "fill", "blur", or "fail": nothing is released.
        dilate: margin around a detection, as a share of its size, on each side.
        every: search every K-th frame of a clip, at least each .2 s.
        thorough: several detectors, tiles and mirrored views: slower, finds more.
        detectors: names to use instead of the default ones, for the labels that they find.
        inpainter: an ONNX inpainter of yours, by file or by name, for what no other frame shows.
        recheck: search the finished file again before it gets its name.
        audio: "keep" encodes the sound track anew; it is left out by default.
        preset: of the x264 coder.
        seed: of grain and texture; same seed, same output.
        force: replace existing outputs.
        store: of the models' files; the user's by default.
        decoder: one that is warm already, with limits of its own; else one is started.

    Returns:
        what was done to each file; `failed` lists those that have no output.

    Raises:
        BadSpec: an option or a name is wrong.
        Missing: `models.none`: a detector's file is not here; `remove.no-detector`: the camera moves, or it is a picture, and nobody says what goes.
        BadInput, Withheld: of the only file, where there is one.
    """
    finder, chosen, said = _search(targets, given=mask is not None, whole_object=whole_object, thorough=thorough, detectors=detectors, store=store)
    if pick is not None and finder is None:
        raise _nothing_to_pick(said)
    if audio not in (None, "keep"):
        raise BadSpec("remove.audio", f"there is no way {audio!r} to treat sound", hint="keep, or nothing: then it is left out")
    wanted = Wanted(
        chosen,
        covering(fallback),
        fallback,
        camera=camera,
        mask=None if mask is None else Path(fspath(mask)),
        whole_object=whole_object,
        pick=None if pick is None else Pick(*pick),
        from_s=from_s,
        to_s=to_s,
        masks_out=None if masks_out is None else Path(fspath(masks_out)),
        dilate=dilate,
        every=every,
        recheck=recheck,
        keep_audio=audio == "keep",
        preset=preset,
        force=force,
        seed=seed,
    )
    if inpainter:
        from velatura.models.store import ModelStore
        from velatura.removal.onnx_inpainter import load  # onnxruntime starts only where it is asked for

        wanted = replace(wanted, inpainter=load(inpainter, store or ModelStore()), inpainter_name=inpainter)
    batch = planned(paths, out)
    if len(batch.jobs) > 1 and (mask is not None or masks_out is not None or pick is not None):
        raise BadSpec(
            "remove.one-file", "--mask, --pick and --masks-out speak of one file, and several are named", hint="treat them one after the other"
        )
    with ExitStack() as stack:
        return Run(wanted, finder, finder.names if finder else (), said).each(batch, decoder or stack.enter_context(Decoder()), progress=progress)


def _search(
    targets: Sequence[str], *, given: bool, whole_object: bool, thorough: bool, detectors: Sequence[str], store: ModelStore | None
) -> tuple[Finder | None, Targets, tuple[str, ...]]:
    """Detectors for what goes; by default those that are here, else motion alone, and that is said."""
    chosen = parse(",".join(targets or DEFAULT_TARGETS))
    if not chosen.labels:
        return None, chosen, ()
    try:
        wholes = [WHOLES[label] for label in chosen.labels if label in WHOLES] if whole_object else []
        return Finder.choose((*chosen.labels, *wholes), store=store, thorough=thorough, detectors=detectors), chosen, ()
    except Missing as error:
        if targets and not given:
            raise
        sentence = f"no detector is here: {'the masks alone say what goes' if given else 'motion alone says what goes'}, and none searches the output"
        return None, Targets((), motion=True), (f"{sentence} ({error.hint})",)


def _nothing_to_pick(said: Sequence[str]) -> VelaturaError:
    """What is picked is a detection; without a detector there is none."""
    if said:
        return Missing("remove.no-detector", "--pick takes out what a detector finds there, and none is here", hint="velatura models pull fastestdet")
    return BadSpec("remove.pick", "--pick takes out what a detector finds there, and --targets names nothing for one", hint="--targets motion,person")
