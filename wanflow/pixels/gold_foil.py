"""Gold foil art: leaf on dark lacquer, embossed by the picture's own relief and engraved along its edges.

Works on at most 1.5 megapixels; the caller enlarges and blends by strength.
"""

from __future__ import annotations

import cv2
import numpy as np

from wanflow.pixels.engine import Floats
from wanflow.pixels.strokes import combed, flow, ink, painted
from wanflow.pixels.textures import (
    Dice,
    blur,
    cells,
    cloudy,
    lit,
    mixed,
    noise,
    per_cell,
    ramp,
    screen,
    shifted,
    step,
    unit_of,
)

# Every shade keeps the hue of gold (CIELab 66-88 degrees), down to the lacquer.
GOLD = (
    (0.0, 5, 2, 5),
    (0.16, 15, 7, 17),
    (0.34, 36, 13, 38),
    (0.55, 60, 12, 58),
    (0.75, 79, 6, 62),
    (0.9, 91, 2, 42),
    (1.0, 98, 0, 16),
)


def gold_foil(rgb: Floats, dice: Dice) -> tuple[Floats, Floats]:
    """(h, w, 3) sRGB in [0, 1] as embossed gold on lacquer, and where (h, w) it is bare ground: nowhere."""
    unit = unit_of(rgb)
    light = _evened(cv2.cvtColor(painted(rgb, max(1.2, 0.4 * unit)), cv2.COLOR_RGB2GRAY), unit)
    along = flow(light, 0.6 * unit)
    light = combed(light, along, 0.6 * unit)
    lines = ink(light, max(0.8, 0.16 * unit), along)
    leaf = _leaf(light, lines, unit, dice)
    shine = _shine(light, lines, unit, dice)
    gold = ramp(np.asarray(shine * (0.35 + 0.65 * leaf) * (1 - 0.45 * lines), np.float32), GOLD)
    lacquer = ramp(_lacquer(light, unit, dice), GOLD)
    art = _sparkling(mixed(lacquer, gold, leaf), np.asarray(shine * leaf, np.float32), unit, dice)
    return art, np.zeros_like(light)


def _evened(light: Floats, unit: float) -> Floats:
    """Luminance stretched to [0, 1] and half evened out, so that dark pictures emboss as well as bright ones."""
    low, high = (float(v) for v in np.percentile(light[::3, ::3], (1, 99)))
    room = max(high - low, 0.12)
    # A flat picture stays about as light as it is: white is all gold, black all lacquer.
    low -= (room - (high - low)) * (high + low) / 2
    flat = np.clip((light - low) / room, 0, 1)
    clahe = cv2.createCLAHE(2.0, (4, 4))
    even = clahe.apply((flat * 255).astype(np.uint8)).astype(np.float32) / 255
    return np.asarray(0.5 * flat + 0.5 * blur(even, 0.15 * unit), np.float32)


def _leaf(light: Floats, lines: Floats, unit: float, dice: Dice) -> Floats:
    """Where gold lies: on all but the darkest, torn at its edge, and always along a line."""
    torn = 0.03 * cloudy(light.shape, 4 * unit, dice, 4, 0.65)
    laid = step(light + torn, 0.15, 0.24)
    worn = step(cloudy(light.shape, 9 * unit, dice, 5, 0.7), 2.3, 2.7)
    rim = blur(lines, 0.5 * unit) * 1.6
    return np.asarray(np.clip(np.maximum(laid * (1 - 0.8 * worn), rim), 0, 1), np.float32)


def _shine(light: Floats, lines: Floats, unit: float, dice: Dice) -> Floats:
    """How bright the metal is, in [0, 1]: tone, the lamp on the relief, wrinkles and the seams of its sheets."""
    shape = light.shape
    # Leaf lies smooth and is creased here and there; the creases are walls of large cells.
    sway = noise(shape, 4 * unit, dice) * np.float32(0.5 * unit)
    folds = cells(shape, 13 * unit, dice)
    # The walls are drawn in whole pixels: unblurred, their steps would show as ribs.
    crease = step(shifted(blur(folds.wall, 0.3 * unit), sway, -sway), 0.7 * unit, 0.05 * unit)
    crease = blur(crease * step(noise(shape, 8 * unit, dice), 0.2, 1.6), 0.12 * unit)
    facets = blur(per_cell(cells(shape, 2.2 * unit, dice).label, dice), 0.35 * unit)
    relief = 3.4 * unit * blur(light, 0.18 * unit) - 0.35 * unit * blur(lines, 0.2 * unit)
    waves = 0.05 * unit * noise(shape, 2.5 * unit, dice) + 0.16 * unit * crease
    glow = lit(np.asarray(relief + waves, np.float32))
    wrinkled = lit(np.asarray(0.10 * unit * facets + relief * 0.5, np.float32))
    sheen = 0.05 * noise(shape, 40 * unit, dice)
    shine = 0.09 + 0.54 * light + 0.62 * (glow.diffuse - 0.68) + 0.26 * glow.gloss(16) + 0.16 * wrinkled.gloss(40)
    seams = _seams(shape, unit, dice)
    return np.asarray(np.clip(shine + sheen + seams, 0.02, 0.97), np.float32)


def _seams(shape: tuple[int, int], unit: float, dice: Dice) -> Floats:
    """Leaf comes in squares: a slight change of tone from one to the next and a fine bright lap between."""
    side = 27 * unit
    y, x = np.indices(shape, np.float32)
    sway = 0.35 * unit * noise(shape, 9 * unit, dice)
    start = dice.uniform(0, 1, 2)
    u, v = (x + sway) / side + np.float32(start[0]), (y - sway) / side + np.float32(start[1])
    tones = dice.normal(0, 0.022, (64, 64)).astype(np.float32)
    tone = tones[v.astype(np.int32) % 64, u.astype(np.int32) % 64]
    lap = np.minimum(np.abs(u - np.round(u)), np.abs(v - np.round(v))) * side
    broken = step(noise(shape, 4 * unit, dice), -0.4, 0.6)
    return np.asarray(tone + 0.10 * broken * step(lap, 0.28 * unit, 0.05 * unit), np.float32)


def _lacquer(light: Floats, unit: float, dice: Dice) -> Floats:
    """The ground: nearly black, with a soft reflection and dust of gold."""
    cloud = 0.02 * cloudy(light.shape, 30 * unit, dice, 3)
    dust = step(noise(light.shape, max(1.0, 0.25 * unit), dice), 3.0, 3.6) * 0.45
    return np.asarray(0.05 + 0.35 * light + cloud + dust, np.float32)


def _sparkling(gold: Floats, shine: Floats, unit: float, dice: Dice) -> Floats:
    """A few stars of light on the brightest spots."""
    spots = _brightest(shine, round(8 * unit), dice)
    thin, long = max(0.35, 0.1 * unit), 1.6 * unit
    across, down = (cv2.GaussianBlur(spots, (0, 0), sigmaX=x, sigmaY=y) for x, y in ((long, thin), (thin, long)))
    rays, halo = across + down, blur(spots, 0.8 * unit)
    light = 0.85 * rays / max(float(rays.max()), 1e-9) + 0.2 * halo / max(float(halo.max()), 1e-9)
    return screen(gold, np.asarray(light, np.float32), (1, 0.9, 0.62))


def _brightest(shine: Floats, reach: int, dice: Dice) -> Floats:
    """Single pixels (h, w), 0.5 to 1, each the brightest around one of fourteen places; none where all is dull."""
    spots = np.zeros_like(shine)
    for y, x in zip(dice.integers(shine.shape[0], size=14), dice.integers(shine.shape[1], size=14), strict=True):
        top, left = max(0, y - reach), max(0, x - reach)
        near = shine[top : y + reach + 1, left : x + reach + 1]
        row, column = np.unravel_index(int(near.argmax()), near.shape)
        if near[row, column] > 0.85:
            spots[top + row, left + column] = dice.uniform(0.5, 1)
    return spots
