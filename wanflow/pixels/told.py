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
        return shown(hint, rgb.shape)
    if hint.region is None:
        return None
    box = np.zeros(rgb.shape[:2], bool)
    left, top, right, bottom = hint.region
    box[top:bottom, left:right] = True
    if not box.any():
        return None
    found = find_subject(rgb, hint.region).mask & box
    return found if found.sum() >= LEAST * box.sum() else box


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
