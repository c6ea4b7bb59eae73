"""local/pad and local/composite: pictures on larger canvases and on each other."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from wanflow.geometry import Size, covering, laid, padded, placed
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
    layer = Image.new("RGBA", below.size, CLEAR)
    layer.paste(rgba(resized(above, box.size)), (box.left, box.top))
    weight = np.asarray(layer.getchannel("A")) * np.float32(request.parameters["opacity"])
    said: tuple[str, ...] = ()
    if request.mask is not None:
        mask = _soft(request.mask, request.parameters.get("feather") or 0)
        weight *= mask / np.float32(255)
        said = () if mask.any() else (BLACK_MASK,)
    layer.putalpha(Image.fromarray(np.rint(weight).astype(np.uint8)))
    made = Image.alpha_composite(rgba(below), layer)
    if below.alpha is None:
        made = made.convert("RGB")
    alpha = None if below.alpha is None else np.asarray(made.getchannel("A"))
    lossless = below.lossless and above.lossless
    return Edited(Picture(np.asarray(made.convert("RGB")), alpha, lossless), Fidelity.REAL, said)


def _soft(mask: Picture, feather: int) -> Array:
    """How much of the upper picture is seen, 0-255 (h, w): the mask's brightness, blurred at its edges."""
    if not feather:
        return luminance(mask)
    return np.asarray(Image.fromarray(luminance(mask)).filter(ImageFilter.GaussianBlur(feather / 2)))
