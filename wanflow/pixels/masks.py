"""Small tools on masks and planes: connected parts, opening and closing, shrinking, the guided filter."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from wanflow.pixels.chroma import luminance
from wanflow.pixels.engine import Array, Floats

Mask = npt.NDArray[np.bool_]

WORK_PIXELS = 150_000


def shrunk(plane: Floats, pixels: int = WORK_PIXELS) -> Floats:
    """A (h, w) plane reduced to at most `pixels` by area averaging, or the plane itself."""
    height, width = plane.shape
    scale = (pixels / (height * width)) ** 0.5
    if scale >= 1:
        return plane
    size = max(8, round(width * scale)), max(8, round(height * scale))
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)


def touching(mask: Mask, edge: Mask) -> Mask:
    """The connected parts of `mask` that have a pixel in `edge`, both (h, w)."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    keep = np.zeros(labels.max() + 1, bool)
    keep[np.unique(labels[edge])] = True
    keep[0] = False
    return np.asarray(keep[labels])


def opened(mask: Mask, size: int) -> Mask:
    """A mask without parts thinner than `size` pixels."""
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, disc(size)) > 0)


def closed(mask: Mask, size: int) -> Mask:
    """A mask without gaps thinner than `size` pixels."""
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, disc(size)) > 0)


def disc(size: int) -> npt.NDArray[np.uint8]:
    """A round structuring element of odd diameter `size`."""
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)


def soften(mask: Floats, guide: Floats) -> Floats:
    """A mask (h, w) in [0, 1] whose edges follow the guide's (guided filter, He et al. 2010)."""
    gain, offset = guided(mask, guide)
    return np.asarray(np.clip(gain * guide + offset, 0, 1), np.float32)


def guided(mask: Floats, guide: Floats, radius: int = 4, calm: float = 4e-4) -> tuple[Floats, Floats]:
    """Gain and offset (h, w) of the guided filter: mask = gain * guide + offset, at any size of the guide."""
    window = (2 * radius + 1, 2 * radius + 1)

    def mean(plane: Floats) -> Floats:
        return np.asarray(cv2.blur(plane, window), np.float32)

    guide_mean, mask_mean = mean(guide), mean(mask)
    variance = mean(guide * guide) - guide_mean * guide_mean
    covariance = mean(guide * mask) - guide_mean * mask_mean
    gain = np.asarray(covariance / (np.maximum(variance, 0) + np.float32(calm)), np.float32)
    offset = np.asarray(mask_mean - gain * guide_mean, np.float32)
    return mean(gain), mean(offset)


def small_lightness(rgb: Array, pixels: int = WORK_PIXELS, least: int = 8) -> Floats:
    """OKLab lightness of the grey picture (h, w), brought down to so many pixels, no side under `least`."""
    height, width = rgb.shape[:2]
    scale = (pixels / (height * width)) ** 0.5
    if scale < 1:
        size = max(least, round(width * scale)), max(least, round(height * scale))
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    return np.asarray(np.cbrt(luminance(rgb)), np.float32)
