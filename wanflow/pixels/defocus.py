"""A lens out of focus: blur that differs from place to place, through a pyramid (after Williams 1983)."""

from __future__ import annotations

import cv2
import numpy as np

from wanflow.pixels.engine import Array, Floats


def defocus(rgb: Array, depth: Floats) -> Array:
    """(h, w, 3) uint8 blurred by `depth` octaves: 0 leaves a pixel as it is, n blurs it over about 2^n pixels.

    `depth` is smooth and of any size; it is stretched over the picture. Raises nothing.
    """
    height, width = rgb.shape[:2]
    if depth.max() <= 0 or min(height, width) < 2:
        return rgb
    blurred = cv2.pyrUp(defocus(cv2.pyrDown(rgb), depth - 1), dstsize=(width, height))
    share: Floats = np.clip(cv2.resize(depth, (width, height), interpolation=cv2.INTER_LINEAR), 0, 1)
    return np.asarray(cv2.blendLinear(rgb, blurred, 1 - share, share))
