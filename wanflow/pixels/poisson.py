"""Screened-Poisson seam removal: keep the gradients of the copied pieces, meet the known pixels at the
rim."""

from __future__ import annotations

import cv2
import numpy as np

from wanflow.pixels.engine import Bools, Floats
from wanflow.pixels.patches import Index

ROUNDS = 200


def wanted_steps(pixels: Floats, known: Bools, source: Index, hole: Bools, axis: int) -> Floats:
    """Differences wanted between each pixel and its next along `axis`, taken inside the pieces that were
    copied.

    `pixels` (h, w, 3) is the filled picture, `source` (h, w) flat indices of the pixel copied (itself where
    known).
    """
    height, width = hole.shape
    flat = pixels.reshape(-1, 3)
    step = width if axis == 0 else 1
    here = source[:-1] if axis == 0 else source[:, :-1]
    there = source[1:] if axis == 0 else source[:, 1:]
    wanted = np.diff(pixels, axis=axis)
    limit = (height if axis == 0 else width) - 1
    after = np.minimum(here + step, height * width - 1)
    before = np.maximum(there - step, 0)
    can_after = (here // step % (limit + 1) < limit) & known[after]
    can_before = (there // step % (limit + 1) > 0) & known[before]
    seam = here + step != there
    forward = flat[after] - flat[here]
    backward = flat[there] - flat[before]
    weight_f = (seam & can_after).astype(np.float32)[..., None]
    weight_b = (seam & can_before).astype(np.float32)[..., None]
    total = weight_f + weight_b
    blend = (forward * weight_f + backward * weight_b) / np.maximum(total, 1)
    return np.where(total > 0, blend, wanted)


def laplacian(field: Floats, free: Floats, screen: float) -> Floats:
    """Negative Laplacian plus screen of a correction that is zero outside the hole (`free` (h, w, 1) 0 or
    1)."""
    # With the rim repeated, nothing flows over it.
    curved = cv2.Laplacian(field, cv2.CV_32F, ksize=1, borderType=cv2.BORDER_REPLICATE)
    return np.asarray((np.float32(screen) * field - curved) * free)


def correction(pixels: Floats, hole: Bools, known: Bools, source: Index, screen: float) -> Floats:
    """What to add to a filled (h, w, 3) picture so that its seams go; zero outside the hole.

    `screen` pulls towards the copied colours: a correction reaches about 1 / sqrt(screen) pixels.
    """
    free = hole.astype(np.float32)[..., None]
    right = np.zeros_like(pixels)
    for axis in (0, 1):
        excess = np.diff(pixels, axis=axis) - wanted_steps(pixels, known, source, hole, axis)
        first = (slice(None, -1),) if axis == 0 else (slice(None), slice(None, -1))
        second = (slice(1, None),) if axis == 0 else (slice(None), slice(1, None))
        right[first] += excess
        right[second] -= excess
    return solve(right * free, free, screen)


def solve(right: Floats, free: Floats, screen: float) -> Floats:
    """The (h, w, 3) correction whose screened Laplacian is `right`, zero where nothing is `free`; conjugate
    gradients, at most `ROUNDS` steps.
    """
    found = np.zeros_like(right)
    if not free.any():
        return found
    part = _around(free[..., 0] > 0)
    found[part] = _descended(np.ascontiguousarray(right[part]), np.ascontiguousarray(free[part]), screen)
    return found


def _around(hole: Bools) -> tuple[slice, slice]:
    """The part of a picture that holds the hole and one pixel around."""
    rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
    return slice(max(rows[0] - 1, 0), rows[-1] + 2), slice(max(columns[0] - 1, 0), columns[-1] + 2)


def _descended(rest: Floats, free: Floats, screen: float) -> Floats:
    found = np.zeros_like(rest)
    way = rest.copy()
    energy = float((rest * rest).sum(dtype=np.float64))
    goal = energy * 1e-6
    for _ in range(ROUNDS):
        if energy <= max(goal, 1e-12):
            break
        pushed = laplacian(way, free, screen)
        length = energy / float((way * pushed).sum(dtype=np.float64))
        found += np.float32(length) * way
        rest -= np.float32(length) * pushed
        before, energy = energy, float((rest * rest).sum(dtype=np.float64))
        way = rest + np.float32(energy / before) * way
    return found
