"""wan/stylization_all and wan/stylization_local: the whole picture in another style, or one part in another material.

Styles are painted on at most 1.5 megapixels and enlarged; what a style doesn't cover keeps its bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from wanflow.pixels import styles
from wanflow.pixels.engine import Array, Edited, EditRequest, Fidelity, Floats, edit
from wanflow.pixels.gold_foil import gold_foil
from wanflow.pixels.instruction import clauses
from wanflow.pixels.materials import covered
from wanflow.pixels.negation import is_forbidden
from wanflow.pixels.picture_book import picture_book
from wanflow.pixels.stamp import stamped
from wanflow.pixels.target import find_target
from wanflow.pixels.told import told

WORK_PIXELS = 1_500_000
DEFAULT_STRENGTH = 0.5
DEFAULT_WHOLE = "french picture book"
NO_MATERIAL = (
    f"the prompt asks for no one style known here, so nothing was changed; known are: {', '.join(styles.LOCAL)}"
)
_STRIP_PIXELS = 1 << 19


@edit("wan/stylization_all")
def stylize_all(request: EditRequest) -> Edited:
    """Paint the whole picture in the prompt's style; strength 0 returns the input's bytes, 1 the style alone."""
    picture = request.image
    found = styles.named(request.prompt, styles.WHOLE, styles.NEAR_WHOLE)
    style = found.style if found else DEFAULT_WHOLE
    strength = float(request.parameters.get("strength", DEFAULT_STRENGTH))
    warnings = _doubts(found, style, styles.WHOLE)
    if strength <= 0:
        return Edited(picture, Fidelity.APPROXIMATE, warnings)
    small = np.asarray(at_work_size(picture.rgb) / np.float32(255), np.float32)
    dice = np.random.default_rng(request.seed)
    paint, bare = picture_book(small, dice, strength) if style == DEFAULT_WHOLE else gold_foil(small, dice)
    # Most of a style should show at the default strength; the photograph's detail goes last.
    cover = np.maximum(np.float32(1 - (1 - min(strength, 1)) ** 1.6), bare * np.float32(min(1, 2 * strength)))
    painted = laid_over(picture.rgb, (paint * 255 + 0.5).astype(np.uint8), np.asarray(cover, np.float32))
    return Edited(replace(picture, rgb=painted), Fidelity.APPROXIMATE, warnings)


def _foreseen(parameters: Mapping[str, Any]) -> Fidelity:
    """Approximate when one known style is asked for, though the thing may yet not be found in the picture."""
    return Fidelity.APPROXIMATE if _material(str(parameters.get("prompt") or "")) else Fidelity.PROXY


@edit("wan/stylization_local", foresee=_foreseen)
def stylize_local(request: EditRequest) -> Edited:
    """Remake what the prompt names, or the hint shows, in one of eight materials; the rest keeps its bytes.

    Stamped where the prompt asks for no one of them, or what it names is not found with confidence.
    """
    picture = request.image
    found = _material(request.prompt)
    if found is None:
        return stamped(picture, request.prompt, NO_MATERIAL)
    small = at_work_size(picture.rgb)
    hinted = told(picture.rgb, request.hint)
    target = find_target(small, found.rest, hinted.mask, picture.size)
    warnings = (*_doubts(found, found.style, styles.LOCAL), *hinted.warnings, *target.warnings)
    if target.mask is None:
        return stamped(picture, request.prompt, *warnings)
    painted = laid_over(picture.rgb, *covered(small, target.mask, found.style, request.seed))
    return Edited(replace(picture, rgb=painted), Fidelity.APPROXIMATE, warnings)


def _material(prompt: str) -> styles.Named | None:
    """The one material that a prompt asks for; None where it names none or several, or only forbids it."""
    wanted = [clause for clause in clauses(prompt) if not is_forbidden(clause)]
    several = {found.style for clause in wanted if (found := styles.named(clause, styles.LOCAL, styles.LOCAL))}
    return styles.named(", ".join(wanted), styles.LOCAL, styles.NEAR_LOCAL) if len(several) < 2 else None


def _doubts(found: styles.Named | None, style: str, known: styles.Words) -> tuple[str, ...]:
    """What to say when the prompt names no known style."""
    if found and found.exact:
        return ()
    names = ", ".join(known)
    return (f"the prompt names no style known here; {style} was taken; known are: {names}",)


def at_work_size(rgb: Array) -> Array:
    """A picture brought down to the size that styles are painted on, or itself when it is no larger."""
    height, width = rgb.shape[:2]
    scale = (WORK_PIXELS / (height * width)) ** 0.5
    if scale >= 1:
        return rgb
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def laid_over(rgb: Array, paint: Array, cover: Floats) -> Array:
    """`rgb` under `paint` (h, w, 3) as far as `cover` (h, w) in [0, 1] says, both enlarged to its size."""
    height, width = rgb.shape[:2]
    if paint.shape != rgb.shape:
        paint = cv2.resize(paint, (width, height), interpolation=cv2.INTER_CUBIC)
        cover = cv2.resize(cover, (width, height), interpolation=cv2.INTER_LINEAR)
    out = rgb.copy()
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        part = slice(top, top + rows)
        share = cover[part, :, None]
        if share.any():
            out[part] = (rgb[part] * (1 - share) + paint[part] * share + np.float32(0.5)).astype(np.uint8)
    return out
