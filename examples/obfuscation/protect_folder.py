"""Protect a folder of pictures and clips from Python, and say of each who was found.

usage: python protect_folder.py IN-FOLDER OUT-FOLDER
"""

import sys
from pathlib import Path

import velatura


def main(source: Path, target: Path) -> None:
    target.mkdir(exist_ok=True)
    report = velatura.obfuscate(source, target, targets=("face",), expand="head")
    for done in report.items:
        print(f"{done.out.name}: {len(done.tracks)} covered in {done.frames} frames")
    for failed in report.failed:
        print(f"{failed.file.name}: not done: {failed.error}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
