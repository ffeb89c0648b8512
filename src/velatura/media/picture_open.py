"""Opens a picture inside the decoder's child: only with the reader that its first bytes name, and its size is checked before it is decoded.

What Pillow and lcms raise on damaged files is translated to four words: truncated, malformed, too large, unsupported.
"""

from __future__ import annotations

import contextlib
import struct
import warnings
import zlib
from collections.abc import Iterator

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from velatura.errors import BadInput, Unsupported
from velatura.media.feed import Feed
from velatura.media.wire import Open

__all__ = ["check_pixels", "configure", "open_picture", "translated"]

_READERS = {
    "jpeg": JpegImagePlugin.JpegImageFile.format,  # hands a file of several over to MPO by itself
    "png": PngImagePlugin.PngImageFile.format,
    "webp": WebPImagePlugin.WebPImageFile.format,
    "avif": AvifImagePlugin.AvifImageFile.format,
    "bmp": BmpImagePlugin.BmpImageFile.format,
    "tiff": TiffImagePlugin.TiffImageFile.format,
    "gif": GifImagePlugin.GifImageFile.format,
    "netpbm": PpmImagePlugin.PpmImageFile.format,
}
_SHORT = ("truncated", "not enough image data", "unexpected end", "end of file", "eof", "short read", "bytes not processed", "insufficient")
_LARGE = ("exceeds limit", "too large", "decompressed data", "security limit", "exceeds", "memory")


def configure() -> None:
    """Make the libraries strict and single-threaded. Once, in the child, before it is locked."""
    warnings.simplefilter("ignore")  # of Pillow about sizes that are within our own limit, and about metadata that is dropped
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    # libavif would start a thread of its own, which the locked child may not.
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    GifImagePlugin.LOADING_STRATEGY = GifImagePlugin.LoadingStrategy.RGB_ALWAYS
    PngImagePlugin.MAX_TEXT_CHUNK = 4 << 20
    PngImagePlugin.MAX_TEXT_MEMORY = 16 << 20
    Image.preinit()


def open_picture(file: Feed, kind: str, limits: Open) -> Image.Image:
    """The picture, header read, nothing decoded but HEIC.

    Raises:
        BadInput: `media.too-large`, `media.truncated`, `media.malformed`.
    """
    if file.size > limits.picture_bytes:
        raise BadInput("media.too-large", f"a picture of {file.size >> 20} MiB; the limit is {limits.picture_bytes >> 20} MiB")
    Image.MAX_IMAGE_PIXELS = max(1, limits.pixels // 2)  # Pillow refuses at twice this
    if kind == "heic":
        from velatura.media.heif_picture import open_heif  # it brings libav, which no other picture needs

        return open_heif(file, limits)
    image = Image.open(file, formats=[_READERS[kind]])  # type: ignore[arg-type]  # Feed is a RawIOBase: read, seek and tell are there
    check_pixels(image, limits)
    return image


def check_pixels(image: Image.Image, limits: Open) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise BadInput("media.malformed", f"a picture of {width}x{height} pixels")
    if width * height > limits.pixels:
        raise BadInput("media.too-large", f"{width}x{height} pixels; the limit is {limits.pixels} in all")


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn what the libraries raise into BadInput; memory and our own errors pass."""
    try:
        yield
    except (BadInput, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise BadInput("media.too-large", "more pixels than the limit allows") from error
    except UnidentifiedImageError as error:
        raise BadInput("media.malformed", "the header cannot be read") from error
    except NotImplementedError as error:
        raise Unsupported("media.unsupported", "a variant of the format that is not read") from error
    except EOFError as error:
        raise BadInput("media.truncated", "the file ends within a picture") from error
    except (
        OSError,
        ValueError,
        SyntaxError,
        RuntimeError,
        struct.error,
        zlib.error,
        LookupError,
        TypeError,
        AttributeError,
        ArithmeticError,
    ) as error:
        raise _refusal(str(error)) from error


def _refusal(said: str) -> BadInput:
    lower = said.lower()
    if any(word in lower for word in _SHORT):
        return BadInput("media.truncated", "the file ends within the picture")
    if any(word in lower for word in _LARGE) and "channel value" not in lower:  # of a plain Netpbm file, where it is a sample
        return BadInput("media.too-large", "a part of it grows beyond the limit when it is unpacked")
    return BadInput("media.malformed", "the picture is damaged")
