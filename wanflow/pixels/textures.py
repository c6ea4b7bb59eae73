"""Grain to paint with: smooth noise, cell noise, colour ramps and the light on a relief. No picture is read here.

Planes are (h, w) float32; lengths are pixels; `dice` is a seeded generator, so the same seed gives the same grain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from wanflow.pixels.engine import Floats

Shape = tuple[int, int]
Dice = np.random.Generator
Stop = tuple[float, float, float, float]
_SHADES = 1024


def unit_of(plane: npt.NDArray[Any]) -> float:
    """One hundredth of the short side of (h, w) or (h, w, 3): the pixel measure that scales grain with the picture."""
    return max(float(min(plane.shape[:2])) / 100, 0.6)


def noise(shape: Shape, cell: float | tuple[float, float], dice: Dice) -> Floats:
    """Smooth noise of deviation 1 whose spots are `cell` pixels wide, or (across, down)."""
    across, down = cell if isinstance(cell, tuple) else (cell, cell)
    columns, rows = max(2, round(shape[1] / across) + 1), max(2, round(shape[0] / down) + 1)
    grid = dice.standard_normal((rows, columns), np.float32)
    if columns < shape[1] or rows < shape[0]:
        grid = cv2.resize(grid, shape[::-1], interpolation=cv2.INTER_CUBIC)
    return _standard(grid[: shape[0], : shape[1]])


def cloudy(shape: Shape, cell: float | tuple[float, float], dice: Dice, octaves: int = 4, gain: float = 0.5) -> Floats:
    """Noise on noise, each octave half as wide and `gain` as strong; deviation 1."""
    across, down = cell if isinstance(cell, tuple) else (cell, cell)
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        size = max(across / 2**octave, 1.0), max(down / 2**octave, 1.0)
        total += np.float32(gain**octave) * noise(shape, size, dice)
    return _standard(total)


def _standard(plane: Floats) -> Floats:
    mean, deviation = cv2.meanStdDev(plane)
    return np.asarray((plane - np.float32(mean[0, 0])) / np.float32(max(deviation[0, 0], 1e-6)), np.float32)


@dataclass(frozen=True, slots=True)
class Cells:
    """Cell noise (Worley 1996): distance to the cell's own point and to its wall in pixels, and the cell's number."""

    point: Floats
    wall: Floats
    label: npt.NDArray[np.int32]


def cells(shape: Shape, size: float, dice: Dice, jitter: float = 0.9) -> Cells:
    """Cells about `size` pixels wide around points of a shaken grid."""
    columns, rows = max(1, round(shape[1] / size)), max(1, round(shape[0] / size))
    shake = dice.uniform(0.5 - jitter / 2, 0.5 + jitter / 2, (2, rows, columns))
    y = np.clip((np.arange(rows)[:, None] + shake[0]) * shape[0] / rows, 0, shape[0] - 1).astype(np.int64)
    x = np.clip((np.arange(columns)[None, :] + shake[1]) * shape[1] / columns, 0, shape[1] - 1).astype(np.int64)
    free = np.ones(shape, np.uint8)
    free[y, x] = 0
    point, label = cv2.distanceTransformWithLabels(free, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL)
    inside = np.ones(shape, np.uint8)
    inside[:, 1:][label[:, 1:] != label[:, :-1]] = 0
    inside[1:][label[1:] != label[:-1]] = 0
    wall = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_5)
    return Cells(np.asarray(point, np.float32), np.minimum(wall, np.float32(size)), np.asarray(label, np.int32))


def per_cell(label: npt.NDArray[np.int32], dice: Dice) -> Floats:
    """One number of deviation 1 for every cell, spread over its pixels."""
    return np.asarray(dice.standard_normal(int(label.max()) + 1, np.float32)[label], np.float32)


def ramp(share: Floats, stops: Sequence[Stop]) -> Floats:
    """sRGB (h, w, 3) in [0, 1] for `share` in [0, 1]; stops are (share, L*, a*, b*) and blend in CIELab."""
    at, *lab = np.array(stops, np.float32).T
    fine = np.linspace(0, 1, _SHADES, dtype=np.float32)
    table = np.stack([np.interp(fine, at, channel) for channel in lab], axis=-1)[None].astype(np.float32)
    shades = np.clip(cv2.cvtColor(table, cv2.COLOR_LAB2RGB)[0], 0, 1)
    return np.asarray(shades[(np.clip(share, 0, 1) * (_SHADES - 1) + 0.5).astype(np.int32)], np.float32)


def step(plane: npt.NDArray[np.floating[Any]], low: float, high: float) -> Floats:
    """0 below `low`, 1 above `high` and smooth between; falls when `low` > `high`."""
    share = np.clip((plane - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def from_lab(lab: Floats) -> Floats:
    """sRGB (h, w, 3) in [0, 1] of CIELab; what sRGB can't show is clipped."""
    return np.asarray(np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0, 1), np.float32)


def blur(plane: Floats, sigma: float) -> Floats:
    """Gaussian blur of (h, w) or (h, w, 3); wide ones are made small first, which no eye can tell."""
    if sigma < 0.3:
        return plane
    factor = int(min(sigma // 3, min(plane.shape[:2]) // 4))
    if factor < 2:
        return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.float32)
    size = max(1, plane.shape[1] // factor), max(1, plane.shape[0] // factor)
    small = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / factor)
    return np.asarray(cv2.resize(small, plane.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)


@dataclass(frozen=True, slots=True)
class Lit:
    """A relief under a lamp: slopes, the diffuse light from 0 to 1 (about 0.7 where flat) and its mirror direction."""

    across: Floats
    down: Floats
    diffuse: Floats
    mirror: Floats

    def gloss(self, power: float) -> Floats:
        """Highlights in [0, 1], the smaller the higher the power (Blinn 1977)."""
        return np.asarray(np.power(self.mirror, np.float32(power)), np.float32)


def lit(height: Floats, lamp: tuple[float, float, float] = (-0.5, -0.6, 0.75)) -> Lit:
    """The relief `height` in pixels, seen from above and lit from `lamp` (right, down, towards the eye)."""
    across, down = (cv2.Sobel(height, cv2.CV_32F, *d, ksize=3, scale=0.125) for d in ((1, 0), (0, 1)))
    inverse = 1 / np.sqrt(across * across + down * down + 1)
    x, y, z = np.array(lamp, np.float32) / np.float32(np.linalg.norm(lamp))
    hx, hy, hz = np.array((x, y, z + 1), np.float32) / np.float32(np.linalg.norm((x, y, z + 1)))
    diffuse = np.clip((z - x * across - y * down) * inverse, 0, 1)
    mirror = np.clip((hz - hx * across - hy * down) * inverse, 0, 1)
    return Lit(across, down, np.asarray(diffuse, np.float32), np.asarray(mirror, np.float32))


def shifted(plane: Floats, across: Floats | float, down: Floats | float) -> Floats:
    """(h, w) or (h, w, 3) read `across` and `down` pixels away from every pixel; the border repeats, nothing wraps."""
    y, x = np.indices(plane.shape[:2], np.float32)
    return np.asarray(
        cv2.remap(plane, x + across, y + down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
    )


def screen(under: Floats, light: Floats, colour: tuple[float, float, float] = (1, 1, 1)) -> Floats:
    """(h, w, 3) in [0, 1] with `light` (h, w) of a colour laid on so that nothing clips."""
    return np.asarray(
        1 - (1 - under) * (1 - np.clip(light, 0, 1)[..., None] * np.array(colour, np.float32)), np.float32
    )


def mixed(under: Floats, over: Floats | tuple[float, float, float], share: Floats) -> Floats:
    """(h, w, 3): `share` (h, w) of `over`, the rest of `under`."""
    part = share[..., None]
    return np.asarray(under * (1 - part) + np.asarray(over, np.float32) * part, np.float32)
