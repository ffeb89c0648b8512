"""A run over many files: what they have in common, and what came of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from velatura.detect.detection import Search
from velatura.detect.document import RegionsDocument, sheet_for
from velatura.media.batch import Batch, Job
from velatura.media.each import each, once, working_on
from velatura.media.source import Decoder
from velatura.obfuscation.outcome import told
from velatura.obfuscation.passes import Nothing, Passes
from velatura.obfuscation.report import Protected, Report
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
            warn=once(said),
        )
        with working_on(job.source, progress):
            written = passes.run()
        return told(passes, written, detectors=self.detectors, targets=self.targets, said=said)

    def each(self, batch: Batch, decoder: Decoder, *, page: Path | None = None, progress: Progress = SILENT) -> Report:
        """Protect all files of a batch; what an earlier run has done is skipped. `page`: an empty private file for the review sheet.

        Raises:
            VelaturaError: of the only file, where there is one.
        """
        sheet = Sheet()

        def treat(job: Job) -> Protected:
            reviewed = Reviewed() if page is not None else None
            done = self.one(job, decoder, reviewed=reviewed, progress=progress)
            if reviewed is not None:
                sheet.add(done, reviewed)
            return done

        ran = each(batch, treat, options=self.options, force=self.wanted.force, progress=progress)
        if page is not None:
            sheet.write(page)
        return Report(ran.items, ran.failed, ran.skipped, ran.left)
