"""Take what moves out of a folder of clips, and sort the outputs: those without a doubt, and those that a person has to look at.

usage: python empty_places.py IN-FOLDER OUT-FOLDER

No model is needed where the camera stands. The masks are kept beside each output, to be mended and handed back with `--mask`.
"""

import sys
from pathlib import Path

import velatura
from velatura.errors import VelaturaError


def main(source: Path, target: Path) -> None:
    for folder in (target / "sure", target / "look"):
        folder.mkdir(parents=True, exist_ok=True)
    for clip in sorted(source.iterdir()):
        part = target / f"{clip.stem}.mp4"
        try:
            done = velatura.remove(clip, part, targets=("motion",), masks_out=target / f"{clip.stem}-masks").items[0]
        except VelaturaError as error:
            print(f"{clip.name}: not done: {error}")
            continue
        in_doubt = done.covered or done.shows or done.invented > 0.05 or not done.touched
        sorted_into = part.rename(target / ("look" if in_doubt else "sure") / part.name)
        print(f"{sorted_into.relative_to(target)}: {done.touched} of {done.frames} frames, {done.mask_share:.1%} of the picture")
        for sentence in done.warnings:
            print(f"    {sentence}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
