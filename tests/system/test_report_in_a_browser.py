"""The report in a real browser: it asks nobody for anything, fits a phone, is readable in the dark and on paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.programs import needs
from tests.report.samples import hostile, pictures, report

from velatura.report.page import render

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run", "--disable-background-networking"]
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1100, "height": 900}

pytestmark = pytest.mark.xdist_group("processes")

CONTRAST = """() => {
  const channel = (c) => (c /= 255) <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * channel(r) + .7152 * channel(g) + .0722 * channel(b);
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length < 4 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  const worst = [];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || !e.checkVisibility()) continue;
    const style = getComputedStyle(e);
    const ink = e instanceof SVGElement ? style.fill : style.color;
    const [a, b] = [light(parse(ink)), light(ground(e))].sort((x, y) => y - x);
    worst.push([(a + .05) / (b + .05), e.textContent.trim().slice(0, 40)]);
  }
  return worst.sort((x, y) => x[0] - y[0])[0];
}"""
"""The lowest ratio of ink to ground of all elements that hold words (WCAG 2.2, 1.4.3 asks for 4.5), and which."""


class Browser:
    """Chromium, and what the pages that it opened tried or complained about."""

    def __init__(self, chromium: Any) -> None:
        self.chromium, self.trouble = chromium, list[str]()

    def open(self, path: Path, **options: Any) -> Any:
        page = self.chromium.new_context(**options).new_page()
        page.on("request", lambda request: request.url.startswith(("file:", "data:")) or self.trouble.append(request.url))
        page.on("console", lambda message: self.trouble.append(message.text))
        page.on("pageerror", lambda error: self.trouble.append(str(error)))
        page.goto(path.as_uri())
        return page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = needs("chromium", "chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=program, args=FLAGS)
        yield Browser(chromium)
        chromium.close()


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render(report(), pictures().get), encoding="utf-8")
    return path


def test_the_page_asks_nobody_complains_of_nothing_and_shows_every_picture(browser: Browser, sample: Path) -> None:
    page = browser.open(sample, viewport=DESK)
    assert page.locator("p.word").inner_text() == "✕ Broken"
    loaded = page.evaluate("[...document.images].map((image) => image.complete && image.naturalWidth)")
    assert loaded == [92] * len(pictures())
    page.locator("table.findings a").last.click()
    assert page.evaluate("document.querySelector(':target').id") == "finding-8"
    assert browser.trouble == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_words_can_be_read_and_nothing_scrolls_sideways(browser: Browser, sample: Path, scheme: str, viewport: dict[str, int]) -> None:
    page = browser.open(sample, viewport=viewport, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
    ratio, words = page.evaluate(CONTRAST)
    assert ratio >= 4.5, words
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, ground[4:-1].split(","))) < 200) is (scheme == "dark")


@pytest.mark.parametrize("text", ["x" * 3000, "</style><script>document.title = 'mine'</script>", "\u202e" * 20 + "<b>bold</b>"])
def test_hostile_words_neither_run_nor_widen_the_page(browser: Browser, tmp_path: Path, text: str) -> None:
    (tmp_path / "hostile.html").write_text(render(hostile(text), pictures().get), encoding="utf-8")
    for viewport in (PHONE, DESK):
        page = browser.open(tmp_path / "hostile.html", viewport=viewport)
        assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
        assert page.title().startswith("Broken: ") and page.locator("main b").count() == 0
    assert browser.trouble == []


def test_on_paper_it_is_dark_on_white_and_fits_the_sheet(browser: Browser, sample: Path) -> None:
    page = browser.open(sample, viewport={"width": 680, "height": 960}, color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("document.documentElement.scrollWidth") == 680
    ratio, words = page.evaluate(CONTRAST)
    assert ratio >= 4.5, words
    assert page.pdf(format="A4").startswith(b"%PDF-")


def test_axe_finds_nothing_that_shuts_somebody_out(browser: Browser, sample: Path) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    for scheme, viewport in (("light", DESK), ("dark", PHONE)):
        context = browser.chromium.new_context(viewport=viewport, color_scheme=scheme, bypass_csp=True)
        page = context.new_page()
        page.goto(sample.as_uri())
        found = axe.Axe().run(page)
        assert len(found.response["passes"]) > 10 and found.violations_count == 0, found.generate_report()
