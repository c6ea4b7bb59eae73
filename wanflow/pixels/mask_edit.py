"""wan/description_edit_with_mask: only what is white in the mask changes, the rest keeps its bytes.

Deletion copies the picture's own texture into the hole (and a rim around it); a new colour or material is put on what
is there; anything else needs a model and comes back stamped inside the mask.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from wanflow.errors import EditError, quoted
from wanflow.pixels.brushes import Brush, brush_for, own_hue, painted_strips
from wanflow.pixels.chroma import Tone, luminance, paint, to_oklab
from wanflow.pixels.edit_mask import hole as hole_of
from wanflow.pixels.engine import Array, Bools, Edited, EditRequest, Fidelity, Floats, Picture, edit
from wanflow.pixels.instruction import Change
from wanflow.pixels.mask_stamp import outlined, stamp_inside
from wanflow.pixels.mask_wish import Deed, Deletion, MaskWish, Remake, wish
from wanflow.pixels.masks import WORK_PIXELS
from wanflow.pixels.materials import covered
from wanflow.pixels.regions import Region
from wanflow.pixels.removal import grown, remove, smears, with_rim
from wanflow.pixels.stamp import stamped
from wanflow.pixels.stylize import at_work_size, laid_over
from wanflow.pixels.told import place
from wanflow.pixels.words import Kind

QUOTED = 3  # clauses of the prompt that a warning repeats
# A deletion of more than this has little left to copy from.
LARGE = 0.5
STRENGTH = 0.5
SOFT_EDGE = 0.002
COLOURLESS = 0.02
TOO_SMALL = "the mask is too small for a stamp that could be read, so the whole picture wears it"
SMEARS = "the hole, {}, is wide for what is around it, so the fill may show; look at the picture before using it"
EXAMPLES = '"" or "grass" (deletes), "make it red", "wooden", "改成蓝色"'


def _foreseen(parameters: Mapping[str, Any]) -> Fidelity:
    return Fidelity.PROXY if wish(str(parameters.get("prompt") or "")).left else Fidelity.APPROXIMATE


@edit("wan/description_edit_with_mask", foresee=_foreseen)
def edit_with_mask(request: EditRequest) -> Edited:
    """Delete, recolour or remake what is white in the mask, as the prompt says; stamp it for anything else."""
    picture = request.image
    if request.mask is None:
        raise EditError("MaskMissing", "there is no mask; white in it is what is edited")
    hole, said = hole_of(request.mask, picture.size)
    wanted = wish(request.prompt)
    for deed in wanted.deeds:
        rgb, more = _done(deed, picture, hole, request.seed)
        picture, said = replace(picture, rgb=rgb), (*said, *more)
    if wanted.left:
        return _proxy(picture, hole, request.prompt, (*said, _unread(wanted)))
    return Edited(picture, Fidelity.APPROXIMATE, said)


def _done(deed: Deed, picture: Picture, hole: Bools, seed: int) -> tuple[Array, tuple[str, ...]]:
    """The picture after one deed, and what to say of it."""
    if isinstance(deed, Deletion):
        return _deleted(picture, hole, seed), _said_of(deed, picture.rgb, hole)
    if isinstance(deed, Remake):
        return _remade(picture.rgb, hole, deed.material, seed), ()
    return _changed(picture.rgb, hole, deed, seed), _doubts(deed)


def _unread(wanted: MaskWish) -> str:
    clauses = list(dict.fromkeys(wanted.left))
    more = [f"and {len(clauses) - QUOTED} more"] if len(clauses) > QUOTED else []
    what = "; ".join([*map(quoted, clauses[:QUOTED]), *more])
    return f"{what} needs a generative model; without one, try {EXAMPLES}"


def _said_of(deed: Deletion, rgb: Array, hole: Bools) -> tuple[str, ...]:
    said = []
    if deed.described:
        said.append(f"the mask was filled with what is around it; {quoted(deed.described)} itself was not painted")
    if hole.mean() > LARGE:
        said.append(f"the mask covers {hole.mean():.0%} of the picture; so large a hole is filled with mere texture")
    elif smears(rgb, grown(hole)):
        said.append(SMEARS.format(place(hole)))
    return tuple(said)


def _doubts(change: Change) -> tuple[str, ...]:
    said = []
    if change.tone and change.region and change.kind is not Kind.WHOLE:
        said.append(f'all that is in the mask was recoloured; no "{change.region}" was looked for or drawn')
    return tuple(said)


def _deleted(picture: Picture, hole: Bools, seed: int) -> Array:
    # What can't be seen has any colour, and is no texture to copy.
    seen = None if picture.alpha is None else picture.alpha > 0
    wide = with_rim(picture.rgb, hole, seen)
    return remove(picture.rgb, hole if wide.all() else wide, seen, seed)


def _changed(rgb: Array, hole: Bools, change: Change, seed: int) -> Array:
    """The masked part under another colour or tone."""
    box = _box(hole)
    region = Region(Kind.OTHER, _small(hole[box]), 1.0)
    if change.tone and change.tone.chroma < COLOURLESS:
        brush = _without_colour(rgb[box], region, change.tone)
    else:
        brush = brush_for(rgb[box], change, region, STRENGTH, seed)
    return _laid_in(rgb, hole, box, painted_strips(rgb[box], brush))


def _without_colour(piece: Array, region: Region, tone: Tone) -> Brush:
    """Black, white or grey: most of the way to the tone's lightness, lights still lighter than shades."""
    own = own_hue(piece, region)
    small = np.cbrt(luminance(cv2.resize(piece, region.mask.shape[::-1], interpolation=cv2.INTER_AREA)))
    usual = float(np.clip(np.median(small[region.mask > 0]), 0.05, 0.95))
    steep = np.log(usual + 0.75 * (tone.lightness - usual)) / np.log(usual)

    def brush(strip: Array) -> Array:
        lab = to_oklab(strip)
        light, a, b = (lab[..., n] for n in range(3))
        share = np.ones_like(light)
        if own is not None:  # what has no colour of its own was not meant: a dark helmet, the wall behind
            share = own.part(a, b) * np.clip(np.hypot(a, b) / own.chroma * 2 - 0.5, 0, 1)
        light = light + share * (np.power(np.clip(light, 0, 1), steep) - light)
        return paint(np.asarray(light**3, np.float32), a * (1 - share), b * (1 - share))

    return brush


def _remade(rgb: Array, hole: Bools, material: str, seed: int) -> Array:
    """The masked part in another material; what would stand out over the mask is cut off."""
    small = at_work_size(rgb)
    fine = cv2.resize(hole.astype(np.uint8), small.shape[1::-1], interpolation=cv2.INTER_AREA) > 0
    made = laid_over(rgb, *covered(small, fine, material, seed))
    box = _box(hole)
    return _laid_in(rgb, hole, box, painted_strips(made[box], lambda strip: strip))


def _laid_in(rgb: Array, hole: Bools, box: tuple[slice, slice], strips: Iterable[Array]) -> Array:
    """`rgb` with strips of its box, from the top, where the hole is; the hole's edge is softened inwards."""
    out = rgb.copy()
    reach = max(1.0, SOFT_EDGE * min(rgb.shape[:2]))
    # One pixel more than the box, so that its sides are outline where they are not the picture's border.
    rows, columns = (slice(side.start, side.stop + 2) for side in box)
    wider = np.pad(hole, 1, mode="edge")[rows, columns].astype(np.uint8)
    depth = cv2.distanceTransform(wider, cv2.DIST_L2, cv2.DIST_MASK_5)
    share = np.clip(depth[1:-1, 1:-1, None] / reach, 0, 1)
    piece, top = out[box], 0
    for strip in strips:
        part = slice(top, top + strip.shape[0])
        mixed = piece[part] + share[part] * (strip.astype(np.float32) - piece[part])
        piece[part] = (mixed + np.float32(0.5)).astype(np.uint8)
        top = part.stop
    return out


def _proxy(picture: Picture, hole: Bools, request: str, said: tuple[str, ...]) -> Edited:
    """The mask stamped; the whole picture where the mask is too small for it."""
    inside = stamp_inside(picture.rgb, hole, request)
    if inside is None:
        return stamped(replace(picture, rgb=outlined(picture.rgb, hole)), request, *said, TOO_SMALL)
    # A stamp that can be looked through is none.
    alpha = None if picture.alpha is None else np.where(hole, np.uint8(255), picture.alpha)
    return Edited(replace(picture, rgb=inside, alpha=alpha), Fidelity.PROXY, said)


def _box(hole: Bools) -> tuple[slice, slice]:
    rows, columns = (np.flatnonzero(hole.any(axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _small(mask: Bools) -> Floats:
    """A mask as a plane of at most the working size."""
    height, width = mask.shape
    scale = min(1.0, (WORK_PIXELS / (height * width)) ** 0.5)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA), np.float32)
