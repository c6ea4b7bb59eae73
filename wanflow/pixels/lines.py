"""Words stand in lines: how much more speaks for ink along a straight bar than beside it, in any direction.

A line of faint letters is seen where no letter is; a tree or a wall is as likely beside the bar as on it.
"""

from __future__ import annotations

import cv2
import numpy as np

from wanflow.pixels.engine import Floats

DEGREES = range(-75, 91, 15)
# Heights of lines in pixels of the picture; a line is so many times as long as high.
HEIGHTS, LENGTH = (14, 24, 40), 5
# Evidence beyond these counts no further: one strong letter makes no line, nor one gap two.
LOWEST, HIGHEST = -3.0, 9.0
# Bars are looked for where the shorter side has this many pixels.
SIDE = 160
NONE = -99.0


def along_lines(found: Floats) -> Floats:
    """The most by which evidence (h, w) stands out along any bar that covers a pixel, (h, w); NONE where none fits."""
    height, width = found.shape
    step = max(1, round(min(height, width) / SIDE))
    size = max(width // step, 1), max(height // step, 1)
    small = cv2.resize(np.clip(found, LOWEST, HIGHEST), size, interpolation=cv2.INTER_AREA)
    best = np.full(small.shape, NONE, np.float32)
    for degrees in DEGREES:
        matrix, turned = _turn(small.shape, degrees)
        plane = cv2.warpAffine(small, matrix, turned, borderMode=cv2.BORDER_CONSTANT, borderValue=LOWEST)
        inside = cv2.warpAffine(np.ones_like(small), matrix, turned)
        for line in HEIGHTS:
            bar = max(5, round(line * LENGTH / step) | 1), max(3, round(line / step) | 1)
            back = cv2.warpAffine(
                _bars(plane, inside, bar),
                matrix,
                size,
                flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_CONSTANT,
                borderValue=NONE,
            )
            best = np.maximum(best, back)
    return np.asarray(cv2.resize(best, (width, height), interpolation=cv2.INTER_NEAREST))


def _bars(plane: Floats, inside: Floats, bar: tuple[int, int]) -> Floats:
    """By how much the mean along a level bar (length, height) is above those over and under it, on all its pixels."""
    mean = cv2.blur(plane, bar, borderType=cv2.BORDER_CONSTANT)
    gap = bar[1]
    wide = cv2.copyMakeBorder(mean, gap, gap, 0, 0, cv2.BORDER_CONSTANT, value=LOWEST)
    beside = np.maximum(wide[: -2 * gap], wide[2 * gap :])
    whole = cv2.blur(inside, bar, borderType=cv2.BORDER_CONSTANT) > 0.95
    return np.asarray(cv2.dilate(np.where(whole, mean - beside, np.float32(NONE)), np.ones(bar[::-1], np.uint8)))


def _turn(shape: tuple[int, int], degrees: float) -> tuple[Floats, tuple[int, int]]:
    """The matrix (2, 3) that turns a plane (h, w) about its middle, and the (width, height) that holds all of it."""
    height, width = shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    cosine, sine = np.abs(matrix[0, :2])
    wide, tall = int(width * cosine + height * sine) + 2, int(width * sine + height * cosine) + 2
    matrix[:, 2] += (wide - width) / 2, (tall - height) / 2
    return matrix, (wide, tall)
