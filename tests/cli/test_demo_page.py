"""The demo's page: everything that comes from outside is escaped, nothing is loaded from anywhere."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from velatura.cli.demo.page import Shown, page


def tags(name: str) -> list[str]:
    return re.findall(r"<(/?[a-z0-9!]+)", page([Shown(name, name, name, name, True, [name], [name])], [name], [name]).lower())


@given(st.text(max_size=40) | st.sampled_from(["<script>", '"><img src=x onerror=alert(1)>', "</style><b>", "'><svg/onload=1>"]))
def test_a_hostile_name_stays_text(name: str) -> None:
    assert tags(name) == tags("harmless")


def test_the_page_allows_no_script_and_no_foreign_source() -> None:
    html = page([], [], [])
    assert "default-src 'none'" in html
    assert "http" not in html.replace("http-equiv", "")
