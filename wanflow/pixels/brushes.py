"""What an edit by words does to pixels: new colours at constant luminance, tone curves, blur and sharpness.

A brush changes a strip of rows; a place says where its change is to be seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from wanflow.pixels.chroma import Tone, envelope, luminance, mixed_light, paint, to_oklab
from wanflow.pixels.engine import Array, Floats
from wanflow.pixels.instruction import Change, Verb
from wanflow.pixels.masks import at_shape
from wanflow.pixels.regions import Region
from wanflow.pixels.sight import Place

_STRIP_PIXELS = 1 << 19
_BLUR_PIXELS = 700_000
_SEPIA = Tone(0.62, 0.055, 72)

Brush = Callable[[Array], Array]


def painted_strips(rgb: Array, brush: Brush, place: Place | None = None) -> Iterator[Array]:
    """The picture under a brush, a band of rows at a time; pixels outside the place keep their bytes."""
    height, width = rgb.shape[:2]
    rows = max(1, _STRIP_PIXELS // width)
    planes = place and [_enlarged(plane, (width, height)) for plane in (place.gain, place.offset)]
    for top in range(0, height, rows):
        strip = rgb[top : top + rows]
        changed = brush(strip)
        if planes:
            light = np.cbrt(luminance(strip))
            gain, offset = (plane[top : top + rows] for plane in planes)
            share = _firm(np.asarray(gain * light + offset, np.float32))
            changed = np.where((share > 0)[..., None], mixed_light(strip, changed, share), strip)
        yield changed


def _enlarged(plane: Floats, size: tuple[int, int]) -> Floats:
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR), np.float32)


def _firm(mask: Floats) -> Floats:
    """A guided mask without its faint leaks and holes."""
    share = np.clip((mask - 0.2) / 0.6, 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def brush_for(rgb: Array, change: Change, region: Region | None, strength: float, seed: int) -> Brush:
    """A function from a strip of `rgb` to the changed strip; strips come in order from the top."""
    amount = 2 * strength * change.amount
    share = min(amount, 1.0)
    match change.verb:
        case Verb.RECOLOUR:
            tone = _varied(change.tone or _SEPIA, seed)
            return _recolouring(rgb, tone, region, strength)
        case Verb.GREY:
            return lambda strip: _toned(strip, lambda light, a, b: (a * (1 - share), b * (1 - share)))
        case Verb.SEPIA:
            return lambda strip: _toned(strip, lambda light, a, b: _toward(_SEPIA, share, light, a, b))
        case Verb.WARMER | Verb.COOLER:
            turn = 0.028 * amount * (1 if change.verb is Verb.WARMER else -1)
            return lambda strip: _toned(strip, lambda light, a, b: (a + 0.35 * turn * light, b + turn * light))
        case Verb.VIVID | Verb.MUTED:
            factor = 1 + 0.35 * amount if change.verb is Verb.VIVID else max(1 - 0.45 * amount, 0.0)
            return lambda strip: _toned(strip, lambda light, a, b: (a * factor, b * factor))
        case Verb.BLUR | Verb.SHARPEN:
            made = _blurred(rgb, region, amount) if change.verb is Verb.BLUR else _sharpened(rgb, amount)
            return _Bands(made)
    table = _curve(change.verb, amount)
    return lambda strip: np.asarray(cv2.LUT(strip, table), np.uint8)


class _Bands:
    """Gives out a picture that is already made, strip by strip."""

    def __init__(self, rgb: Array) -> None:
        self.rgb, self.top = rgb, 0

    def __call__(self, strip: Array) -> Array:
        self.top += strip.shape[0]
        return self.rgb[self.top - strip.shape[0] : self.top]


def _curve(verb: Verb, amount: float) -> Array:
    """The tone curve of a verb as a table of 256 codes."""
    codes = np.arange(256, dtype=np.float64) / 255
    if verb is Verb.BRIGHTER:
        codes = codes ** (1 / (1 + 0.32 * amount))
    elif verb is Verb.DARKER:
        codes = codes ** (1 + 0.42 * amount)
    else:
        steep = codes + 0.16 * amount * np.sin(2 * np.pi * (codes - 0.5)) / 1.6
        flat = 0.5 + (codes - 0.5) * max(1 - 0.3 * amount, 0.1)
        codes = steep if verb is Verb.CONTRAST else flat
    return np.asarray(np.clip(codes, 0, 1) * 255 + 0.5, np.uint8)


def _toned(strip: Array, change: Callable[[Floats, Floats, Floats], tuple[Floats, Floats]]) -> Array:
    """A strip whose OKLab a and b are changed, given lightness, a and b; its luminance stays."""
    lab = to_oklab(strip)
    a, b = change(lab[..., 0], lab[..., 1], lab[..., 2])
    return paint(luminance(strip), np.asarray(a, np.float32), np.asarray(b, np.float32))


def _toward(tone: Tone, share: float, light: Floats, a: Floats, b: Floats) -> tuple[Floats, Floats]:
    weight = envelope(light, tone)
    return a + share * (weight * tone.ab[0] - a), b + share * (weight * tone.ab[1] - b)


def _varied(tone: Tone, seed: int) -> Tone:
    """Another seed, a slightly other shade; without one the colour is as named."""
    if not seed:
        return tone
    dice = np.random.default_rng(seed)
    return replace(tone, chroma=tone.chroma * dice.uniform(0.9, 1.1), hue_deg=tone.hue_deg + dice.uniform(-5, 5))


def _recolouring(rgb: Array, tone: Tone, region: Region | None, strength: float) -> Brush:
    """New hue and chroma; where the thing has one dominant hue, only that hue changes, and its shades stay shades."""
    share = min(2 * strength, 1.0)
    bold = replace(tone, chroma=tone.chroma * (1 + 0.5 * max(strength - 0.5, 0)))
    own = own_hue(rgb, region)

    def change(light: Floats, a: Floats, b: Floats) -> tuple[Floats, Floats]:
        weight = np.full_like(light, share)
        if own is not None:
            weight = weight * own.part(a, b)
        full = envelope(light, bold) * (1 if own is None else own.depth(a, b))
        return a + weight * (full * bold.ab[0] - a), b + weight * (full * bold.ab[1] - b)

    return lambda strip: _toned(strip, change)


@dataclass(frozen=True, slots=True)
class Hue:
    """The dominant hue of a thing (degrees) and its usual chroma."""

    deg: float
    chroma: float

    def part(self, a: Floats, b: Floats) -> Floats:
        """How much a pixel is of this hue or of none, 0-1: a petal is, the leaf behind it isn't."""
        away = np.abs((np.degrees(np.arctan2(b, a)) - self.deg + 180) % 360 - 180)
        near = np.clip((75 - away) / 30, 0, 1)
        grey = np.clip((0.05 - np.hypot(a, b)) / 0.03, 0, 1)
        return np.asarray(np.maximum(near, grey), np.float32)

    def depth(self, a: Floats, b: Floats) -> Floats:
        """Chroma against the usual, so that white highlights stay white."""
        return np.asarray(np.clip(np.hypot(a, b) / self.chroma, 0, 1.3), np.float32)


def own_hue(rgb: Array, region: Region | None) -> Hue | None:
    """The hue that most of a region's colour has, or None where it is grey or many-coloured."""
    if region is None:
        return None
    lab = to_oklab(at_shape(rgb, region.mask.shape))[region.mask > 0.7]
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    if lab.shape[0] < 20 or float(np.median(chroma)) < 0.03:
        return None
    angle = np.degrees(np.arctan2(lab[:, 2], lab[:, 1])) % 360
    counts = np.bincount((angle / 10).astype(int) % 36, chroma, 36)
    near = np.sum([np.roll(counts, turn) for turn in range(-4, 5)], axis=0)
    peak = int(np.argmax(near))
    if near[peak] < 0.6 * counts.sum():
        return None
    within = np.abs((angle - (peak * 10 + 5) + 180) % 360 - 180) < 45
    usual = float(np.percentile(chroma[within], 60))
    return Hue(peak * 10 + 5.0, max(usual, 0.03))


def _blurred(rgb: Array, region: Region | None, amount: float) -> Array:
    """The picture out of focus; what lies outside the region does not bleed into it."""
    height, width = rgb.shape[:2]
    scale = min(1.0, (_BLUR_PIXELS / (height * width)) ** 0.5)
    shape = max(1, round(height * scale)), max(1, round(width * scale))
    small = at_shape(rgb, shape).astype(np.float32)
    weight = np.ones(shape, np.float32) if region is None else _enlarged(region.mask, (shape[1], shape[0]))
    sigma = 0.013 * max(shape) * amount
    weight = weight * weight + np.float32(1e-3)
    total = cv2.GaussianBlur(small * weight[..., None], (0, 0), sigma)
    small = total / cv2.GaussianBlur(weight, (0, 0), sigma)[..., None]
    full = cv2.resize(np.clip(small + 0.5, 0, 255).astype(np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(full, np.uint8)


def _sharpened(rgb: Array, amount: float) -> Array:
    """Unsharp mask with a radius that grows slowly with the picture."""
    sigma = max(1.0, max(rgb.shape[:2]) / 1100)
    soft = cv2.GaussianBlur(rgb, (0, 0), sigma)
    return np.asarray(cv2.addWeighted(rgb, 1 + 0.9 * amount, soft, -0.9 * amount, 0), np.uint8)
