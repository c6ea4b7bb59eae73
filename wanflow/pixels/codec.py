"""Image bytes <-> arrays. Honours EXIF orientation and colour profiles; 16-bit, CMYK and palette become 8-bit sRGB."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from wanflow.errors import EditError
from wanflow.pictures.images import open_image, reading
from wanflow.pixels.engine import Array, Coding, Picture

# PNG level 1 costs a quarter of the default's time for files about a tenth larger.
_PNG_LEVEL = 1
_LOSSY_MARK = "wanflow-lossy-source"
_PLAIN = Coding()
_SRGB = ImageCms.createProfile("sRGB")


def decode(raw: bytes) -> Picture:
    """Image bytes as sRGB (h, w, 3) uint8 with optional alpha. Raises EditError in words."""
    with open_image(raw) as image:
        lossless = _is_lossless(image, raw)
        with reading("ImageTruncated", "the image is damaged or cut short"):
            upright = ImageOps.exif_transpose(image)
            exif = image.info.get("exif", b"")
            rgb, alpha = _channels(upright)
    return Picture(rgb, alpha, lossless, exif if isinstance(exif, bytes) else b"")


def _is_lossless(image: Image.Image, raw: bytes) -> bool:
    if image.format == "PNG":
        return _LOSSY_MARK not in image.info
    if image.format == "WEBP":
        return b"VP8L" in raw[:64]
    return image.format in ("BMP", "TIFF") and image.info.get("compression") != "jpeg"


def _channels(image: Image.Image) -> tuple[Array, Array | None]:
    image = eight_bit(image)
    alpha = None
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        alpha = np.asarray(image.convert("RGBA").getchannel("A"))
        if alpha.min() == 255:
            alpha = None
    return np.ascontiguousarray(srgb(image)), alpha


def eight_bit(image: Image.Image) -> Image.Image:
    """The same with at most 8 bits a channel."""
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.float32)
        # "I" holds 16-bit greys as read from PNG and TIFF; 8-bit values in a wide file stay what they are.
        scale = 257.0 if image.mode.startswith("I;16") or values.max(initial=0) > 255 else 1.0
        made = Image.fromarray(np.clip(np.rint(values / scale), 0, 255).astype(np.uint8))
        if (clear := image.info.get("transparency")) is not None:
            made.putalpha(Image.fromarray(np.where(values == clear, np.uint8(0), np.uint8(255))))
        made.info["icc_profile"] = image.info.get("icc_profile")
        return made
    return image


# The modes that can have a profile, and those in which it describes them.
_PROFILED = {"RGB": "RGB", "RGBA": "RGB", "P": "RGB", "CMYK": "CMYK", "L": "L", "LA": "L"}


def srgb(image: Image.Image) -> Array:
    """Its colours as sRGB, (h, w, 3) uint8, by its profile where it has one."""
    profile = image.info.get("icc_profile")
    if profile and image.mode in _PROFILED:
        base = image.convert(_PROFILED[image.mode])
        try:
            converted = ImageCms.profileToProfile(
                base, ImageCms.ImageCmsProfile(io.BytesIO(profile)), _SRGB, outputMode="RGB"
            )
        except (ImageCms.PyCMSError, OSError):
            converted = None  # a broken profile says nothing; the numbers are taken as sRGB
        if converted is not None:
            return np.asarray(converted)
    return np.asarray(image.convert("RGB"))


def encode(
    picture: Picture, coding: Coding = _PLAIN, *, lossless_source: bool = True, software: str = "wanflow"
) -> bytes:
    """A picture as the bytes of a file, PNG unless told; a PNG keeps a mark when its pixels came through lossy coding.

    Raises EditError for what the format does not hold.
    """
    settings: dict[str, Any] = {}
    if coding.format == "PNG":
        notes = PngImagePlugin.PngInfo()
        notes.add_text("Software", software)
        if not lossless_source:
            notes.add_text(_LOSSY_MARK, "1")
        settings |= {"compress_level": _PNG_LEVEL, "pnginfo": notes}
    image = to_pillow(picture)
    if coding.profile:
        image = _in_space(image, coding.profile)
        settings["icc_profile"] = coding.profile
    if coding.exif:
        settings["exif"] = coding.exif
        if coding.format == "TIFF":
            settings["compression"] = "raw"  # libtiff, which compresses, takes no nested EXIF from Pillow
    return _saved(image, coding.format, coding.quality, **settings)


def _in_space(image: Image.Image, profile: bytes) -> Image.Image:
    """An sRGB image with the numbers of another colour space; alpha stays."""
    target = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    made = ImageCms.profileToProfile(image.convert("RGB"), _SRGB, target, ImageCms.Intent.RELATIVE_COLORIMETRIC)
    assert made  # noqa: S101 - told to mypy; it is None only when done in place
    if image.mode == "RGBA":
        made.putalpha(image.getchannel("A"))
    return made


def to_pillow(picture: Picture) -> Image.Image:
    """The picture as a Pillow image, RGB or RGBA."""
    image = Image.fromarray(picture.rgb)
    if picture.alpha is not None:
        image.putalpha(Image.fromarray(picture.alpha))
    return image


def transcode(raw: bytes, kind: str, quality: int | None, *, opaque: bool = False) -> bytes:
    """Image bytes in another format (JPEG, WEBP, TIFF, BMP, PNG); transparency becomes white where it must."""
    image = to_pillow(decode(raw))
    if image.mode == "RGBA" and (opaque or kind in ("JPEG", "BMP")):
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image).convert("RGB")
    return _saved(image, kind, quality)


def _saved(image: Image.Image, kind: str, quality: int | None, **more: Any) -> bytes:
    settings: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": quality or 92, "subsampling": 0},
        "WEBP": {"quality": quality or 90, "method": 4},
        "TIFF": {"compression": "tiff_lzw"},
    }
    buffer = io.BytesIO()
    try:
        image.save(buffer, kind, **settings.get(kind, {}) | more)
    except (OSError, ValueError) as error:
        raise EditError("OutputFormat", f"{image.width}x{image.height} px can't be saved as {kind}: {error}") from error
    return buffer.getvalue()
