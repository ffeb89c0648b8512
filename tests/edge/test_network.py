"""What the gateway knows of networks, and what it does not load."""

from __future__ import annotations

import subprocess
import sys

import pytest

from velatura.edge.network import HEADS, head_class


@pytest.mark.parametrize("like", sorted(HEADS))
def test_every_head_is_there(like: str) -> None:
    assert head_class(like).labels


def test_the_process_that_holds_the_key_loads_neither_a_decoder_nor_a_runtime() -> None:
    program = "import sys, velatura.edge.run; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=280).stdout.split()
    assert "cryptography" in loaded
    assert not {"av", "onnxruntime", "cv2", "PIL"} & set(loaded)
