"""Small copies of pictures, to be shown in reports. Never the file itself, which a browser might read otherwise."""

from __future__ import annotations

import base64
import io

from wanflow.pictures.images import open_image, reading

QUALITY = 72


def thumbnail(raw: bytes, side: int) -> bytes:
    """A JPEG of at most so many pixels a side, upright, on white. Raises EditError."""
    from PIL import Image, ImageOps

    with open_image(raw) as image, reading("ImageDamaged", "the image is damaged"):
        image.draft("RGB", (2 * side, 2 * side))  # a JPEG is decoded at an eighth of its size where that is enough
        image.thumbnail((2 * side, 2 * side), Image.Resampling.BOX)
        upright = ImageOps.exif_transpose(image)
        upright.thumbnail((side, side), Image.Resampling.LANCZOS)
        with_alpha = upright.convert("RGBA")
        flat = Image.new("RGB", upright.size, "white")
        flat.paste(with_alpha, mask=with_alpha.getchannel("A"))
        buffer = io.BytesIO()
        flat.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def data_uri(raw: bytes) -> str:
    """A JPEG as a data URI."""
    return f"data:image/jpeg;base64,{base64.b64encode(raw).decode()}"
