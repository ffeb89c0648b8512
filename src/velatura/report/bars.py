"""Bars with intervals as inline SVG: protected against unprotected, with the line of guessing or of the promise.

Places along the axis are per cent of the width and letters are in pixels, so that a bar fits a phone and its words stay readable. Colours are
CSS variables of the page. An end of an interval that is infinite runs to the edge of the axis and ends in an arrow.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, isfinite, log10

from markupsafe import Markup

from velatura.findings import Claim, Estimate, Finding, limit
from velatura.report.words import WORD, interval, number

__all__ = ["bars", "small_bar"]

_SHARES = ("SSIM", "AUC")
"""Units with a natural end at 1, beside the rates."""

_FRAME = Markup('<svg class="bars" role="img" width="100%" height="{height}"><title>{title}</title>{body}</svg>')
_BAR = Markup('<rect class="{kind}" x="{x:.2f}%" y="{y}" width="{width:.2f}%" height="{height}" rx="2"/>')
_LINE = Markup('<line class="{kind}" x1="{x0:.2f}%" x2="{x1:.2f}%" y1="{y0}" y2="{y1}"/>')
_WORDS = Markup('<text class="{kind}" x="{x:.2f}%" y="{y}" text-anchor="{anchor}">{words}</text>')


@dataclass(frozen=True, slots=True)
class _Axis:
    low: float
    high: float

    def at(self, value: float) -> float:
        """Per cent of the width; what lies beyond an end is at it."""
        return 100 * min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)


def bars(f: Finding) -> Markup:
    """The finding's estimate above its unprotected arm, with numbers, about 120 pixels high; empty without an estimate."""
    if f.estimate is None:
        return Markup("")
    axis, unit = _axis(f), f.estimate.unit
    rows = [("protected", f.estimate, "bar")] + ([("unprotected", f.baseline, "plain")] if f.baseline else [])
    body = Markup("")
    for place, (name, e, kind) in enumerate(rows):
        top = 46 * place
        body += _WORDS.format(kind="label", x=0, y=top + 14, anchor="start", words=f"{name} {number(e.value, unit)}  [{interval(e)}]")
        body += _one(e, axis, y=top + 22, height=16, kind=kind) + _marks(f, axis, top=top + 20, bottom=top + 40)
    low = 46 * len(rows) + 12
    body += _LINE.format(kind="track", x0=0, x1=100, y0=low - 15, y1=low - 15)
    body += _WORDS.format(kind="tick", x=0, y=low, anchor="start", words=_tick(axis.low, unit))
    body += _WORDS.format(kind="tick", x=100, y=low, anchor="end", words=_tick(axis.high, unit))
    return _FRAME.format(height=low + 6, title=_told(f), body=body)


def small_bar(f: Finding) -> Markup:
    """The same on one line of a table, without words."""
    if f.estimate is None:
        return Markup("")
    axis = _axis(f)
    body = _LINE.format(kind="track", x0=0, x1=100, y0=18, y1=18) + _one(f.estimate, axis, y=4, height=10, kind="bar")
    return _FRAME.format(height=18, title=_told(f), body=body + _marks(f, axis, top=0, bottom=18))


def _one(e: Estimate, axis: _Axis, *, y: int, height: int, kind: str) -> Markup:
    """A bar from the axis' start (or from 0) to the value, and its interval upon it."""
    start, end = sorted((axis.at(max(axis.low, 0.0)), axis.at(e.value)))
    middle = y + height // 2
    low, high = axis.at(e.low), axis.at(e.high)
    drawn = _BAR.format(kind=kind, x=start, y=y, width=max(end - start, 0.4), height=height)
    drawn += _LINE.format(kind="reach", x0=low, x1=high, y0=middle, y1=middle)
    for place, finite in ((low, isfinite(e.low)), (high, isfinite(e.high))):
        drawn += _cap(place, middle, height, finite=finite)
    return drawn


def _cap(place: float, middle: int, height: int, *, finite: bool) -> Markup:
    if finite:
        return _LINE.format(kind="reach", x0=place, x1=place, y0=middle - height // 3, y1=middle + height // 3)
    right = place > 50
    return _WORDS.format(kind="arrow", x=place, y=middle + 5, anchor="end" if right else "start", words="▶" if right else "◀")


def _marks(f: Finding, axis: _Axis, *, top: int, bottom: int) -> Markup:
    """Dashed: guessing, or the promise. Dotted: the limit that `held` has to stay under."""
    assert f.estimate is not None, "marks stand beside a bar"
    claim = f.claim or Claim()
    start = axis.at(f.estimate.chance if claim.bound is None else claim.bound)
    lines = _LINE.format(kind="guess", x0=start, x1=start, y0=top, y1=bottom)
    if f.claim is not None and f.baseline is not None and isfinite(f.baseline.low):
        edge = axis.at(limit(f.estimate, f.baseline, f.claim))
        lines += _LINE.format(kind="limit", x0=edge, x1=edge, y0=top, y1=bottom)
    return lines


def _axis(f: Finding) -> _Axis:
    assert f.estimate is not None, "an axis belongs to an estimate"
    seen = [f.estimate.chance, *(() if f.claim is None or f.claim.bound is None else (f.claim.bound,))]
    for e in (f.estimate, f.baseline):
        seen += [] if e is None else [value for value in (e.low, e.value, e.high) if isfinite(value)]
    low = min(0.0, _outwards(min(seen)))
    high = 1.0 if max(seen) <= 1 and (f.estimate.unit.endswith("rate") or f.estimate.unit in _SHARES) else _outwards(max(seen))
    return _Axis(low, high if high > low else low + 1)


def _outwards(value: float) -> float:
    """The next number away from 0 with at most two digits; what is too near to 0 to be seen is 0."""
    if abs(value) < 1e-9:
        return 0.0
    step = 10.0 ** (floor(log10(abs(value))) - 1)
    return (ceil(value / step) if value > 0 else floor(value / step)) * step


def _tick(value: float, unit: str) -> str:
    return number(value, unit).replace(".0 %", " %")


def _told(f: Finding) -> str:
    """What the bar says to somebody who hears it."""
    assert f.estimate is not None, "a bar belongs to an estimate"
    unit, claim = f.estimate.unit, f.claim
    told = f"{WORD[f.verdict]}: {unit} {number(f.estimate.value, unit)}, {interval(f.estimate)}"
    if f.baseline is not None:
        told += f"; unprotected {number(f.baseline.value, unit)}, {interval(f.baseline)}"
    told += f"; {f.estimate.reference} {number(f.estimate.chance, unit)}"
    return told if claim is None or claim.bound is None else f"{told}; promised {number(claim.bound, unit)}"
