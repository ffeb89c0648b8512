"""`velatura demo`: the main job on a picture and a clip, with a page to look at."""

from velatura.cli.demo.verb import EPILOG, command

__all__ = ["EPILOG", "command"]
