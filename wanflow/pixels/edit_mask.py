"""The mask of an edit as pixels: counted for the rules (`maskrules`), and as the hole that the engine works on."""

from __future__ import annotations

import cv2
import numpy as np

from wanflow.errors import EditError
from wanflow.functions.maskrules import NOISE_LEVELS, MaskFacts, shape_fault, size_fault
from wanflow.pixels.engine import Array, Bools, Picture

# A pixel from this luma on is taken for white.
MIDDLE = 128


def facts(mask: Picture) -> MaskFacts:
    """What the rules have to know of a mask's pixels."""
    rgb, pixels = mask.rgb, mask.rgb.shape[0] * mask.rgb.shape[1]
    black = cv2.countNonZero(cv2.inRange(rgb, (0, 0, 0), (NOISE_LEVELS,) * 3))
    pure = cv2.countNonZero(cv2.inRange(rgb, (255 - NOISE_LEVELS,) * 3, (255, 255, 255)))
    shaped = mask.alpha is not None and mask.alpha.min() != mask.alpha.max()
    only_alpha = shaped and bool((rgb == rgb[0, 0]).all())
    return MaskFacts(pixels, int(np.count_nonzero(white(rgb))), pixels - black - pure, only_alpha)


def hole(mask: Picture, size: tuple[int, int]) -> tuple[Bools, tuple[str, ...]]:
    """Where a mask says that an image of this width and height is edited, (h, w), and what was done to read it.

    Levels of grey are taken for the nearer of black and white, transparency is not looked at. Raises EditError for
    another size, and for a mask that is black or white all over.
    """
    counted = facts(mask)
    if fault := size_fault(mask.size, size) or shape_fault(counted):
        raise EditError(fault.code, f"the mask is unfit: {fault.message}. {fault.hint}")
    if counted.white in (0, counted.pixels):
        nearer = f"the mask is unfit: all its pixels are grey and nearer to {'white' if counted.white else 'black'}"
        raise EditError("MaskGrey", f"{nearer}. Paint white what is to be edited, and the rest black.")
    said = []
    if counted.grey:
        share = f"{100 * counted.grey_share:.2g} % of the mask is neither black nor white"
        said.append(f"{share}; each such pixel was taken for the nearer of the two")
    if mask.alpha is not None:
        said.append("the mask's transparency was not looked at; its colours count")
    return white(mask.rgb), tuple(said)


def white(rgb: Array) -> Bools:
    """Where a pixel of (h, w, 3) uint8 is nearer to white than to black; so is every mask read, a hint's too."""
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY) >= MIDDLE)
