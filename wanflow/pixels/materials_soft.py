"""Soft materials: cloud, the silk of a festive lantern, fluff, weaving."""

from __future__ import annotations

import cv2
import numpy as np

from wanflow.pixels.engine import Floats
from wanflow.pixels.form import Form, Paint
from wanflow.pixels.strokes import Flow
from wanflow.pixels.textures import blur, cells, cloudy, from_lab, lit, mixed, noise, ramp, screen, shifted, step

SILK = ((0, 16, 34, 20), (0.3, 33, 53, 36), (0.55, 49, 66, 52), (0.75, 64, 50, 62), (0.9, 83, 16, 62), (1, 94, 2, 38))
GOLD_THREAD = (0.98, 0.79, 0.36)
CLOUD_LIGHT, CLOUD_CHROMA = 83.0, 7.0


def cloud(form: Form) -> Paint:
    """A cumulus in the subject's shape: heaps of puffs, blue-grey below, its outline fraying."""
    unit, dice, shape = form.unit, form.dice, form.shape
    heaps = _puffs(form, 0.19 * form.size + 3 * unit)
    height = form.bulge(0.25 * form.size) * 0.9 + 1.2 * heaps + form.relief(3.0 * unit)
    glow = lit(blur(np.asarray(height, np.float32), 0.7 * unit), (-0.45, -0.85, 0.45))
    hollow = np.clip(blur(heaps, 2.5 * unit) - heaps, 0, None) / np.float32(1.6 * unit)
    light = 0.75 * glow.diffuse - 0.28 * hollow + 0.40 * form.tone - 0.10 * blur(form.lines, 0.3 * unit)
    light = blur(np.asarray(light, np.float32), 0.35 * unit) + 0.012 * cloudy(shape, 3 * unit, dice, 3)
    lab = _cloud_colours(light, form)
    fray = 0.75 * unit * cloudy(shape, 3.5 * unit, dice, 5, 0.65) + 0.4 * np.clip(
        heaps - blur(heaps, 3 * unit), -2 * unit, 2 * unit
    )
    cover = step(form.depth - form.away + fray, -2.4 * unit, 0.1 * unit)
    return from_lab(lab), cover


def _puffs(form: Form, size: float) -> Floats:
    """Height in pixels of balls heaped on balls, three sizes."""
    total = np.zeros(form.shape, np.float32)
    for octave in range(3):
        across = size / 2.1**octave
        sway = [noise(form.shape, across, form.dice) * np.float32(0.22 * across) for _ in range(2)]
        far = shifted(cells(form.shape, across, form.dice).point, sway[0], sway[1]) / np.float32(across)
        total += np.float32(0.42 * across) * np.sqrt(np.maximum(1 - far * far, 0))
    return total


def _cloud_colours(light: Floats, form: Form) -> Floats:
    """CIELab of a cloud whose mean lightness and chroma are those of a fair day, whatever the subject was."""
    inner = light[form.inside]
    spread = max(float(inner.std()), 0.02)
    share = (light - float(inner.mean())) / np.float32(spread)
    level = np.clip(CLOUD_LIGHT + 9.5 * np.clip(share, -2.6, 1.6), 0, 99)
    level = np.clip(level + (CLOUD_LIGHT - float(level[form.inside].mean())), 0, 99)
    # Hollows take the blue of the sky, tops a little of the sun.
    blue = step(level, 93, 74)
    chroma = 3.0 + 8.0 * blue
    chroma *= CLOUD_CHROMA / max(float(chroma[form.inside].mean()), 1e-3)
    return np.dstack([level, -0.14 * chroma, -0.99 * chroma]).astype(np.float32)


def lantern(form: Form) -> Paint:
    """A festive lantern of red silk on ribs, lit from within, the subject drawn on it in gold."""
    unit = form.unit
    turn, level = _around(form)
    ribs = 11
    phase = turn / np.float32(np.pi) * ribs
    fold = np.abs(phase - np.round(phase)) * 2
    rib = step(fold, 0.16, 0.05) * step(form.depth, 0.4 * unit, unit)
    glow = blur(np.asarray(np.minimum(form.depth / np.float32(0.24 * form.size), 1), np.float32), 0.05 * form.size)
    pleat = np.sqrt(np.clip(fold, 0, 1))
    light = (
        0.14
        + 0.30 * glow
        + 0.34 * form.tone
        + 0.16 * (pleat - 0.6)
        + 0.02 * noise(form.shape, (unit, 0.3 * unit), form.dice)
    )
    height = form.bulge(0.2 * form.size) * 0.5 + 0.9 * unit * pleat + form.relief(1.5 * unit)
    lamp = lit(np.asarray(height, np.float32))
    light = light + 0.26 * (lamp.diffuse - 0.68) - 0.10 * rib
    colour = ramp(np.asarray(light, np.float32), SILK)
    colour = mixed(colour, _gold(lamp.diffuse), np.asarray(0.38 * _brocade(phase, level, glow), np.float32))
    bands = _bands(form, level)
    outline = step(form.depth, 0.75 * unit, 0.5 * unit)
    gold = np.maximum(np.maximum(0.9 * form.lines, outline), np.maximum(bands, 0.5 * rib))
    colour = mixed(colour, _gold(lamp.diffuse), np.asarray(np.clip(gold, 0, 0.95), np.float32))
    return _with_halo(form, screen(colour, 0.28 * lamp.gloss(40), (1, 0.85, 0.6)))


def _bands(form: Form, level: Floats) -> Floats:
    """The gilded ends; an end that the picture's border cuts off has none."""
    top, bottom = (0.0 if row.any() else 1.0 for row in (form.inside[0], form.inside[-1]))
    return np.asarray(np.maximum(top * step(level, 0.052, 0.045), bottom * step(1 - level, 0.052, 0.045)), np.float32)


def _gold(diffuse: Floats) -> Floats:
    """Gold thread (h, w, 3) under the lamp."""
    return np.asarray(np.clip((0.35 + 0.85 * diffuse)[..., None] * np.array(GOLD_THREAD, np.float32), 0, 1), np.float32)


def _around(form: Form) -> tuple[Floats, Floats]:
    """Each pixel's place on a round body: the turn from -pi/2 to pi/2 across, the level from 0 to 1 down."""
    rows = np.flatnonzero(form.inside.any(1))
    left = np.array([np.flatnonzero(form.inside[row])[0] for row in rows], np.float32)
    right = np.array([np.flatnonzero(form.inside[row])[-1] for row in rows], np.float32)
    every = np.arange(form.shape[0])
    # Slow changes of width only: ribs are bent wood.
    calm = max(1.0, 0.10 * form.size)
    ends = [blur(np.interp(every, rows, side).astype(np.float32)[:, None], calm) for side in (left, right)]
    x = np.arange(form.shape[1], dtype=np.float32)[None, :]
    middle, half = (ends[0] + ends[1]) / 2, np.maximum((ends[1] - ends[0]) / 2, 2 * form.unit)
    turn = np.arcsin(np.clip((x - middle) / half, -1, 1))
    level = np.clip((every - rows[0]) / max(rows[-1] - rows[0], 1), 0, 1).astype(np.float32)
    return np.asarray(turn, np.float32), np.asarray(np.broadcast_to(level[:, None], form.shape), np.float32)


def _brocade(phase: Floats, level: Floats, glow: Floats) -> Floats:
    """A lattice of small rosettes between the ribs."""
    rows = 16
    v = level * rows + 0.5 * (np.floor(phase + 0.5) % 2)
    du, dv = phase - np.floor(phase) - 0.5, v - np.floor(v) - 0.5
    radius, turn = np.hypot(du, dv), np.arctan2(dv, du)
    petal = 0.17 + 0.06 * np.cos(6 * turn)
    return np.asarray(step(np.abs(radius - petal), 0.05, 0.02) + step(radius, 0.08, 0.05), np.float32)


def _with_halo(form: Form, colour: Floats) -> Paint:
    """The paint and its cover with the warm light that the lantern throws around itself."""
    halo = 0.42 * np.exp(-form.away / np.float32(1.1 * form.unit)) * step(form.away, 3.8 * form.unit, 1.5 * form.unit)
    cover = np.maximum(form.mask, halo * (1 - form.mask))
    share = form.mask / np.maximum(cover, np.float32(1e-6))
    warm = np.broadcast_to(np.array((1.0, 0.55, 0.20), np.float32), colour.shape)
    return mixed(warm, colour, np.asarray(share, np.float32)), np.asarray(cover, np.float32)


def fluffy(form: Form) -> Paint:
    """Long soft hair in the subject's colours that lies outwards and down and sticks out over the outline."""
    unit = form.unit
    lie = _lie(form)
    hair = _combed_one_way(noise(form.shape, max(1.0, 0.22 * unit), form.dice), lie, 3.6 * unit)
    tufts = _combed_one_way(cloudy(form.shape, 1.8 * unit, form.dice, 2), lie, 3.6 * unit)
    hair, tufts = (plane / np.float32(max(float(plane.std()), 1e-6)) for plane in (hair, tufts))
    colours = np.clip(_combed_one_way(form.body, lie, 1.6 * unit), 0, 1)
    lab = cv2.cvtColor(colours, cv2.COLOR_RGB2LAB)
    height = form.bulge(0.16 * form.size) + 0.9 * unit * blur(tufts, 0.5 * unit) + form.relief(2.0 * unit)
    glow = lit(np.asarray(height, np.float32))
    light = 26 + 0.66 * lab[..., 0] + 5.5 * hair + 4.5 * tufts + 34 * (glow.diffuse - 0.68)
    light = light + 9 * np.exp(-form.depth / np.float32(1.2 * unit))
    lab = cv2.merge([np.clip(light, 8, 97).astype(np.float32), lab[..., 1] * 1.15, lab[..., 2] * 1.15])
    reach = 1.5 * unit + unit * (0.9 * hair + 0.6 * tufts)
    cover = step(form.depth - form.away + reach, -0.15 * unit, 0.35 * unit)
    return from_lab(lab), cover


def _lie(form: Form) -> Flow:
    """The way the hair lies: away from the middle of the body, down with its weight, in locks."""
    unit = form.unit
    hill = blur(
        np.asarray(np.minimum(form.depth, 0.3 * form.size) - np.minimum(form.away, 6 * unit), np.float32), 2.5 * unit
    )
    gx, gy = (cv2.Sobel(hill, cv2.CV_32F, *d, scale=0.125) for d in ((1, 0), (0, 1)))
    lock = cloudy(form.shape, 7 * unit, form.dice, 3) * np.float32(0.65)
    across, down = -gx * 1.6, -gy * 1.6 + 0.45
    x, y = across * np.cos(lock) - down * np.sin(lock), across * np.sin(lock) + down * np.cos(lock)
    length = np.hypot(x, y) + 1e-4
    return Flow(np.asarray(x / length, np.float32), np.asarray(y / length, np.float32))


def _combed_one_way(plane: Floats, lie: Flow, reach: float) -> Floats:
    """A plane drawn out along the lie, twice as far in every round."""
    length = 1.0
    while length <= reach:
        root = shifted(plane, -lie.across * length, -lie.down * length)
        plane = np.asarray(0.5 * plane + 0.5 * root, np.float32)
        length *= 2
    return plane


def weaving(form: Form) -> Paint:
    """Rattan woven over and under, dyed in the subject's colours, following its relief."""
    unit, shape = form.unit, form.shape
    size = float(np.clip(0.05 * form.size, 2.2 * unit, 4.0 * unit))
    body = lit(np.asarray(form.bulge(0.2 * form.size) + form.relief(1.5 * unit), np.float32))
    y, x = np.indices(shape, np.float32)
    u, v = (
        np.asarray((place - np.clip(bend, -2, 2) * np.float32(0.9 * unit)) / np.float32(size), np.float32)
        for place, bend in ((x, body.across), (y, body.down))
    )
    lying, standing = _strand(u, v), _strand(v, u, 1)
    top = np.maximum(np.maximum(lying, standing), -0.6)
    over = lying >= standing
    fibre = np.where(over, *(_fibres(form, bend) for bend in (False, True)))
    height = (0.42 * size * top + 0.05 * unit * fibre).astype(np.float32)
    strand = lit(blur(height, 0.15 * unit))
    light = 0.42 + 0.58 * step(top, -0.5, 0.75)
    light = light * (1 + 0.05 * fibre) * (0.45 + 0.8 * strand.diffuse) * (0.75 + 0.37 * body.diffuse)
    dye = _dyed(form, size, np.floor(u), np.floor(v))
    colour = np.clip(dye * np.clip(1.18 * light, 0.05, 1.5)[..., None], 0, 1)
    return screen(colour, np.asarray(0.22 * strand.gloss(22), np.float32), (1, 0.95, 0.85)), form.mask


def _strand(along: Floats, across: Floats, phase: int = 0) -> Floats:
    """Height of a set of strands, in strand widths, as they dive under and over the others; -1 between them."""
    row = np.floor(across)
    side = 2 * (across - row - 0.5) / np.float32(0.94)
    wave = 0.5 * np.cos(np.pi * (along - 0.5 + row + phase))
    round_ = 0.55 * np.sqrt(np.clip(1 - side * side, 0, 1))
    return np.asarray(np.where(np.abs(side) < 1, wave + round_, -1), np.float32)


def _fibres(form: Form, upright: bool) -> Floats:
    """Fine lines along the strands that lie or stand."""
    cell = 4 * form.unit, max(1.0, 0.22 * form.unit)
    return noise(form.shape, cell[::-1] if upright else cell, form.dice)


def _dyed(form: Form, size: float, column: Floats, row: Floats) -> Floats:
    """One colour per crossing, between the subject's own there and straw."""
    at_x = np.clip((column + 0.5) * size, 0, form.shape[1] - 1).astype(np.float32)
    at_y = np.clip((row + 0.5) * size, 0, form.shape[0] - 1).astype(np.float32)
    own = cv2.remap(blur(form.body, 0.3 * size), at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    lab = cv2.cvtColor(np.asarray(own, np.float32), cv2.COLOR_RGB2LAB)
    light = 30 + 0.66 * lab[..., 0]
    straw = 1 - 0.6 * step(np.hypot(lab[..., 1], lab[..., 2]), 8, 32)
    lab = cv2.merge([light, lab[..., 1] * 1.05 + 5 * straw, lab[..., 2] + 17 * straw])
    return from_lab(lab)
