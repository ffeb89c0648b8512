"""Files of a batch, one after the other: one that cannot be done does not stop the others, and what an earlier run has done is skipped.

A room says what is done to one file; this says what becomes of the run. Nothing is done twice: `done.Done` remembers in the output folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Generic, TypeVar

from velatura.errors import BadSpec, VelaturaError
from velatura.media.batch import Batch, Job, plan
from velatura.media.done import Done
from velatura.media.sink import check_name
from velatura.progress import Progress

__all__ = ["Failed", "Report", "each", "once", "planned", "working_on"]

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Failed:
    """One file that has no output."""

    file: Path
    error: VelaturaError


@dataclass(frozen=True, slots=True)
class Report(Generic[Item]):
    """A whole run.

    Attributes:
        items: what was done to each file.
        skipped: outputs that an earlier run had made of the same inputs with the same options.
        left: files beside the inputs that were neither treated nor copied.
    """

    items: tuple[Item, ...]
    failed: tuple[Failed, ...] = ()
    skipped: tuple[Path, ...] = ()
    left: tuple[Path, ...] = ()


def planned(paths: str | PathLike[str] | Sequence[str | PathLike[str]], out: str | PathLike[str]) -> Batch:
    """Inputs and outputs, with names that something can be written under.

    Raises:
        BadSpec: `files.no-name`, `media.unknown-output`; it and BadInput as `batch.plan`.
    """
    if not fspath(out):  # an empty variable of a shell; Path would make it the current folder
        raise BadSpec("files.no-name", "the output has an empty name", hint="name a file, or a folder for several inputs")
    batch = plan([fspath(path) for path in ([paths] if isinstance(paths, str | PathLike) else paths)], Path(fspath(out)))
    if batch.folder is None:
        check_name(batch.jobs[0].target.name)
    return batch


def each(batch: Batch, treat: Callable[[Job], Item], *, options: str, force: bool, progress: Progress) -> Report[Item]:
    """Treat all files of a batch.

    Args:
        treat: one file; raises VelaturaError where it has no output.
        options: everything that changes an output, in words.
        force: do again what is done.

    Raises:
        VelaturaError: of the only file, where there is one.
    """
    items: list[Item] = []
    failed: list[Failed] = []
    skipped: list[Path] = []
    done = Done(batch.folder, options) if batch.folder is not None else None
    for job in batch.jobs:
        if done is not None and not force and done.has(job):
            skipped.append(job.target)
            continue
        try:
            items.append(treat(job))
        except VelaturaError as error:
            if len(batch.jobs) == 1:
                raise
            failed.append(Failed(job.source, error))
            progress.note(str(error))
            continue
        if done is not None:
            done.add(job)
    return Report(tuple(items), tuple(failed), tuple(skipped), batch.left)


@contextmanager
def working_on(source: Path, progress: Progress) -> Iterator[None]:
    """Around the work on one file: a disk that fails is told with the file's name, and progress ends. Raises VelaturaError `files.io`."""
    try:
        yield
    except OSError as error:
        raise VelaturaError("files.io", f"{source}: {error.strerror or error}", hint="look at the disk, then run it again") from error
    finally:
        progress.finish()


def once(said: list[str]) -> Callable[[str], None]:
    """A `warn` that keeps each sentence once: a file is read in several passes."""

    def warn(sentence: str) -> None:
        if sentence not in said:
            said.append(sentence)

    return warn
