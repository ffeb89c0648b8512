"""A HEIC file's main picture: tiles decoded by FFmpeg's HEVC decoder in this thread, joined, cropped and turned as the file says.

EXIF orientation is not looked at: in HEIF the boxes "irot" and "imir" turn a picture, and readers are told to ignore the tag. Thumbnails, depth,
gain maps and further pictures are left and named. Limit: overlays, sequences and codecs other than HEVC are refused.
Source: ISO/IEC 23008-12:2022 sections 6.5.8 to 6.5.12, 6.6.2; ISO/IEC 23091-2 for the numbers of matrices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import av
import numpy as np
from PIL import Image

from velatura.errors import BadInput, Unsupported
from velatura.media.feed import Feed
from velatura.media.heif_items import Item, Items, read_items
from velatura.media.padded import padded
from velatura.media.wire import Open

__all__ = ["open_heif"]

_HEVC = ("hvc1", "hev1")
_ALPHA = (b"urn:mpeg:hevc:2015:auxid:1", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha")
_MATRICES = {1: 1, 5: 5, 6: 5, 9: 9, 10: 9}  # ISO/IEC 23091-2 -> swscale
_FULL, _STUDIO = 2, 1
_MOST_TILES = 4_096


def open_heif(file: Feed, limits: Open) -> Image.Image:
    """Decoded, upright; what else the file holds stands in `info` under Pillow's names.

    Raises:
        BadInput: `media.truncated`, `media.malformed`, `media.too-large`; Unsupported: `media.unsupported`, `media.encrypted`.
    """
    items = read_items(file, file.size)
    main = items.item(items.primary)
    image = _shown(items, main, limits)
    for plane in items.that_refer("auxl", items.primary):
        if (plane.property("auxC") or b"")[4:].split(b"\0")[0] in _ALPHA:
            image = _with_alpha(image, _shown(items, plane, limits), premultiplied="prem" in main.refers)
    image.info.update(_beside(items, main))
    return image


def _shown(items: Items, item: Item, limits: Open) -> Image.Image:
    """An item with its crop and its turns."""
    image = _decoded(items, item, limits)
    for name, content in item.properties:
        if name == "clap":
            image = _cropped(image, content)
        elif name == "irot":
            turn = (None, Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)[content[0] & 3]
            image = image if turn is None else image.transpose(turn)
        elif name == "imir":
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT if content[0] & 1 else Image.Transpose.FLIP_TOP_BOTTOM)
    return image


def _decoded(items: Items, item: Item, limits: Open) -> Image.Image:
    if item.protected:
        raise Unsupported("media.encrypted", "the picture is encrypted")
    if item.kind == "grid":
        return _grid(items, item, limits)
    if item.kind not in _HEVC:
        raise Unsupported("media.unsupported", "a picture of another kind than HEVC tiles")
    return next(_tiles(items, [item], limits))


def _grid(items: Items, item: Item, limits: Open) -> Image.Image:
    raw = items.content(item)
    wide = 4 if len(raw) > 1 and raw[1] & 1 else 2
    if len(raw) < 4 + 2 * wide:
        raise BadInput("media.malformed", "a grid without its measures")
    rows, columns = raw[2] + 1, raw[3] + 1
    width, height = (int.from_bytes(raw[at : at + wide], "big") for at in (4, 4 + wide))
    parts = item.refers.get("dimg", [])
    _check(width, height, limits)
    if rows * columns != len(parts) or len(parts) > _MOST_TILES:
        raise BadInput("media.malformed", "a grid whose tiles do not fill it")
    joined = Image.new("L", (1, 1))
    for index, tile in enumerate(_tiles(items, [items.item(number) for number in parts], limits)):
        side_x, side_y = tile.size
        if not index:
            joined, first = Image.new(tile.mode, (width, height)), tile.size
            joined.info.update(tile.info)
        if side_x * columns < width or side_y * rows < height or tile.size != first or tile.mode != joined.mode:
            raise BadInput("media.malformed", "a grid whose tiles do not fill it")
        joined.paste(tile, (index % columns * side_x, index // columns * side_y))
    return joined


def _tiles(items: Items, parts: Sequence[Item], limits: Open) -> Iterator[Image.Image]:
    """Coded pictures, one after the other, each whole or the file is refused. One decoder for all that have one description."""
    coder, head, pixels = None, b"", 0
    for part in parts:
        if part.kind not in _HEVC or part.protected:
            raise Unsupported("media.unsupported", "a picture of another kind than HEVC tiles")
        ispe = (part.property("ispe") or bytes(12))[4:12]
        pixels += _check(int.from_bytes(ispe[:4], "big"), int.from_bytes(ispe[4:], "big"), limits)
        if pixels > 4 * limits.pixels:
            raise BadInput("media.too-large", "tiles with more pixels than the limit allows")
        described = part.property("hvcC") or b""
        if coder is None or described != head:
            coder, head = _coder(described, limits), described
        yield _to_image(_frame(coder, items.content(part)), part)


def _check(width: int, height: int, limits: Open) -> int:
    if width < 1 or height < 1:
        raise BadInput("media.malformed", f"a picture of {width}x{height} pixels")
    if width * height > limits.pixels:
        raise BadInput("media.too-large", f"{width}x{height} pixels; the limit is {limits.pixels} in all")
    return width * height


def _coder(described: bytes, limits: Open) -> Any:
    coder = av.CodecContext.create("hevc", "r")
    coder.extradata = described
    coder.thread_count, coder.thread_type = 1, "NONE"
    coder.options = {"err_detect": "explode", "max_pixels": str(limits.pixels + (1 << 16))}
    return coder


def _frame(coder: Any, coded: bytes) -> av.VideoFrame:
    if not coded:
        raise BadInput("media.truncated", "a picture without data")
    try:
        frames = [*coder.decode(padded(coded)), *coder.decode(None)]
    except (av.error.FFmpegError, MemoryError) as error:
        raise BadInput("media.malformed", "the picture is damaged") from error
    coder.flush_buffers()
    if len(frames) != 1 or frames[0].is_corrupt:
        raise BadInput("media.malformed", "the picture is damaged")
    frame: av.VideoFrame = frames[0]
    return frame


def _to_image(frame: av.VideoFrame, item: Item) -> Image.Image:
    grey = frame.format.name.startswith("gray")
    matrix, full = _colour(item, frame)
    rgb = frame.format.is_rgb
    shown = frame.reformat(
        format="gray" if grey else "rgb24",
        src_colorspace=None if rgb else matrix,
        src_color_range=_FULL if full else _STUDIO,
        dst_color_range=_FULL,
        threads=1,
    )
    image = Image.fromarray(shown.to_ndarray())
    image.info["bit_depth"] = max(part.bits for part in frame.format.components)
    return image


def _colour(item: Item, frame: av.VideoFrame) -> tuple[int, bool]:
    """Matrix (swscale's number) and whether samples use the full range: the file's word, else the stream's, else BT.601."""
    for name, content in item.properties:
        if name == "colr" and content[:4] == b"nclx" and len(content) >= 11:
            return _MATRICES.get(int.from_bytes(content[8:10], "big"), 5), bool(content[10] & 0x80)
    return _MATRICES.get(int(frame.colorspace), 5), frame.color_range == _FULL


def _cropped(image: Image.Image, clap: bytes) -> Image.Image:
    if len(clap) < 32:
        raise BadInput("media.malformed", "a crop without its measures")
    values = np.frombuffer(clap, ">i4", 8).astype(np.int64)
    if (values[1::2] <= 0).any():
        raise BadInput("media.malformed", "a crop without its measures")
    width, height, off_x, off_y = (float(n) / float(d) for n, d in values.reshape(4, 2))
    left = round((image.width - width) / 2 + off_x)
    top = round((image.height - height) / 2 + off_y)
    box = (max(0, left), max(0, top), min(image.width, left + round(width)), min(image.height, top + round(height)))
    if box[0] >= box[2] or box[1] >= box[3]:
        raise BadInput("media.malformed", "a crop that leaves nothing")
    cropped = image.crop(box)
    cropped.info.update(image.info)
    return cropped


def _with_alpha(image: Image.Image, alpha: Image.Image, *, premultiplied: bool) -> Image.Image:
    if image.mode not in ("L", "RGB"):
        return image
    plane = alpha.convert("L") if alpha.size == image.size else alpha.convert("L").resize(image.size)
    whole = image.convert("RGB")
    whole.putalpha(plane)
    if premultiplied:
        whole = Image.frombytes("RGBa", whole.size, whole.tobytes()).convert("RGBA")
    whole.info.update(image.info)
    return whole


def _beside(items: Items, main: Item) -> dict[str, Any]:
    """What lies beside the picture, under the names that Pillow's readers use."""
    told: dict[str, Any] = {}
    for name, content in main.properties:
        if name == "colr" and content[:4] in (b"prof", b"rICC"):
            told["icc_profile"] = content[4:]
    for item in items.by_number.values():
        if item.kind == "Exif" and len(raw := items.content(item)) > 4:
            told["exif"] = b"Exif\0\0" + raw[4 + int.from_bytes(raw[:4], "big") :]
        elif item.kind == "mime":
            told["xmp"] = b"present"
        elif item.kind in _HEVC or item.kind == "grid":
            told |= {name: True for name, kind in (("thumbnails", "thmb"), ("aux", "auxl")) if kind in item.refers}
    tiles = {number for item in items.by_number.values() for number in item.refers.get("dimg", ())}
    shown = [
        n for n, item in items.by_number.items() if item.kind in (*_HEVC, "grid") and n not in tiles and not {"thmb", "auxl"} & item.refers.keys()
    ]
    if len(shown) > 1:
        told["further"] = len(shown) - 1
    return told
