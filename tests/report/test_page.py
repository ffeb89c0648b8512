"""The page: what stands on it, in which order, and that nothing of a stranger's gets out of its place."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.report.samples import BROKEN, ERROR, FINDINGS, HELD, HELD_BOUND, INCONCLUSIVE, NOT_RUN, STATED, hostile, pictures, report

from velatura.findings import Example, Verdict
from velatura.report.page import MOST_PAGE_BYTES, render
from velatura.report.words import MEANING

VOID = {"meta", "img", "wbr", "rect", "line", "br"}


class Page(HTMLParser):
    """Elements, attributes and visible words of a page; an element that is not closed in order is an error."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words = ""
        self.feed(page)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words += data


def no_pictures(_name: str) -> None:
    return None


@pytest.fixture(scope="module")
def sample() -> Page:
    return Page(render(report(), pictures().get))


def test_the_verdict_comes_first_then_what_it_means_then_the_rest(sample: Page) -> None:
    order = [
        "This page shows originals",
        "Broken",
        "95.6 % of 40 people are recognised",
        "has five other pictures",
        "All findings",
        "What the verdicts mean",
        "Each finding",
        "What is not protected",
        "How sure this is",
        "What was attacked",
        "To repeat all of it",
    ]
    places = [sample.words.index(words, sample.words.index("This page")) for words in order]
    assert places == sorted(places)


def test_every_finding_stands_in_the_table_and_in_full(sample: Page) -> None:
    assert [value for tag, name, value in sample.attributes if tag == "article" and name == "id"] == [
        f"finding-{i + 1}" for i in range(len(FINDINGS))
    ]
    for f in FINDINGS:
        assert f.why in sample.words and f.knowledge in sample.words and f.repeat in sample.words and sample.words.count(f.target) >= 2
        assert all(name in sample.words and told in sample.words for name, told in f.evidence.items())
        assert MEANING[f.verdict] in sample.words
    links = [value for tag, name, value in sample.attributes if (tag, name) == ("a", "href")]
    assert links == [f"#finding-{i + 1}" for i in range(len(FINDINGS))]


def test_the_counts_tell_what_is_open_beside_the_verdict(sample: Page) -> None:
    assert re.sub(r"\s+", " ", sample.words).count("1 inconclusive 1 not run") == 1


def test_nothing_on_the_page_is_a_script_or_leads_elsewhere(sample: Page) -> None:
    assert not {"script", "iframe", "object", "link", "form", "base", "video", "audio"} & set(sample.tags)
    assert not [name for _, name, _ in sample.attributes if name.startswith("on") or name == "srcset" or name == "style"]
    assert all(value.startswith("data:image/png;base64,") for tag, name, value in sample.attributes if name == "src")
    policy = next(value for _, name, value in sample.attributes if name == "content" and "default-src" in value)
    assert "default-src 'none'" in policy and "script-src" not in policy
    assert "url(" not in render(report(), no_pictures) and "@import" not in render(report(), no_pictures)


def test_every_picture_has_words_for_who_does_not_see_it(sample: Page) -> None:
    assert sample.tags.count("img") == len(pictures())
    assert all(value for _, name, value in sample.attributes if name == "alt")
    assert sample.tags.count("title") == 1 + 2 * sum(f.estimate is not None for f in FINDINGS)


def test_the_same_report_gives_the_same_page() -> None:
    assert render(report(), pictures().get) == render(report(), pictures().get)


def test_a_report_without_pictures_says_nothing_of_originals() -> None:
    page = Page(render(report(replace(BROKEN, examples=()), HELD_BOUND), no_pictures))
    assert "originals" not in page.words and "img" not in page.tags


def test_a_held_report_names_what_is_open() -> None:
    words = Page(render(report(HELD_BOUND, INCONCLUSIVE, NOT_RUN, STATED), no_pictures)).words
    assert f"(1 finding: {HELD_BOUND.attack}); 1 was stated and not judged: look at it; 2 more are open and count for nothing." in words


@pytest.mark.parametrize(("findings", "says"), [((ERROR,), "0.0 % of 40 people"), ((NOT_RUN,), "needs torch"), ((STATED,), "88.0 %")])
def test_a_report_with_one_kind_of_finding_is_told(findings: tuple, says: str) -> None:  # type: ignore[type-arg]
    assert says in Page(render(report(*findings), no_pictures)).words


def test_a_picture_that_is_missing_or_none_is_counted_and_not_embedded() -> None:
    given = dict(pictures())
    given["pictures/mosaic-0-seen.png"] = b"<svg onload='alert(1)'/>"
    del given["pictures/mosaic-1-secret.png"]
    page = Page(render(report(BROKEN), given.get))
    assert page.tags.count("img") == 6 and "2 examples were not found" in page.words


HOSTILE = [
    "</script><script>alert(1)</script>",
    "</style></title><img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "{{ 7 * 7 }} {% raw %}",
    "\u202egnp.exe\u2066 \u200b\x1b[31m\x00\n",
    "x" * 10_000,
    "&lt;b&gt; &amp; ]]>",
    "\ud800",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_stranger_wrote_stays_words(text: str) -> None:
    plain, page = (Page(render(hostile(words), pictures().get)) for words in ("innocent words", text))
    plain_tags, tags = ([tag for tag in each.tags if tag != "wbr"] for each in (plain, page))
    assert tags == plain_tags
    assert [(tag, name) for tag, name, _ in page.attributes] == [(tag, name) for tag, name, _ in plain.attributes]
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b\x00\x1b]", page.words)


@given(st.text(max_size=200))
def test_no_text_changes_the_elements_of_the_page(text: str) -> None:
    page = Page(render(replace_words(text), no_pictures))
    assert [tag for tag in page.tags if tag != "wbr"] == PLAIN_TAGS


def replace_words(text: str):  # type: ignore[no-untyped-def]
    return report(
        replace(BROKEN, target=text, why=text, knowledge=text, evidence={"name": text}, repeat="x", examples=()), title=text, limits=(text,)
    )


PLAIN_TAGS = [tag for tag in Page(render(replace_words("words"), no_pictures)).tags if tag != "wbr"]


def test_the_page_is_under_two_megabytes_whatever_is_in_it() -> None:
    long = "&<>\"'" * 4000
    many = tuple(
        replace(BROKEN, target=f"{i} {long}", why=long, knowledge=long, evidence={str(n): long for n in range(100)}, examples=()) for i in range(40)
    )
    large = report(*many, limits=(long,) * 100, subject={str(n): long for n in range(100)}, title=long, certainty=long, command=long)
    page = render(large, no_pictures)
    assert len(page.encode()) < MOST_PAGE_BYTES
    assert "more findings stand in report.json" in Page(page).words


def test_pictures_fill_their_share_the_first_of_each_finding_before_the_second_of_any() -> None:
    raw = b"\x89PNG\r\n\x1a\n" + bytes(60_000)
    examples = tuple(Example(f"pictures/{i}.png", f"pictures/{i}.png") for i in range(6))
    page = render(report(*(replace(f, examples=examples) for f in (BROKEN, HELD, STATED))), lambda _name: raw)
    assert len(page.encode()) < MOST_PAGE_BYTES
    shown = [part.count("<img") for part in page.split("<article")[1:]]
    assert shown == [4, 4, 4]
    assert page.count("more examples lie in the folder") == 3


def test_a_thousand_findings_still_make_a_page() -> None:
    page = render(report(*(replace(HELD_BOUND, target=str(i)) for i in range(1000))), no_pictures)
    assert len(page.encode()) < MOST_PAGE_BYTES and "1000</strong> held" in page


def test_verdicts_are_told_by_more_than_their_colour(sample: Page) -> None:
    for verdict in Verdict:
        assert sample.words.count(MEANING[verdict]) == 1
