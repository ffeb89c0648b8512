"""What a person reads: links lead somewhere, rooms' READMEs know all of their files, and removal's says its limits in the words of the report."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from velatura.removal.limits import REMOVAL

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(path for part in ("*.md", "docs/**/*.md", "src/**/*.md") for path in ROOT.glob(part))
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    links = [link for link in LINK.findall(document.read_text("utf-8")) if ":" not in link]
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("name", ["edge", "removal"])
def test_a_rooms_readme_lists_its_files(name: str) -> None:
    room = ROOT / "src" / "velatura" / name
    readme = (room / "README.md").read_text("utf-8")
    assert [path.name for path in sorted(room.glob("*.py")) if f"`{path.name}`" not in readme and path.name != "__init__.py"] == []


def test_the_removal_rooms_readme_says_its_limits() -> None:
    assert REMOVAL in (ROOT / "src" / "velatura" / "removal" / "README.md").read_text("utf-8")


def test_the_pictures_of_the_readme_are_small() -> None:
    most = {"removal.jpg": 120_000, "removal.mp4": 400_000}
    assert {name: size for name, size in most.items() if (ROOT / "docs" / name).stat().st_size > size} == {}
