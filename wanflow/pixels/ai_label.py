"""The API's `watermark`: the words that tell a made picture from a photograph, at its bottom right.

White letters over a soft shadow, so that they are read on white paper as on a night sky. Arrays in, arrays out.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from wanflow.functions.layouts import leading
from wanflow.pixels.lettering import Colour, label, width

Plane = npt.NDArray[np.float32]
Box = tuple[int, int, int, int]

TEXT = "AI生成"
LETTERS = 0.03  # of the short side
SMALLEST_LETTERS = 12
_WHITE: Colour = (255, 255, 255)
_BLACK: Colour = (0, 0, 0)
# How much the letters and their shadow hide of what is below; the shadow alone keeps 4.5:1 against white.
_OPAQUE, _SHADE = np.float32(0.95), np.float32(0.72)


def labelled(
    rgb: npt.NDArray[np.uint8], alpha: npt.NDArray[np.uint8] | None, free: Box | None = None
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8] | None]:
    """Copies of (h, w, 3) and (h, w) with the label at the bottom right of `free` (left, top, right, bottom).

    A label that has no room loses what lies outside. Raises nothing.
    """
    height, across = rgb.shape[:2]
    left, top, right, bottom = free or (0, 0, across, height)
    size = max(round(LETTERS * min(height, across)), SMALLEST_LETTERS)
    letters, shadow = _drawn(size, (max(right - left, 1), max(bottom - top, 1)))
    rows, columns = slice(bottom - letters.shape[0], bottom), slice(right - letters.shape[1], right)
    rgb = rgb.copy()
    ink, shade = letters[..., None] * _OPAQUE, shadow[..., None] * _SHADE
    rgb[rows, columns] = (rgb[rows, columns] * (1 - shade) * (1 - ink) + 255 * ink + 0.5).astype(np.uint8)
    if alpha is not None:
        alpha = alpha.copy()
        seen = np.maximum(letters * _OPAQUE, shadow * _SHADE) * 255
        alpha[rows, columns] = np.maximum(alpha[rows, columns], seen.astype(np.uint8))
    return rgb, alpha


def _drawn(size: int, room: tuple[int, int]) -> tuple[Plane, Plane]:
    """How much (h, w) letters and shadow cover, in [0, 1], with their margin; the part that fits into the room."""
    margin = round(0.8 * size)
    area = round(width(TEXT, size)) + 2 * margin, leading(size) + margin
    image = np.asarray(label([(TEXT, size, _WHITE)], area, _BLACK, margin))[..., 0]
    letters = np.asarray(image[-room[1] :, -room[0] :] / np.float32(255), np.float32)
    reach = max(0.12 * size, 1.0)
    thick = cv2.dilate(letters, np.ones((3, 3), np.uint8), iterations=max(1, round(0.08 * size)))
    return letters, np.asarray(cv2.GaussianBlur(thick, (0, 0), reach), np.float32)
