"""What is left where somebody was covered: re-detection, presence and canaries, on real faces and real files.

Faces of 24 pixels and more from two sets with boxes, each cut out with what is around it (three times its size), covered as `velatura obfuscate`
covers (30 % around the box); YuNet-n at its low threshold looks again. Each picture is paired with itself without the person, put through the
same arm: "without" is how often something is found there too.
"""

from __future__ import annotations

import resource
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.facesets import load
from benchmarks.material import models, shared
from benchmarks.page import Row, table, write
from velatura.attacks.attack import Photo
from velatura.attacks.canaries import LeakPaths
from velatura.attacks.existence import Existence
from velatura.attacks.residue import Find, Redetect
from velatura.audit.obfuscation.arms import FileArm, frame_of, plain_arm, protected_arm
from velatura.audit.trial import Baselines, trial
from velatura.detect.finder import Finder
from velatura.findings import Claim, Estimate, Finding, Verdict
from velatura.media.source import Decoder
from velatura.models.store import ModelStore
from velatura.obfuscation.policy import Covering

SETS = {"mask853": "faces_mask853", "WIDER": "faces_wider_val"}
LEAST_PX, MOST_FACES, FILES = 24, 150, 12
COVERING = Covering(0.3)
METHODS = (
    "fill",
    "pixelate:4",
    "pixelate:8",
    "pixelate:16",
    "blur:12%",
    "blur:50%",
    "dp-pixelate:cells=8,m=16,epsilon=1",
    "dp-pixelate:cells=8,m=roi,epsilon=50",
    "dp-pixelate:cells=8,m=roi,epsilon=1",
)
PROMISED = frozenset(("fill",))


def faces(folder: Path) -> list[Photo]:
    """Each face that counts, cut out with what is around it."""
    photos: list[Photo] = []
    for truth in load(folder):
        picture = np.asarray(Image.open(truth.file).convert("RGB"))
        for x0, y0, x1, y1 in truth.boxes[truth.counts].tolist():
            width, height = x1 - x0, y1 - y0
            if min(width, height) >= LEAST_PX and len(photos) < MOST_FACES:
                left, top = max(int(x0 - width), 0), max(int(y0 - height), 0)
                cut = picture[top : int(y1 + height), left : int(x1 + width)].copy()
                photos.append(Photo(cut, len(photos), box=(x0 - left, y0 - top, x1 - left, y1 - top)))
    return photos


def cpu_s() -> float:
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def judged(find: Find, photos: list[Photo], method: str, baselines: Baselines) -> tuple[Finding, Finding]:
    """Re-detection (judged against chance, whatever the method promises) and presence (stated)."""
    how = {"plain": plain_arm(), "secrets": photos, "seed": 1, "budget_s": 600.0, "findings": 1, "baselines": baselines}
    arm = protected_arm(method, COVERING)
    found = trial(Redetect(find, MOST_FACES), method, protected=arm, claim=Claim(), key="residue", **how).finding  # type: ignore[arg-type]
    presence = trial(Existence(find, MOST_FACES), method, protected=arm, claim=None, key="existence", **how).finding  # type: ignore[arg-type]
    return found, presence


def told(estimate: Estimate | None, *, percent: bool) -> str:
    assert estimate is not None, "the benchmark's attacks run"
    if percent:
        return f"{100 * estimate.value:.1f} % [{100 * max(estimate.low, 0):.1f}, {100 * estimate.high:.1f}]"
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def lines_of(name: str, photos: list[Photo], find: Find) -> tuple[list[list[str]], dict[str, Finding]]:
    baselines, lines, findings = Baselines(), [], {}
    for method in METHODS:
        before = cpu_s()
        found, presence = judged(find, photos, method, baselines)
        if not lines:
            lines.append([name, "none", told(found.baseline, percent=True), "", "", "", told(presence.baseline, percent=False), ""])
        assert found.estimate is not None, "the attack runs"
        score = found.evidence["ghost score inside the mask"].partition(" (")[0]
        cells = [name, f"`{method}`", told(found.estimate, percent=True), f"{100 * found.estimate.chance:.1f} %", found.verdict.value, score]
        lines.append([*cells, told(presence.estimate, percent=False), f"{cpu_s() - before:.1f} s"])
        findings[method] = replace(found, examples=())
    return lines, findings


def canaries(folder: Path) -> tuple[list[list[str]], Finding]:
    """Files of the first set, and half of them as PNG, through the room's own verb."""
    files = []
    for number, truth in enumerate(load(shared() / "data" / SETS["mask853"])[:FILES]):
        path = folder / f"{number}.{'png' if number % 2 else 'jpg'}"
        Image.open(truth.file).save(path, quality=92)
        files.append(path)
    before = cpu_s()
    (folder / "plain").mkdir()
    (folder / "covered").mkdir()
    arms = {"plain": FileArm(None, folder / "plain"), "protected": FileArm("fill", folder / "covered")}
    with Decoder() as decoder:
        attack = LeakPaths(decoder)
        found = trial(attack, "fill", claim=Claim(), secrets=files, seed=1, budget_s=600.0, findings=1, **arms).finding
    assert found.estimate is not None and found.baseline is not None, "the attack runs"
    share = f"{100 * found.estimate.value:.1f} %"
    cells = [
        f"{FILES} files",
        f"{100 * found.baseline.value:.0f} %",
        share,
        found.verdict.value,
        found.evidence["planted"],
        f"{cpu_s() - before:.1f} s",
    ]
    return [cells], found


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        finder = Finder.choose(("face",), store=ModelStore(models(folder)))
        lines: list[list[str]] = []
        findings: dict[str, dict[str, Finding]] = {}
        counts = {}
        for name, place in SETS.items():
            photos = faces(shared() / "data" / place)
            counts[name] = len(photos)
            more, findings[name] = lines_of(name, photos, lambda picture: finder(frame_of(picture), low=True))
            lines += more
        files, leaks = canaries(folder)
    write("residue", "What is left where somebody was covered", page(lines, files, counts), figures(findings, leaks), aims(findings, leaks))


def page(lines: list[list[str]], files: list[list[str]], counts: dict[str, int]) -> str:
    head = ["faces", "method", "found again [interval]", "without the person", "against chance", "ghost score", "presence, AUC [interval]", "CPU"]
    told_of = ", ".join(f"{name}: {count} faces" for name, count in counts.items())
    return (
        f"{__doc__}\n{told_of}.\n"
        "'Found again' is found - found without + mean of found without. The verdict is the one against chance, also for methods that promise\n"
        "nothing; `held` says that this detector sees no more with the person than without, and nothing on who it was. Under a method that\n"
        "draws no chance and looks at no pixel both releases are the same, so that its interval is a point.\n"
        "Presence is told from releases of pictures with and without somebody: where nobody is, nothing is covered, so that every mask shows that\n"
        "somebody was there. It is stated, never promised.\n\n"
        f"{table(head, lines)}\n\n"
        "Canaries planted in copies of files, half JPEG and half PNG, and looked for in what `velatura obfuscate --method fill` wrote:\n\n"
        f"{table(['files', 'copied', 'through the room', 'verdict', 'planted', 'CPU'], files)}"
    )


def figures(findings: dict[str, dict[str, Finding]], leaks: Finding) -> dict[str, object]:
    def numbers(found: Finding) -> dict[str, object]:
        e, b = found.estimate, found.baseline
        assert e is not None and b is not None, "the attack runs"
        return {
            "value": e.value,
            "low": e.low,
            "high": e.high,
            "chance": e.chance,
            "n": e.n,
            "baseline": b.value,
            "verdict": found.verdict.value,
            "notes": dict(found.evidence),
        }

    return {**{name: {method: numbers(found) for method, found in each.items()} for name, each in findings.items()}, "canaries": numbers(leaks)}


def aims(findings: dict[str, dict[str, Finding]], leaks: Finding) -> list[Row]:
    """No figure was asked for; what the methods promise is the target."""
    rows = []
    for name, each in findings.items():
        for method in sorted(PROMISED):
            found = each[method]
            rows.append(Row(f"re-detection under {method}, {name}", "held", f"{found.verdict.value}: {found.why}", found.verdict is Verdict.HELD))
    rows.append(Row("canaries through `obfuscate`", "none", leaks.evidence["came through"], leaks.verdict is Verdict.HELD))
    return rows


if __name__ == "__main__":
    main()
