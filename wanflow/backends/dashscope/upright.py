"""A picture file as the service shall see it. Most go as they are; only these few are decoded."""

from __future__ import annotations

from wanflow.images import open_image, orientation

_QUALITY = 97


def upright(data: bytes, *, opaque: bool) -> bytes:
    """A file whose pixels stand as a viewer shows them, and on white where no transparency is taken.

    Whether the service reads the EXIF orientation is not known, and a mask has to fit either way. Raises EditError.
    """
    with open_image(data) as image:
        turned = orientation(image, data) != 1
        clear = opaque and ("A" in image.getbands() or "transparency" in image.info)
        kind = "JPEG" if image.format in ("JPEG", "MPO") else "PNG"
    if not turned and not clear:
        return data
    from wanflow.pixels import codec

    return codec.transcode(data, kind, _QUALITY, opaque=opaque)
