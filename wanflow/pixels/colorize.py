"""wan/colorization: give a grey photograph the colours that its prompt names, or a restrained tint.

Lightness is never touched. Masks come from a copy of at most 0.15 megapixels and reach full size by a guided
filter whose gain and offset are enlarged and applied to the full lightness, one strip of rows at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from wanflow.errors import quoted
from wanflow.pixels.chroma import Tone, envelope, luminance, paint
from wanflow.pixels.engine import Array, Edited, EditRequest, Fidelity, Floats, edit
from wanflow.pixels.masks import guided, small_lightness
from wanflow.pixels.regions import FAINT, find
from wanflow.pixels.scene import SURE, Scene
from wanflow.pixels.told import aimed, at_size, how, told
from wanflow.pixels.words import Kind, Wish, parse

_STRIP_PIXELS = 1 << 19
# Old prints and early colour film are paler than names of colours suggest.
_RESTRAINT = 0.88
_PEOPLE = (Kind.PERSON, Kind.CLOTHES, Kind.HAIR, Kind.SKIN)

_SKY = Tone(0.80, 0.058, 248)
_GRASS = Tone(0.58, 0.055, 122)
_LEAVES = Tone(0.50, 0.045, 130)
_SKIN = Tone(0.85, 0.085, 52)
_SHADOW = Tone(0.35, 0.020, 58)
_GLOW = Tone(0.78, 0.026, 80)

EXAMPLES = '"blue sky, green grass, brown coat", "the cat is ginger", "蓝天,绿草"'


@dataclass(frozen=True, slots=True)
class Layer:
    """A soft mask at working size (h, w) and the tone it is given."""

    mask: Floats
    tone: Tone


@edit("wan/colorization")
def colorize(request: EditRequest) -> Edited:
    """Colour by the prompt's words, or tint where it names none; size and alpha stay, lightness too."""
    picture = request.image
    rgb = picture.rgb
    dice = np.random.default_rng(request.seed) if request.seed else None
    light, hinted = small_lightness(rgb), told(rgb, request.hint)
    scene = Scene(light, None if hinted.mask is None else at_size(hinted.mask, light.shape))
    wishes = _aimed(parse(request.prompt)) if hinted.mask is not None else parse(request.prompt)
    layers, warnings = _asked(scene, wishes, dice) if wishes else (_guessed(scene, dice), [])
    warnings[:0] = hinted.warnings
    if request.prompt.strip() and not wishes:
        warnings.append(f"no colour in the prompt was understood, so a default tint was used; try {EXAMPLES}")
    if _coloured(rgb):
        warnings.append("the picture already has colour; it was recoloured from its luminance alone")
    ground = _ground_tones(wishes, dice)
    painted = np.concatenate(list(_strips(rgb, scene.light, layers, ground)))
    return Edited(replace(picture, rgb=painted), Fidelity.APPROXIMATE, tuple(warnings))


def _coloured(rgb: Array) -> bool:
    """Does a picture show colour beyond a scanner's cast or JPEG's noise?"""
    sample = rgb[:: max(1, rgb.shape[0] // 256), :: max(1, rgb.shape[1] // 256)].astype(np.int16)
    spread = sample.max(axis=-1) - sample.min(axis=-1)
    return bool((spread > 24).mean() > 0.02)


def _varied(tone: Tone, dice: np.random.Generator | None, hue_deg: float = 7, more: float = 0.16) -> Tone:
    """A tone a few degrees and a little strength away, so that candidates differ; unchanged without dice."""
    if dice is None:
        return tone
    turn, strength = dice.uniform(-hue_deg, hue_deg), dice.uniform(1 - more, 1 + more)
    return Tone(tone.lightness, tone.chroma * strength, (tone.hue_deg + turn) % 360)


def _asked(scene: Scene, wishes: Sequence[Wish], dice: np.random.Generator | None) -> tuple[list[Layer], list[str]]:
    """The layers that the wishes ask for, and what has to be said about words without a sure place."""
    chosen: dict[Kind, Wish] = {}
    warnings = []
    for wish in wishes:
        first = chosen.setdefault(_kind(wish, wishes), wish)
        if first is not wish:
            warnings.append(
                f"{quoted(wish.region)} can't be told from {quoted(first.region)}; {wish.colour} was left out"
            )
    skin = Kind.SKIN not in chosen and any(kind in _PEOPLE for kind in chosen)
    regions = find(scene, [*chosen, *([Kind.SKIN] if skin else [])])
    layers = []
    for kind, wish in chosen.items():
        warnings.extend(_doubt(wish, regions[kind].confidence, how(scene.told)))
        if regions[kind].confidence >= FAINT:
            layers.append(Layer(regions[kind].mask, _varied(_restrained(wish.tone), dice)))
    if skin and regions[Kind.SKIN].confidence >= FAINT:
        layers.append(Layer(regions[Kind.SKIN].mask, _varied(_SKIN, dice, 3)))
    return layers, warnings


def _kind(wish: Wish, wishes: Sequence[Wish]) -> Kind:
    """A person's own colour is that of the clothes; one and the same area has one kind."""
    if wish.kind is Kind.PERSON:
        return Kind.CLOTHES
    if wish.kind is Kind.OTHER:
        return Kind.SUBJECT
    return Kind.GROUND if wish.kind is Kind.GRASS else Kind.BACKGROUND if wish.kind is Kind.SURFACE else wish.kind


def _aimed(wishes: Sequence[Wish]) -> list[Wish]:
    """The wishes once a hint says where the subject is."""
    alone = len({wish.kind for wish in wishes}) == 1
    return [replace(wish, kind=aimed(wish.kind, alone=alone)) for wish in wishes]


def _doubt(wish: Wish, confidence: float, more: str) -> Iterator[str]:
    """What to say about a region that is not sure."""
    if confidence < FAINT:
        yield f"no {quoted(wish.region)} was found in the picture, so {wish.colour} was left out{more}"
    elif wish.kind is Kind.OTHER:
        yield f"{quoted(wish.region)} is not a word known here; {wish.colour} was given to the main subject"
    elif confidence < SURE:
        yield f"where the {quoted(wish.region)} is was only guessed; look at the {wish.colour} before using it{more}"


def _restrained(tone: Tone) -> Tone:
    return replace(tone, chroma=tone.chroma * _RESTRAINT)


def _guessed(scene: Scene, dice: np.random.Generator | None) -> list[Layer]:
    """Layers for an empty prompt: sky and greenery only under an open daylight sky, where they are likely."""
    if not scene.open_sky:
        return []
    tones = {Kind.SKY: _SKY}
    if scene.leafy.confidence >= SURE:
        tones[Kind.FOLIAGE] = _LEAVES
    textured = float(scene.busy[scene.ground.mask].mean()) if scene.ground.mask.any() else 0.0
    if scene.ground.confidence >= SURE and textured > 0.010:
        tones[Kind.GROUND] = _GRASS
    regions = find(scene, tones)
    return [Layer(regions[kind].mask, _varied(tone, dice)) for kind, tone in tones.items()]


def _ground_tones(wishes: Sequence[Wish], dice: np.random.Generator | None) -> tuple[Tone, Tone]:
    """Shadow and highlight tone of everything that no layer covers; quieter where colours were asked for."""
    share = 0.6 if wishes else 1.0
    shadow, glow = (_varied(tone, dice, 12, 0.35) for tone in (_SHADOW, _GLOW))
    return replace(shadow, chroma=shadow.chroma * share), replace(glow, chroma=glow.chroma * share)


def _strips(rgb: Array, light: Floats, layers: Sequence[Layer], ground: tuple[Tone, Tone]) -> Iterator[Array]:
    """The painted picture, a band of rows at a time."""
    height, width = rgb.shape[:2]
    fits = [guided(layer.mask, light) for layer in layers]
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        bottom = min(height, top + rows)
        y = luminance(rgb[top:bottom])
        full = np.asarray(np.cbrt(y), np.float32)
        masks = [
            _firm(_rows(gain, top, bottom, rgb.shape) * full + _rows(offset, top, bottom, rgb.shape))
            for gain, offset in fits
        ]
        yield paint(y, *_blend(full, masks, layers, ground))


def _firm(mask: Floats) -> Floats:
    """A guided mask without the faint leaks and holes left where both sides of an edge are alike."""
    share = np.clip((mask - 0.15) / 0.7, 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def _blend(
    light: Floats, masks: Sequence[Floats], layers: Sequence[Layer], ground: tuple[Tone, Tone]
) -> tuple[Floats, Floats]:
    """OKLab a and b (h, w): layers by their masks, the ground tones where masks leave room."""
    total = np.zeros_like(light)
    a, b = np.zeros_like(light), np.zeros_like(light)
    for mask, layer in zip(masks, layers, strict=True):
        weight = mask * envelope(light, layer.tone)
        a += weight * np.float32(layer.tone.ab[0])
        b += weight * np.float32(layer.tone.ab[1])
        total += mask
    over = np.maximum(total, 1)
    rest = np.maximum(1 - total, 0) * 4 * light * (1 - light * 0.75)
    mix = np.clip((light - 0.35) / 0.4, 0, 1)
    for channel, plane in enumerate((a, b)):
        plane /= over
        plane += rest * (ground[0].ab[channel] * (1 - mix) + ground[1].ab[channel] * mix)
    return a, b


def _rows(plane: Floats, top: int, bottom: int, shape: tuple[int, ...]) -> Floats:
    """Rows top to bottom of a working-size plane enlarged linearly to (height, width)."""
    height, width = shape[:2]
    where = np.clip((np.arange(top, bottom) + 0.5) * plane.shape[0] / height - 0.5, 0, plane.shape[0] - 1)
    first = np.minimum(where.astype(np.int64), plane.shape[0] - 1)
    second = np.minimum(first + 1, plane.shape[0] - 1)
    share = (where - first).astype(np.float32)[:, None]
    between = plane[first] * (1 - share) + plane[second] * share
    return np.asarray(cv2.resize(between, (width, bottom - top), interpolation=cv2.INTER_LINEAR), np.float32)
