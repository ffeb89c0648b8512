"""A report such as an audit of the obfuscation room makes, with every verdict in it, an interval without an upper end, and pictures.

The verdicts are `judge`'s own; the pictures are drawn here (no person is on them).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import replace
from math import inf
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from velatura.findings import Claim, Estimate, Example, Finding, Verdict, judge
from velatura.report.reading import write_report
from velatura.report.report import Report, worst

PARROT = "has five other pictures of each of the 40 people, runs the same protection over them, and learns from what comes out"
RUNS = "may run the mechanism on two inputs of his own choice as often as he likes, and sees what it releases"
FILTER = "can run the same protection on pictures of his own, and measures from them which filter it is"


def png(picture: NDArray[np.uint8]) -> bytes:
    """A grey picture as PNG, without a codec: the same bytes on every machine."""
    height, width = picture.shape

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + row.tobytes() for row in picture)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows, 9))
        + chunk(b"IEND", b"")
    )


def head(seed: int) -> NDArray[np.uint8]:
    """An oval with two dots and a bar on a grey ground, (112, 92)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:112, :92]
    wide, tall, low = rng.uniform(24, 34), rng.uniform(34, 46), rng.uniform(24, 34)
    picture = np.full((112, 92), rng.uniform(60, 120))
    picture[((x - 46) / wide) ** 2 + ((y - 56) / tall) ** 2 < 1] = rng.uniform(150, 220)
    for side in (-1, 1):
        picture[((x - 46 - side * wide * 0.42) / 5) ** 2 + ((y - 46) / 3.5) ** 2 < 1] = 35
    picture[(abs(x - 46) < wide * 0.35) & (abs(y - 56 - low * 0.7) < 3)] = 90
    return np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)


def mosaic(picture: NDArray[np.uint8], cell: int = 16) -> NDArray[np.uint8]:
    out = picture.copy()
    for top in range(0, picture.shape[0], cell):
        for left in range(0, picture.shape[1], cell):
            out[top : top + cell, left : left + cell] = round(float(picture[top : top + cell, left : left + cell].mean()))
    return out


def pictures() -> Mapping[str, bytes]:
    """Name -> content, of every example below."""
    shown: dict[str, bytes] = {}
    for i in range(4):
        shown[f"pictures/mosaic-{i}-seen.png"] = png(mosaic(head(i)))
        shown[f"pictures/mosaic-{i}-recovered.png"] = png(head(i + (50 if i == 3 else 0)))
        shown[f"pictures/mosaic-{i}-secret.png"] = png(head(i))
    for i in range(2):
        shown[f"pictures/fill-{i}-seen.png"] = png(np.full((112, 92), 40, np.uint8))
        shown[f"pictures/fill-{i}-recovered.png"] = png(head(i + 20))
        shown[f"pictures/fill-{i}-secret.png"] = png(head(i))
    return shown


def rate(
    value: float, low: float, high: float, *, chance: float = 0.025, unit: str = "rank-1 rate", n: int = 40, per: str = "people", below: bool = False
) -> Estimate:
    return Estimate(value, low, high, chance, n, per, unit, below)


def finding(
    attack: str, target: str, estimate: Estimate, baseline: Estimate, claim: Claim | None, why: str, knowledge: str = PARROT, **more: object
) -> Finding:
    repeat = f"velatura attack {attack} --room obfuscation --data faces/ --method '{target.split(',')[0]}' --seed 1 --of 7"
    return Finding(attack, target, judge(estimate, baseline, claim), estimate, baseline, claim, knowledge, why, repeat, **more)  # type: ignore[arg-type]


def cases(name: str, many: int) -> tuple[Example, ...]:
    return tuple(
        Example(
            *(f"pictures/{name}-{i}-{what}.png" for what in ("seen", "recovered", "secret")),
            f"taken for person {7 + 5 * i}; is person {7 + 5 * min(i, 2)}",
        )
        for i in range(many)
    )


UNPROTECTED = rate(0.956, 0.902, 0.979)
BROKEN = finding(
    "reidentify",
    "pixelate:16px, the region alone",
    rate(0.956, 0.902, 0.979),
    UNPROTECTED,
    Claim(),
    "rank-1 rate 95.6 % [90.2 %, 97.9 %] over 40 people; unprotected 95.6 %; guessing 2.5 %. Above guessing, by more than half of the way.",
    evidence={
        "attacker nearest neighbour": "0.938; unprotected 0.931",
        "attacker kernel ridge": "0.956; unprotected 0.956",
        "attacker eigenfaces and LDA": "0.951; unprotected 0.95",
        "rank-5 rate": "0.99; a blind guess gets 0.125",
        "not run: cnn": "the network attack needs torch; pip install 'velatura[train]'",
    },
    examples=cases("mosaic", 4),
)
WEAKENED = finding(
    "reconstruct",
    "blur:10, whole picture",
    Estimate(0.531, 0.514, 0.544, 0.385, 40, "people", "SSIM"),
    Estimate(1.0, 1.0, 1.0, 0.385, 40, "people", "SSIM"),
    Claim(),
    "SSIM 0.531 [0.514, 0.544] over 40 people; unprotected 1; guessing 0.385. Above guessing: something shows through.",
    FILTER,
    evidence={"PSNR": "18.9 dB; the release itself 17.2 dB", "gain over the release": "0.121"},
)
HELD = finding(
    "reidentify",
    "fill, the region alone",
    rate(0.023, 0.006, 0.046),
    UNPROTECTED,
    Claim(),
    "rank-1 rate 2.3 % [0.6 %, 4.6 %] over 40 people; unprotected 95.6 %; guessing 2.5 %. Not above guessing; 7.5 % or more is excluded.",
    examples=cases("fill", 2),
)
HELD_BOUND = finding(
    "dp",
    "dp-pixelate:cells=6,m=16,epsilon=1, a whole cell",
    Estimate(1.01, 0.954, 1.08, 0.0, 40_000, "runs", "epsilon"),
    Estimate(10.6, 9.3, inf, 0.0, 40_000, "runs", "epsilon"),
    Claim(1.0),
    "epsilon 1.01 [0.954, 1.08] over 40000 runs; unprotected 10.6; guessing 0. Not above the promised 1; 1.5 or more is excluded.",
    RUNS,
)
INCONCLUSIVE = finding(
    "text",
    "fill, plates",
    rate(0.031, 0.004, 0.11, chance=0.03, unit="character rate", n=12, per="plates"),
    rate(0.98, 0.91, 1.0, chance=0.03, unit="character rate", n=12, per="plates"),
    Claim(),
    "character rate 3.1 % [0.4 %, 11.0 %] over 12 plates; unprotected 98.0 %; guessing 3.0 %. Not above guessing, but 9.0 % is not excluded: about "
    "20 plates, or as many more probes of each, would say.",
    "knows the font, its size and which signs a plate can have",
)
STATED = finding(
    "reidentify",
    "fill, with what stands around it",
    rate(0.88, 0.8, 0.922),
    UNPROTECTED,
    None,
    "rank-1 rate 88.0 % [80.0 %, 92.2 %] over 40 people; unprotected 95.6 %; guessing 2.5 %. Shown, not judged: nothing was promised against this.",
)
ERROR = finding(
    "reidentify",
    "seal, the region alone",
    rate(0.0, 0.0, 0.012, below=True),
    UNPROTECTED,
    Claim(),
    "rank-1 rate 0.0 % [0.0 %, 1.2 %] over 40 people; unprotected 95.6 %; guessing 2.5 %. Below guessing: the attack is faulty (twins in the "
    "gallery, one label never guessed); it protects nobody.",
)
NOT_RUN = Finding(
    "reconstruct",
    "pixelate:16px, by a trained network",
    Verdict.NOT_RUN,
    None,
    None,
    Claim(),
    "has pictures of 20 other people, protected and not, and trains a network on the pairs",
    "Not run: the network attack needs torch; pip install 'velatura[train]'.",
    "velatura attack reconstruct --room obfuscation --data faces/ --method pixelate:16px --network --seed 1 --of 7",
)
FINDINGS = (BROKEN, WEAKENED, HELD, HELD_BOUND, STATED, INCONCLUSIVE, ERROR, NOT_RUN)


def report(*findings: Finding, **changed: object) -> Report:
    """The sample; with other findings if any are given, and other fields."""
    found = findings or FINDINGS
    fields: dict[str, object] = {
        "title": "Faces of the spring issue",
        "room": "obfuscation",
        "version": "0.2.0",
        "seed": 1,
        "command": "velatura audit spring.toml -o spring-report",
        "verdict": worst(found),
        "certainty": "Lower ends: in 19 reports of 20 all of them are right. Upper ends: each is right in 39 of 40.",
        "judged": 7,
        "findings": found,
        "limits": (
            "A fill leaves nothing of what it covers, but shows that somebody was there; hair, shoulders, clothes, place and company still identify.",
            "Pixelation is cosmetic and reversible: a trained attacker recognises people from the cells' means about as well as from the original.",
            "Whoever no detector finds is not covered at all.",
        ),
        "subject": {
            "people": "40",
            "pictures": "400, 92x112 pixels, grey",
            "methods": "fill, seal, pixelate:16px, blur:10, dp-pixelate:cells=6,m=16,epsilon=1",
        },
        "pictures": any(f.examples for f in found),
    }
    return Report(**{**fields, **changed})  # type: ignore[arg-type]


def write_sample(folder: Path) -> Path:
    """The sample with its pictures on disk; the path of report.json."""
    (folder / "pictures").mkdir(parents=True)
    for name, raw in pictures().items():
        (folder / name).write_bytes(raw)
    (folder / "report.json").write_bytes(write_report(report()))
    return folder / "report.json"


def hostile(text: str) -> Report:
    """The sample with `text` in every place that takes words."""
    found = replace(
        BROKEN,
        attack=text[:400],
        target=text,
        why=text,
        knowledge=text,
        repeat=text,
        evidence={text[:300]: text},
        examples=tuple(replace(example, caption=text) for example in BROKEN.examples),
    )
    words = dict.fromkeys(("title", "room", "version", "command", "certainty"), text)
    return report(found, HELD, **words, limits=(text,), subject={text[:300]: text})
