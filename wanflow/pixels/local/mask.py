"""local/mask: pure black and white, of the image's size, from a shape, from brightness or from transparency."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw

from wanflow.errors import EditError
from wanflow.functions.geometry import Size
from wanflow.pixels.engine import Array, Bools, Edited, EditRequest, Fidelity, Picture, edit
from wanflow.pixels.local.paint import WHITE, on
from wanflow.pixels.resize import resized

Maker = Callable[[EditRequest, Any], Bools]
STRETCHED = "the picture in mask: has another ratio than the image, so it was stretched"


@edit("local/mask")
def mask(request: EditRequest) -> Edited:
    """White where the one shape that is given lies, then grown, then inverted. Raises EditError."""
    name, value = next((name, request.parameters[name]) for name in _MAKERS if request.parameters.get(name) is not None)
    white = _grown(_MAKERS[name](request, value), request.parameters["grow"])
    if request.parameters["invert"]:
        white = ~white
    levels = np.where(white, np.uint8(255), np.uint8(0))
    return Edited(Picture(np.repeat(levels[..., None], 3, axis=2)), Fidelity.REAL, tuple(_odd(request, white)))


def _odd(request: EditRequest, white: Bools) -> Sequence[str]:
    said = []
    if not white.any() or white.all():
        said.append(f"the mask is {'white' if white.any() else 'black'} all over")
    if request.parameters.get("from_image") is not None and request.mask:
        (width, height), (w, h) = request.image.size, request.mask.size
        if abs(width * h - height * w) > max(width * h, height * w) // 50:
            said.append(STRETCHED)
    return said


def luminance(picture: Picture) -> Array:
    """Brightness 0-255 (h, w) uint8, on white paper where the picture is transparent."""
    return np.asarray(cv2.cvtColor(np.asarray(on(picture, WHITE)), cv2.COLOR_RGB2GRAY))


def _empty(size: Size) -> Bools:
    return np.zeros((size[1], size[0]), bool)


def _box(request: EditRequest, value: Sequence[int]) -> Bools:
    white = _empty(request.image.size)
    x, y, width, height = value
    white[y : y + height, x : x + width] = True
    return white


def _ellipse(request: EditRequest, value: Sequence[int]) -> Bools:
    x, y, width, height = value
    if min(width, height) < 3:  # too thin to be round; Pillow draws nothing in a single pixel
        return _box(request, value)
    image = Image.new("L", request.image.size)
    ImageDraw.Draw(image).ellipse((x, y, x + width - 1, y + height - 1), fill=255)
    return np.asarray(image) > 0


def _polygon(request: EditRequest, corners: Sequence[Sequence[int]]) -> Bools:
    """Pixels whose centre lies inside, by the even-odd rule: corners lie between pixels, as those of a box do."""
    width, height = request.image.size
    crossings = np.zeros((height, width + 1), np.uint8)
    for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        rows = np.arange(min(y0, y1), max(y0, y1))
        if len(rows):
            at = np.ceil(x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0) - 0.5).astype(int)
            crossings[rows, at] += np.uint8(1)
    return np.asarray(np.cumsum(crossings[:, :-1], axis=1, dtype=np.uint8) % 2 == 1)


def _border(request: EditRequest, value: int) -> Bools:
    white = ~_empty(request.image.size)
    white[value:-value, value:-value] = False
    return white


def _threshold(request: EditRequest, value: int) -> Bools:
    return np.asarray(luminance(request.image) >= value)


def _alpha(request: EditRequest, value: int) -> Bools:
    if request.image.alpha is None:
        message = "the image has no transparency, so the mask would be black all over"
        raise EditError("MaskBlack", f"{message}; use threshold, or a picture that has some")
    return np.asarray(request.image.alpha < value)


def _from_image(request: EditRequest, value: int) -> Bools:
    assert request.mask  # noqa: S101 - geometry.check_mask
    return np.asarray(luminance(resized(request.mask, request.image.size, Image.Resampling.BILINEAR)) >= value)


_MAKERS: dict[str, Maker] = {
    "box": _box,
    "ellipse": _ellipse,
    "polygon": _polygon,
    "border": _border,
    "threshold": _threshold,
    "alpha": _alpha,
    "from_image": _from_image,
}


def _grown(white: Bools, pixels: int) -> Bools:
    """White grown by so many pixels in all directions, or shrunk; what lies beyond the picture has no say."""
    if pixels == 0 or not white.any() or white.all():
        return white
    ground = white if pixels < 0 else ~white
    away = cv2.distanceTransform(ground.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    near = np.asarray(away <= abs(pixels))
    return np.asarray(white & ~near if pixels < 0 else white | near)
