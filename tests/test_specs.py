"""Strict reading: every refusal is one line that names the place."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.errors import BadInput, BadSpec
from velatura.specs import Spec, dump_json, load_spec, read_json, read_toml


class Inner(Spec):
    colour: str
    width: int = 1
    edge: Literal["round", "square"] = "round"


class Outer(Spec):
    name: str
    parts: tuple[Inner, ...] = ()
    named: dict[str, Inner] = {}  # noqa: RUF012


class Tables(Outer):
    more: dict[str, dict[str, Inner]] | None = None


def test_toml_and_json_give_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('name = "x"\n[[parts]]\ncolour = "red"\n')
    (tmp_path / "a.json").write_text('{"name": "x", "parts": [{"colour": "red"}]}')
    assert load_spec(tmp_path / "a.toml", Outer) == load_spec(tmp_path / "a.json", Outer) == Outer("x", (Inner("red"),))


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ('name = "x"\nnmae = 1', "spec.unknown-key", "did you mean 'name'"),
        ('name = "x"\n[[parts]]\ncolor = "red"\ncolour = "red"', "spec.unknown-key", "did you mean 'colour'"),
        ('name = "x"\n[named.y]\ncolour = "red"\nwidht = 2', "spec.unknown-key", "did you mean 'width'"),
        ("name = 1", "spec.wrong", ""),
        ("", "spec.wrong", ""),
        ("name = ", "spec.syntax", ""),
        ("\xff", "spec.syntax", ""),
    ],
)
def test_what_is_wrong_is_named_in_one_line(text: str, code: str, words: str) -> None:
    with pytest.raises(BadSpec) as caught:
        read_toml(text.encode("latin-1"), Outer, where="a.toml")
    assert caught.value.code == code
    assert words in caught.value.hint
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        ('edge = "rond"', "`$.named.name.edge`", "did you mean 'round'? valid: round, square"),
        ("width = true", "`$.named.name.width`", ""),
        ("edges = 1", "at named.name", "did you mean 'edge'"),
        ("width = 1\n[more.a]\nx.edge = 1\nx.colour = ''\n[more.b]\nx.colour = 2", "`$.more.a.x.edge`", ""),
        ("width = 1\n[more.a]\nx.colour = ''\n[more.b]\nx.colour = ''\ny.edge = ''\ny.colour = ''", "`$.more.b.y.edge`", "valid: round, square"),
    ],
)
def test_the_table_of_many_that_is_wrong_is_named_and_the_words_that_it_may_have(text: str, place: str, hint: str) -> None:
    """A table called as a field is, after one that is as it should be."""
    with pytest.raises(BadSpec) as caught:
        read_toml(f'name = "x"\n[named.fine]\ncolour = ""\n[named.name]\ncolour = "red"\n{text}'.encode(), Tables, where="a.toml")
    assert str(caught.value).endswith(f"{place} [{caught.value.code}]")
    assert hint in caught.value.hint


def test_a_spec_is_refused_by_size_before_it_is_parsed(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b" " * 101)
    with pytest.raises(BadInput, match=r"spec\.too-large"):
        load_spec(tmp_path / "a.json", Outer, limit=100)
    with pytest.raises(BadSpec, match=r"spec\.unreadable"):
        load_spec(tmp_path / "none.json", Outer)


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode) | st.integers(1, 5000).map(lambda n: b"[" * n))
def test_no_bytes_bring_anything_but_a_refusal_or_a_value(raw: bytes) -> None:
    for read in (read_json, read_toml):
        try:
            assert isinstance(read(raw, Outer, where="x"), Outer)
        except BadSpec as error:
            assert "\n" not in str(error)


@given(st.builds(Outer, st.text(), st.lists(st.builds(Inner, st.text(), st.integers(-(2**40), 2**40))).map(tuple)))
def test_what_is_written_is_read_back(value: Outer) -> None:
    assert read_json(dump_json(value), Outer, where="x") == value


def test_a_fifo_and_an_endless_device_are_unreadable_and_nothing_waits(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.json")
    for path in (tmp_path / "fifo.json", Path("/dev/zero")):
        with pytest.raises(BadSpec, match="not a regular file") as caught:
            load_spec(path, Outer)
        assert caught.value.code == "spec.unreadable"
