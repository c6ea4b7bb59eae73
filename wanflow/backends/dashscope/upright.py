"""A picture file as the service shall see it. Most go as they are; only these few are decoded."""

from __future__ import annotations

import io

from wanflow.errors import EditError
from wanflow.pictures.images import open_image, orientation

# A turned JPEG is coded anew, at first so well that nobody sees it, then as well as the model's limit lets it be.
_QUALITIES = (97, 92, 85)


def upright(data: bytes, *, opaque: bool, max_bytes: int) -> bytes:
    """A file whose pixels stand as a viewer shows them, and on white where no transparency is taken.

    Whether the service reads the EXIF orientation is not known, and a mask has to fit either way. Raises EditError,
    also for a file that has more than `max_bytes`, or would have.
    """
    with open_image(data) as image:
        turned = orientation(image, data) != 1
        clear = opaque and ("A" in image.getbands() or "transparency" in image.info)
        kind = "JPEG" if image.format in ("JPEG", "MPO") else "PNG"
    if not turned and not clear:
        return _fitting(data, max_bytes, "")
    from wanflow.pixels import codec

    made = b""
    for quality in _QUALITIES if kind == "JPEG" else _QUALITIES[:1]:
        made = codec.transcode(data, kind, quality, opaque=opaque)
        if len(made) <= max_bytes:
            break
    return _fitting(made, max_bytes, f" once it is {'turned upright' if turned else 'laid on white'}")


def pure(data: bytes, *, max_bytes: int) -> bytes:
    """A mask of pure black and white, since the service "may not recognise" anything between. Raises EditError.

    Soft edges go to the nearer of the two, as they do in the draft engine.
    """
    import numpy as np
    from PIL import Image

    from wanflow.pixels import codec
    from wanflow.pixels.edit_mask import white

    mask = codec.decode(data)
    levels = np.where(white(mask.rgb), np.uint8(255), np.uint8(0))
    with open_image(data) as image:
        stands = orientation(image, data) == 1
    if stands and mask.alpha is None and (mask.rgb == levels[..., None]).all():
        return _fitting(data, max_bytes, "")
    buffer = io.BytesIO()
    Image.fromarray(levels).convert("RGB").save(buffer, "PNG")
    return _fitting(buffer.getvalue(), max_bytes, " once it is pure black and white")


def _fitting(data: bytes, max_bytes: int, when: str) -> bytes:
    if len(data) > max_bytes:
        size = f"the picture has {len(data) / 1e6:.1f} MB{when}, and the model takes {max_bytes / 1e6:.1f}"
        raise EditError("ImageTooLarge", f"{size}. Put a local/fit step before it, with a smaller max_side")
    return data
