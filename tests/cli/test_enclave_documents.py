"""Each `velatura enclave` line that a document shows is one that the command line takes: the verb is there, and so is every option."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from velatura.cli.main import load_verb

ROOT = Path(__file__).parent.parent.parent
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "src" / "velatura" / "enclave" / "README.md",
    *sorted((ROOT / "docs").glob("**/*enclave*.md")),
    *sorted((ROOT / "docs" / "explanation" / "enclave-backends").glob("*.md")),
    *sorted((ROOT / "examples" / "enclave").glob("**/README.md")),
]
LINE = re.compile(r"velatura enclave ([^`\n]*)")
GENERATED = {"cli.md"}


def shown(document: Path) -> Iterator[str]:
    for line in LINE.findall(document.read_text("utf-8")):
        yield re.split(r"\s+#\s|;|\s+\|\s|\.(?:\s|$)|, then", line)[0].strip()


@pytest.mark.parametrize("document", [one for one in DOCUMENTS if one.name not in GENERATED], ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_shows_is_what_the_command_line_takes(document: Path) -> None:
    group = load_verb("enclave")
    assert isinstance(group, click.Group)
    for line in shown(document):
        words = shlex.split(line.replace("[", " ").replace("]", " "))
        if not words or not re.fullmatch(r"[a-z]+", words[0]):
            continue
        verb = group.commands.get(words[0])
        assert verb is not None, f"{line}: there is no such verb"
        known = {option for parameter in verb.params for option in (*parameter.opts, *parameter.secondary_opts)}
        assert [word for word in words[1:] if word.startswith("-") and word != "-" and word.partition("=")[0] not in known] == [], line


def test_every_verb_that_a_message_names_is_there() -> None:
    group = load_verb("enclave")
    assert isinstance(group, click.Group)
    told = {verb: path.name for path in (ROOT / "src").rglob("*.py") for verb in re.findall(r"velatura enclave ([a-z]+)\b", path.read_text("utf-8"))}
    assert {verb: place for verb, place in told.items() if verb not in group.commands} == {}
