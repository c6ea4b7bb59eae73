"""Which pixels of a picture are writing laid over it: chances of ink at several sizes, made into whole strokes in rows.

A speck is no writing, nor is a single letter: what stays has neighbours or is large.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from wanflow.pixels.engine import Array, Bools, Floats, Hint
from wanflow.pixels.masks import disc
from wanflow.pixels.spotting import ink

NOWHERE = Hint()
# Looking costs 0.7 CPU-s a megapixel. Letters under about 10 pixels at this size are not seen.
WORK_PIXELS = 4_200_000
# The net knows letters of 10 to 70 pixels; larger ones are seen in the halved pictures.
SIZES = 4
LEAST_SIDE = 96
# A stroke is what is likely somewhere and possible throughout; where a person says there is text, little will do.
LIKELY, POSSIBLE = 0.85, 0.4
HINTED_LIKELY, HINTED_POSSIBLE = 0.3, 0.12
# Pixels around a stroke that its soft edge and JPEG coding have changed.
RIM = 2


@dataclass(frozen=True, slots=True)
class Writing:
    """Where ink is: `strokes` (h, w) bool alone, `mask` (h, w) bool with their soft edges, and in how many places."""

    strokes: Bools
    mask: Bools
    places: int


def find_writing(rgb: Array, hint: Hint = NOWHERE) -> Writing:
    """The writing on (h, w, 3) uint8 of any size; within the hint's region or mask alone, and keener, if it has one."""
    height, width = rgb.shape[:2]
    scale = min(1.0, (WORK_PIXELS / (height * width)) ** 0.5)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    chance = chances(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) if scale < 1 else rgb)
    area = hinted(hint, (height, width))
    if area is None:
        strokes, places = strokes_in_rows(chance)
    else:
        chance = np.where(_at(area, size), chance, np.float32(0))
        strokes = joined(chance, HINTED_LIKELY, HINTED_POSSIBLE)
        places = count_places(strokes)
    rim = RIM
    if scale < 1:
        rim += round(1 / scale)
        strokes = cv2.resize(strokes.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) >= 0.5
    mask = cv2.dilate(strokes.astype(np.uint8), disc(2 * rim + 1)) > 0
    return Writing(strokes, mask if area is None else mask & area, places)


def hinted(hint: Hint, shape: tuple[int, int]) -> Bools | None:
    """The hint as (h, w) bool; None without one. A region may reach over the picture's rim."""
    if hint.mask is not None:
        return hint.mask
    if hint.region is None:
        return None
    left, right = (min(max(x, 0), shape[1]) for x in hint.region[::2])
    top, bottom = (min(max(y, 0), shape[0]) for y in hint.region[1::2])
    area = np.zeros(shape, bool)
    area[top:bottom, left:right] = True
    return area


def chances(rgb: Array) -> Floats:
    """The chance of ink (h, w), the greatest of what is seen at full, half, quarter ... size."""
    height, width = rgb.shape[:2]
    best = ink(rgb)
    for _ in range(1, SIZES):
        if min(rgb.shape[:2]) < 2 * LEAST_SIDE:
            break
        rgb = cv2.resize(rgb, (rgb.shape[1] // 2, rgb.shape[0] // 2), interpolation=cv2.INTER_AREA)
        seen = cv2.resize(ink(rgb), (width, height), interpolation=cv2.INTER_LINEAR)
        np.maximum(best, seen, out=best)
    return best


def joined(chance: Floats, likely: float, possible: float) -> Bools:
    """The connected parts of what is possible that hold something likely."""
    count, labels = cv2.connectedComponents((chance > possible).astype(np.uint8))
    keep = np.zeros(count, bool)
    keep[np.unique(labels[chance > likely])] = True
    keep[0] = False
    return np.asarray(keep[labels])


def strokes_in_rows(chance: Floats) -> tuple[Bools, int]:
    """Strokes that stand together as letters do, and in how many places."""
    strokes = joined(chance, LIKELY, POSSIBLE)
    return strokes, count_places(strokes)


def count_places(strokes: Bools) -> int:
    """In how many places strokes stand together."""
    if not strokes.any():
        return 0
    reach = max(9, round(0.02 * min(strokes.shape))) | 1
    near = cv2.dilate(strokes.astype(np.uint8), np.ones((reach, reach), np.uint8))
    return int(cv2.connectedComponents(near)[0]) - 1


def _at(area: Bools, size: tuple[int, int]) -> Bools:
    if area.shape[::-1] == size:
        return area
    return np.asarray(cv2.resize(area.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0)
