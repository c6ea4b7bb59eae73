"""What is known of an image file without its pixels: size, format, and whether it is whole. Pillow is imported late."""

from __future__ import annotations

import hashlib
import io
import re
import stat
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from wanflow.errors import EditError, describe_os_error
from wanflow.model import Blob
from wanflow.pictures import anatomy

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP")
MAX_PIXELS = 120_000_000  # 360 MB as RGB; a 4096 px picture enlarged by 2 has 67 million
MAX_FILE_BYTES = 500_000_000


def identify(path: Path) -> Blob:
    """Digest, oriented size and format of an image file, read once. Raises EditError in words."""
    try:
        found = path.stat()
        # Reading a pipe or a device would never end.
        if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
            raise EditError("ImageUnreadable", "this is a device or a pipe, not a file")
        if found.st_size > MAX_FILE_BYTES:
            raise EditError("ImageTooLarge", f"the file has over {MAX_FILE_BYTES // 1_000_000} MB")
        raw = path.read_bytes()
    except IsADirectoryError as error:
        raise EditError("ImageMissing", "this is a folder, not an image") from error
    except FileNotFoundError as error:
        raise EditError("ImageMissing", "there is no such file") from error
    except (OSError, ValueError) as error:
        said = describe_os_error(error) if isinstance(error, OSError) else str(error)
        raise EditError("ImageUnreadable", f"can't be read: {said}") from error
    return describe(raw)


def describe(raw: bytes) -> Blob:
    """Digest, oriented size and format of image bytes. Raises EditError."""
    with open_image(raw) as image:
        width, height = oriented_size(image, raw)
        kind = str(image.format)
        # Decoding every photograph while planning would take minutes; only one without its end is decoded to be sure.
        if not anatomy.ends_well(raw, kind):
            _load(image)
    return Blob(hashlib.sha256(raw).hexdigest(), width, height, kind, len(raw))


def require_sound(raw: bytes) -> None:
    """Decode image bytes whole and compare their checksums, where the format has any. Raises EditError.

    For what crossed a network and can't be had again later; a photograph on the disk is only described.
    """
    with open_image(raw) as image, reading("ImageDamaged", "the image is damaged"):
        image.verify()
    with open_image(raw) as image:
        _load(image)


def open_image(raw: bytes) -> Image.Image:
    """An opened, not yet decoded still image of an accepted format. Raises EditError."""
    from PIL import Image, UnidentifiedImageError

    if not raw:
        raise EditError("ImageUnreadable", "the file is empty")
    if raw.startswith(b"GIF8"):
        raise EditError("ImageFormat", "GIF is not accepted; save it as PNG")
    anatomy.refuse_bomb(raw)
    with reading("ImageUnreadable", "the image can't be opened; it is cut short, damaged or of an unknown kind"):
        try:
            image = Image.open(io.BytesIO(raw), formats=FORMATS)
        except UnidentifiedImageError as error:
            raise EditError("ImageUnreadable", f"this is not an image: {_looks_like(raw)}") from error
        _refuse_unfit(image)
        anatomy.refuse_exif(_raw_profile(image))
    return image


def _raw_profile(image: Image.Image) -> bytes:
    """The EXIF data that some programs put into a PNG as text."""
    try:
        return bytes.fromhex("".join(image.info.get(_RAW_PROFILE, "").splitlines()[3:]))
    except ValueError:
        return b""


# What Pillow raises on damaged files; found by changing bytes of whole ones (tests/fuzz goes on looking).
_DAMAGE = (
    OSError,
    ValueError,
    SyntaxError,
    struct.error,
    TypeError,
    LookupError,
    EOFError,
    OverflowError,
    AttributeError,
    ZeroDivisionError,
)


@contextmanager
def reading(code: str, words: str) -> Iterator[None]:
    """Pillow at work on a file that may be damaged: silent, and every failure is an EditError."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd tags hurt nobody, and the limit on pixels is ours
            yield
    except Image.DecompressionBombError as error:
        pixels = re.search(r"\d+", str(error))
        raise EditError("ImageTooLarge", _too_many(int(pixels.group()) if pixels else 0)) from error
    except MemoryError as error:
        raise EditError("OutOfMemory", "the image does not fit into memory") from error
    except _DAMAGE as error:
        if "text chunk" in str(error) or "MAX_TEXT_" in str(error):  # Pillow's own limits, against packed zeros
            message = "its texts or its colour profile unpack to over a megabyte; save it anew without them"
            raise EditError("ImageUnfit", message) from error
        raise EditError(code, f"{words}: {error}") from error


def _refuse_unfit(image: Image.Image) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise EditError("ImageTooLarge", _too_many(image.width * image.height, image.size))
    if image.mode == "F":
        raise EditError("ImageFormat", "floating-point pixels are not accepted; save it with 8 bits a channel")
    # A camera's MPO holds a preview or a second eye behind the picture; only real animations are refused.
    if image.format in ("PNG", "WEBP", "TIFF") and getattr(image, "n_frames", 1) > 1:
        what = "pages" if image.format == "TIFF" else "frames"
        raise EditError("ImageFormat", f"the image has {image.n_frames} {what}; save the one you mean as PNG")  # type: ignore[attr-defined]


def _too_many(pixels: int, size: tuple[int, int] | None = None) -> str:
    shown = f"{size[0]}x{size[1]} px, " if size else ""
    count = f"{pixels / 1e6:,.0f}" if pixels else "far too many"
    return f"{shown}{count} million pixels; at most {MAX_PIXELS // 1_000_000} million are read"


_KINDS = {b"II*\0": "TIFF", b"MM\0*": "TIFF", b"\x89PNG\r\n": "PNG", b"\xff\xd8\xff": "JPEG", b"BM": "BMP"}


def _looks_like(raw: bytes) -> str:
    if raw.lstrip()[:5].lower() in (b"<html", b"<!doc"):
        return "it is a web page"
    if raw[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypavif"):
        return "HEIC and AVIF are not accepted; save it as JPEG or PNG"
    for start, kind in _KINDS.items():
        if raw.startswith(start):
            return f"a {kind} of a form that is not read; save it as PNG with 8 bits a channel"
    if raw[:4] == b"%PDF":
        return "it is a PDF"
    if raw[:4096].isascii() and b"\0" not in raw[:4096]:
        return "it is text"
    return "no known format (JPEG, PNG, BMP, TIFF, WEBP)"


_ORIENTATION = 0x0112
_RAW_PROFILE = "Raw profile type exif"


def oriented_size(image: Image.Image, raw: bytes) -> tuple[int, int]:
    """Width and height as a viewer shows them, after the EXIF orientation."""
    # Some versions of Pillow turn the size of a TIFF when they open it, others when they load it.
    tags = getattr(image, "tag_v2", {}) if image.format == "TIFF" else {}
    width, height = int(tags.get(256, image.width)), int(tags.get(257, image.height))
    return (height, width) if orientation(image, raw) in (5, 6, 7, 8) else (width, height)


def orientation(image: Image.Image, raw: bytes) -> int:
    """The EXIF orientation, 1 when there is none or it can't be read."""
    if image.format == "PNG" and b"eXIf" not in raw and _RAW_PROFILE not in image.info:
        return 1  # Pillow would decode the whole picture to look for a late chunk
    try:
        with reading("ImageUnreadable", "the EXIF data can't be read"):
            value = image.getexif().get(_ORIENTATION, 1)
    except EditError:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _load(image: Image.Image) -> None:
    with reading("ImageTruncated", "the image is damaged or cut short"):
        image.load()
