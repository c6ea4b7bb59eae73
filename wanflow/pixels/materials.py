"""The eight local materials by name, and a subject covered with one of them."""

from __future__ import annotations

import cv2
import numpy as np

from wanflow.pixels import materials_hard as hard
from wanflow.pixels import materials_soft as soft
from wanflow.pixels.engine import Array, Floats
from wanflow.pixels.form import Form, Material
from wanflow.pixels.masks import Mask
from wanflow.pixels.textures import step, unit_of

MATERIALS: dict[str, Material] = {
    "ice": hard.ice,
    "cloud": soft.cloud,
    "chinese festive lantern": soft.lantern,
    "wooden": hard.wooden,
    "blue and white porcelain": hard.porcelain,
    "fluffy": soft.fluffy,
    "weaving": soft.weaving,
    "balloon": hard.balloon,
}
# Hair, mist and shadows end here, in hundredths of the short side; the promise to the user is 5.
REACH = 4.0


def covered(rgb: Array, mask: Mask, material: str, seed: int) -> tuple[Array, Floats]:
    """Paint (h, w, 3) uint8 and its cover (h, w) in [0, 1] for the subject `mask` of (h, w, 3) uint8."""
    unit, reach = unit_of(mask), REACH * min(mask.shape) / 100
    paint, cover = rgb.copy(), np.zeros(mask.shape, np.float32)
    box = _box(mask, round(6 * unit) + 2)
    piece = np.asarray(rgb[box] / np.float32(255), np.float32)
    edge = cv2.GaussianBlur(mask[box].astype(np.float32), (0, 0), max(0.6, 0.1 * unit))
    form = Form(piece, np.asarray(edge, np.float32), unit, np.random.default_rng(seed))
    colour, share = MATERIALS[material](form)
    paint[box] = (np.clip(colour, 0, 1) * 255 + 0.5).astype(np.uint8)
    cover[box] = np.clip(share, 0, 1) * step(form.away, reach, 0.8 * reach)
    return paint, cover


def _box(mask: Mask, margin: int) -> tuple[slice, slice]:
    """The part of a picture that holds the mask and a margin."""
    sides = []
    for axis in (1, 0):
        places = np.flatnonzero(mask.any(axis))
        sides.append(slice(max(0, int(places[0]) - margin), int(places[-1]) + 1 + margin))
    return sides[0], sides[1]
