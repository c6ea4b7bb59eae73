"""Where the subject is, as a hint says it: the hint's own mask, or the thing within its region."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from wanflow.pixels.engine import Array, Bools, Hint
from wanflow.pixels.lexicon import Kind
from wanflow.pixels.subject import find_subject

HOW = "hint: {region: [x, y, width, height]} says where it is"
DRAW = "hint: {mask: file:...}, white where the thing is, says it exactly"
# Of a region, less than this is no thing that somebody drew a box around.
LEAST = 0.1
_BEHIND = (Kind.BACKGROUND, Kind.SURFACE)
_THINGS = (Kind.SUBJECT, Kind.OTHER, Kind.PERSON, Kind.PART)


@dataclass(frozen=True, slots=True)
class Told:
    """The subject (h, w) that a hint gives, None where it gives none, and what has to be said of it."""

    mask: Bools | None = None
    warnings: tuple[str, ...] = ()


def told(rgb: Array, hint: Hint) -> Told:
    """The subject of (h, w, 3) uint8 that a hint gives: its mask, the thing in its region, or all of the region."""
    if hint.mask is not None:
        return Told(shown(hint, rgb.shape))
    if hint.region is None:
        return Told()
    box = np.zeros(rgb.shape[:2], bool)
    left, top, right, bottom = hint.region
    box[top:bottom, left:right] = True
    if not box.any():
        return Told()
    found = find_subject(rgb, hint.region).mask & box
    if found.sum() >= LEAST * box.sum():
        return Told(found)
    return Told(
        box, (f"nothing stands out in the hint's region, {place(box)}, so all of the rectangle was taken; {DRAW}",)
    )


def place(mask: Bools, size: tuple[int, int] | None = None) -> str:
    """The box around a (h, w) mask with something in it, in pixels of its picture of this width and height."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    wide, high = ((full / own) for full, own in zip(size or mask.shape[::-1], mask.shape[::-1], strict=True))
    left, top = int(columns[0] * wide), int(rows[0] * high)
    width, height = round((columns[-1] + 1) * wide) - left, round((rows[-1] + 1) * high) - top
    return f"x {left}, y {top}, width {width}, height {height}"


def shown(hint: Hint, shape: tuple[int, ...]) -> Bools | None:
    """The hint's own mask at the height and width that `shape` begins with; None without white."""
    return None if hint.mask is None or not hint.mask.any() else at_size(hint.mask, shape)


def at_size(mask: Bools, shape: tuple[int, ...]) -> Bools:
    """A (h, w) mask at the height and width that `shape` begins with; never empty unless it was.

    A pixel of a smaller size is in it as soon as it is touched, or a thin mask would be lost.
    """
    if mask.shape == shape[:2]:
        return mask
    share = cv2.resize(mask.astype(np.float32), shape[1::-1], interpolation=cv2.INTER_AREA)
    found = share > (0 if shape[0] * shape[1] < mask.size else 0.5)
    if not found.any():  # shrunk along one side and enlarged along the other, OpenCV skips rows
        y, x = np.nonzero(mask)
        found[y * shape[0] // mask.shape[0], x * shape[1] // mask.shape[1]] = True
    return np.asarray(found)


def how(hinted: Bools | None) -> str:
    """The end of a warning: how to do better, unless it was done."""
    return f"; {HOW}" if hinted is None else ""


def aimed(kind: Kind, *, alone: bool) -> Kind:
    """What a word means once a hint says where the subject is: things and parts are it, a region that is the only
    one named is it too, and what is behind stays behind.
    """
    if kind in _BEHIND or kind is Kind.WHOLE:
        return kind
    return Kind.SUBJECT if alone or kind in _THINGS else kind
