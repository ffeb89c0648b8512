from __future__ import annotations

import base64
import json
import re
import stat
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.obfuscation.street import RGB, Cards, noise, several, with_card

from velatura.detect.document import Row, read_regions, sheet_for
from velatura.detect.region import Region
from velatura.media.batch import Batch, Job
from velatura.media.frame import Frame
from velatura.obfuscation.parameters import chosen
from velatura.obfuscation.policy import Covering
from velatura.obfuscation.review import MOST_ROWS, Reviewed, Sheet
from velatura.obfuscation.run import Run
from velatura.obfuscation.thumbnails import MOST, Thumbnails, thumbnail
from velatura.obfuscation.wanted import Wanted

CARD = (16, 8, 32, 32)
WANTED = Wanted(chosen("fill"), "fill", Covering(0.0))


def reviewed(source: Path, out: Path, decoder, search) -> str:
    run = Run(WANTED, ("face",), search, ("cards",))
    page = out.with_suffix(".html")
    page.touch(0o600)
    run.each(Batch((Job(source, out),), None), decoder, page=page)
    return page.read_text(encoding="utf-8")


def embedded(page: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="document">(.*?)</script>', page, re.S)[1])


def test_the_page_lists_every_track_with_its_picture_from_the_original(tmp_path, decoder):
    source = several(tmp_path / "a.mkv", [CARD] * 6)
    page = reviewed(source, tmp_path / "b.mp4", decoder, Cards())
    (picture,) = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    seen = cv2.imdecode(np.frombuffer(base64.b64decode(picture), np.uint8), cv2.IMREAD_COLOR)
    middle = seen[seen.shape[0] // 2, seen.shape[1] // 2]
    assert middle[1] > 150 and middle[0] < 100 and middle[2] < 100  # green: uncovered
    assert "Secret." in page and "cover face 0" in page and "found; score 0.90" in page


def test_the_document_of_the_page_is_what_regions_takes(tmp_path, decoder):
    source = several(tmp_path / "a.mkv", [(8 + 2 * i, 8, 24 + 2 * i, 32) for i in range(6)])
    page = reviewed(source, tmp_path / "b.mp4", decoder, Cards())
    (tmp_path / "r.json").write_text(json.dumps(embedded(page)))
    sheet = sheet_for(read_regions(tmp_path / "r.json"), source)
    with decoder.open(source) as reader:
        for frame in reader:
            (region,) = sheet.at(frame)
            x0, y0, x1, y1 = region.box
            left = 8 + 2 * frame.index
            assert x0 <= left + 1 and y0 <= 9 and x1 >= left + 15 and y1 >= 31
    assert not sheet.unmet()


def test_what_a_person_clears_on_the_page_stays_and_what_he_adds_goes(tmp_path, decoder):
    source = several(tmp_path / "a.mkv", [CARD] * 6)
    edited = embedded(reviewed(source, tmp_path / "b.mp4", decoder, Cards()))
    item = edited["result"]["items"][0]
    item["clear"] = [0]
    item["regions"].append({"box": [40, 24, 56, 40], "label": "added", "score": 1})
    (tmp_path / "r.json").write_text(json.dumps(edited))
    run = Run(WANTED, ("face",), Cards(), ("cards",), read_regions(tmp_path / "r.json"))
    done = run.one(Job(source, tmp_path / "c.mkv"), decoder)
    with decoder.open(tmp_path / "c.mkv") as reader:
        for frame in reader:
            assert Cards()(frame, low=True) and (frame.planes[0][24:40, 40:56] < 30).all()
    assert done.passes == 1


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        assert not any(name.startswith("on") for name, _ in attrs)


def test_hostile_names_and_labels_stay_text(tmp_path, decoder):
    source = several(tmp_path / "a.mkv", [CARD] * 3)
    done = Run(WANTED, ("face",), Cards(), ("cards",)).one(Job(source, tmp_path / "b.mp4"), decoder)
    evil = '</script><script>alert(1)</script><img src=x onerror="alert(2)">\u2028'
    sheet, pictures = Sheet(), Reviewed()
    pictures.rows = [Row((0, 0, 1, 1), evil)]
    track = replace(done.tracks[0], label=evil)
    sheet.add(replace(done, file=Path(evil), tracks=(track,), warnings=(evil,)), pictures)
    page = sheet.html()
    parser = _Tags()
    parser.feed(page)
    assert parser.tags.count("script") == 2 and "img" not in parser.tags
    assert embedded(page)["result"]["items"][0]["regions"][0]["label"] == evil


def test_the_page_opens_no_connection():
    page = Sheet().html()
    assert "default-src 'none'" in page and "http://" not in page and "https://" not in page.replace('http-equiv="', "")


def test_nobody_found_is_said(tmp_path, decoder):
    page = reviewed(several(tmp_path / "a.mkv", [None] * 3), tmp_path / "b.mp4", decoder, Cards())
    assert "Nobody was found" in page and "no face was found" in page


def test_too_many_regions_for_a_page_are_left_to_a_file(tmp_path, decoder):
    source = several(tmp_path / "a.mkv", [CARD] * 3)
    done = Run(WANTED, ("face",), Cards(), ("cards",)).one(Job(source, tmp_path / "b.mp4"), decoder)
    sheet, pictures = Sheet(), Reviewed()
    pictures.rows = [Row((0, 0, 1, 1))] * (MOST_ROWS + 1)
    sheet.add(done, pictures)
    assert "too many regions for a page" in sheet.html() and "<script" not in sheet.html()


def test_a_track_keeps_its_best_picture_and_a_clip_a_bounded_number():
    pictures = Thumbnails()
    dull, clear = (Frame(with_card(noise(0, RGB, (64, 48)), RGB, box), RGB) for box in ((0, 0, 1, 1), CARD))
    box = tuple(map(float, CARD))
    pictures.see(dull, [Region(box, "face", 0.5, track=0)])
    first = pictures.pictures[0]
    pictures.see(clear, [Region(box, "face", 0.9, track=0)])
    best = pictures.pictures[0]
    pictures.see(dull, [Region(box, "face", 0.6, track=0)])
    assert first != best == pictures.pictures[0]
    for track in range(1, MOST + 50):
        pictures.see(dull, [Region(box, "face", 0.5, track=track)])
    assert len(pictures.pictures) == MOST


@pytest.mark.parametrize("box", [(-9.0, -9.0, 4.0, 4.0), (60.0, 40.0, 90.0, 90.0), (10.0, 10.0, 10.5, 10.5), (0.0, 0.0, 64.0, 48.0)])
def test_a_region_over_the_border_has_a_picture_of_what_is_there(box):
    assert thumbnail(Frame(noise(0, RGB, (64, 48)), RGB), box)


def test_a_region_outside_has_none():
    assert thumbnail(Frame(noise(0, RGB, (64, 48)), RGB), (100.0, 100.0, 120.0, 120.0)) == ""


def test_the_sheet_is_private(tmp_path, decoder):
    from tests.obfuscation.street import document, picture

    from velatura.obfuscation.obfuscate import obfuscate

    source = picture(tmp_path / "a.png")
    sheet = tmp_path / "sheet.html"
    report = obfuscate(source, tmp_path / "b.png", regions=document(source, [Row((16, 8, 32, 32))]), recheck=False, review=sheet, decoder=decoder)
    assert stat.S_IMODE(sheet.stat().st_mode) == 0o600 and report.review == sheet
