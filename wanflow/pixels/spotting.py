"""Where a picture has been written on: a small trained convolutional net that gives each pixel its odds of being ink.

A U-Net (Ronneberger et al. 2015) of 83 thousand weights that looks at 2x2 cells; it learns that ink is drawn after
the lens: sharper than the picture, of one colour, in rows of strokes of one width. Trained by
``scripts/train_text_detector.py``.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np

from wanflow.pixels.engine import Array, Floats

WEIGHTS = Path(__file__).with_name("weights") / "spotting.npz"
CELL = 16  # the coarsest level's pixel: sides of what the net sees are multiples of it
WINDOW = 17
# A tile with its margin takes about 100 MB of working memory; ink is judged by what lies up to MARGIN around it.
TILE, MARGIN = 512, 48

Net = dict[str, Floats]


@cache
def net() -> Net:
    """The trained weights by name: (out, 9 * in) for 3x3 kernels, (out, in) for single pixels, (out, 1) for biases."""
    with np.load(WEIGHTS) as stored:
        return {name: stored[name].astype(np.float32) for name in stored.files}


def planes(rgb: Array) -> Floats:
    """What the net sees of (h, w, 3) uint8: colour, locally normalised lightness, flatness; (5, h, w)."""
    colour = rgb.astype(np.float32) / np.float32(127.5) - 1
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    apart = grey - cv2.blur(grey, (WINDOW, WINDOW))
    spread = np.sqrt(np.maximum(cv2.blur(apart * apart, (WINDOW, WINDOW)), 0)) + np.float32(0.02)
    square = np.ones((3, 3), np.uint8)
    # Ink is often constant to the bit, which a lens never is; coding blurs that, and the net learns both.
    reach = (cv2.dilate(rgb, square) - cv2.erode(rgb, square)).max(axis=2)
    flat = 2 / (2 + reach.astype(np.float32))
    return np.stack([*colour.transpose(2, 0, 1), np.clip(apart / spread, -4, 4) / 2, flat])


def cells(seen: Floats) -> Floats:
    """(c, h, w) of even sides as 2x2 cells: (4c, h/2, w/2)."""
    c, h, w = seen.shape
    return seen.reshape(c, h // 2, 2, w // 2, 2).transpose(0, 2, 4, 1, 3).reshape(4 * c, h // 2, w // 2)


def pixels(found: Floats) -> Floats:
    """Four planes of 2x2 cells (4, h/2, w/2) as one (h, w)."""
    _, h, w = found.shape
    return found.reshape(2, 2, h, w).transpose(2, 0, 3, 1).reshape(2 * h, 2 * w)


def _kernel(weights: Net, name: str, x: Floats) -> Floats:
    """A 3x3 convolution and its bias over (c, h, w)."""
    c, h, w = x.shape
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    around = np.stack([padded[:, dy : dy + h, dx : dx + w] for dy in range(3) for dx in range(3)])
    out = weights[f"{name}.w"] @ around.reshape(9 * c, h * w)
    out += weights[f"{name}.b"]
    return out.reshape(-1, h, w)


def _down(x: Floats) -> Floats:
    c, h, w = x.shape
    return np.asarray(x.reshape(c, h // 2, 2, w // 2, 2).max(axis=(2, 4)))


def _up(weights: Net, name: str, x: Floats) -> Floats:
    c, h, w = x.shape
    mixed = (weights[f"{name}.w"] @ x.reshape(c, h * w)).reshape(-1, h, 1, w, 1)
    return np.broadcast_to(mixed, (len(mixed), h, 2, w, 2)).reshape(-1, 2 * h, 2 * w)


def logits(seen: Floats, weights: Net) -> Floats:
    """The log-odds of ink (h, w) for planes (5, h, w) whose sides are multiples of CELL."""
    x = cells(seen)
    kept: list[Floats] = []
    for level in range(4):
        if level:
            x = _down(x)
        for part in "ab":
            x = np.maximum(_kernel(weights, f"down{level}{part}", x), 0)
        kept.append(x)
    for level in (2, 1, 0):
        x = kept[level] + _up(weights, f"up{level}", x)
        x = np.maximum(_kernel(weights, f"merge{level}", x), 0)
    return pixels(_kernel(weights, "out", x))


def odds(rgb: Array, weights: Net | None = None) -> Floats:
    """The log-odds of ink (h, w), within 30 of 0, for (h, w, 3) uint8 of any size, at this size; goes in tiles."""
    height, width = rgb.shape[:2]
    wide, tall = -width % CELL, -height % CELL
    rgb = cv2.copyMakeBorder(rgb, MARGIN, MARGIN + tall, MARGIN, MARGIN + wide, cv2.BORDER_REFLECT_101)
    found = np.empty((height + tall, width + wide), np.float32)
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            part = rgb[top : top + TILE + 2 * MARGIN, left : left + TILE + 2 * MARGIN]
            seen = logits(planes(part), weights or net())
            found[top : top + TILE, left : left + TILE] = seen[MARGIN:-MARGIN, MARGIN:-MARGIN]
    return np.clip(found[:height, :width], -30, 30)
