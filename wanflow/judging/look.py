"""The measures of pictures themselves: functions of pixels alone. Transparent parts count as white."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from wanflow.pixels.engine import Array, Picture

Floats = NDArray[np.float32]

# Longer sides in pixels. Measures are taken of small pictures, so that they say the same of a picture at any size.
SHARP_SIDE, ALIKE_SIDE = 512, 256
# Pictures of one size are compared in squares of this side, so that a small edit is not lost in a large picture.
BLOCK = 16
_K1, _K2, _SIGMA = 0.01, 0.03, 1.5
_WEIGHTS = (0.8, 0.1, 0.1)


def sharpness(picture: Picture) -> float:
    """The variance of the Laplacian of luma (0 to 255) at a longer side of 512 px: the more, the sharper.

    Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy".
    """
    grey = cv2.cvtColor(_sized(_opaque(picture), SHARP_SIDE), cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_32F).var())


def contrast(picture: Picture) -> float:
    """The standard deviation (0 to 127.5) of the channel that varies most, at a longer side of 256 px."""
    return float(_sized(_opaque(picture), ALIKE_SIDE).reshape(-1, 3).astype(np.float32).std(axis=0).max())


def alpha(picture: Picture) -> bool:
    """Whether any pixel is transparent."""
    return picture.alpha is not None


def similarity(picture: Picture, base: Picture) -> float:
    """The structural similarity of two pictures, 0 to 1: 1 for equal ones.

    The mean SSIM (Wang, Bovik, Sheikh, Simoncelli 2004; Gaussian window, sigma 1.5) of Y, Cb and Cr, weighted .8, .1
    and .1 (Wang, Lu, Bovik 2004, "Video quality assessment based on structural distortion measurement"), with both
    brought to the base's ratio at a longer side of 256 px; below 0 it is 0.
    """
    second = _opaque(base)
    small = _sized(second, ALIKE_SIDE)
    first = _resized(_opaque(picture), small.shape[1], small.shape[0])
    one, other = (cv2.cvtColor(side, cv2.COLOR_RGB2YCrCb).astype(np.float32) for side in (first, small))
    found = sum(w * _ssim(one[..., c], other[..., c]) for c, w in enumerate(_WEIGHTS))
    return min(max(found, 0.0), 1.0)


def difference(picture: Picture, base: Picture) -> float:
    """How far (0 to 255) the square of 16 x 16 px that differs most is from the base, on average over its pixels and
    channels; 255 for pictures of different sizes.
    """
    first, second = _opaque(picture), _opaque(base)
    if first.shape != second.shape:
        return 255.0
    squares = max(1, first.shape[1] // BLOCK), max(1, first.shape[0] // BLOCK)
    apart = cv2.absdiff(first, second).astype(np.float32)
    return float(cv2.resize(apart, squares, interpolation=cv2.INTER_AREA).mean(axis=2).max())


def _opaque(picture: Picture) -> Array:
    if picture.alpha is None:
        return picture.rgb
    cover = picture.alpha.astype(np.float32)[..., None] / 255
    blended: Array = np.rint(picture.rgb * cover + 255 * (1 - cover)).astype(np.uint8)
    return blended


def _sized(rgb: Array, side: int) -> Array:
    height, width = rgb.shape[:2]
    scale = side / max(width, height)
    return _resized(rgb, max(1, round(width * scale)), max(1, round(height * scale)))


def _resized(rgb: Array, width: int, height: int) -> Array:
    shrinks = width * height < rgb.shape[0] * rgb.shape[1]
    made: Array = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    return made


def _ssim(first: Floats, second: Floats) -> float:
    def mean(plane: Floats) -> Floats:
        blurred: Floats = cv2.GaussianBlur(plane, (0, 0), _SIGMA)
        return blurred

    low, middle = (_K1 * 255) ** 2, (_K2 * 255) ** 2
    of_first, of_second = mean(first), mean(second)
    var_first, var_second = mean(first * first) - of_first**2, mean(second * second) - of_second**2
    both = mean(first * second) - of_first * of_second
    light = (2 * of_first * of_second + low) / (of_first**2 + of_second**2 + low)
    structure = (2 * both + middle) / (var_first + var_second + middle)
    return float((light * structure).mean())
