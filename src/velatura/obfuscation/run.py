"""A run over many files: what they have in common, one after the other, and what came of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from velatura.detect.detection import Search
from velatura.detect.document import RegionsDocument, sheet_for
from velatura.errors import VelaturaError
from velatura.media.batch import Batch, Job
from velatura.media.done import Done
from velatura.media.source import Decoder
from velatura.obfuscation.outcome import told
from velatura.obfuscation.passes import Nothing, Passes
from velatura.obfuscation.report import Failed, Protected, Report
from velatura.obfuscation.review import Reviewed, Sheet
from velatura.obfuscation.wanted import Wanted
from velatura.progress import SILENT, Progress

__all__ = ["Run"]


@dataclass(frozen=True, slots=True)
class Run:
    """What all files of a run have in common.

    Attributes:
        targets: what is looked for; `detectors`: with what.
        search: None only where regions are given for every file and nothing is searched again.
        document: regions that a person gave, for the files that it lists.
        inputs: all files of the run; by name alone the document means one of them only where there is no other of that name.
        options: everything that changes an output, in words.
    """

    wanted: Wanted
    targets: tuple[str, ...]
    search: Search | None
    detectors: tuple[str, ...]
    document: RegionsDocument | None = None
    options: str = ""
    inputs: tuple[Path, ...] = ()

    def one(self, job: Job, decoder: Decoder, *, reviewed: Reviewed | None = None, progress: Progress = SILENT) -> Protected:
        """Protect one file. Raises VelaturaError, mostly BadInput, BadSpec or Withheld; then it has no output."""
        said: list[str] = []
        sheet = sheet_for(self.document, job.source, self.inputs) if self.document else None
        if self.document and sheet is None:
            said.append(f"{job.source} is not in the regions document: searched instead")
        passes = Passes(
            job.source,
            job.target,
            self.wanted,
            decoder=decoder,
            search=self.search,
            sheet=sheet,
            gallery=reviewed or Nothing(),
            progress=progress,
            warn=_once(said),
        )
        try:
            written = passes.run()
        except OSError as error:
            raise VelaturaError("files.io", f"{job.source}: {error.strerror or error}", hint="look at the disk, then run it again") from error
        finally:
            progress.finish()
        return told(passes, written, detectors=self.detectors, targets=self.targets, said=said)

    def each(self, batch: Batch, decoder: Decoder, *, page: Path | None = None, progress: Progress = SILENT) -> Report:
        """Protect all files of a batch; what an earlier run has done is skipped. `page`: an empty private file for the review sheet.

        Raises:
            VelaturaError: of the only file, where there is one.
        """
        items: list[Protected] = []
        failed: list[Failed] = []
        skipped: list[Path] = []
        sheet = Sheet()
        done = Done(batch.folder, self.options) if batch.folder is not None else None
        for job in batch.jobs:
            if done is not None and not self.wanted.force and done.has(job):
                skipped.append(job.target)
                continue
            reviewed = Reviewed() if page is not None else None
            try:
                items.append(self.one(job, decoder, reviewed=reviewed, progress=progress))
            except VelaturaError as error:
                if len(batch.jobs) == 1:
                    raise
                failed.append(Failed(job.source, error))
                progress.note(str(error))
                continue
            if done is not None:
                done.add(job)
            if reviewed is not None:
                sheet.add(items[-1], reviewed)
        if page is not None:
            sheet.write(page)
        return Report(tuple(items), tuple(failed), tuple(skipped), batch.left)


def _once(said: list[str]) -> Callable[[str], None]:
    """Keeps each sentence once: a file is read in several passes."""

    def warn(sentence: str) -> None:
        if sentence not in said:
            said.append(sentence)

    return warn
