"""Find what a picture is of: colours unlike its border, near the middle, cut out by GrabCut (Rother et al.
2004).

No learned detector: it is good for one thing on a background, weak for crowds and frame-filling subjects,
and says so through its confidence.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from wanflow.pixels.engine import Array, Bools, Floats
from wanflow.pixels.masks import enclosed, opened

# GrabCut's cost grows faster than the picture: it decides at the first size and trims the rim at the second.
CUT_PIXELS = 40_000
WORK_PIXELS = 150_000
BORDER_COLOURS = 4
GRABCUT_ROUNDS = 4
# Within a mask's rim, a cut finds the edge meant; far from it, the edges of other things.
RECUT, KEPT = 0.08, 0.5
Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Subject:
    """The subject as (h, w) bool, and from 0 to 1 how sure that it is one."""

    mask: Bools
    confidence: float


def find_subject(rgb: Array, region: Box | None = None) -> Subject:
    """The subject of (h, w, 3) uint8, within `region` (left, top, right, bottom in pixels) when one is given.

    A picture without a subject gives an empty mask and confidence 0. Raises nothing.
    """
    height, width = rgb.shape[:2]
    small = _at_most(rgb, CUT_PIXELS)
    box = _inside(region, (width, height), (small.shape[1], small.shape[0]))
    salience = saliency(small, box)
    mask = _cut(small, salience, box)
    sure = _confidence(salience, mask)
    return Subject(_resized(_trimmed(_at_most(rgb, WORK_PIXELS), mask), (width, height)), sure)


def _at_most(rgb: Array, pixels: int) -> Array:
    height, width = rgb.shape[:2]
    scale = min(1.0, (pixels / (height * width)) ** 0.5)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    return np.ascontiguousarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA))


def _resized(mask: Bools, size: tuple[int, int]) -> Bools:
    resized: Bools = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_LINEAR) > 0.5
    return resized


def _trimmed(rgb: Array, mask: Bools) -> Bools:
    """A small mask at the size of `rgb`, its rim cut again; only a narrow band around the rim may change."""
    grown = _resized(mask, (rgb.shape[1], rgb.shape[0]))
    band = np.ones((9, 9), np.uint8)
    front = cv2.erode(grown.astype(np.uint8), band, borderType=cv2.BORDER_REPLICATE) > 0
    near = cv2.dilate(grown.astype(np.uint8), band) > 0
    marks = np.where(near, np.where(grown, cv2.GC_PR_FGD, cv2.GC_PR_BGD), cv2.GC_BGD).astype(np.uint8)
    marks[front] = cv2.GC_FGD
    if not _has_both(marks):
        return grown
    return _grabcut(rgb, marks, 1)


def recut(rgb: Array, mask: Bools, sure: Bools | None = None) -> Bools:
    """A rough (h, w) mask cut again by what it and its surroundings look like in (h, w, 3) uint8, colours or not.

    It may move by `RECUT` of the long side but for what is `sure`; a mask that would be lost by it stays as it is.
    """
    small = _at_most(rgb, CUT_PIXELS)
    before = _resized(mask, (small.shape[1], small.shape[0]))
    side = max(3, round(RECUT * max(before.shape))) | 1
    near = cv2.dilate(before.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))) > 0
    marks = np.where(near, np.where(before, cv2.GC_PR_FGD, cv2.GC_PR_BGD), cv2.GC_BGD).astype(np.uint8)
    if sure is not None:
        marks[_resized(sure, before.shape[::-1])] = cv2.GC_FGD
    if not _has_both(marks):
        return mask
    after = _grabcut(small, marks, GRABCUT_ROUNDS)
    if (after & before).sum() < KEPT * (after | before).sum():
        return mask
    return _resized(_trimmed(_at_most(rgb, WORK_PIXELS), after), (mask.shape[1], mask.shape[0]))


def completed(rgb: Array, mask: Bools) -> Bools:
    """A thing's (h, w) mask with what it nearly encloses, as the inside of a cup whose far rim was not seen."""
    inside = opened(enclosed(mask) & ~mask, 1 + 2 * max(1, min(mask.shape) // 40))
    if inside.sum() < 0.02 * mask.sum():
        return mask
    # A hull ends in a straight line where the rim bulges; the cut finds the rim.
    return _filled(mask | inside | recut(rgb, mask | inside, inside))


def touches_border(mask: Bools, share: float = 0.03) -> tuple[str, ...]:
    """The sides ("left", "top", "right", "bottom") where more than `share` of the length is in `mask` (h,
    w)."""
    # The outermost pixels are often a frame or a compression rim: two rows further in count too.
    sides = {"left": mask[:, :3], "top": mask[:3].T, "right": mask[:, -3:], "bottom": mask[-3:].T}
    return tuple(name for name, strip in sides.items() if strip.any(axis=1).mean() > share)


def saliency(small: Array, box: Box | None = None) -> Floats:
    """(h, w) in [0, 1]: how unlike the border's (or the outside of the box's) colours a pixel is, weighted
    to the middle.

    Each side is a colour model of its own, and the most alike side counts least: a subject may cross one
    side.
    """
    height, width = small.shape[:2]
    lab = cv2.GaussianBlur(cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2Lab), (0, 0), 1.5)
    if box is not None:
        outside = np.ones((height, width), bool)
        outside[box[1] : box[3], box[0] : box[2]] = False
        ring = outside & (cv2.dilate((~outside).astype(np.uint8), np.ones((15, 15), np.uint8)) > 0)
        unlike = _unlike(lab, lab[ring]) if ring.any() else np.ones((height, width), np.float32)
        return np.where(outside, np.float32(0), _spread(unlike))
    depth = max(min(height, width) // 20, 1)
    strips = (lab[:, :depth], lab[:depth], lab[:, -depth:], lab[-depth:])
    ordered = np.sort([_unlike(lab, strip.reshape(-1, 3)) for strip in strips], axis=0)
    unlike = (ordered[0] * 0.5 + ordered[1] * 0.5 + ordered[2] * 0.5 + ordered[3] * 0.25) / 1.75
    return _spread(unlike * _middle(height, width))


def _unlike(lab: Floats, colours: Floats) -> Floats:
    """Distance of every pixel from the nearest main colour in `colours` (n, 3), in Lab units that saturate
    at 60."""
    sample = np.ascontiguousarray(colours[:: max(len(colours) // 2000, 1)], np.float32)
    count = min(BORDER_COLOURS, len(sample))
    cv2.setRNGSeed(1)  # k-means draws from OpenCV's own generator
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
    _, labels, centres = cv2.kmeans(sample, count, None, stop, 2, cv2.KMEANS_PP_CENTERS)
    shares = np.bincount(labels.ravel(), minlength=count) / len(sample)
    weight = np.array([0.5, 1, 1], np.float32)  # shade and light differ within one thing, colour less
    distance = np.full(lab.shape[:2], np.inf, np.float32)
    for centre, share in zip(centres, shares, strict=True):
        # A colour that is rare at the border may be the subject's own.
        near = np.linalg.norm((lab - centre) * weight, axis=2) + (15 if share < 0.1 else 0)
        np.minimum(distance, near, out=distance)
    return np.minimum(distance / 60, 1).astype(np.float32)


def _middle(height: int, width: int) -> Floats:
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    return np.exp(-(x * x + y * y) * np.float32(0.9))


def _spread(values: Floats) -> Floats:
    low, high = float(np.percentile(values, 2)), float(np.percentile(values, 98))
    # A one-colour picture has nothing to stretch.
    if high - low < 0.02:
        return np.zeros_like(values)
    stretched: Floats = np.clip((values - low) / (high - low), 0, 1).astype(np.float32)
    return stretched


def _cut(small: Array, salience: Floats, box: Box | None) -> Bools:
    height, width = salience.shape
    likely = salience > _threshold(salience)
    empty = np.zeros((height, width), bool)
    if min(height, width) < 8 or likely.mean() < 0.002 or likely.all():
        return empty
    marks = np.full((height, width), cv2.GC_PR_BGD, np.uint8)
    marks[likely] = cv2.GC_PR_FGD
    marks[salience < 0.05] = cv2.GC_BGD
    if box is not None:
        marks[:] = cv2.GC_BGD
        inside = marks[box[1] : box[3], box[0] : box[2]]
        inside[:] = cv2.GC_PR_FGD
        inside[salience[box[1] : box[3], box[0] : box[2]] < 0.15] = cv2.GC_PR_BGD
    if not _has_both(marks):
        return likely if box is None else marks == cv2.GC_PR_FGD
    return _tidy(_grabcut(small, marks, GRABCUT_ROUNDS), salience)


def _grabcut(rgb: Array, marks: Array, rounds: int) -> Bools:
    cv2.setRNGSeed(1)
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(bgr, marks, None, models[0], models[1], rounds, cv2.GC_INIT_WITH_MASK)
    front: Bools = (marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD)
    return front


def _has_both(marks: Array) -> bool:
    front = np.count_nonzero((marks == cv2.GC_PR_FGD) | (marks == cv2.GC_FGD))
    # GrabCut fits five Gaussians to each side and raises when a side has fewer pixels.
    return bool(16 <= front <= marks.size - 16)


def _threshold(salience: Floats) -> float:
    level, _ = cv2.threshold((salience * 255).astype(np.uint8), 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return max(float(level) / 255, 0.1)


def _tidy(mask: Bools, salience: Floats) -> Bools:
    """Drop specks and pieces much less salient than the main one; close its holes."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened)
    if count < 2:
        return np.zeros_like(mask)
    weight = np.bincount(labels.ravel(), salience.ravel(), count)
    weight[0] = 0
    keep = np.flatnonzero((weight >= 0.15 * weight.max()) & (stats[:, cv2.CC_STAT_AREA] >= 20))
    kept = np.isin(labels, keep[keep > 0])
    closed = cv2.morphologyEx(kept.astype(np.uint8), cv2.MORPH_CLOSE, kernel)
    return _filled(closed > 0)


def _filled(mask: Bools) -> Bools:
    """A mask without holes."""
    _, labels = cv2.connectedComponents(np.pad(~mask, 1, constant_values=True).astype(np.uint8), connectivity=4)
    return np.asarray((labels != labels[0, 0])[1:-1, 1:-1])


def _confidence(salience: Floats, mask: Bools) -> float:
    """High when the mask is salient, its surroundings are not, and it is neither a speck nor the whole
    picture."""
    share = float(mask.mean())
    if share == 0 or share == 1:
        return 0.0
    contrast = float(salience[mask].mean() - salience[~mask].mean())
    size = min(share / 0.03, 1.0) * min((1 - share) / 0.4, 1.0)
    rim = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    return float(np.clip(contrast * 1.4 * size * (1 - 0.5 * rim.mean()), 0, 1))


def _inside(region: Box | None, full: tuple[int, int], size: tuple[int, int]) -> Box | None:
    if region is None:
        return None
    (width, height), (w, h) = full, size
    left, right = sorted(int(np.clip(round(x * w / width), 0, w)) for x in (region[0], region[2]))
    top, bottom = sorted(int(np.clip(round(y * h / height), 0, h)) for y in (region[1], region[3]))
    return (left, top, right, bottom) if right - left > 2 and bottom - top > 2 else None
