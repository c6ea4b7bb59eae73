"""`wan/expand`: grow a picture over its borders out of its own texture; the original stays in it byte for
byte."""

from __future__ import annotations

import cv2
import numpy as np

from wanflow.functions.sizes import expanded
from wanflow.pixels.defocus import defocus
from wanflow.pixels.engine import Array, Bools, Edited, EditRequest, Fidelity, Floats, Picture, edit
from wanflow.pixels.fill import fill
from wanflow.pixels.masks import at_shape
from wanflow.pixels.subject import find_subject, touches_border

# A smaller rest would repeat visibly; then the subject is better copied than the same few leaves.
LEAST_SOURCE = 0.25
# What is found with less confidence is as often the sky or a scatter of stars, which should be copied.
LEAST_CONFIDENCE = 0.45
# Its rim need not be found to the pixel.
SUBJECT_PIXELS = 40_000
CUT_RIM = 0.12
# What three sides cut is no subject but the scene itself, and there is nothing better to grow it from.
SCENE_SIDES = 3
LOCALITY = 0.5
# Below this share of its variance between places, a picture is of one texture, and any place is as good as the next.
UNEVEN = 0.2
PLACES = 4
# Within a quarter of the picture's side what is grown holds together; further out it falls into repeated pieces. From
# there to the half that the largest scale adds, a border with things on it goes out of focus, to BLUR of the side.
NEAR, FAR = 0.25, 0.5
BLUR = 0.05
# The contrast along a border, on a picture of BORDER_SIDE pixels, that is certainly of things and not of a texture.
BORDER_SIDE = 96
BUSY = 0.12
Margins = tuple[float, float, float, float]  # left, top, right, bottom, in shares of width and height
SIDES = ("left", "top", "right", "bottom")
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
    subject = _subject(rgb)
    grown = _grow(rgb, subject, (out_width, out_height, left, top), request.seed)
    # Rounded, so that an odd pixel doesn't count as growth.
    right, bottom = out_width - width - left, out_height - height - top
    margins = round(left / width, 2), round(top / height, 2), round(right / width, 2), round(bottom / height, 2)
    busy = _busy(rgb)
    blurred = defocus(grown, _depth(busy, margins, max(height, width)))
    blurred[top : top + height, left : left + width] = rgb
    return Edited(Picture(blurred), Fidelity.APPROXIMATE, (*warnings, *_warning(subject, busy, margins)))


def _subject(rgb: Array) -> Bools:
    """What should not be copied, roughly: (h, w) bool, empty where nothing is found for sure."""
    height, width = rgb.shape[:2]
    scale = min(1.0, (SUBJECT_PIXELS / (height * width)) ** 0.5)
    found = find_subject(at_shape(rgb, (max(round(height * scale), 1), max(round(width * scale), 1))))
    sure = found.mask & (found.confidence >= LEAST_CONFIDENCE)
    return np.asarray(cv2.resize(sure.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) > 0.5)


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


def _busy(rgb: Array) -> Floats:
    """How much (h, w, 3) uint8 varies around each place, at a small size: 1 and more where things are, 0 in one texture
    throughout.
    """
    scale = BORDER_SIDE / max(rgb.shape)
    size = max(round(rgb.shape[1] * scale), 1), max(round(rgb.shape[0] * scale), 1)
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    apart = small - cv2.GaussianBlur(small, (0, 0), BORDER_SIDE / 16)
    variance = cv2.GaussianBlur(np.square(apart).sum(axis=2), (0, 0), BORDER_SIDE / 16)
    return np.asarray(np.sqrt(variance) * np.float32(min(unevenness(rgb) / UNEVEN, 1) / BUSY))


def _depth(busy: Floats, margins: Margins, side: int) -> Floats:
    """For each place of the grown picture how many octaves it is out of focus, at the scale of `busy`."""
    height, width = busy.shape
    left, top, right, bottom = (round(m * s) for m, s in zip(margins, (width, height) * 2, strict=True))
    around = cv2.copyMakeBorder(busy, top, bottom, left, right, cv2.BORDER_REPLICATE)
    spread = np.minimum(cv2.GaussianBlur(around, (0, 0), BORDER_SIDE / 16), 1)
    far = np.maximum(_far(height, top, bottom)[:, None], _far(width, left, right)[None])
    return np.asarray(np.log2(1 + np.float32(BLUR * side) * far) * spread)


def _far(length: int, before: int, after: int) -> Floats:
    """Along one axis 0 in the picture, rising to 1 at FAR beyond it, and less where the side grows by less."""
    place = np.arange(-before, length + after, dtype=np.float32)
    beyond = np.maximum(np.maximum(-place, place - length + 1) / length, 0)
    grown = np.where(place < 0, before, after) / length
    far: Floats = np.clip((grown - NEAR) / (FAR - NEAR), 0, 1).astype(np.float32) * beyond / np.float32(FAR)
    return far


def _warning(subject: Bools, busy: Floats, margins: Margins) -> tuple[str, ...]:
    """One that names the sides beyond which nothing good can be drawn."""
    cut = touches_border(subject)
    strips = busy[:, 0], busy[0], busy[:, -1], busy[-1]
    rough = [
        side
        for side, strip, margin in zip(SIDES, strips, margins, strict=True)
        if (margin > 0 and side in cut) or (margin > NEAR and strip.mean() >= 1)
    ]
    if not rough:
        return ()
    named = " and ".join(filter(None, (", ".join(rough[:-1]), rough[-1])))
    return (f"what the picture shows is cut by the {named} border; what is drawn beyond is rough",)
