"""The verb `obfuscate`: people, plates, text in pictures and clips covered, each file for itself, one bad file never stopping the rest.

A file is decoded in a confined child, searched, followed, covered, encoded to a temporary file, searched again, and only then named. Into a
folder a run writes down what it has done; run again, it goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from velatura.detect.detection import Paths
from velatura.detect.document import RegionsDocument, read_regions, sheet_for
from velatura.detect.finder import Finder
from velatura.errors import BadSpec
from velatura.files import private_output, refuse_same
from velatura.media.batch import Batch
from velatura.media.each import planned
from velatura.media.source import Decoder
from velatura.obfuscation.parameters import chosen
from velatura.obfuscation.policy import Covering
from velatura.obfuscation.report import Report
from velatura.obfuscation.run import Run
from velatura.obfuscation.wanted import Wanted, check_audio, check_sidecar
from velatura.progress import SILENT, Progress

if TYPE_CHECKING:
    from velatura.crypto.keys import Recipient
    from velatura.models.store import ModelStore

__all__ = ["obfuscate"]

File = str | PathLike[str]


def obfuscate(
    paths: Paths,
    out: File,
    *,
    targets: Sequence[str] = ("face",),
    method: str = "fill",
    dilate: float = 0.3,
    expand: Literal["head", "person"] | None = None,
    shape: Literal["box", "ellipse"] = "box",
    every: int = 1,
    thorough: bool = False,
    detectors: Sequence[str] = (),
    regions: File | RegionsDocument | None = None,
    recipient: File | Recipient | None = None,
    sidecar: Literal["beside", "attach"] = "beside",
    audio: Literal["keep"] | None = None,
    policy: Literal["closed", "open"] = "closed",
    review: File | None = None,
    recheck: bool = True,
    preset: str = "veryfast",
    force: bool = False,
    store: ModelStore | None = None,
    decoder: Decoder | None = None,
    entropy: Callable[[int], bytes] = os.urandom,
    progress: Progress = SILENT,
) -> Report:
    """Make people and things in pictures and clips unrecognisable.

    Args:
        paths: a file, folder or pattern, or several.
        out: a file; for several inputs a folder.
        targets: of face, plate, person, vehicle, text.
        method: fill, pixelate:N, pixelate:Npx, blur:SIGMA, blur:N%, dp-pixelate:cells=N,m=roi|INT,epsilon=E, seal.
        dilate: margin on each side of a region, as a share of its size.
        expand: cover the head, or the whole person, where a face was found.
        shape: cover a region's box, or the ellipse in it.
        every: search every K-th frame of a clip, at least each .2 s.
        thorough: several detectors, tiles and mirrored views: slower, finds more.
        detectors: names to use instead of the default ones, for the labels that they find.
        regions: instead of detection, for the files it lists: the document of `detect --json`, edited or not.
        recipient: of `seal`: a public key or its file.
        sidecar: of `seal`: a file beside each output (OUT.vseal), or attached to it.
        audio: "keep" encodes the sound track anew; it is left out by default.
        policy: "closed" turns what is in doubt black or withholds the file; "open" only tells.
        review: a page with every track, to look through before release.
        recheck: search the finished file again before it gets its name.
        preset: of the x264 coder.
        force: replace existing outputs.
        store: of the detectors' files; the user's by default.
        decoder: one that is warm already, with limits of its own; else one is started.
        entropy: where randomness comes from.

    Returns:
        what was done to each file; `failed` lists those that have no output.

    Raises:
        BadSpec: an option or a name is wrong.
        Missing: `models.none`: a detector's file is not here.
        BadInput, Withheld: of the only file, where there is one.
    """
    names, key = tuple(dict.fromkeys(targets)), _recipient(recipient)
    wanted = Wanted(
        chosen(method),
        method,
        Covering(dilate, expand, shape),
        every=every,
        policy=policy,
        recheck=recheck,
        recipient=key,
        attach=check_sidecar(sidecar),
        keep_audio=check_audio(audio),
        preset=preset,
        force=force,
        entropy=entropy,
    )
    document = read_regions(Path(fspath(regions))) if isinstance(regions, str | PathLike) else regions
    batch = planned(paths, out)
    given = _all_given(batch, document)
    finder = Finder.choose(names, store=store, thorough=thorough, detectors=detectors) if recheck or not given else None
    run = Run(
        wanted,
        names,
        finder,
        finder.names if finder else (),
        document,
        f"{names} {thorough} {tuple(detectors)} {wanted.in_words()} {_digest(document)}",
        tuple(job.source for job in batch.jobs),
    )
    with ExitStack() as stack:
        page = stack.enter_context(_page(review, batch, force=force))
        report = run.each(batch, decoder or stack.enter_context(Decoder()), page=page, progress=progress)
    return replace(report, review=Path(fspath(review))) if review is not None else report


def _recipient(given: File | Recipient | None) -> Recipient | None:
    if not isinstance(given, str | PathLike):
        return given
    from velatura.crypto.keyfile import load_recipient  # cryptography starts only where something is sealed

    return load_recipient(fspath(given))


def _all_given(batch: Batch, document: RegionsDocument | None) -> bool:
    """Whether the document speaks of every file, so that nothing has to be searched for.

    Raises:
        BadSpec: `regions.other-files`: it speaks of none.
    """
    if document is None:
        return False
    inputs = tuple(job.source for job in batch.jobs)
    listed = [sheet_for(document, source, inputs) is not None for source in inputs]
    if not any(listed):
        raise BadSpec("regions.other-files", "the regions document lists none of the inputs", hint="`file` must be the input's path or name")
    return all(listed)


def _digest(document: RegionsDocument | None) -> str:
    return hashlib.sha256(msgspec.json.encode(document)).hexdigest() if document else ""


@contextmanager
def _page(review: File | None, batch: Batch, *, force: bool) -> Iterator[Path | None]:
    """The review sheet's temporary file, refused at once where it may not be written."""
    if review is None:
        yield None
        return
    path = Path(fspath(review))
    for job in batch.jobs:
        refuse_same(job.source, path)
        refuse_same(job.target, path)
    with private_output(path, force=force) as part:
        yield part
