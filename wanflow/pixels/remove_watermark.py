"""wan/remove_watermark: text and marks that were laid over a photograph are found and taken off; the rest is kept.

Whoever asks must hold the rights to the picture. Nothing found, nothing changed, and it is said.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from wanflow.pixels.engine import Array, Bools, Edited, EditRequest, Fidelity, edit
from wanflow.pixels.fill import diffuse, fill
from wanflow.pixels.told import shown
from wanflow.pixels.unblend import lifted
from wanflow.pixels.writing import Writing, find_writing

# Diffusion closes thin strokes as well as patches do and a hundred times faster; across wider ones it smears.
WIDEST_DIFFUSED = 8
NAMED = 4  # places that a warning names
# Texture around a place that is enough to guess and blend it.
AROUND = 24
NOTHING = "no text or mark was found; the picture is unchanged; to say where it is, give `hint:` a region or a mask"
NOTHING_THERE = (
    "no text or mark was found in the hint's region; the picture is unchanged; a mask as hint is filled whole"
)
PROMPT = "Remove the text in the image"
PROMPT_UNREAD = "the prompt is not read here: all text and marks that are found are taken off"
WHOLE_MASK = "no text or mark was found in the hint's mask, so all of it was filled"


@edit("wan/remove_watermark")
def remove_watermark(request: EditRequest) -> Edited:
    """Take off writing; the hint's region or mask says where to look, and an unreadable mask is filled whole."""
    picture, hint = request.image, request.hint
    said = (PROMPT_UNREAD,) if request.prompt not in ("", PROMPT) else ()
    area = shown(hint, picture.rgb.shape)
    writing = find_writing(picture.rgb, hint)
    if writing.mask.any():
        rgb, warning = erased(picture.rgb, writing, request.seed), found_words(writing)
    elif area is not None:
        rgb, warning = fill(picture.rgb, area, seed=request.seed), WHOLE_MASK
    else:
        return Edited(picture, Fidelity.APPROXIMATE, (NOTHING if hint.region is None else NOTHING_THERE, *said))
    return Edited(replace(picture, rgb=rgb), Fidelity.APPROXIMATE, (warning, *said))


def found_words(writing: Writing) -> str:
    """What was found and where, the largest places first, in pixels."""
    share = 100 * float(writing.mask.mean())
    found = sorted(writing.places, key=lambda box: box[2] * box[3], reverse=True)
    where = "1 place" if len(found) == 1 else f"{len(found)} places"
    boxes = "; ".join("x {}, y {}, width {}, height {}".format(*box) for box in found[:NAMED])
    more = f" and {len(found) - NAMED} smaller" if len(found) > NAMED else ""
    said = f"text or marks found in {where} ({boxes}{more}), {share:.1f} % of the picture, and taken off"
    return f"{said}; `hint:` restricts the search"


def erased(rgb: Array, writing: Writing, seed: int) -> Array:
    """(h, w, 3) with writing lifted where it is translucent, else closed from around; other pixels keep their bytes."""
    mask = writing.mask
    ground = diffuse(rgb, mask, cv2.INPAINT_TELEA)
    out, left = ground.copy(), mask.copy()
    for part in _places(mask):
        bare, done = lifted(rgb[part], ground[part], writing.strokes[part])
        if done.any():
            rest = mask[part] & ~done
            out[part] = np.where(mask[part][..., None], diffuse(bare, rest, cv2.INPAINT_TELEA), out[part])
            left[part] &= ~mask[part]
    wide = _wide(writing.strokes) & left
    return fill(out, wide, ~mask, seed=seed) if wide.any() else out


def _places(mask: Bools) -> list[tuple[slice, slice]]:
    """A window with some room around each place of writing."""
    near = cv2.dilate(mask.astype(np.uint8), np.ones((AROUND // 2 + 1, AROUND // 2 + 1), np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats(near)
    windows = []
    for left, top, width, height, _ in stats[1:]:
        rows = slice(max(top - AROUND, 0), top + height + AROUND)
        windows.append((rows, slice(max(left - AROUND, 0), left + width + AROUND)))
    return windows


def _wide(strokes: Bools) -> Bools:
    """The strokes too wide for diffusion, with their soft edges."""
    plane = np.pad(strokes.astype(np.uint8), 1)
    depth = cv2.distanceTransform(plane, cv2.DIST_L2, 3)[1:-1, 1:-1]
    core = depth > WIDEST_DIFFUSED / 2
    _, labels = cv2.connectedComponents(strokes.astype(np.uint8))
    held = np.zeros(int(labels.max()) + 1, bool)
    held[np.unique(labels[core])] = True
    held[0] = False
    grown = cv2.dilate(held[labels].astype(np.uint8), np.ones((7, 7), np.uint8))
    return np.asarray(grown > 0)
