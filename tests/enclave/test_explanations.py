"""The tables know every check and every code that the verifiers can say, and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from velatura.enclave.assurance import Assurance
from velatura.enclave.evidence.dcap_engine import REFUSALS
from velatura.enclave.explanations import CHECKS, CODES, FORMATS, TABLES, base_name, explain
from velatura.enclave.limits import LIMITS
from velatura.enclave.policy import FORMATS as KNOWN
from velatura.errors import BadSpec

ROOM = Path(__file__).parent.parent.parent / "src" / "velatura" / "enclave"
CODE_AT = {"passed": None, "warned": 1, "failed": 1, "hold": 2, "need": 2, "Refused": 1, "tried": 1}
"""What makes a check, by the place of its code; its name comes first."""


def made() -> Iterator[tuple[str, ast.Call]]:
    for path in sorted(ROOM.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and node.args:
                name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                if name in CODE_AT and (name in ("Refused", "tried")) == isinstance(node.func, ast.Name):
                    yield name, node


def texts(node: ast.expr) -> Iterator[str]:
    """The words that an argument can be, as far as they stand there: of a text with parts, what comes before its first colon."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        first = node.values[0]
        if isinstance(first, ast.Constant) and ":" in str(first.value):
            yield str(first.value).partition(":")[0]
    elif isinstance(node, ast.IfExp):
        yield from texts(node.body)
        yield from texts(node.orelse)


def checks() -> set[str]:
    return {base_name(text) for _, node in made() for text in texts(node.args[0])}


def codes() -> set[str]:
    found = {text for name, node in made() if (at := CODE_AT[name]) is not None and len(node.args) > at for text in texts(node.args[at])}
    return found | set(REFUSALS.values()) | {"tcb-refused"}  # where the engine says what nobody has seen yet


def test_every_check_is_explained() -> None:
    assert checks() - set(CHECKS) == set()


def test_every_code_is_explained() -> None:
    assert codes() - set(CODES) == set()


def test_nothing_is_explained_that_nobody_says() -> None:
    assert set(CODES) - codes() == set()


def test_formats_and_assurances_are_those_of_policies() -> None:
    assert set(FORMATS) == set(KNOWN)
    assert set(LIMITS) == set(Assurance)


def test_explanations_are_sentences() -> None:
    for table in TABLES.values():
        for word, one in table.items():
            assert one.means and not one.means.endswith(":") and "\n" not in one.means + one.next, word


@pytest.mark.parametrize("word", ["", "nothing", "SEV-SNP", "debug "])
def test_an_unknown_word_is_refused(word: str) -> None:
    with pytest.raises(BadSpec, match=r"\[enclave.word\]"):
        explain(word)


def test_a_word_may_be_a_check_and_a_code() -> None:
    assert [kind for kind, _ in explain("assurance")] == ["check", "code"]


def test_a_check_of_a_device_is_known_by_what_it_looks_at() -> None:
    assert base_name("gpu:device0:measurement:driver") == "measurement"
    assert base_name("gpu") == "gpu" and base_name("layer:landlock") == "layer"
