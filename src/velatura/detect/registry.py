"""Which detectors look for what: ours by name, other people's through the entry points `velatura.detectors`.

A factory takes (name, store) and gives a `Detector`. Faces: YuNet-n where its file is here, else CenterFace; thorough: both. Persons and vehicles:
FastestDet. Text: PP-OCR. Plates: text of a plate's shape, judged by the vehicles around it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from msgspec.structs import asdict

from velatura.detect.plates import Plates
from velatura.detect.region import Detector, Scores
from velatura.detect.search import Only
from velatura.errors import BadSpec, Missing, nearest
from velatura.media.input_form import InputForm
from velatura.models.store import ModelStore
from velatura.plugins import Registry

__all__ = ["DETECTORS", "TARGETS", "choose", "load"]

DETECTORS = Registry(
    "velatura.detectors",
    "detector",
    {
        "yunet-n": "velatura.detect.registry:yunet",
        "yunet-s": "velatura.detect.registry:yunet",
        "centerface": "velatura.detect.registry:centerface",
        "ultralight-rfb-640": "velatura.detect.registry:ultralight",
        "fastestdet": "velatura.detect.registry:fastestdet",
        "ppocr-det": "velatura.detect.registry:ppocr",
        "plate-clp": "velatura.detect.registry:plate_clp",
    },
)

TARGETS = ("face", "plate", "person", "vehicle", "text")
_FACES = ("yunet-n", "centerface", "yunet-s", "ultralight-rfb-640")
_BOTH = ("yunet-n", "centerface")
_THREADS = 1  # the pipeline decodes and encodes beside it


def load(name: str, store: ModelStore) -> Detector:
    """A detector by name, ours, a user's (declared `like` one of ours) or a plug-in's.

    Raises:
        BadSpec: `plugins.unknown`.
        Missing: `models.missing`.
        BadInput: `models.hash-mismatch`, `models.malformed`.
    """
    known = store.known()
    factory = DETECTORS.load(known[name].like or name if name in known else name)
    found: Detector = factory(name, store)
    return found


def choose(targets: Sequence[str], store: ModelStore, *, thorough: bool = False, detectors: Sequence[str] = ()) -> list[Detector]:
    """The detectors for some targets.

    Args:
        targets: of `TARGETS`.
        thorough: several detectors of faces together.
        detectors: names that are taken instead of the default ones, for the labels that they find; other targets keep their default.

    Raises:
        BadSpec: `detect.target`: unknown, or none named; `detect.idle`: a named detector finds none of them.
        Missing: `models.none`: nothing here finds a target; the hint has the command.
    """
    _check(targets)
    once = _Once(store)
    chosen = [_busy(once(name), targets) for name in dict.fromkeys(detectors)]
    served = {label for detector in chosen for label in detector.labels}
    left = [target for target in dict.fromkeys(targets) if target not in served]
    if "face" in left:
        chosen += [once(name) for name in _faces(store, thorough=thorough)]
    wanted = frozenset(left) & {"person", "vehicle"}
    if wanted:
        chosen.append(Only(once(_present("fastestdet", store, " and ".join(sorted(wanted)))), wanted))
    if "text" in left:
        chosen.append(once(_present("ppocr-det", store, "text")))
    if "plate" in left:
        text = once(_present("ppocr-det", store, "plate"))
        chosen.append(Plates(text, once(_present("fastestdet", store, "plate"))))
    return [Only(detector, detector.labels & set(targets)) if detector.labels - set(targets) else detector for detector in chosen]


def _check(targets: Sequence[str]) -> None:
    if not targets:
        raise BadSpec("detect.target", "no target is named", hint=f"valid: {', '.join(TARGETS)}")
    for target in targets:
        if target not in TARGETS:
            raise BadSpec("detect.target", f"there is no target {target!r}", hint=nearest(target, TARGETS))


def _busy(detector: Detector, targets: Sequence[str]) -> Detector:
    """Whoever names a detector believes that it searches."""
    if not detector.labels & set(targets):
        finds, asked = ", ".join(sorted(detector.labels)), ", ".join(dict.fromkeys(targets))
        sentence = f"{detector.name} finds {finds}, and what is asked for is {asked}"
        raise BadSpec("detect.idle", sentence, hint=f"--targets {next(iter(sorted(detector.labels)))}, or leave {detector.name} out of --detectors")
    return detector


def _faces(store: ModelStore, *, thorough: bool) -> list[str]:
    here = [name for name in _FACES if store.path(name).exists()]  # a changed one too: to load it says so
    if not here:
        raise Missing("models.none", "no face detector is here", hint="velatura models pull")
    both = [name for name in _BOTH if name in here]
    return both if thorough and both else here[:1]


def _present(name: str, store: ModelStore, target: str) -> str:
    if not store.path(name).exists():
        raise Missing("models.none", f"to find a {target}, {name} is needed, and is not here", hint=f"velatura models pull {name}")
    return name


class _Once:
    """Loads each detector once."""

    def __init__(self, store: ModelStore) -> None:
        self._store, self._loaded = store, dict[str, Detector]()

    def __call__(self, name: str) -> Detector:
        if name not in self._loaded:
            self._loaded[name] = load(name, self._store)
        return self._loaded[name]


def _factory(module: str, cls: str) -> Callable[[str, ModelStore], Detector]:
    return partial(_make, module, cls)


def _make(module: str, cls: str, name: str, store: ModelStore) -> Detector:
    """A detector of ours; form and scores are the catalogue's. onnxruntime is imported here, when it is needed."""
    from importlib import import_module

    from velatura.models.runtime import OnnxBackend

    entry = store.entry(name)
    if entry.scores is None:
        raise BadSpec("models.catalogue", f"{name} has no scores", hint=f"give it low, high and sure in {store.user_catalogue}")
    backend = OnnxBackend(store.load(name), threads=_THREADS, outputs=entry.outputs, free_sizes=bool(entry.free))
    kind: Any = getattr(import_module(module), cls)
    made: Detector = kind(backend, name, InputForm(**asdict(entry.input)), Scores(**asdict(entry.scores)))
    return made


yunet = _factory("velatura.detect.yunet", "YuNet")
centerface = _factory("velatura.detect.centerface", "CenterFace")
ultralight = _factory("velatura.detect.ultralight", "Ultralight")
fastestdet = _factory("velatura.detect.fastestdet", "FastestDet")
ppocr = _factory("velatura.detect.ppocr", "PpOcr")
plate_clp = _factory("velatura.detect.plate_clp", "PlateClp")
