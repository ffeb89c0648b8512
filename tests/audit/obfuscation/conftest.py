from __future__ import annotations

from collections.abc import Iterator

import pytest

from velatura.media.source import Decoder


@pytest.fixture(scope="session")
def decoder() -> Iterator[Decoder]:
    """The real confined decoder, warmed once for all tests of a process."""
    with Decoder() as warmed:
        yield warmed
