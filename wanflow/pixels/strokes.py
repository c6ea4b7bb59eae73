"""The hand of a draughtsman: which way edges flow, paint laid in flat strokes, and ink lines along the edges.

Flow after Kang et al. 2007 (coherent line drawing), paint after Kuwahara 1976 with Gaussian windows, lines a
difference of Gaussians combed along the flow (Winnemöller et al. 2012).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from wanflow.pixels.engine import Floats
from wanflow.pixels.textures import blur, shifted, step

_EIGHT = [(np.cos(turn), np.sin(turn)) for turn in np.arange(8) * np.pi / 4]
LEAST_CONTRAST = 0.006
LEAST_COVER, USUAL_COVER, MOST_COVER = 0.045, 0.075, 0.11


@dataclass(frozen=True, slots=True)
class Flow:
    """The unit direction along the edges of a picture, (h, w) each; its sign means nothing."""

    across: Floats
    down: Floats


def flow(light: Floats, sigma: float) -> Flow:
    """The flow of `light` (h, w), calmed over `sigma` pixels; at rest it runs across."""
    gx, gy = (cv2.Sobel(light, cv2.CV_32F, *d, ksize=3) for d in ((1, 0), (0, 1)))
    xx, yy, xy = (blur(plane, sigma) for plane in (gx * gx, gy * gy, gx * gy))
    turn = 0.5 * np.arctan2(2 * xy, xx - yy) + np.float32(np.pi / 2)
    return Flow(np.asarray(np.cos(turn), np.float32), np.asarray(np.sin(turn), np.float32))


def combed(plane: Floats, along: Flow, reach: float) -> Floats:
    """(h, w) or (h, w, 3) averaged about `reach` pixels along the flow both ways.

    Each round looks twice as far into what the last one made, so the path bends with the flow.
    """
    length = 1.0
    while length <= reach:
        ahead = shifted(plane, along.across * length, along.down * length)
        behind = shifted(plane, -along.across * length, -along.down * length)
        plane = np.asarray(plane * 0.4 + (ahead + behind) * 0.3, np.float32)
        length *= 2
    return plane


def painted(rgb: Floats, radius: float) -> Floats:
    """(h, w, 3) as flat strokes: each pixel takes the colour of the calmest of eight neighbouring windows."""
    mean = cv2.GaussianBlur(rgb, (0, 0), radius * 0.55)
    grey = rgb @ np.array([0.299, 0.587, 0.114], np.float32)
    middle = cv2.GaussianBlur(grey, (0, 0), radius * 0.55)
    unrest = np.maximum(cv2.GaussianBlur(grey * grey, (0, 0), radius * 0.55) - middle * middle, 0)
    packed = cv2.merge([*cv2.split(mean), unrest])
    total, weights = np.zeros_like(rgb), np.full(grey.shape, 1e-9, np.float32)
    for right, down in _EIGHT:
        window = _moved(packed, round(right * radius), round(down * radius))
        weight = 1 / (window[..., 3] + np.float32(2e-4)) ** 3
        total += window[..., :3] * weight[..., None]
        weights += weight
    return np.asarray(total / weights[..., None], np.float32)


def _moved(planes: Floats, right: int, down: int) -> Floats:
    """Planes read `right` and `down` whole pixels away; the border repeats."""
    reach = max(abs(right), abs(down))
    height, width = planes.shape[:2]
    padded = cv2.copyMakeBorder(planes, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    return np.asarray(padded[reach + down : reach + down + height, reach + right : reach + right + width])


def ink(light: Floats, width: float, along: Flow | None = None) -> Floats:
    """Lines (h, w) in [0, 1] about `width` pixels wide on the dark side of every edge of `light` in [0, 1].

    How much is drawn follows from the picture, within 4.5-11 % of its area; a flat picture gets no line.
    """
    along = along or flow(light, 2.0 * width)
    edge = blur(light, 1.6 * width) - blur(light, width)
    edge = combed(np.asarray(edge, np.float32), along, 4 * width)
    around = blur(np.abs(edge), 14 * width)
    strength = np.asarray(edge / (around + LEAST_CONTRAST * 0.5), np.float32)
    clear = edge > LEAST_CONTRAST * 0.4
    wanted = float(np.clip(clear.mean() * 0.5, LEAST_COVER, MOST_COVER))
    bar = max(float(np.quantile(strength[::2, ::2], 1 - wanted)), 0.35)
    lines = step(strength, bar * 0.75, bar * 1.3) * step(edge, LEAST_CONTRAST * 0.2, LEAST_CONTRAST * 0.7)
    return _without_specks(np.asarray(lines, np.float32), 7 * width)


def _without_specks(lines: Floats, length: float) -> Floats:
    """Lines without the parts shorter than `length` pixels."""
    _, label, stats, _ = cv2.connectedComponentsWithStats((lines > 0.3).astype(np.uint8))
    extent = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    keep = (extent >= length).astype(np.float32)
    keep[0] = 0
    near = cv2.dilate(keep[label], np.ones((3, 3), np.uint8))
    return np.asarray(lines * near, np.float32)


def cover(lines: Floats) -> float:
    """The share of the picture that ink lines (h, w) cover."""
    return float((lines > 0.5).mean())
