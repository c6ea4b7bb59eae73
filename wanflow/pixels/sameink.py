"""What was missed of a word is often of the very colour of what was found: letters are completed by their ink."""

from __future__ import annotations

import cv2
import numpy as np

from wanflow.pixels.engine import Array, Bools

# The inside of opaque letters is of one colour, within so many levels mostly; so are its missed parts. What
# was found holds some of the gaps as well.
LEVELS, SHARE, LEAST_INSIDE = 28, 0.4, 60
# Where a colour would add more than this share of what was found, it is the picture's too.
MOST_ADDED = 0.5


def completed(rgb: Array, strokes: Bools) -> Bools:
    """Strokes (h, w) with what is of their colour in (h, w, 3) uint8 within a line's height of each place."""
    reach = max(9, round(0.02 * min(strokes.shape))) | 1
    near = cv2.dilate(strokes.astype(np.uint8), np.ones((reach, reach), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(near)
    out = strokes.copy()
    for number, (left, top, width, height, _) in enumerate(stats[1:], 1):
        grown = min(width, height)
        window = (
            slice(max(top - grown // 4, 0), top + height + grown // 4),
            slice(max(left - grown, 0), left + width + grown),
        )
        out[window] |= _missed(rgb[window], strokes[window] & (labels[window] == number))
    return out


def _missed(rgb: Array, strokes: Bools) -> Bools:
    """What has the colour of the strokes, if they have one; only what touches them where much else has it."""
    inside = cv2.erode(strokes.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    nothing = np.zeros_like(strokes)
    if inside.sum() < LEAST_INSIDE:
        return nothing
    ink = np.median(rgb[inside], axis=0)
    alike = np.abs(rgb - ink).max(axis=2) <= LEVELS
    if alike[inside].mean() < SHARE:
        return nothing
    _, labels = cv2.connectedComponents(alike.astype(np.uint8))
    touching = np.isin(labels, np.unique(labels[strokes & alike])) & alike
    for added in (alike & ~strokes, touching & ~strokes):
        if added.sum() <= MOST_ADDED * strokes.sum():
            return np.asarray(added)
    return nothing
