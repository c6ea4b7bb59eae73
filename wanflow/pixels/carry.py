"""Carry a small fill up to full size: copy the full-size pixels that its source map points at, and correct
their tone."""

from __future__ import annotations

import cv2
import numpy as np

from wanflow.pixels.engine import Array, Bools, Floats
from wanflow.pixels.patches import Index, nearest_set

CHUNK_PIXELS = 1_000_000


def shifts(copied: Index, hole: Bools) -> Floats:
    """(h, w, 2) float32 dy, dx from each pixel to what was copied there; known pixels take their nearest
    unknown's."""
    width = hole.shape[1]
    near = nearest_set(hole)
    source = copied.ravel()[near]
    return np.dstack([source // width - near // width, source % width - near % width]).astype(np.float32)


def carry(
    rgb: Array, hole: Bools, allowed: Bools, copied: Index, small: Floats, seams: Floats, small_hole: Bools
) -> Array:
    """Fill `hole` (h, w) of `rgb` after a smaller fill: `copied` its pixel map, `seams` what was added to
    `small`.

    Where neighbouring small pixels were copied by different shifts, their full-size copies are cross-faded,
    so that a step of one small pixel does not show as a staircase.
    """
    height, width = hole.shape
    out = rgb.copy()
    shift = shifts(copied, small_hole)
    rows = max(CHUNK_PIXELS // width, 1)
    for start in range(0, height, rows):
        part = slice(start, min(start + rows, height))
        y, x = np.nonzero(hole[part])
        if len(y):
            out[y + start, x] = _carried(rgb, allowed, shift, small, seams, y + start, x)
    return out


def _carried(rgb: Array, allowed: Bools, shift: Floats, small: Floats, seams: Floats, y: Index, x: Index) -> Array:
    height, width = allowed.shape
    low_h, low_w = shift.shape[:2]
    v = (y + 0.5) * (low_h / height) - 0.5
    u = (x + 0.5) * (low_w / width) - 0.5
    top, left = np.floor(v).astype(np.int64), np.floor(u).astype(np.int64)
    # Steeper than linear: a cross-fade wider than needed would blur.
    down = np.clip((v - top - 0.5) * 2 + 0.5, 0, 1).astype(np.float32)
    along = np.clip((u - left - 0.5) * 2 + 0.5, 0, 1).astype(np.float32)
    total = np.zeros((len(y), 3), np.float32)
    weight = np.zeros(len(y), np.float32)
    for row, share_y in ((top, 1 - down), (top + 1, down)):
        for column, share_x in ((left, 1 - along), (left + 1, along)):
            move = shift[np.clip(row, 0, low_h - 1), np.clip(column, 0, low_w - 1)]
            sy = np.clip(y + np.rint(move[:, 0] * (height / low_h)).astype(np.int64), 0, height - 1)
            sx = np.clip(x + np.rint(move[:, 1] * (width / low_w)).astype(np.int64), 0, width - 1)
            share = share_y * share_x * allowed[sy, sx]
            total += rgb[sy, sx] * share[:, None]
            weight += share
    at_u, at_v = u.astype(np.float32)[:, None], v.astype(np.float32)[:, None]
    tone = _sample(seams, at_u, at_v) * 255
    fallback = _sample(small, at_u, at_v) * 255
    pixels = np.where(weight[:, None] > 0, total / np.maximum(weight, 1e-6)[:, None], fallback)
    carried: Array = np.clip(pixels + tone + 0.5, 0, 255).astype(np.uint8)
    return carried


def _sample(picture: Floats, u: Floats, v: Floats) -> Floats:
    # OpenCV's remap takes at most 32767 rows, so a long list is read piece by piece.
    parts = [
        cv2.remap(picture, u[s : s + 32000], v[s : s + 32000], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for s in range(0, len(u), 32000)
    ]
    return np.concatenate(parts).reshape(-1, 3)
