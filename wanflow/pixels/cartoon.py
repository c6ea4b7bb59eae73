"""wan/control_cartoon_feature as a stand-in: the character beside the scene that was asked for, as on a storyboard."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from wanflow.functions.layouts import leading
from wanflow.pixels.compose import fitted
from wanflow.pixels.engine import Array, Edited, EditRequest, Picture, edit
from wanflow.pixels.expand import flatten
from wanflow.pixels.lettering import Colour, draw, filling
from wanflow.pixels.stamp import free_area, stamped

NOT_DRAWN = "the character is shown as it came, beside the scene asked for; no new picture of it was drawn"
_INK: Colour = (24, 24, 28)
_PAPER: Colour = (255, 250, 232)
# Printers' tints of old comics: ground and dots.
_TINTS: tuple[tuple[Colour, Colour], ...] = (
    ((150, 208, 232), (104, 178, 216)),
    ((247, 203, 122), (238, 176, 82)),
    ((186, 218, 160), (150, 196, 124)),
    ((240, 170, 160), (228, 138, 130)),
)

Box = tuple[int, int, int, int]


@edit("wan/control_cartoon_feature")
def storyboard(request: EditRequest) -> Edited:
    """A card of the input's size: the input whole in one panel, the prompt in the other; always stamped."""
    rgb, warnings = flatten(request.image)
    height, width = rgb.shape[:2]
    sheet = Image.fromarray(_dots((width, height), request.seed))
    picture, caption = _panels(free_area(width, height, ""), rgb)
    shown = fitted(rgb, (picture[2] - picture[0], picture[3] - picture[1]))
    canvas = ImageDraw.Draw(sheet)
    rule = max(1, min(width, height) // 160)
    _framed(canvas, picture, rule)
    sheet.paste(shown, (picture[0], picture[1]))
    _framed(canvas, caption, rule)
    _lettered(canvas, caption, request.prompt)
    return stamped(Picture(np.asarray(sheet)), "", NOT_DRAWN, *warnings)


def _dots(size: tuple[int, int], seed: int) -> Array:
    """A ground of printed dots, (h, w, 3) uint8."""
    width, height = size
    ground, dot = (np.array(tint, np.float32) for tint in _TINTS[seed % len(_TINTS)])
    pitch = max(4, min(size) // 48)
    y, x = np.ogrid[0 : 2 * pitch, 0 : 2 * pitch]
    inside = np.zeros((2 * pitch, 2 * pitch), np.float32)
    # Two grids, one between the other's dots, make the diagonal screen; the tile repeats without a seam.
    for cx, cy in ((0.5, 0.5), (1.5, 1.5)):
        away = np.hypot(x + 0.5 - cx * pitch, y + 0.5 - cy * pitch)
        inside = np.maximum(inside, np.clip(0.36 * pitch - away + 0.5, 0, 1))
    tile = (ground + inside[..., None] * (dot - ground) + 0.5).astype(np.uint8)
    return np.ascontiguousarray(np.tile(tile, (height // pitch // 2 + 1, width // pitch // 2 + 1, 1))[:height, :width])


def _panels(free: Box, rgb: Array) -> tuple[Box, Box]:
    """The boxes of picture and caption: beside each other in a wide picture, below each other in a tall one."""
    left, top, right, bottom = free
    gap = max(2, min(right - left, bottom - top) // 24)
    left, top, right, bottom = left + gap, top + gap, right - gap, bottom - gap
    height, width = rgb.shape[:2]
    if width >= height:
        scale = min(0.62 * (right - left) / width, (bottom - top) / height)
    else:
        scale = min((right - left) / width, 0.72 * (bottom - top) / height)
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    if width >= height:
        y = top + (bottom - top - h) // 2
        return (left, y, left + w, y + h), (left + w + gap, y, max(right, left + w + gap), y + h)
    x = left + (right - left - w) // 2
    return (x, top, x + w, top + h), (x, top + h + gap, x + w, max(bottom, top + h + gap))


def _framed(canvas: ImageDraw.ImageDraw, box: Box, rule: int) -> None:
    left, top, right, bottom = box
    canvas.rectangle((left + 2 * rule, top + 2 * rule, right + 3 * rule, bottom + 3 * rule), fill=_INK)
    canvas.rectangle((left - rule, top - rule, right + rule, bottom + rule), fill=_PAPER, outline=_INK, width=rule)


def _lettered(canvas: ImageDraw.ImageDraw, box: Box, text: str) -> None:
    """The text in its panel, as large as it goes; nothing where no letter fits."""
    left, top, right, bottom = box
    pad = max(1, min(right - left, bottom - top) // 10)
    room = right - left - 2 * pad, bottom - top - 2 * pad
    if room[0] < 16 or room[1] < 12:
        return
    lines, letters = filling(text, room, max(min(room) // 6, 9), 9)
    y = top + pad + max(0, (room[1] - len(lines) * leading(letters)) // 2)
    for line in lines:
        draw(canvas, left + pad, y + round(1.02 * letters), line, letters, _INK)
        y += leading(letters)
