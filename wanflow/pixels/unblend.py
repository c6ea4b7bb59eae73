"""Lift translucent ink: where picture = (1 - opacity) * ground + opacity * ink, the ground comes back with its grain.

Opacity and ink are fitted to what diffusion guesses of the ground (compare Dekel et al. 2017, who had many pictures);
where they can't be told, nothing is lifted.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from wanflow.pixels.engine import Array, Bools, Floats

# Fewer pixels, or a ground more even than this (levels), tell no opacity; and an even ground needs none.
LEAST_PIXELS = 150
LEAST_SPREAD = 6.0
# Below this correlation of picture and guessed ground the ink is opaque or the guess is wrong.
LEAST_LIKENESS = 0.8
# What shines through must stand well above the rounding of bytes; nearly clear ink is no ink.
LEAST_THROUGH, MOST_THROUGH = 0.3, 0.92
# Where lifting leaves more than this of the difference from the guessed ground, the ink would still be seen.
LEFT_OVER = 0.4


@dataclass(frozen=True, slots=True)
class Ink:
    """A translucent ink: the share of the ground that shines through, and its colour (3,) in levels."""

    through: float
    colour: Floats


def estimate(picture: Floats, ground: Floats) -> Ink | None:
    """The ink between `ground` and `picture`, both (n, 3) in levels, or None where it can't be told."""
    if len(picture) < LEAST_PIXELS:
        return None
    seen, under = picture - picture.mean(0), ground - ground.mean(0)
    varied, guessed = float((seen * seen).mean()), float((under * under).mean())
    if guessed < LEAST_SPREAD**2 or varied == 0:
        return None
    likeness = float((seen * under).mean()) / (varied * guessed) ** 0.5
    # Both are noisy: the ratio of spreads is unbiased where a regression on the guess would find too little.
    through = (varied / guessed) ** 0.5
    if likeness < LEAST_LIKENESS or not LEAST_THROUGH <= through <= MOST_THROUGH:
        return None
    colour = (picture.mean(0) - through * ground.mean(0)) / (1 - through)
    if colour.min() < -40 or colour.max() > 295:
        return None
    return Ink(through, np.clip(colour, 0, 255).astype(np.float32))


def lifted(rgb: Array, ground: Array, strokes: Bools) -> tuple[Array, Bools]:
    """`rgb` (h, w, 3) with translucent ink taken off the inside of strokes, and where that was done (h, w) bool.

    `ground` is a guess of what is under the ink of one place.
    """
    inside = cv2.erode(strokes.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    calm, under = _calmed(rgb, strokes)[inside], ground[inside].astype(np.float32)
    ink = estimate(calm, under)
    if ink is None or np.abs(_bared(calm, ink) - under).mean() > LEFT_OVER * np.abs(calm - under).mean():
        return rgb, np.zeros_like(strokes)
    out = rgb.copy()
    out[inside] = np.clip(_bared(rgb[inside], ink) + 0.5, 0, 255).astype(np.uint8)
    return out, inside


def _bared(picture: Floats | Array, ink: Ink) -> Floats:
    """Pixels (n, 3) without the ink."""
    return np.asarray((picture - np.float32(1 - ink.through) * ink.colour) / np.float32(ink.through), np.float32)


def _calmed(rgb: Array, strokes: Bools) -> Floats:
    """Pixels averaged with their neighbours on the stroke, since the guessed ground has no grain either."""
    share = strokes.astype(np.float32)
    total = cv2.blur(rgb * share[..., None], (5, 5))
    return np.asarray(total / np.maximum(cv2.blur(share, (5, 5)), np.float32(0.04))[..., None], np.float32)
