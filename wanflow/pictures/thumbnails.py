"""Small copies of pictures, to be shown in pages. Never the file itself, which a browser might read otherwise."""

from __future__ import annotations

import base64
import io

from wanflow.pictures.images import open_image, reading


def thumbnail(raw: bytes, side: int, quality: int = 72) -> bytes:
    """A JPEG of at most so many pixels a side, upright, on white. Raises EditError."""
    from PIL import Image, ImageOps

    with open_image(raw) as found, reading("ImageDamaged", "the image is damaged"):
        found.draft("RGB", (side, side))  # a JPEG is decoded at an eighth of its size where that is enough
        profile = found.info.get("icc_profile") if found.mode == "RGB" else None
        image = ImageOps.exif_transpose(found)
        if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        image = image.convert("RGB")
        image.thumbnail((side, side), reducing_gap=2.0)
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality, optimize=True, icc_profile=profile)
    return buffer.getvalue()


def data_uri(raw: bytes) -> str:
    """A JPEG as a data URI."""
    return f"data:image/jpeg;base64,{base64.b64encode(raw).decode()}"
