"""Line art of a photograph: difference of Gaussians drawn along the edges (Kang et al. 2007, Winnemöller et al. 2012).

Lines are found at no more than 1.2 megapixels and thresholded only after enlarging, so that they stay sharp.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from wanflow.pixels.engine import Array, Floats
from wanflow.pixels.masks import small_lightness

WORK_PIXELS = 1_200_000
_STRIP_PIXELS = 1 << 20
# Shares of the long side: line weight grows with the picture, as a drawing's does when it is enlarged.
_WEIGHT = 1 / 620
_FLOW = 6.0
_STEPS = 5
# The response, in local contrasts, at which paper turns to ink, and how fast.
_BAR = 0.42
_SOFTNESS = 0.16


def line_art(rgb: Array) -> Array:
    """Black lines on white, (h, w) uint8, of (h, w, 3) uint8."""
    height, width = rgb.shape[:2]
    response = _without_specks(_response(small_lightness(rgb, WORK_PIXELS, least=1)))
    return _drawn(response, (width, height))


def ink_of_sketch(rgb: Array) -> Array:
    """The lines of a picture that already is a sketch, (h, w) uint8 on white: paper and shading taken away."""
    height, width = rgb.shape[:2]
    light = small_lightness(rgb, WORK_PIXELS, least=1)
    reach = max(3, round(max(light.shape) / 40)) | 1
    paper = cv2.GaussianBlur(cv2.dilate(light, np.ones((reach, reach), np.uint8)), (0, 0), reach / 2)
    ratio = light / np.maximum(paper, 0.05)
    return _drawn(np.asarray((1 - ratio) * 1.6, np.float32), (width, height))


def _response(light: Floats) -> Floats:
    """How much a pixel is the dark side of an edge, in units of the local contrast, smoothed along the edge."""
    fine = max(_WEIGHT * max(light.shape), 0.8)
    calm = cv2.bilateralFilter(light, 5, 0.06, 2.0 * fine)
    # Lines are dark on light: the wider Gaussian lies above the narrow one there.
    ridge = cv2.GaussianBlur(calm, (0, 0), 1.6 * fine) - cv2.GaussianBlur(calm, (0, 0), fine)
    along = _along(np.asarray(ridge, np.float32), *_tangents(light, fine), fine)
    around = cv2.GaussianBlur(along * along, (0, 0), 14 * fine)
    # The constant is the contrast below which a ridge is grain: without it, a clear sky would be hatched.
    return np.asarray(along / (np.sqrt(around) + 0.006), np.float32)


def _tangents(light: Floats, fine: float) -> tuple[Floats, Floats]:
    """Unit vectors (x, y) along the edges, from the smoothed structure tensor; zero where there is none."""
    across, down = (cv2.Sobel(light, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    spread = 2.5 * fine
    xx, yy, xy = (cv2.GaussianBlur(p, (0, 0), spread) for p in (across * across, down * down, across * down))
    angle = 0.5 * np.arctan2(2 * xy, xx - yy) + np.float32(np.pi / 2)
    known = xx + yy > 1e-8
    return np.where(known, np.cos(angle), 0).astype(np.float32), np.where(known, np.sin(angle), 0).astype(np.float32)


def _along(plane: Floats, tx: Floats, ty: Floats, fine: float) -> Floats:
    """A plane averaged along the tangent field with a Gaussian of `_FLOW` line widths (line integral convolution)."""
    height, width = plane.shape
    step = np.float32(_FLOW * fine / _STEPS)
    grid_y, grid_x = np.mgrid[:height, :width].astype(np.float32)
    total, weight = plane.copy(), np.float32(1)
    for sign in (step, -step):
        x, y = grid_x.copy(), grid_y.copy()
        vx, vy = tx * sign, ty * sign
        for number in range(1, _STEPS + 1):
            x += vx
            y += vy
            share = np.float32(np.exp(-2 * (number / _STEPS) ** 2))
            total += share * cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            weight += share
            if number < _STEPS:
                vx, vy = _turned(x, y, (tx, ty), (vx, vy), step)
    return np.asarray(total / weight, np.float32)


def _turned(
    x: Floats, y: Floats, field: tuple[Floats, Floats], before: tuple[Floats, Floats], step: np.float32
) -> tuple[Floats, Floats]:
    """The next step of every walker: the tangent where it stands, in the sense it was walking."""
    there = [cv2.remap(part, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE) for part in field]
    sense = np.where(there[0] * before[0] + there[1] * before[1] < 0, -step, step)
    return np.asarray(there[0] * sense, np.float32), np.asarray(there[1] * sense, np.float32)


def _without_specks(response: Floats) -> Floats:
    """The response without the marks too short to be a line."""
    ink = (response > _BAR - _SOFTNESS).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    length = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    short = length < max(6, 0.018 * max(response.shape))
    # A hair of ink that no pixel is sure of is grain, however long.
    peak = _peaks(response, labels, count)
    drop = short | (peak < _BAR + 0.2)
    drop[0] = False
    return np.where(drop[labels], np.float32(0), response)


def _peaks(response: Floats, labels: npt.NDArray[np.int32], count: int) -> Floats:
    """The highest response in each component."""
    peak = np.zeros(count, np.float32)
    inked = labels > 0
    np.maximum.at(peak, labels[inked], response[inked])
    return peak


def _drawn(response: Floats, size: tuple[int, int]) -> Array:
    """Ink (h, w) uint8 on white at full size (width, height), one strip of rows at a time."""
    width, height = size
    out = np.empty((height, width), np.uint8)
    if response.shape == (height, width):
        enlarged = response
    else:
        enlarged = cv2.resize(response, (width, height), interpolation=cv2.INTER_CUBIC)
    rows = max(1, _STRIP_PIXELS // width)
    scale = 255 / (2 * _SOFTNESS)
    for top in range(0, height, rows):
        paper = (_BAR + _SOFTNESS - enlarged[top : top + rows]) * np.float32(scale)
        out[top : top + rows] = (np.clip(paper, 0, 255) + 0.5).astype(np.uint8)
    return out
