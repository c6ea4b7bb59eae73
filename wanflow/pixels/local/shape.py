"""local/resize, local/crop and local/rotate: what changes a picture's outline, alpha and all."""

from __future__ import annotations

from math import cos, radians, sin

import numpy as np
from PIL import Image

from wanflow.functions.geometry import Box, Size, cropped, resized, rotated
from wanflow.pixels.engine import Array, Edited, EditRequest, Fidelity, Picture, edit
from wanflow.pixels.local.paint import CLEAR, WHITE, colour, picture_of, rgba
from wanflow.pixels.resize import resized as scaled

_FILTERS = {
    "lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "box": Image.Resampling.BOX,
    "nearest": Image.Resampling.NEAREST,
}


@edit("local/resize")
def resize(request: EditRequest) -> Edited:
    """Scale as geometry.resized says."""
    plan = resized(request.image.size, request.parameters)
    made = scaled(request.image, plan.scaled, _FILTERS[request.parameters["filter"]])
    return Edited(cut(made, plan.kept), Fidelity.REAL)


@edit("local/crop")
def crop(request: EditRequest) -> Edited:
    """The box of geometry.cropped, pixel for pixel."""
    return Edited(cut(request.image, cropped(request.image.size, request.parameters)), Fidelity.REAL)


def cut(picture: Picture, box: Box) -> Picture:
    """A part of a picture."""
    if box == (0, 0, *picture.size):
        return picture
    rows, columns = slice(box.top, box.top + box.height), slice(box.left, box.left + box.width)
    alpha = None if picture.alpha is None else np.ascontiguousarray(picture.alpha[rows, columns])
    return Picture(np.ascontiguousarray(picture.rgb[rows, columns]), alpha, picture.lossless)


@edit("local/rotate")
def rotate(request: EditRequest) -> Edited:
    """Mirror, then turn clockwise: by right angles pixel for pixel, by others with Pillow's bicubic filter."""
    parameters = request.parameters
    picture = _flipped(request.image, parameters.get("flip"))
    size, angle = rotated(picture.size, parameters), (parameters.get("angle") or 0) % 360
    if angle == 0 or (angle % 90 == 0 and parameters.get("keep") != "size"):
        return Edited(_each(picture, lambda plane: np.rot90(plane, -int(angle // 90))), Fidelity.REAL)
    ground = colour(parameters.get("color"), CLEAR if picture.alpha is not None else WHITE)
    if parameters.get("keep") == "inside":
        return Edited(_turned(picture, size, angle, CLEAR, edges=True), Fidelity.REAL)
    return Edited(_turned(picture, size, angle, ground), Fidelity.REAL)


def _flipped(picture: Picture, way: str | None) -> Picture:
    if way is None:
        return picture
    return _each(picture, np.fliplr if way == "horizontal" else np.flipud)


def _each(picture: Picture, turn: object) -> Picture:
    def turned(plane: Array) -> Array:
        return np.ascontiguousarray(turn(plane))  # type: ignore[operator]  # numpy's overloads fit no simpler type

    alpha = None if picture.alpha is None else turned(picture.alpha)
    return Picture(turned(picture.rgb), alpha, picture.lossless)


def _turned(
    picture: Picture, size: Size, angle: float, ground: tuple[int, int, int, int], edges: bool = False
) -> Picture:
    """The picture turned about its centre on a canvas; `edges` goes on with its outermost pixels beyond it.

    A clear rim of a pixel makes the filter blend the edges into the ground instead of leaving teeth.
    """
    planes = np.pad(np.asarray(rgba(picture)), ((1, 1), (1, 1), (0, 0)), mode="edge")
    if not edges:
        planes[[0, -1], :, 3] = planes[:, [0, -1], 3] = 0
    across, down = cos(radians(angle)), sin(radians(angle))
    x, y, left, top = planes.shape[1] / 2, planes.shape[0] / 2, size[0] / 2, size[1] / 2
    inverse = (across, down, x - across * left - down * top, -down, across, y + down * left - across * top)
    image = Image.fromarray(planes).transform(size, Image.Transform.AFFINE, inverse, Image.Resampling.BICUBIC)
    made = Image.alpha_composite(Image.new("RGBA", size, ground), image)
    return picture_of(made.convert("RGB") if edges and picture.alpha is None else made, lossless=picture.lossless)
