"""wan/i2i and wan/t2i as stand-ins of the right size: the inputs side by side, and the prompt set on a coloured card.

Nothing is generated here; what can be trusted is the size, the order of the inputs and the colours that were named.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw

from wanflow.errors import EditError
from wanflow.functions.layouts import leading
from wanflow.functions.sizes import SizeError, given, resulting
from wanflow.pixels.chroma import Tone, paint
from wanflow.pixels.engine import Array, Edited, EditRequest, Floats, Picture, edit
from wanflow.pixels.expand import flatten
from wanflow.pixels.lettering import Colour, draw, filling
from wanflow.pixels.lexicon import Role, tokens
from wanflow.pixels.stamp import BLACK, YELLOW, free_area, stamped
from wanflow.pixels.words import tone

NOT_COMBINED = "the inputs are only shown side by side; what the prompt asks of them was not done"
NOT_PAINTED = "the prompt is only set on a coloured card; what it describes was not painted"
_LIMITS = {"rule": "about", "pixels": 1280 * 1280, "min_pixels": 1, "max_pixels": 1 << 24, "max_ratio": 4}
# One of them by the seed, so that candidates can be told apart.
_DESKS: tuple[Colour, ...] = ((58, 60, 64), (74, 66, 58), (54, 66, 62), (62, 58, 72))
_SHEET: Colour = (250, 247, 240)
_INK: Colour = (36, 34, 40)

# For prompts that name no colour: three hues that go with each other, one set of them by the seed.
_MOODS = (
    (Tone(0.78, 0.090, 240), Tone(0.88, 0.070, 85), Tone(0.72, 0.110, 30)),
    (Tone(0.72, 0.090, 160), Tone(0.90, 0.060, 110), Tone(0.66, 0.100, 260)),
    (Tone(0.70, 0.110, 320), Tone(0.86, 0.080, 60), Tone(0.76, 0.080, 220)),
    (Tone(0.74, 0.110, 45), Tone(0.88, 0.070, 95), Tone(0.62, 0.080, 190)),
)


@edit("wan/i2i")
def combine(request: EditRequest) -> Edited:
    """One to three inputs side by side, whole and in their order, at the size the service would give."""
    width, height = _size(request)
    pictures = [flatten(picture) for picture in request.images]
    box = free_area(width, height, request.prompt)
    desk = Image.new("RGB", (width, height), _DESKS[request.seed % len(_DESKS)])
    sheet = _side_by_side([rgb for rgb, _ in pictures], desk, box)
    said = {warning for _, warnings in pictures for warning in warnings}
    return stamped(Picture(sheet), request.prompt, NOT_COMBINED, *sorted(said))


@edit("wan/t2i")
def card(request: EditRequest) -> Edited:
    """The prompt in large letters on a ground of its own colours."""
    size = given(request.parameters, _LIMITS) or (1280, 1280)
    without = str(request.parameters.get("negative_prompt") or "")
    return stamped(Picture(_card(request.prompt, without, size, request.seed)), "", NOT_PAINTED)


def _size(request: EditRequest) -> tuple[int, int]:
    try:
        size = resulting(request.size or _LIMITS, request.images[-1].size, request.parameters)
    except SizeError as error:
        raise EditError("ImageSize", str(error)) from error
    assert size  # noqa: S101 - told to mypy; a size went in
    return size


# -- inputs side by side


def _side_by_side(pictures: Sequence[Array], sheet: Image.Image, box: tuple[int, int, int, int]) -> Array:
    """A desk with the pictures laid on it, in the box (left, top, right, bottom)."""
    left, top, right, bottom = box
    gap = max(2, min(right - left, bottom - top) // 40)
    rows, columns = _grid(pictures, (right - left, bottom - top), gap)
    cell = (right - left - gap) // columns - gap, (bottom - top - gap) // rows - gap
    canvas = ImageDraw.Draw(sheet)
    for number, rgb in enumerate(pictures):
        x = left + gap + number % columns * (cell[0] + gap)
        y = top + gap + number // columns * (cell[1] + gap)
        shown = fitted(rgb, cell)
        at = x + (cell[0] - shown.width) // 2, y + (cell[1] - shown.height) // 2
        sheet.paste(shown, at)
        if len(pictures) > 1:
            _tag(canvas, at, f"Image {number + 1}", max(min(cell) // 22, 9))
    return np.asarray(sheet)


def fitted(rgb: Array, room: tuple[int, int]) -> Image.Image:
    """A picture (h, w, 3) reduced or enlarged to lie whole within (width, height)."""
    height, width = rgb.shape[:2]
    scale = min(room[0] / width, room[1] / height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _grid(pictures: Sequence[Array], room: tuple[int, int], gap: int) -> tuple[int, int]:
    """Rows and columns, one of them 1, that show the pictures largest."""

    def shown(rows: int, columns: int) -> float:
        cell = room[0] / columns - gap, room[1] / rows - gap
        scales = [min(cell[0] / rgb.shape[1], cell[1] / rgb.shape[0]) for rgb in pictures]
        return float(sum(scale**2 * rgb.size for scale, rgb in zip(scales, pictures, strict=True)))

    count = len(pictures)
    return max((1, count), (count, 1), key=lambda grid: shown(*grid))


def _tag(canvas: ImageDraw.ImageDraw, at: tuple[int, int], text: str, letters: int) -> None:
    x, y = at
    wide = round(0.72 * letters * len(text) + letters)
    canvas.rectangle((x, y, x + wide, y + leading(letters) + letters // 3), fill=BLACK)
    draw(canvas, x + letters // 2, y + round(1.15 * letters), text, letters, YELLOW)


# -- the card


def _card(prompt: str, without: str, size: tuple[int, int], seed: int) -> Array:
    """A sheet with the prompt on a ground of drifting colours, (h, w, 3) uint8."""
    ground = Image.fromarray(_drift(_palette(prompt, seed), size, seed))
    left, top, right, bottom = free_area(*size, "")
    margin = round(0.09 * min(right - left, bottom - top))
    sheet = left + margin, top + margin, right - margin, bottom - margin
    canvas = ImageDraw.Draw(ground)
    canvas.rounded_rectangle(sheet, radius=margin // 3, fill=_SHEET)
    _swatches(canvas, sheet, prompt, seed)
    foot = f"without: {without}" if without.strip() else ""
    _set(canvas, (sheet[0] + margin, sheet[1] + margin, sheet[2] - margin, sheet[3] - margin), prompt, foot)
    return np.asarray(ground)


def _palette(prompt: str, seed: int) -> list[Tone]:
    """The colours that the prompt names, in order, at most five; else one of the moods."""
    named = [tone(token.name, token.modifiers) for token in tokens(prompt) if token.role is Role.COLOUR]
    return list(dict.fromkeys(named))[:5] or list(_MOODS[seed % len(_MOODS)])


def _drift(palette: Sequence[Tone], size: tuple[int, int], seed: int) -> Array:
    """Soft clouds of the palette's tones, (h, w, 3) uint8."""
    dice = np.random.default_rng([seed, len(palette)])
    width, height = size
    coarse = 96
    y, x = np.mgrid[0:coarse, 0:coarse].astype(np.float32) / coarse
    total = np.zeros((coarse, coarse, 3), np.float32)
    weights = np.full((coarse, coarse), 1e-3, np.float32)
    for number in range(3 * len(palette)):
        own = palette[number % len(palette)]
        cx, cy, reach = dice.uniform(-0.1, 1.1), dice.uniform(-0.1, 1.1), dice.uniform(0.15, 0.35)
        weight = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / reach**2).astype(np.float32)
        total += weight[..., None] * np.array([own.lightness, *own.ab], np.float32)
        weights += weight
    total[..., 0] += 1e-3 * palette[0].lightness
    mixed: Floats = np.asarray(cv2.resize(total / weights[..., None], (width, height), interpolation=cv2.INTER_CUBIC))
    # A cloud's step of one code would show as a contour; a little grain hides it.
    grain = dice.normal(0, 0.004, (height, width)).astype(np.float32)
    light = np.clip(mixed[..., 0] + grain, 0.02, 0.99)
    return paint(light**3, np.ascontiguousarray(mixed[..., 1]), np.ascontiguousarray(mixed[..., 2]))


def _swatches(canvas: ImageDraw.ImageDraw, sheet: tuple[int, int, int, int], prompt: str, seed: int) -> None:
    """The palette as a row of colour chips along the lower edge of the sheet."""
    palette = _palette(prompt, seed)
    chip = max(4, (sheet[3] - sheet[1]) // 24)
    for number, own in enumerate(palette):
        plane = np.full((1, 1), own.lightness**3, np.float32)
        a, b = (np.full((1, 1), value, np.float32) for value in own.ab)
        red, green, blue = (int(v) for v in paint(plane, a, b)[0, 0])
        x = sheet[0] + chip + round(number * 1.5 * chip)
        canvas.ellipse((x, sheet[3] - 2 * chip, x + chip, sheet[3] - chip), fill=(red, green, blue), outline=_INK)


def _set(canvas: ImageDraw.ImageDraw, box: tuple[int, int, int, int], text: str, foot: str) -> None:
    """Text in the box (left, top, right, bottom), as large as it goes, and a line of small print under it."""
    left, top, right, bottom = box
    small = max(min(right - left, bottom - top) // 26, 9)
    room = bottom - top - (2 * leading(small) if foot else 0)
    largest = max(min(right - left, room) // 7, 9)
    lines, letters = filling(text, (right - left, room), largest, min(small, largest))
    y = top + max(0, (room - len(lines) * leading(letters)) // 2)
    for line in lines:
        draw(canvas, left, y + round(1.02 * letters), line, letters, _INK)
        y += leading(letters)
    if foot:
        rows, _ = filling(foot, (right - left, 2 * leading(small)), small, small)
        for number, line in enumerate(rows):
            draw(canvas, left, bottom - (len(rows) - number - 1) * leading(small) - small // 3, line, small, _INK)
