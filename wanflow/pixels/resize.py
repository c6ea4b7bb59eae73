"""local/fit: change a picture's size by one of Pillow's filters, which are antialiased when reducing."""

from __future__ import annotations

import numpy as np
from PIL import Image

from wanflow.functions.sizes import Size, fitted
from wanflow.pixels.codec import to_pillow
from wanflow.pixels.engine import Edited, EditRequest, Fidelity, Picture, edit


@edit("local/fit")
def fit(request: EditRequest) -> Edited:
    """Bring the sides into [min_side, max_side], keeping the ratio."""
    size = fitted(*request.image.size, request.parameters)
    return Edited(resized(request.image, size), Fidelity.REAL)


def resized(picture: Picture, size: Size, by: Image.Resampling = Image.Resampling.LANCZOS) -> Picture:
    """The picture at (width, height); Pillow premultiplies alpha, so that hidden colours do not leak."""
    if size == picture.size:
        return picture
    image = to_pillow(picture).resize(size, by)
    alpha = None if picture.alpha is None else np.asarray(image.getchannel("A"))
    return Picture(np.asarray(image.convert("RGB")), alpha, picture.lossless)
