"""The folder of an audit: findings that are finished, their pictures, and in the end the report."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura import __version__
from velatura.attacks.attack import Shown
from velatura.audit.trial import Tried
from velatura.errors import BadSpec, VelaturaError
from velatura.files import atomic_output, private_output
from velatura.findings import Example, Finding, Verdict
from velatura.report.page import render
from velatura.report.reading import pictures_beside, read_report, write_report
from velatura.report.report import Report

__all__ = ["Folder"]

SIDE_PX = 192
QUALITY = 85
_AGAIN = (Verdict.ERROR, Verdict.NOT_RUN)
"""Not kept: the next run may do better."""


class Folder:
    """See the module.

    Args:
        secret: it will hold pictures of the secrets: folders that are made get mode 0700, files 0600.
        force: a report that is there may be replaced.

    Raises:
        BadSpec: `files.exists`, `audit.not-a-folder`, `audit.busy`: another audit writes into it.
        VelaturaError: `files.unwritable`.
    """

    def __init__(self, path: Path, *, secret: bool, force: bool) -> None:
        self.path, self._secret, self._force = path, secret, force
        if path.exists() and not path.is_dir():
            raise BadSpec("audit.not-a-folder", f"{path}: is not a folder", hint="the report goes into a folder of its own")
        for name in ("report.json", "report.html"):
            if (path / name).exists() and not force:
                raise BadSpec("files.exists", f"{path / name}: is already there", hint="choose another folder, or --force to replace it")
        for folder in (path, path / "findings", path / "pictures"):
            self._make(folder)
        self._held = _alone(path)

    def close(self) -> None:
        """Let others write into it."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def kept(self, digest: str) -> Finding | None:
        """A finding of an earlier run; None where there is none, or one that cannot be read."""
        try:
            found = read_report(self._kept(digest)).findings[0]
        except (VelaturaError, OSError, IndexError):
            return None
        there = all((self.path / name).is_file() for example in found.examples for name in (example.seen, example.recovered, example.secret) if name)
        return found if there else None

    def keep(self, digest: str, tried: Tried) -> Finding:
        """The finding with its pictures written beside it."""
        finding = replace(tried.finding, examples=tuple(self._example(digest, i, shown) for i, shown in enumerate(tried.shown)))
        if finding.verdict in _AGAIN:
            return finding
        report = Report(
            title=finding.target,
            room="",
            version=__version__,
            seed=0,
            command=finding.repeat,
            verdict=finding.verdict,
            certainty="",
            judged=0,
            findings=(finding,),
            pictures=bool(finding.examples),
        )
        with self._output(self._kept(digest), force=True) as part:
            part.write_bytes(write_report(report))
        return finding

    def write(self, report: Report) -> None:
        """Both files, the page first: report.json says that all is done. Pictures of earlier runs go."""
        shown = {name for finding in report.findings for example in finding.examples for name in (example.seen, example.recovered, example.secret)}
        for path in (self.path / "pictures").iterdir():
            if f"pictures/{path.name}" not in shown:
                path.unlink()
        for name, raw in (("report.html", render(report, pictures_beside(self.path)).encode("utf-8")), ("report.json", write_report(report))):
            with self._output(self.path / name, force=self._force) as part:
                part.write_bytes(raw)

    def _kept(self, digest: str) -> Path:
        return self.path / "findings" / f"{digest}.json"

    def _output(self, path: Path, *, force: bool) -> AbstractContextManager[Path]:
        return private_output(path, force=force) if self._secret else atomic_output(path, force=force)

    def _make(self, folder: Path) -> None:
        try:
            folder.mkdir(mode=0o700 if self._secret else 0o777, parents=True, exist_ok=True)  # one that was there keeps its mode: files are 0600
        except OSError as error:
            raise VelaturaError(
                "files.unwritable", f"{folder}: cannot be made: {error.strerror}", hint="choose a place that you may write to"
            ) from error

    def _example(self, digest: str, index: int, shown: Shown) -> Example:
        pictures = {"seen": shown.seen, "recovered": shown.recovered, "secret": shown.secret}
        names = {what: "" if picture is None else self._written(f"{digest}-{index}-{what}.webp", picture) for what, picture in pictures.items()}
        return Example(names["seen"], names["recovered"], names["secret"], shown.caption)

    def _written(self, name: str, picture: NDArray[np.uint8]) -> str:
        with self._output(self.path / "pictures" / name, force=True) as part:
            part.write_bytes(_encoded(picture))
        return f"pictures/{name}"


def _alone(path: Path) -> int | None:
    """A lock on the folder that ends with this process, however it ends; None where the system has no such locks."""
    try:
        import fcntl
    except ImportError:
        return None
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise BadSpec("audit.busy", f"{path}: another audit is writing into it", hint="wait for it, or choose another folder") from error
    except OSError:  # a file system without locks
        os.close(handle)
        return None
    return handle


def _encoded(picture: NDArray[np.uint8]) -> bytes:
    """WebP, at most SIDE_PX a side; cells stay sharp."""
    height, width = picture.shape[:2]
    scale = min(SIDE_PX / max(height, width), 1.0)
    if scale < 1:
        picture = cv2.resize(picture, (max(round(width * scale), 1), max(round(height * scale), 1)), interpolation=cv2.INTER_AREA).astype(np.uint8)
    channels = picture if picture.ndim == 2 else picture[..., ::-1]
    done, raw = cv2.imencode(".webp", np.ascontiguousarray(channels), _quality())
    if not done:
        raise VelaturaError("audit.picture", f"a picture of {width}x{height} pixels for the report could not be encoded")
    return raw.tobytes()


def _quality() -> Sequence[int]:
    return [cv2.IMWRITE_WEBP_QUALITY, QUALITY]
