"""The demo's page: before and after, what was done, and what still shows. One HTML file beside its pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

__all__ = ["Shown", "page"]


@dataclass(frozen=True, slots=True)
class Shown:
    """One input of the demo.

    Attributes:
        title: what it is.
        sheet: the before/after picture, relative to the page.
        before, after: the files, relative to the page.
        clip: they are clips.
        facts: sentences about what was done.
        warnings: sentences about what to look at.
    """

    title: str
    sheet: str
    before: str
    after: str
    clip: bool
    facts: Sequence[str]
    warnings: Sequence[str]


STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { margin-top: 2.5rem; }
img, video { max-width: 100%; height: auto; border-radius: 4px; }
figure { margin: 0; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: .5rem; }
.warn { border-left: 4px solid #b60; padding-left: .8rem; }
code { background: #8883; padding: .1em .3em; border-radius: 3px; }
@media (max-width: 40rem) { .pair { grid-template-columns: 1fr; } }
"""


def page(shown: Sequence[Shown], limits: Sequence[str], commands: Sequence[str], *, report: str = "") -> str:
    """The page as HTML; opens no connection and runs no script. `report`: where the attacker's report lies, relative to the page.

    `commands`: what does the same with one's own file.
    """
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'\">",
        f"<title>velatura demo</title><style>{STYLE}</style></head><body>",
        "<h1>velatura: before, after, and what still shows</h1>",
        *(_section(item) for item in shown),
        *([f'<h2>Attacked</h2><p><a href="{escape(report)}">What an attacker still gets from fill, pixelation and blur</a></p>'] if report else []),
        "<h2>What this does not protect</h2><ul>",
        *(f"<li>{escape(sentence)}</li>" for sentence in limits),
        "</ul>",
        '<p class="warn">This folder holds the unprotected originals beside the protected files: do not publish it.</p>',
        "<p>The same with your own file:</p>",
        *(f"<p><code>{escape(command)}</code></p>" for command in commands),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _section(item: Shown) -> str:
    media = (
        f'<div class="pair"><figure><video controls muted src="{escape(item.before)}"></video><figcaption>before</figcaption></figure>'
        f'<figure><video controls muted src="{escape(item.after)}"></video><figcaption>after</figcaption></figure></div>'
        if item.clip
        else ""
    )
    facts = "".join(f"<li>{escape(fact)}</li>" for fact in item.facts)
    warnings = "".join(f'<p class="warn">{escape(sentence)}</p>' for sentence in item.warnings)
    sheet = f'<p><img src="{escape(item.sheet)}" alt="before and after, side by side"></p>'
    return f"<h2>{escape(item.title)}</h2>{sheet}{media}<ul>{facts}</ul>{warnings}"


def write_page(path: Path, shown: Sequence[Shown], limits: Sequence[str], commands: Sequence[str], *, report: str = "") -> None:
    """Write the page; the folder is ours."""
    path.write_text(page(shown, limits, commands, report=report), "utf-8")
