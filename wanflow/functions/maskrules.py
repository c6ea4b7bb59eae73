"""What the mask of an edit must be: the image's size, white where it is edited, black where it is kept.

Pure rules over counted pixels, told apart by a code, so that a plan, a run and the engine refuse the same masks in the
same words. Counting needs the pixels and is done in `pixels/edit_mask.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

# Lossy coding moves black and white by a few levels; the provider "may not recognise" other colours.
NOISE_LEVELS = 8
# Goes up when counting changes, so that nothing counted before is believed.
COUNTING = 1
# The soft edge of a drawn shape is far below this, a feathered or painted-over mask far above.
MOST_GREY = 0.02


@dataclass(frozen=True, slots=True)
class MaskFacts:
    """Counted pixels of a mask: all, those nearer to white, those neither black nor white; and transparency.

    `only_alpha` is for a mask whose colours are the same all over while its transparency is not.
    """

    pixels: int
    white: int
    grey: int
    only_alpha: bool = False

    @property
    def grey_share(self) -> float:
        """The share of pixels that are neither black nor white, 0-1."""
        return self.grey / self.pixels


class Unfit(NamedTuple):
    """Why a picture can't be used, and what helps."""

    code: str
    message: str
    hint: str


_MOST_GREY = f"{100 * MOST_GREY:.0f} %"
_PAINT_HINT = "Paint the thing meant white and all else black, or leave the hint out."
_OF_HINT = {
    "MaskAlpha": {"hint": "Save it without transparency: the thing meant is white, all else is black."},
    "MaskBlack": {"message": "black all over, so the hint shows nothing", "hint": _PAINT_HINT},
    "MaskWhite": {"message": "white all over, so the hint tells nothing apart", "hint": _PAINT_HINT},
    "MaskGrey": {"hint": f"{_PAINT_HINT} Save it as PNG with hard edges; at most {_MOST_GREY} may be between."},
}


def size_fault(mask: tuple[int, int], image: tuple[int, int]) -> Unfit | None:
    """Why a mask of this width and height doesn't fit an image, or None."""
    if mask == image:
        return None
    (width, height), (image_width, image_height) = mask, image
    message = f"{width}x{height} px, but the image has {image_width}x{image_height} px; a mask has the image's size"
    hint = "Draw it on the image itself; if the image goes through local/fit, put the mask through one like it."
    return Unfit("MaskSize", message, hint)


def fault(facts: MaskFacts, *, hint: bool = False) -> Unfit | None:
    """Why a mask of these pixels can't be used, or None; in the words of a `hint` if it only shows where a thing is."""
    unfit = shape_fault(facts) or grey_fault(facts)
    return unfit._replace(**_OF_HINT[unfit.code]) if unfit and hint else unfit


def shape_fault(facts: MaskFacts) -> Unfit | None:
    """Why a mask does not say what is edited and what is kept, or None."""
    if facts.only_alpha:
        message = "the shape is only in the transparency, which does not count; the colours are the same all over"
        return Unfit("MaskAlpha", message, "Save it without transparency: white is edited, black is kept.")
    if facts.grey == facts.pixels:
        return None  # neither black nor white: that is what has to be told
    if facts.white == 0:
        message = "black all over, so nothing would be edited"
        return Unfit("MaskBlack", message, "Paint white what is to be edited.")
    if facts.white == facts.pixels:
        message = "white all over, so the whole picture would be edited"
        hint = "Use wan/description_edit for the whole picture, or paint black what is to be kept."
        return Unfit("MaskWhite", message, hint)
    return None


def grey_fault(facts: MaskFacts) -> Unfit | None:
    """Why a mask's levels of grey are more than soft edges, or None."""
    if facts.grey_share <= MOST_GREY:
        return None
    message = f"{facts.grey:,} of {facts.pixels:,} pixels ({100 * facts.grey_share:.3g} %) are neither black nor white"
    hint = f"Save it as PNG with hard edges, white (edited) and black (kept); at most {_MOST_GREY} may be between."
    return Unfit("MaskGrey", message, hint)
