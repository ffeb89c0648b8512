"""The report as one HTML file: no script, no request, under 2 MB whatever is in it; light and dark, on paper and on a phone.

Everything in a report may come from a stranger: texts go through `printed` (one line, no signs that turn the direction of writing) and
jinja's escaping; a picture is embedded only if its first bytes are those of a PNG, JPEG or WebP; and the page's own policy (CSP) forbids all
but embedded pictures and its own style. Each part has its share of the 2 MB; what does not fit is counted and named.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib import resources
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from velatura.errors import one_line
from velatura.findings import Example, Finding
from velatura.report import words
from velatura.report.bars import bars, small_bar
from velatura.report.reading import Pictures
from velatura.report.report import Report, counts

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["MOST_PAGE_BYTES", "render"]

MOST_PAGE_BYTES = 2_000_000
_PICTURES, _DETAILS, _ROWS, _FACTS = 1_000_000, 550_000, 250_000, 60_000
"""Bytes: of all pictures, details and rows of the table; of each list at the end. Together with style and frame they stay under 2 MB."""

_MOST_SIGNS = 3000
_SIGNATURES = ((0, b"\x89PNG\r\n\x1a\n", "png"), (0, b"\xff\xd8\xff", "jpeg"), (8, b"WEBP", "webp"))


def render(report: Report, pictures: Pictures) -> str:
    """The page.

    Args:
        pictures: gives a picture's content by the name that an example has; None: it is not there, and the page says so.
    """
    env = _environment()
    part = env.get_template("finding.html.j2").make_module()
    strips = _strips(report.findings, pictures)
    rows, rows_left = _fit((part.row(f, i) for i, f in enumerate(report.findings)), _ROWS)  # type: ignore[attr-defined]
    details, details_left = _details([part.detail(f, i, strips[i]) for i, f in enumerate(report.findings)], strips)  # type: ignore[attr-defined]
    page = env.get_template("page.html.j2").render(
        report=report,
        worst=words.worst_finding(report),
        counts=counts(report.findings),
        rows=rows,
        rows_left=rows_left,
        details=details,
        details_left=details_left,
        limits=_fit(map(partial(_item, env), report.limits), _FACTS),
        subject=_fit((_fact(env, *fact) for fact in report.subject.items()), _FACTS),
    )
    return page.encode("utf-8", "replace").decode("utf-8")


@dataclass(frozen=True, slots=True)
class _Case:
    """An example whose pictures are all here, as `data:` addresses."""

    shown: tuple[tuple[str, str], ...]
    caption: str
    size: int


@dataclass(frozen=True, slots=True)
class _Strip:
    """The examples of a finding: embedded, left out for want of room, and not there."""

    cases: tuple[_Case, ...]
    left: int
    lost: int

    @property
    def size(self) -> int:
        return sum(case.size for case in self.cases)


def _strips(findings: Sequence[Finding], pictures: Pictures) -> list[_Strip]:
    """Embeds the first example of every finding before the second of any, so that room runs out last where it matters most."""
    room = _PICTURES
    cases: list[list[_Case]] = [[] for _ in findings]
    left, lost = [0] * len(findings), [0] * len(findings)
    for rank in range(max((len(f.examples) for f in findings), default=0)):
        for place, f in enumerate(findings):
            if rank >= len(f.examples):
                continue
            if room <= 0:
                left[place] += 1
                continue
            case = _case(f.examples[rank], pictures)
            if case is None:
                lost[place] += 1
            elif case.size > room:
                left[place] += 1
            else:
                room -= case.size
                cases[place].append(case)
    return [_Strip(tuple(found), *rest) for found, *rest in zip(cases, left, lost, strict=True)]


def _case(e: Example, pictures: Pictures) -> _Case | None:
    named = [("he sees", e.seen), ("he recovers", e.recovered), ("it was", e.secret)]
    shown = tuple((what, _address(pictures(name))) for what, name in named if name)
    if not shown or not all(address for _, address in shown):
        return None
    return _Case(shown, e.caption, sum(len(address) for _, address in shown))


def _address(raw: bytes | None) -> str:
    """A picture as an address; "" for what is none."""
    kind = next((kind for start, sign, kind in _SIGNATURES if raw is not None and raw[start : start + len(sign)] == sign), "")
    return f"data:image/{kind};base64,{b64encode(raw).decode()}" if kind and raw is not None else ""


def _details(details: Sequence[Markup], strips: Sequence[_Strip]) -> tuple[list[Markup], int]:
    sizes = [len(detail.encode("utf-8", "replace")) - strip.size for detail, strip in zip(details, strips, strict=True)]
    return _first(details, sizes, _DETAILS)


def _fit(parts: Iterable[Markup], room: int) -> tuple[list[Markup], int]:
    """The first parts that `room` bytes hold, and how many are left out."""
    told = list(parts)
    return _first(told, [len(part.encode("utf-8", "replace")) for part in told], room)


def _first(parts: Sequence[Markup], sizes: Sequence[int], room: int) -> tuple[list[Markup], int]:
    many = 0
    while many < len(parts) and sizes[many] <= room:
        room -= sizes[many]
        many += 1
    return list(parts[:many]), len(parts) - many


def _item(env: Environment, sentence: str) -> Markup:
    return Markup("<li>{}</li>").format(printed(sentence))


def _fact(env: Environment, name: str, told: str) -> Markup:
    return Markup("<dt>{}</dt><dd>{}</dd>").format(printed(name, 200), printed(told))


def printed(text: str, most: int = _MOST_SIGNS) -> str:
    """`text` on one line of at most `most` signs, those that are invisible or turn the direction of writing made visible."""
    return one_line(text[: most + 1], most)


def breakable(text: str) -> Markup:
    """A target, which may be one long word, with places to break the line: after each comma and colon."""
    return Markup(re.sub(r"([,:])(?=\S)", r"\1<wbr>", str(escape(text))))  # noqa: S704  # the entities that `escape` writes hold neither sign


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    folder = resources.files("velatura.report")
    env = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(lambda name: folder.joinpath(name).read_text(encoding="utf-8")),
    )
    env.filters |= {"printed": printed, "breakable": breakable}
    env.globals |= _vocabulary()
    return env


def _vocabulary() -> Mapping[str, object]:
    own = {name: getattr(words, name) for name in words.__all__}
    return {**own, "bars": bars, "small_bar": small_bar, "style": Markup(resources.files("velatura.report").joinpath("page.css").read_text("utf-8"))}  # noqa: S704
