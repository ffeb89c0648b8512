"""A run over many files: what they have in common, one after the other, and what came of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from velatura.detect.detection import Search
from velatura.errors import VelaturaError
from velatura.media.batch import Batch, Job
from velatura.media.done import Done
from velatura.media.source import Decoder
from velatura.progress import SILENT, Progress
from velatura.removal.outcome import told
from velatura.removal.passes import Passes
from velatura.removal.report import Failed, Removed, Report
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
        passes = Passes(job.source, job.target, self.wanted, decoder=decoder, search=self.search, progress=progress, warn=_once(said))
        try:
            written = passes.run()
        except OSError as error:
            raise VelaturaError("files.io", f"{job.source}: {error.strerror or error}", hint="look at the disk, then run it again") from error
        finally:
            progress.finish()
        return told(passes, written, detectors=self.detectors, said=said)

    def each(self, batch: Batch, decoder: Decoder, *, progress: Progress = SILENT) -> Report:
        """Treat all files of a batch; what an earlier run has done is skipped.

        Raises:
            VelaturaError: of the only file, where there is one.
        """
        items: list[Removed] = []
        failed: list[Failed] = []
        skipped: list[Path] = []
        done = Done(batch.folder, self.wanted.in_words() + repr(self.detectors)) if batch.folder is not None else None
        for job in batch.jobs:
            if done is not None and not self.wanted.force and done.has(job):
                skipped.append(job.target)
                continue
            try:
                items.append(self.one(job, decoder, progress=progress))
            except VelaturaError as error:
                if len(batch.jobs) == 1:
                    raise
                failed.append(Failed(job.source, error))
                progress.note(str(error))
                continue
            if done is not None:
                done.add(job)
        return Report(tuple(items), tuple(failed), tuple(skipped), batch.left)


def _once(said: list[str]) -> Callable[[str], None]:
    """Keeps each sentence once: a file is read in several passes."""

    def warn(sentence: str) -> None:
        if sentence not in said:
            said.append(sentence)

    return warn
