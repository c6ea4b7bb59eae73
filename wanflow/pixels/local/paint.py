"""Colours as recipes name them, and pictures on grounds of them."""

from __future__ import annotations

import numpy as np
from PIL import Image

from wanflow.pixels.codec import to_pillow
from wanflow.pixels.engine import Picture

Rgba = tuple[int, int, int, int]

# As CSS has them.
_NAMES = {
    "black": "#000000",
    "blue": "#0000ff",
    "gray": "#808080",
    "green": "#008000",
    "orange": "#ffa500",
    "red": "#ff0000",
    "transparent": "#00000000",
    "white": "#ffffff",
    "yellow": "#ffff00",
}
WHITE: Rgba = (255, 255, 255, 255)
CLEAR: Rgba = (0, 0, 0, 0)


def colour(text: str | None, otherwise: Rgba = WHITE) -> Rgba:
    """Red, green, blue and alpha, 0-255, of a parameter that its schema allows; `otherwise` where none is given."""
    if text is None:
        return otherwise
    plain = text.strip()  # a schema's $ lets a line break through
    red, green, blue, *alpha = bytes.fromhex(_NAMES.get(plain, plain).removeprefix("#"))
    return red, green, blue, alpha[0] if alpha else 255


def rgba(picture: Picture) -> Image.Image:
    """The picture as a Pillow image with alpha."""
    return to_pillow(picture).convert("RGBA")


def picture_of(image: Image.Image, *, lossless: bool = True) -> Picture:
    """A Pillow image as a picture; an alpha that hides nothing is dropped."""
    alpha = np.asarray(image.getchannel("A")) if image.mode == "RGBA" else None
    if alpha is not None and alpha.min() == 255:
        alpha = None
    return Picture(np.asarray(image.convert("RGB")), alpha, lossless)


def on(picture: Picture, ground: Rgba) -> Image.Image:
    """The picture, without transparency (RGB), on an opaque ground."""
    if picture.alpha is None:
        return to_pillow(picture)
    return Image.alpha_composite(Image.new("RGBA", picture.size, ground), rgba(picture)).convert("RGB")
