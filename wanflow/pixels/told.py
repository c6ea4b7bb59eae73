"""Where the subject is, as a hint says it: the hint's own mask, or the thing within its region."""

from __future__ import annotations

import cv2
import numpy as np

from wanflow.pixels.engine import Array, Bools, Hint
from wanflow.pixels.lexicon import Kind
from wanflow.pixels.subject import find_subject

HOW = "hint: {region: [x, y, width, height]} says where it is"
# Of a region, less than this is no thing that somebody drew a box around.
LEAST = 0.1
_BEHIND = (Kind.BACKGROUND, Kind.SURFACE)
_THINGS = (Kind.SUBJECT, Kind.OTHER, Kind.PERSON, Kind.PART)


def told(rgb: Array, hint: Hint) -> Bools | None:
    """The subject (h, w) of (h, w, 3) uint8 that a hint gives; None where it gives none."""
    if hint.mask is not None:
        mask = at_size(hint.mask, rgb.shape[:2])
        return mask if mask.any() else None
    if hint.region is None:
        return None
    box = np.zeros(rgb.shape[:2], bool)
    left, top, right, bottom = hint.region
    box[top:bottom, left:right] = True
    if not box.any():
        return None
    found = find_subject(rgb, hint.region).mask & box
    return found if found.sum() >= LEAST * box.sum() else box


def at_size(mask: Bools, shape: tuple[int, ...]) -> Bools:
    """A (h, w) mask at the height and width that `shape` begins with."""
    if mask.shape == shape[:2]:
        return mask
    return np.asarray(cv2.resize(mask.astype(np.float32), shape[1::-1], interpolation=cv2.INTER_AREA) > 0.5)


def aimed(kind: Kind, *, alone: bool) -> Kind:
    """What a word means once a hint says where the subject is: things and parts are it, a region that is the only
    one named is it too, and what is behind stays behind.
    """
    if kind in _BEHIND or kind is Kind.WHOLE:
        return kind
    return Kind.SUBJECT if alone or kind in _THINGS else kind
