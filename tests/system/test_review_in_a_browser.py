"""The review sheet in a real browser: what a person decides there is what the next run does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.programs import bare_environment, needs, velatura

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run", "--disable-background-networking"]


@pytest.mark.xdist_group("processes")
def test_somebody_who_is_cleared_in_the_sheet_is_left_as_they_are(tmp_path: Path, portrait: Path, model_home: Path) -> None:
    import numpy as np
    from PIL import Image

    chromium = needs("chromium", "chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    env = bare_environment(tmp_path, VELATURA_HOME=str(model_home))
    made = velatura("obfuscate", portrait, "-o", tmp_path / "out.png", "--review", tmp_path / "sheet.html", env=env)
    assert made.returncode == 0, made.stderr
    foreign: list[str] = []
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page()
        page.on("request", lambda request: foreign.append(request.url))
        page.on("pageerror", lambda error: foreign.append(str(error)))
        page.goto((tmp_path / "sheet.html").as_uri())
        page.locator("input[data-track]").first.uncheck()
        with page.expect_download() as download:
            page.locator("#save").click()
        download.value.save_as(tmp_path / "regions.json")
        browser.close()
    assert not [url for url in foreign if not url.startswith(("file:", "data:", "blob:"))]
    json.loads((tmp_path / "regions.json").read_text())
    again = velatura("obfuscate", portrait, "-o", tmp_path / "clear.png", "--regions", tmp_path / "regions.json", env=env)
    assert again.returncode == 0, again.stderr
    assert "left as decided" in again.stdout
    before, after, covered = (np.asarray(Image.open(path).convert("RGB")) for path in (portrait, tmp_path / "clear.png", tmp_path / "out.png"))
    assert not np.array_equal(before, covered)
    assert np.array_equal(before, after)
