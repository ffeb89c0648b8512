"""Every example runs as its first lines say."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.programs import bare_environment

from velatura.cli.demo.street import PASSAGE_FRAMES
from velatura.cli.demo.taken_out import make_passage

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


@pytest.mark.xdist_group("processes")
def test_the_folder_example_protects_what_it_can_and_names_the_rest(tmp_path: Path, portrait: Path, model_home: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    shutil.copy(portrait, source / "a.png")
    (source / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    env = bare_environment(tmp_path, VELATURA_HOME=str(model_home))
    command = [sys.executable, str(EXAMPLES / "obfuscation" / "protect_folder.py"), str(source), str(tmp_path / "out")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert "a.png: 1 covered in 1 frames" in done.stdout
    assert "b.png: not done" in done.stdout
    assert (tmp_path / "out" / "a.png").exists()


@pytest.mark.xdist_group("processes")
def test_the_removal_example_sorts_what_needs_a_look(tmp_path: Path, portrait: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    make_passage(portrait, source / "passage.mp4")
    (source / "broken.mp4").write_bytes(b"\0\0\0\x18ftypisom broken")
    env = bare_environment(tmp_path, VELATURA_HOME=str(tmp_path / "no-models"))
    command = [sys.executable, str(EXAMPLES / "removal" / "empty_places.py"), str(source), str(tmp_path / "out")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert "sure/passage.mp4: " in done.stdout
    assert "broken.mp4: not done" in done.stdout
    assert (tmp_path / "out" / "sure" / "passage.mp4").exists()
    assert len(list((tmp_path / "out" / "passage-masks").iterdir())) == PASSAGE_FRAMES
