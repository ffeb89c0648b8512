"""A run over many files: what they have in common, and what came of each."""

from __future__ import annotations

from dataclasses import dataclass

from velatura.detect.detection import Search
from velatura.media.batch import Batch, Job
from velatura.media.each import Report, each, once, working_on
from velatura.media.source import Decoder
from velatura.progress import SILENT, Progress
from velatura.removal.outcome import told
from velatura.removal.passes import Passes
from velatura.removal.report import Removed
from velatura.removal.wanted import Wanted

__all__ = ["Run"]


@dataclass(frozen=True, slots=True)
class Run:
    """What all files of a run have in common.

    Attributes:
        search: None: nothing is searched for.
        detectors: with what; `said`: what a person should know of all files.
    """

    wanted: Wanted
    search: Search | None
    detectors: tuple[str, ...] = ()
    said: tuple[str, ...] = ()

    def one(self, job: Job, decoder: Decoder, *, progress: Progress = SILENT) -> Removed:
        """Treat one file. Raises VelaturaError, mostly BadInput, BadSpec, Missing or Withheld; then it has no output."""
        said = list(self.said)
        passes = Passes(job.source, job.target, self.wanted, decoder=decoder, search=self.search, progress=progress, warn=once(said))
        with working_on(job.source, progress):
            written = passes.run()
            written.shown.close()
        return told(passes, written, detectors=self.detectors, said=said)

    def each(self, batch: Batch, decoder: Decoder, *, progress: Progress = SILENT) -> Report[Removed]:
        """Treat all files of a batch; what an earlier run has done is skipped. Raises VelaturaError of the only file, where there is one."""
        options = self.wanted.in_words() + repr(self.detectors)
        return each(batch, lambda job: self.one(job, decoder, progress=progress), options=options, force=self.wanted.force, progress=progress)
