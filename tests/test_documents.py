"""What a person reads: links lead somewhere, rooms' READMEs know all of their files, and removal's says its limits in the words of the report."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from velatura.enclave.assurance import Assurance
from velatura.enclave.limits import GPU_ALONE, LIMITS, PHYSICAL
from velatura.removal.limits import REMOVAL

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(path for part in ("*.md", "docs/**/*.md", "src/**/*.md") for path in ROOT.glob(part))
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    links = [link for link in LINK.findall(document.read_text("utf-8")) if ":" not in link]
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("name", ["edge", "removal", "enclave"])
def test_a_rooms_readme_lists_its_files(name: str) -> None:
    room = ROOT / "src" / "velatura" / name
    readme = (room / "README.md").read_text("utf-8")
    files = room.rglob("*.py") if name == "enclave" else room.glob("*.py")
    assert [path.name for path in sorted(files) if f"`{path.name}`" not in readme and path.name != "__init__.py"] == []


def test_the_enclave_says_its_limits_in_the_words_of_its_verdicts() -> None:
    readme = (ROOT / "src" / "velatura" / "enclave" / "README.md").read_text("utf-8")
    assert [
        sentence for sentence in (LIMITS[Assurance.PROCESS], LIMITS[Assurance.VM], LIMITS[Assurance.SIMULATED], PHYSICAL) if sentence not in readme
    ] == []
    pages = {page.stem: page.read_text("utf-8") for page in (ROOT / "docs" / "explanation" / "enclave-backends").glob("*.md")}
    said = {"process": LIMITS[Assurance.PROCESS], "simulated": LIMITS[Assurance.SIMULATED], "tpm": LIMITS[Assurance.VM], "nvidia": GPU_ALONE}
    assert pages.keys() == {"azure", "nitro", "nvidia", "process", "sev-snp", "sgx", "simulated", "tdx", "tpm"}
    assert [name for name, text in pages.items() if said.get(name, LIMITS[Assurance.TEE]) not in text] == []


def test_the_removal_rooms_readme_says_its_limits() -> None:
    assert REMOVAL in (ROOT / "src" / "velatura" / "removal" / "README.md").read_text("utf-8")


def test_the_pictures_of_the_readme_are_small() -> None:
    most = {"removal.jpg": 120_000, "removal.mp4": 400_000}
    assert {name: size for name, size in most.items() if (ROOT / "docs" / name).stat().st_size > size} == {}
