"""The eight local materials by name, and a subject covered with one of them."""

from __future__ import annotations

import cv2
import numpy as np

from wanflow.pixels import materials_hard as hard
from wanflow.pixels import materials_soft as soft
from wanflow.pixels.engine import Array, Floats
from wanflow.pixels.form import Form, Material
from wanflow.pixels.masks import Mask, disc
from wanflow.pixels.textures import blur, step, unit_of

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
REACH = 3.6


def covered(rgb: Array, mask: Mask, material: str, seed: int) -> tuple[Array, Floats]:
    """Paint (h, w, 3) uint8 and its cover (h, w) in [0, 1] for the subject `mask` of (h, w, 3) uint8."""
    unit, reach = unit_of(mask), REACH * min(mask.shape) / 100
    paint, cover = rgb.copy(), np.zeros(mask.shape, np.float32)
    box = _box(mask, round(6 * unit) + 2)
    piece = _continued(np.asarray(rgb[box] / np.float32(255), np.float32), mask[box], 1.2 * unit)
    # The rim of a cut-out still holds its old colours: the paint goes a little beyond.
    grown = cv2.dilate(mask[box].astype(np.uint8), disc(1 + 2 * round(0.3 * unit)))
    edge = cv2.GaussianBlur(grown.astype(np.float32), (0, 0), max(0.6, 0.1 * unit))
    form = Form(piece, np.asarray(edge, np.float32), unit, np.random.default_rng(seed))
    colour, share = MATERIALS[material](form)
    paint[box] = (np.clip(colour, 0, 1) * 255 + 0.5).astype(np.uint8)
    cover[box] = np.clip(share, 0, 1) * step(form.away, reach, 0.8 * reach)
    return paint, cover


def _continued(piece: Floats, mask: Mask, reach: float) -> Floats:
    """A piece of a picture (h, w, 3) whose subject's colours go on outside the mask."""
    weight = np.asarray(mask, np.float32)
    near, share = blur(piece * weight[..., None], reach), blur(weight, reach)[..., None]
    # Farther out than the blur reaches stands the mean colour; its weight is negligible elsewhere.
    mean = np.asarray(piece[mask].mean(axis=0), np.float32)
    beyond = (near + np.float32(1e-3) * mean) / (share + np.float32(1e-3))
    return np.asarray(np.where(mask[..., None], piece, beyond), np.float32)


def _box(mask: Mask, margin: int) -> tuple[slice, slice]:
    """The part of a picture that holds the mask and a margin."""
    sides = []
    for axis in (1, 0):
        places = np.flatnonzero(mask.any(axis))
        sides.append(slice(max(0, int(places[0]) - margin), int(places[-1]) + 1 + margin))
    return sides[0], sides[1]
