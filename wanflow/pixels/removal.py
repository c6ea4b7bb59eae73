"""Take away what lies in a hole: the rest of the picture is copied into it, its own subject not."""

from __future__ import annotations

import cv2
import numpy as np

from wanflow.pixels.chroma import to_oklab
from wanflow.pixels.engine import Array, Bools
from wanflow.pixels.expand import LEAST_CONFIDENCE, LEAST_SOURCE
from wanflow.pixels.fill import diffuse, fill
from wanflow.pixels.masks import WORK_PIXELS, at_shape, disc
from wanflow.pixels.subject import find_subject

# Masks are drawn too tight: a rim of the old thing would stay, and be copied.
GROWN = 0.005
LEAST_GROWN = 2
# What differs from its surroundings by no more than their own spread and so many levels is no rim of the thing.
LEAST_SPREAD = 4
AROUND = 3  # rims wide is what a pixel is compared with
UNLIKE = 0.15  # of the rim's pixels; fewer are the grain of a background that the mask did not miss
# A subject that is more of what surrounds the hole than this is what the hole lies in.
RING_SHARE = 0.15
RING = 0.02
# Width of the hole, in short sides, times the spread of the colours around it in OKLab (a and b doubled): fills that
# looked clean had 0.08 at most, those with smears more.
SMEARED, SMEAR_RING = 0.08, 0.03
# Across so few pixels diffusion is as good as copying, and a hundred times faster.
THIN = 8


def grown(hole: Bools) -> Bools:
    """The hole (h, w) and a rim of half a hundredth of the picture's short side around it."""
    reach = max(LEAST_GROWN, round(GROWN * min(hole.shape)))
    return np.asarray(cv2.dilate(hole.astype(np.uint8), disc(2 * reach + 1)) > 0)


def smears(rgb: Array, hole: Bools) -> bool:
    """Will a fill of the hole (h, w) likely show: is it wide, and what is around it of many colours?

    Of a uniform ground any width can be copied, across a small hole any ground.
    """
    scale = min(1.0, (WORK_PIXELS / hole.size) ** 0.5)
    size = max(1, round(hole.shape[1] * scale)), max(1, round(hole.shape[0] * scale))
    wide = (cv2.resize(hole.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5).astype(np.uint8)
    short = min(size)
    around = cv2.dilate(wide, disc(2 * max(4, round(SMEAR_RING * short)) + 1)) > wide
    if not wide.any() or not around.any():
        return False
    across = 2 * float(cv2.distanceTransform(np.pad(wide, 1), cv2.DIST_L2, cv2.DIST_MASK_5).max()) / short
    # Colours, not grain: what is finer than a hundred-and-fiftieth of the side is texture, which is copied well.
    lab = cv2.GaussianBlur(to_oklab(at_shape(rgb, wide.shape)) * np.array([1, 2, 2], np.float32), (0, 0), short / 150)
    return bool(across * float(np.sqrt(lab[around].var(axis=0).sum())) > SMEARED)


def with_rim(rgb: Array, hole: Bools, seen: Bools | None) -> Bools:
    """The hole (h, w), with a rim unless that looks like the pixels in `seen` (all if None) beyond it.

    What the mask left of the thing, its soft edge and shadow, goes too; known background stays, to be joined to.
    """
    wide = grown(hole)
    around = ~wide if seen is None else ~wide & seen
    rows, columns = (np.flatnonzero(wide.any(axis)) for axis in (1, 0))
    side = 2 * AROUND * max(LEAST_GROWN, round(GROWN * min(hole.shape))) + 1
    box = tuple(slice(max(int(line[0]) - side, 0), int(line[-1]) + side + 1) for line in (rows, columns))
    weight = cv2.blur(around[box].astype(np.float32), (side, side))
    known = np.maximum(weight, 1e-6)[..., None]
    pixels, counted = rgb[box].astype(np.float32), around[box][..., None].astype(np.float32)
    mean = cv2.blur(pixels * counted, (side, side)) / known
    apart = ((pixels - mean) ** 2).sum(axis=2)
    # OpenCV's running sums round to just below zero at times.
    spread = np.maximum(cv2.blur(apart * counted[..., 0], (side, side)), 0) / known[..., 0]
    unlike = np.sqrt(apart) - np.sqrt(spread) - np.float32(LEAST_SPREAD)
    rim = (wide & ~hole)[box]
    if wide.all() or not rim.any():  # nothing would be left to copy from
        return hole
    # The mean of neighbours in the rim tells a line that was left from grain.
    left = (cv2.blur(unlike * rim, (3, 3)) > 0) | (weight < 1e-4)
    return wide if left[rim].mean() > UNLIKE else hole


def remove(rgb: Array, hole: Bools, known: Bools | None, seed: int) -> Array:
    """Complete the hole (h, w) of (h, w, 3) uint8 from the pixels in `known`; all others keep their bytes."""
    thin = _thin(hole)
    out = diffuse(rgb, thin, cv2.INPAINT_TELEA) if thin.any() else rgb
    thick = hole & ~thin
    return fill(out, thick, _source(rgb, thick, known), seed=seed) if thick.any() else out


def _thin(hole: Bools) -> Bools:
    """The connected parts of the hole that are nowhere as wide as THIN."""
    parts = hole.astype(np.uint8)
    depth = cv2.distanceTransform(parts, cv2.DIST_L2, cv2.DIST_MASK_5)
    count, label = cv2.connectedComponents(parts)
    deep = np.zeros(count, bool)
    deep[np.unique(label[depth > THIN / 2])] = True
    return np.asarray(hole & ~deep[label])


def _source(rgb: Array, hole: Bools, known: Bools | None) -> Bools:
    """What may be copied: not the subject, unless the hole lies in it or little else remains."""
    source = ~hole if known is None else known & ~hole
    if not source.any():
        source = ~hole
    subject = find_subject(rgb)
    reach = max(4, round(RING * min(hole.shape)))
    ring = (cv2.dilate(hole.astype(np.uint8), disc(2 * reach + 1)) > 0) & ~hole
    touches = not ring.any() or float(subject.mask[ring].mean()) >= RING_SHARE
    rest = source & ~subject.mask
    if touches or subject.confidence < LEAST_CONFIDENCE or rest.mean() < LEAST_SOURCE:
        return source
    return rest
