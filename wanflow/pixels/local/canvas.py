"""local/pad and local/composite: pictures on larger canvases and on each other."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from wanflow.functions.geometry import Box, Size, covering, laid, padded, placed
from wanflow.pixels.engine import Array, Edited, EditRequest, Fidelity, Picture, edit
from wanflow.pixels.local.mask import luminance
from wanflow.pixels.local.paint import CLEAR, WHITE, colour, on, picture_of, rgba
from wanflow.pixels.resize import resized

# A blurred ground shows no detail, so it is made this small and enlarged; the blur is a share of that.
_BLURRED_SIDE, _BLUR = 256, 0.035
BLACK_MASK = "the mask is black all over, so nothing was laid over the image"


@edit("local/pad")
def pad(request: EditRequest) -> Edited:
    """The picture, pixel for pixel, on the canvas of geometry.padded."""
    picture, parameters = request.image, request.parameters
    canvas, left, top = padded(picture.size, parameters)
    if parameters["fill"] == "mirror":
        return Edited(_mirrored(picture, canvas, left, top), Fidelity.REAL)
    if parameters["fill"] == "blur":
        ground = _blurred(picture, canvas)
    else:
        fill = colour(parameters.get("color"), WHITE if picture.alpha is None else CLEAR)
        ground = Image.new("RGBA", canvas, fill)
    ground.alpha_composite(rgba(picture), (left, top))
    return Edited(picture_of(ground, lossless=picture.lossless), Fidelity.REAL)


def _mirrored(picture: Picture, canvas: Size, left: int, top: int) -> Picture:
    width, height = picture.size
    sides = ((top, canvas[1] - top - height), (left, canvas[0] - left - width))

    def grown(plane: Array) -> Array:
        return np.pad(plane, (*sides, (0, 0))[: plane.ndim], mode="symmetric")

    alpha = None if picture.alpha is None else grown(picture.alpha)
    return Picture(grown(picture.rgb), alpha, picture.lossless)


def _blurred(picture: Picture, canvas: Size) -> Image.Image:
    """The picture enlarged over the whole canvas and out of focus, RGBA."""
    scale = min(1.0, _BLURRED_SIDE / max(canvas))
    small = max(1, round(canvas[0] * scale)), max(1, round(canvas[1] * scale))
    filled = covering(picture.size, small)
    left, top = placed(small, filled, "center")
    image = on(picture, WHITE).resize(filled, Image.Resampling.BOX).crop((left, top, left + small[0], top + small[1]))
    image = image.filter(ImageFilter.GaussianBlur(_BLUR * max(small)))
    return image.resize(canvas, Image.Resampling.BICUBIC).convert("RGBA")


@edit("local/composite")
def composite(request: EditRequest) -> Edited:
    """The second picture over the first where geometry.laid puts it, weighed by its alpha, the mask and opacity."""
    below, above = request.images
    box = laid(below.size, above.size, request.parameters)
    assert box  # noqa: S101 - told to mypy; both sizes are known
    layer, left, top = _seen(rgba(resized(above, box.size)), box, below.size)
    weight = layer.getchannel("A")
    said: tuple[str, ...] = ()
    if request.mask is not None:
        mask = _soft(request.mask, request.parameters.get("feather") or 0)
        weight = ImageChops.multiply(weight, mask.crop((left, top, left + layer.width, top + layer.height)))
        said = () if mask.getbbox() else (BLACK_MASK,)
    opacity = request.parameters["opacity"]
    layer.putalpha(weight.point([round(level * opacity) for level in range(256)]))
    made = rgba(below)
    made.alpha_composite(layer, (left, top))
    alpha = None if below.alpha is None else np.asarray(made.getchannel("A"))
    lossless = below.lossless and above.lossless
    return Edited(Picture(np.asarray(made.convert("RGB")), alpha, lossless), Fidelity.REAL, said)


def _seen(layer: Image.Image, box: Box, size: Size) -> tuple[Image.Image, int, int]:
    """The part of a layer that lies on a picture of this size, and where."""
    left, top = max(box.left, 0), max(box.top, 0)
    right, bottom = min(box.left + box.width, size[0]), min(box.top + box.height, size[1])
    return layer.crop((left - box.left, top - box.top, right - box.left, bottom - box.top)), left, top


def _soft(mask: Picture, feather: int) -> Image.Image:
    """How much of the upper picture is seen, 0-255: the mask's brightness, blurred at its edges."""
    image = Image.fromarray(luminance(mask))
    return image.filter(ImageFilter.GaussianBlur(feather / 2)) if feather else image
