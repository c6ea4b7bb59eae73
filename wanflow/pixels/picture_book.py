"""The French picture book: gouache in soft washes, pencil-and-ink outlines that wobble, paper with a painted edge.

Works on at most 1.5 megapixels; the caller enlarges and blends by strength.
"""

from __future__ import annotations

import cv2
import numpy as np

from wanflow.pixels.engine import Floats
from wanflow.pixels.strokes import combed, flow, ink, painted
from wanflow.pixels.textures import Dice, blur, cloudy, from_lab, mixed, noise, shifted, step, unit_of

PAPER = (0.972, 0.948, 0.902)
INK = (0.17, 0.13, 0.16)
# Shadows of a watercolour are mixed from blue, lights from the paper: (lightness, a*, b*).
_TINTS = ([0, 25, 50, 75, 100], [9, 7, 3, 2, 0.5], [-20, -14, -2, 10, 10])


def picture_book(rgb: Floats, dice: Dice, strength: float = 1.0) -> tuple[Floats, Floats]:
    """(h, w, 3) sRGB in [0, 1] as a page of a picture book, and where (h, w) the page is bare paper.

    The border of bare paper grows with `strength`.
    """
    unit = unit_of(rgb)
    light = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    along = flow(light, 0.5 * unit)
    wash = combed(painted(rgb, max(1.2, 0.3 * unit)), along, 0.7 * unit)
    lines = ink_lines(wash, unit)
    colours = _palette(wash)
    page = _pigment(_wobbled(colours, unit, dice, 0.25), unit, dice)
    page = _drawn(page, _wobbled(lines, unit, dice, 0.28), unit, dice)
    return _on_paper(page, unit, dice, 2.8 * min(strength, 1.0))


def ink_lines(wash: Floats, unit: float) -> Floats:
    """The outlines (h, w) in [0, 1] of the painted (h, w, 3); `unit` is one hundredth of its short side."""
    shade = cv2.cvtColor(wash, cv2.COLOR_RGB2GRAY)
    # Dark pictures have outlines too: the eye and the pen follow ratios.
    return ink(np.asarray(np.sqrt(np.maximum(shade, 0)), np.float32), max(0.8, 0.15 * unit))


def _wobbled(plane: Floats, unit: float, dice: Dice, size: float) -> Floats:
    """A plane moved by a slow unsteadiness of `size` units."""
    shape = plane.shape[:2]
    across, down = (noise(shape, 6 * unit, dice) * np.float32(size * unit) for _ in range(2))
    return shifted(plane, across, down)


def _palette(wash: Floats) -> Floats:
    """Paint-box colours: an open tone scale, lively middle chroma, blue shadows and warm lights, in soft steps."""
    lab = cv2.cvtColor(wash, cv2.COLOR_RGB2LAB)
    light = _opened(lab[..., 0])
    light = light + 1.6 * np.sin(light * np.float32(2 * np.pi / 14))
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    gain = 1.25 * (1 - 0.45 * step(chroma, 20, 75))
    tint = 1 - 0.65 * step(chroma, 6, 30)
    a, b = (lab[..., n] * gain + tint * np.interp(light, _TINTS[0], _TINTS[n]).astype(np.float32) for n in (1, 2))
    return from_lab(cv2.merge([light, a, b]))


def _opened(light: Floats) -> Floats:
    """L* between a soft dark and the paper, the middle lifted where the picture is dark."""
    low, middle, high = (float(v) for v in np.percentile(light[::3, ::3], (1, 50, 99)))
    room = max(high - low, 25.0)
    # A flat picture stays about as light as it is.
    low -= (room - (high - low)) * middle / 100
    share = np.clip((light - low) / room, 0, 1)
    goal = np.clip((middle - low) / room, 0.12, 0.7)
    power = float(np.clip(np.log(0.30 + 0.40 * goal) / np.log(goal), 0.55, 1.0))
    start = np.interp(low, [0, 60], [20, 45])
    return np.asarray(start + (min(96.0, high * 0.4 + 60) - start) * share ** np.float32(power), np.float32)


def _pigment(colours: Floats, unit: float, dice: Dice) -> Floats:
    """Paint that flowed: thicker here and there, gathered along the rims of a wash and in the paper's grain."""
    shape = colours.shape[:2]
    light = cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY)
    rim = np.maximum(blur(light, 1.1 * unit) - light, 0)
    flowed = 0.13 * cloudy(shape, 22 * unit, dice, 3) + 0.07 * noise(shape, 1.4 * unit, dice)
    strokes = combed(noise(shape, max(1.0, 0.3 * unit), dice), flow(blur(light, unit), 2 * unit), 4 * unit)
    grain = noise(shape, max(1.0, 0.22 * unit), dice)
    density = 1 + flowed + 0.16 * strokes + 0.05 * grain + 1.7 * rim
    return _laid(colours, density)


def _laid(colours: Floats, density: Floats) -> Floats:
    """Colours with more or less pigment; Bousseau et al. 2006."""
    change = np.clip(density, 0.4, 1.9)[..., None] - 1
    return np.asarray(np.clip(colours * (1 - (1 - colours) * change), 0, 1), np.float32)


def _drawn(page: Floats, lines: Floats, unit: float, dice: Dice) -> Floats:
    """The page under its ink, which presses more or less and takes a little of the colour below."""
    pressure = np.clip(0.84 + 0.16 * noise(lines.shape, 5 * unit, dice), 0.45, 1)
    tooth = np.clip(1.0 - 0.16 * np.maximum(noise(lines.shape, max(1.0, 0.15 * unit), dice), 0), 0.4, 1)
    pen = np.asarray(np.array(INK, np.float32) * 0.75 + page * 0.18, np.float32)
    return mixed(page, pen, np.asarray(lines * pressure * tooth, np.float32))


def _on_paper(page: Floats, unit: float, dice: Dice, border: float) -> tuple[Floats, Floats]:
    """The painting with its brushed edge `border` units wide on grained paper, and where that paper is bare."""
    shape = page.shape[:2]
    tooth = 0.6 * noise(shape, max(1.0, 0.2 * unit), dice) + 0.4 * noise(shape, max(1.0, 0.5 * unit), dice)
    y, x = np.indices(shape, np.float32)
    inside = np.minimum(np.minimum(x, shape[1] - 1 - x), np.minimum(y, shape[0] - 1 - y)) / np.float32(unit)
    ragged = inside - 0.16 * border * cloudy(shape, 7 * unit, dice, 4, 0.6) - 0.07 * border * tooth
    share = step(ragged, border - 0.25, border + 0.25)
    # Pigment gathers where the wash ends.
    page = _laid(page, 1 + 0.35 * share * step(ragged, border + 1.4, border + 0.2))
    paper = mixed(np.broadcast_to(np.array(PAPER, np.float32), page.shape), page, share)
    relief = 1 + 0.014 * np.clip(tooth, -2, 2)
    return np.asarray(np.clip(paper * relief[..., None], 0, 1), np.float32), np.asarray(1 - share, np.float32)
