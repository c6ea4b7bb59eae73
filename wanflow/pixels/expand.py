"""`wan/expand`: grow a picture over its borders out of its own texture; the original stays in it byte for
byte."""

from __future__ import annotations

import cv2
import numpy as np

from wanflow.pixels.engine import Array, Bools, Edited, EditRequest, Fidelity, Picture, edit
from wanflow.pixels.fill import fill
from wanflow.pixels.subject import Subject, find_subject, touches_border
from wanflow.sizes import expanded

# A smaller rest would repeat visibly; then the subject is better copied than the same few leaves.
LEAST_SOURCE = 0.25
# What is found with less confidence is as often the sky or a scatter of stars, which should be copied.
LEAST_CONFIDENCE = 0.45
CUT_RIM = 0.12
# What three sides cut is no subject but the scene itself, and there is nothing better to grow it from.
SCENE_SIDES = 3
LOCALITY = 0.25
# Below this share of its variance between places, a picture is of one texture, and any place is as good as the next.
UNEVEN = 0.2
PLACES = 4
PROMPT_IGNORED = "the draft engine grows the picture from its own texture and does not read the prompt"
FLATTENED = "transparency was laid on white"


@edit("wan/expand")
def expand(request: EditRequest) -> Edited:
    """Outpaint by the four scales; the prompt is not read, and a subject that the border cuts is warned
    of."""
    rgb, warnings = flatten(request.image)
    if request.prompt.strip():
        warnings = (*warnings, PROMPT_IGNORED)
    height, width = rgb.shape[:2]
    out_width, out_height, left, top = expanded(width, height, request.parameters)
    if (out_width, out_height) == (width, height):
        return Edited(Picture(rgb), Fidelity.APPROXIMATE, warnings)
    subject = find_subject(rgb)
    if subject.confidence < LEAST_CONFIDENCE:
        subject = Subject(np.zeros_like(subject.mask), subject.confidence)
    grown = _grow(rgb, subject.mask, (out_width, out_height, left, top), request.seed)
    sides = (left > 0, top > 0, left + width < out_width, top + height < out_height)
    return Edited(Picture(grown), Fidelity.APPROXIMATE, (*warnings, *_cut_warning(subject, sides)))


def flatten(picture: Picture) -> tuple[Array, tuple[str, ...]]:
    """A picture's colours over white, (h, w, 3) uint8, and the warning if it was not opaque."""
    if picture.alpha is None or (picture.alpha == 255).all():
        return picture.rgb, ()
    share = picture.alpha[..., None].astype(np.float32) / 255
    return (picture.rgb * share + 255 * (1 - share) + 0.5).astype(np.uint8), (FLATTENED,)


def _grow(rgb: Array, subject: Bools, frame: tuple[int, int, int, int], seed: int) -> Array:
    height, width = rgb.shape[:2]
    out_width, out_height, left, top = frame
    inside = slice(top, top + height), slice(left, left + width)
    canvas = np.zeros((out_height, out_width, 3), np.uint8)
    canvas[inside] = rgb
    hole = np.ones((out_height, out_width), bool)
    hole[inside] = False
    source = ~hole
    if (~subject).mean() >= LEAST_SOURCE and len(touches_border(subject)) < SCENE_SIDES:
        source[inside] = ~subject | _cut_rim(subject)
    return fill(canvas, hole, source, locality=LOCALITY * min(unevenness(rgb) / UNEVEN, 1), seed=seed)


def unevenness(rgb: Array) -> float:
    """Which share of the variance of (h, w, 3) uint8 lies between places: 0.01 in grass, 0.2-0.7 in scenes."""
    _, deviation = cv2.meanStdDev(rgb)
    total = float(np.square(deviation).sum())
    places = cv2.resize(rgb, (PLACES, PLACES), interpolation=cv2.INTER_AREA)
    return float(places.reshape(-1, 3).astype(np.float64).var(axis=0).sum()) / max(total, 1e-9)


def _cut_rim(subject: Bools) -> Bools:
    """Where a side cuts the subject, its strip along that side: without it the cut would stay a straight
    edge."""
    height, width = subject.shape
    rim = np.zeros_like(subject)
    deep_y, deep_x = round(height * CUT_RIM), round(width * CUT_RIM)
    strips = {
        "left": rim[:, :deep_x],
        "top": rim[:deep_y],
        "right": rim[:, width - deep_x :],
        "bottom": rim[height - deep_y :],
    }
    for side in touches_border(subject):
        strips[side][:] = True
    return rim


def _cut_warning(subject: Subject, grown: tuple[bool, ...]) -> tuple[str, ...]:
    names = ("left", "top", "right", "bottom")
    cut = [side for side in touches_border(subject.mask) if grown[names.index(side)]]
    if not cut:
        return ()
    return (f"the subject is cut by the border ({', '.join(cut)}); what lies beyond it can't be continued here",)
