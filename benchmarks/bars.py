"""A figure of horizontal bars with intervals against chance, as an SVG that is readable on light and on dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

__all__ = ["Bar", "draw"]

_LABEL, _WIDE, _STEP, _TOP = 330, 420, 22, 44
_COLOURS = {"broken": "#c0392b", "weakened": "#d98218", "held": "#2e8b57", "stated": "#5b7fa6", "inconclusive": "#8a8a8a", "error": "#8a8a8a"}


@dataclass(frozen=True, slots=True)
class Bar:
    """A value with its interval, all shares of 1, and a verdict, which gives the colour and stands in words beside it."""

    label: str
    value: float
    low: float
    high: float
    verdict: str


def draw(path: Path, title: str, bars: Sequence[Bar], *, chance: float) -> None:
    """Write the figure."""
    bottom = _TOP + _STEP * len(bars)
    width, height = _LABEL + _WIDE + 150, bottom + 30
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12" role="img">',
        f"<title>{escape(title)}</title>",
        "<style>text{fill:#222} .axis{stroke:#999} .whisker{stroke:#222} .paper{fill:#fff}"
        "@media (prefers-color-scheme:dark){text{fill:#ddd} .whisker{stroke:#ddd} .paper{fill:#16181c}}</style>",
        f'<rect class="paper" width="{width}" height="{height}"/>',
        f'<text x="12" y="20" font-size="14">{escape(title)}</text>',
        *(_tick(share, bottom) for share in (0, 0.25, 0.5, 0.75, 1)),
        f'<line x1="{_at(chance)}" x2="{_at(chance)}" y1="{_TOP - 4}" y2="{bottom}" stroke="#c0392b" stroke-dasharray="3 3"/>',
        *(_bar(bar, _TOP + _STEP * number) for number, bar in enumerate(bars)),
        f'<text x="{_at(chance)}" y="{_TOP - 8}">guessing {100 * chance:.1f} %</text>',
        "</svg>",
    ]
    path.write_text("\n".join(lines) + "\n", "utf-8")


def _at(share: float) -> str:
    return f"{_LABEL + _WIDE * share:.1f}"


def _tick(share: float, bottom: int) -> str:
    line = f'<line class="axis" x1="{_at(share)}" x2="{_at(share)}" y1="{bottom}" y2="{bottom + 5}"/>'
    return f'{line}<text x="{_at(share)}" y="{bottom + 19}" text-anchor="middle">{100 * share:.0f} %</text>'


def _bar(bar: Bar, top: int) -> str:
    middle = top + _STEP / 2 - 2
    box = f'<rect x="{_at(0)}" y="{top}" width="{_WIDE * bar.value:.1f}" height="{_STEP - 6}" fill="{_COLOURS[bar.verdict]}"/>'
    whisker = f'<line class="whisker" x1="{_at(bar.low)}" x2="{_at(bar.high)}" y1="{middle}" y2="{middle}"/>'
    words = f'<text x="{_LABEL - 8}" y="{middle + 4}" text-anchor="end">{escape(bar.label)}</text>'
    return f'{words}{box}{whisker}<text x="{_LABEL + _WIDE + 12}" y="{middle + 4}">{100 * bar.value:.1f} % {bar.verdict}</text>'
