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


def at_shape(rgb: Array, shape: tuple[int, ...]) -> Array:
    """(h, w, 3) uint8 reduced by area averaging to the height and width that `shape` begins with."""
    if rgb.shape[:2] == shape:
        return rgb
    return np.asarray(cv2.resize(rgb, (shape[1], shape[0]), interpolation=cv2.INTER_AREA), np.uint8)


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


def enclosed(mask: Mask) -> Mask:
    """A mask with what the outline of each solid part nearly encloses, as the inside of a cup."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8))
    added = np.zeros(mask.shape, np.uint8)
    for label in range(1, int(labels.max()) + 1):
        part = (labels == label).astype(np.uint8)
        hull = np.zeros_like(added)
        cv2.fillConvexPoly(hull, cv2.convexHull(cv2.findNonZero(part)), 1)
        if part.sum() > 0.75 * hull.sum():
            added |= hull
    return np.asarray(added > 0) | mask


def faded(mask: Mask, *planes: Floats) -> tuple[Floats, float]:
    """A mask (h, w) that fades where no plane changes across its rim, and the share of the rim that holds.

    A hard edge through even fur or cloud is seen at once for what it is, a guess.
    """
    unit = max(mask.shape) / 100
    hard = mask.astype(np.float32)
    rim = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)).astype(np.float32)
    rim[:3], rim[-3:], rim[:, :3], rim[:, -3:] = 0, 0, 0, 0
    if not rim.any():
        return hard, 1.0
    steps = [np.abs(_mean_where(plane, hard, unit) - _mean_where(plane, 1 - hard, unit)) for plane in planes]
    held = np.clip((np.max(steps, axis=0) - 0.02) / 0.05, 0, 1)
    near = _mean_where(np.asarray(held, np.float32), rim, 4 * unit)
    inside, outside = (cv2.distanceTransform(np.uint8(side), cv2.DIST_L2, cv2.DIST_MASK_5) for side in (mask, ~mask))
    # The fade is mostly within: what is not named should keep its colour.
    ramp = np.maximum(10 * unit * (1 - near), 0.5)
    soft = np.clip(0.25 + (inside - outside) / ramp, 0, 1)
    return np.asarray(np.where(near > 0.8, hard, soft), np.float32), float((held * rim).sum() / rim.sum())


def _mean_where(plane: Floats, weight: Floats, reach: float) -> Floats:
    """The Gaussian mean of a plane over where the weight is; 0 far from it."""
    total, share = (cv2.GaussianBlur(p, (0, 0), reach) for p in (plane * weight, weight))
    return np.asarray(total / np.maximum(share, 1e-6), np.float32)


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
