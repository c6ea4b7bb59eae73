"""Hard materials: ice, planks of wood, blue and white porcelain, balloons."""

from __future__ import annotations

import cv2
import numpy as np

from wanflow.pixels.engine import Floats
from wanflow.pixels.form import Form, Paint
from wanflow.pixels.textures import (
    blur,
    cells,
    cloudy,
    from_lab,
    lit,
    mixed,
    noise,
    per_cell,
    ramp,
    screen,
    shifted,
    step,
)

ICE = ((0, 18, -2, -17), (0.3, 45, -8, -24), (0.55, 70, -10, -18), (0.78, 89, -6, -10), (1, 98.5, -1.5, -3.5))
WOOD = ((0, 13, 8, 11), (0.25, 31, 16, 25), (0.5, 52, 20, 38), (0.75, 70, 14, 38), (1, 87, 6, 27))
COBALT = ((0, 95, -1, -4), (0.25, 80, -2, -18), (0.5, 56, 4, -42), (0.75, 37, 16, -55), (1, 21, 22, -48))


def ice(form: Form) -> Paint:
    """Clear ice cut in facets: the subject is seen broken through it, cracks and rims are white."""
    unit, dice, shape = form.unit, form.dice, form.shape
    facets = cells(shape, 0.16 * form.size + 3 * unit, dice)
    tilts = [blur(per_cell(facets.label, dice), 0.15 * unit) for _ in range(2)]
    seen = shifted(form.tone, tilts[0] * np.float32(1.3 * unit), tilts[1] * np.float32(1.3 * unit))
    y, x = np.indices(shape, np.float32)
    planes = 0.10 * (tilts[0] * (x - shape[1] / 2) + tilts[1] * (y - shape[0] / 2)) * np.float32(0.5)
    bump = form.bulge(0.1 * form.size) * 0.6 + form.relief(2.6 * unit) + 0.035 * unit * noise(shape, 2.2 * unit, dice)
    glow = lit(np.asarray(bump + 0.25 * planes, np.float32))
    rim = np.exp(-form.depth / np.float32(0.8 * unit))
    shade = 0.15 + 0.62 * seen + 0.85 * (glow.diffuse - 0.68) + 0.25 * rim + 0.08 * tilts[0] - 0.2 * form.lines
    milk = step(cloudy(shape, 16 * unit, dice, 4), 0.3, 2.4) * 0.45
    colour = ramp(np.asarray(shade * (1 - milk) + 0.88 * milk, np.float32), ICE)
    thin = step(facets.wall, 0.22 * unit, 0) * step(noise(shape, 7 * unit, dice), -0.6, 0.8)
    colour = screen(colour, np.asarray(0.5 * thin, np.float32), (0.9, 0.98, 1))
    colour = screen(colour, np.asarray(0.35 * _bubbles(form), np.float32), (0.9, 0.98, 1))
    gloss = 0.35 * glow.gloss(12) + 0.8 * step(glow.gloss(45), 0.35, 0.85)
    return screen(colour, np.asarray(gloss, np.float32), (0.93, 0.98, 1)), form.mask


def _bubbles(form: Form) -> Floats:
    """Air in the ice: small bright rings here and there."""
    grid = cells(form.shape, 3.0 * form.unit, form.dice)
    radius = 0.32 * form.unit
    ring = step(np.asarray(np.abs(grid.point - radius)), 0.45 * radius, 0)
    chosen = per_cell(grid.label, form.dice) > 1.1
    return np.asarray(ring * chosen, np.float32)


def wooden(form: Form) -> Paint:
    """Planks with year rings and fibres, the subject's drawing carved in and its shade stained."""
    unit = form.unit
    rows, columns = form.inside.any(1).sum(), form.inside.any(0).sum()
    upright = rows > 1.25 * columns
    joint, grain, tint = _planks(form, bool(upright))
    stain = 0.34 + 0.42 * form.tone + 0.075 * grain + 0.085 * tint
    groove = np.maximum(blur(form.lines, 0.12 * unit), 0)
    height = -0.9 * unit * blur(form.lines, 0.18 * unit) - 0.8 * unit * joint + form.bulge(1.6 * unit) * 0.8
    glow = lit(np.asarray(height + 0.03 * unit * grain + form.relief(1.6 * unit), np.float32))
    shade = stain * (1 - 0.5 * groove) * (1 - 0.75 * joint) + 0.75 * (glow.diffuse - 0.68)
    colour = ramp(np.asarray(shade, np.float32), WOOD)
    return screen(colour, 0.16 * glow.gloss(14), (1, 0.86, 0.62)), form.mask


def _planks(form: Form, upright: bool) -> tuple[Floats, Floats, Floats]:
    """Joints in [0, 1], grain and tint (deviation about 1 each) of boards, all (h, w)."""
    unit, dice = form.unit, form.dice
    shape = form.shape[::-1] if upright else form.shape
    width = float(np.clip(0.13 * form.size, 4.5 * unit, 9 * unit))
    across, along = (np.indices(shape, np.float32) / np.float32(width)).astype(np.float32)
    row = across.astype(np.int32)
    # Boards are five and a half times as long as wide, and every row starts elsewhere.
    place = along / np.float32(5.5) + dice.uniform(0, 1, int(row.max()) + 1).astype(np.float32)[row]
    board = row * 7 + place.astype(np.int32) * 3
    side, end = np.abs(across - np.round(across)), 5.5 * np.abs(place - np.round(place))
    joint = step(np.minimum(side, end) * np.float32(width), 0.34 * unit, 0.08 * unit)
    tint = dice.standard_normal(int(board.max()) + 1).astype(np.float32)[board]
    planes = joint, _grain(shape, board, unit, dice), tint
    if upright:
        return planes[0].T.copy(), planes[1].T.copy(), planes[2].T.copy()
    return planes


def _grain(shape: tuple[int, int], board: np.ndarray, unit: float, dice: np.random.Generator) -> Floats:
    """Year rings that wander along the board, and fibres; every board is cut from another part of the tree."""
    rows, columns = np.indices(shape)
    jump = dice.integers(0, 10_000, (2, int(board.max()) + 1))
    at = (rows + jump[0][board]) % shape[0], (columns + jump[1][board]) % shape[1]
    wander = cloudy(shape, (34 * unit, 6 * unit), dice, 2)[at]
    rings = (rows / np.float32(1.7 * unit) + 2.4 * wander).astype(np.float32)
    saw = rings - np.floor(rings)
    broad = cloudy(shape, (40 * unit, 3 * unit), dice, 2)[at]
    fibre = noise(shape, (9 * unit, max(1.0, 0.22 * unit)), dice)
    pores = step(noise(shape, (2.5 * unit, max(1.0, 0.16 * unit)), dice), 1.3, 2.2)
    return np.asarray(
        1.5 * (0.5 - saw**2 * (1 - step(saw, 0.85, 1.0))) - 0.4 + 0.45 * fibre + 0.6 * broad - 0.9 * pores, np.float32
    )


def porcelain(form: Form) -> Paint:
    """White glaze with the subject painted under it in cobalt: washes, fine lines, a vine where it is bare."""
    unit, dice, shape = form.unit, form.dice, form.shape
    dark = 1 - form.tone + 0.012 * cloudy(shape, 5 * unit, dice, 3)
    wash = sum(weight * _pooled(dark, bar, unit) for bar, weight in ((0.42, 0.26), (0.62, 0.26), (0.80, 0.26)))
    brushed = wash * (1 + 0.07 * cloudy(shape, 2.5 * unit, dice, 3))
    bare = step(blur(dark, 1.5 * unit), 0.42, 0.25) * step(form.depth, 0.8 * unit, 2.0 * unit)
    vine = _vine(form)
    # On bare glaze the vine is blue; in a broad wash it is left white.
    brushed = brushed * (1 - 0.62 * vine * step(blur(dark, 1.5 * unit), 0.5, 0.7))
    vine = 0.66 * bare * vine
    border = 0.85 * step(np.abs(form.depth - np.float32(0.9 * unit)), 0.30 * unit, 0.12 * unit)
    paint = np.maximum(np.maximum(brushed, 0.92 * form.lines), np.maximum(vine, border))
    colour = ramp(np.asarray(blur(np.asarray(paint, np.float32), 0.08 * unit), np.float32), COBALT)
    glaze = lit(np.asarray(form.bulge(0.16 * form.size) + form.relief(0.9 * unit), np.float32))
    colour = colour * (0.80 + 0.28 * step(glaze.diffuse, 0.2, 0.8))[..., None]
    cool = np.array((0.93, 0.97, 1.0), np.float32)
    gloss = 0.85 * step(glaze.gloss(60), 0.35, 0.8) + 0.10 * glaze.gloss(8)
    return screen(np.clip(colour * cool, 0, 1), np.asarray(gloss, np.float32), (0.95, 0.98, 1)), form.mask


def _pooled(dark: Floats, bar: float, unit: float) -> Floats:
    """One wash over all that is darker than `bar`, deeper along its rim where the cobalt dried last."""
    laid = step(dark, bar - 0.03, bar + 0.03)
    return np.asarray(laid * (0.85 + 0.9 * np.maximum(laid - blur(laid, 0.8 * unit), 0)), np.float32)


def _vine(form: Form) -> Floats:
    """A curling stem with leaves in pairs and some blossoms, (h, w) in [0, 1]."""
    unit, dice, shape = form.unit, form.dice, form.shape
    field = cloudy(shape, 12 * unit, dice, 2, 0.3)
    slope = np.hypot(*(cv2.Sobel(field, cv2.CV_32F, *d, scale=0.125) for d in ((1, 0), (0, 1)))) + 1e-4
    stem = np.abs(field) / slope
    stems = step(stem, 0.20 * unit, 0.08 * unit)
    leaf = noise(shape, 2.0 * unit, dice)
    leaves = step(stem, 1.5 * unit, 1.15 * unit) * step(leaf, 0.6, 0.75)
    grid = cells(shape, 13 * unit, dice, 0.6)
    petals = _blossom(grid.point, shape, grid.label, unit)
    return np.asarray(np.maximum(np.maximum(stems * step(grid.point, 2.8 * unit, 3.2 * unit), leaves * 0.8), petals))


def _blossom(radius: Floats, shape: tuple[int, int], label: np.ndarray, unit: float) -> Floats:
    """Blossoms of six petals around the points of the cells."""
    y, x = np.indices(shape, np.float32)
    centre = radius < 0.5
    at = np.zeros((int(label.max()) + 1, 2), np.float32)
    at[label[centre]] = np.stack([y[centre], x[centre]], axis=1)
    turn = np.arctan2(y - at[label][..., 0], x - at[label][..., 1])
    reach = np.float32(2.3 * unit) * (0.72 + 0.28 * np.abs(np.cos(3 * turn)))
    outline = step(np.abs(radius - reach), 0.20 * unit, 0.08 * unit)
    heart = step(radius, 0.75 * unit, 0.6 * unit)
    fill = 0.35 * step(radius, 2.3 * unit, 1.0 * unit)
    return np.asarray(np.maximum(np.maximum(outline, heart), fill * (radius < reach)), np.float32)


def balloon(form: Form) -> Paint:
    """Blown-up film in the subject's own colours, livelier: fat rims, pinched seams, window lights, a soft shadow."""
    unit = form.unit
    soft = blur(form.body, 0.7 * unit)
    lab = cv2.cvtColor(soft, cv2.COLOR_RGB2LAB)
    height = form.bulge(0.20 * form.size) + form.bulge(0.05 * form.size)
    seams = blur(form.lines, 0.5 * unit)
    height = blur(height, unit) + form.relief(3.5 * unit) * 0.8 - 1.4 * unit * seams
    # Nothing but the lamp's place tells one candidate from another.
    right, down = (float(side) for side in form.dice.uniform(-0.2, 0.2, 2))
    glow = lit(np.asarray(height, np.float32), (right - 0.5, down - 0.6, 0.75))
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    vivid = (1.0 + 0.5 * step(chroma, 4, 14)) * (1 - 0.3 * step(chroma, 40, 90))
    bounce = lit(np.asarray(height, np.float32), (0.6, 0.7, 0.25)).diffuse
    light = 20 + 0.62 * lab[..., 0] + 46 * (glow.diffuse - 0.68) + 16 * step(bounce, 0.45, 0.95) - 8 * seams
    full = cv2.merge([np.clip(light, 6, 92).astype(np.float32), lab[..., 1] * vivid, lab[..., 2] * vivid])
    colour = from_lab(full)
    colour = screen(colour, 0.22 * glow.gloss(12))
    return _with_shadow(form, screen(colour, _window_lights(form, glow.mirror)))


def _window_lights(form: Form, mirror: Floats) -> Floats:
    """Highlights on the 2.5 % of the subject that mirror the lamp best; white in their middle, soft at their rim."""
    place = blur(mirror, 0.35 * form.unit)
    inner = form.inside & (form.depth > 0.6 * form.unit)
    chosen = np.sort(place[inner if inner.any() else form.inside])
    # The form is larger than the subject by a rim of 0.3 units (see `materials.covered`).
    whole = int((form.depth > 0.3 * form.unit).sum())
    # The soft rim is nearly white over another 0.6 %.
    bar, rim = (float(chosen[max(len(chosen) - 1 - round(share * whole), 0)]) for share in (0.0195, 0.06))
    return step(place, min(rim, bar - 1e-4), bar)


def _with_shadow(form: Form, colour: Floats) -> Paint:
    """The paint and its cover with a soft shadow to the lower right; read by a padded shift, so nothing wraps."""
    reach = 1.2 * form.unit
    fallen = shifted(blur(form.mask, 0.9 * form.unit), -reach, -reach)
    shadow = np.asarray(0.38 * fallen * (1 - form.mask), np.float32)
    cover = np.maximum(form.mask, shadow)
    share = np.asarray(form.mask / np.maximum(cover, np.float32(1e-6)), np.float32)
    return mixed(np.zeros_like(colour), colour, share), cover
