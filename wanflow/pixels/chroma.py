"""Colour at constant luminance: OKLab, chroma that follows lightness, a gamut fit that scales chroma only.

OKLab after Ottosson 2020. Every colour made here has exactly the CIE luminance it was asked for, so lightness
never moves; what sRGB can't show loses chroma, never light.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from wanflow.pixels.engine import Array, Floats

_RGB_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_ROOTS_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_LMS_TO_RGB = np.linalg.inv(_RGB_TO_LMS)
_LAB_TO_ROOTS = np.linalg.inv(_ROOTS_TO_LAB)
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
_LMS_TO_Y = LUMINANCE.astype(np.float64) @ _LMS_TO_RGB

_CODES = np.arange(256, dtype=np.float64) / 255
_LINEAR = np.where(_CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4).astype(np.float32)
_FINE = np.linspace(0, 1, 16385)
# Encoding by table: 16 k steps are finer than half an 8-bit code even at black, where the curve is steepest.
_ENCODED = np.round(
    255 * np.where(_FINE <= 0.0031308, 12.92 * _FINE, 1.055 * np.maximum(_FINE, 1e-9) ** (1 / 2.4) - 0.055)
).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Tone:
    """A colour in OKLCh: lightness 0-1, chroma 0-0.4, hue in degrees."""

    lightness: float
    chroma: float
    hue_deg: float

    @property
    def ab(self) -> tuple[float, float]:
        """The OKLab a and b of this tone."""
        angle = math.radians(self.hue_deg)
        return self.chroma * math.cos(angle), self.chroma * math.sin(angle)


def luminance(rgb: Array) -> Floats:
    """CIE Y in [0, 1] of (..., 3) sRGB uint8."""
    weighted = _LINEAR[None, :] * LUMINANCE[:, None]
    return np.asarray(weighted[0][rgb[..., 0]] + weighted[1][rgb[..., 1]] + weighted[2][rgb[..., 2]], np.float32)


def mixed_light(first: Array, second: Array, share: Floats) -> Array:
    """`first` with `share` (...) of `second`, both (..., 3) sRGB uint8, as light mixes: equal luminance stays equal."""
    linear = _LINEAR[first]
    linear += share[..., None] * (_LINEAR[second] - linear)
    return np.asarray(_ENCODED[(linear * 16384 + np.float32(0.5)).astype(np.int32)])


def to_oklab(rgb: Array) -> Floats:
    """OKLab (..., 3) float32 of (..., 3) sRGB uint8."""
    roots = np.cbrt(_LINEAR[rgb] @ _RGB_TO_LMS.T.astype(np.float32))
    return np.asarray(roots @ _ROOTS_TO_LAB.T.astype(np.float32), np.float32)


def tone_of(rgb: Array) -> Tone:
    """The tone of one sRGB colour, shape (3,) uint8."""
    lightness, a, b = (float(v) for v in to_oklab(rgb))
    chroma = math.hypot(a, b)
    return Tone(lightness, chroma if chroma > 1e-3 else 0.0, math.degrees(math.atan2(b, a)) % 360)


def envelope(lightness: Floats, tone: Tone) -> Floats:
    """How much of a tone's chroma each OKLab lightness carries: 0 at black and white, about 1 at its own.

    Below its own lightness a lit surface keeps its chromaticity, so OKLab chroma falls with it; the 0.75th
    power keeps deep shadows from going grey. Above it, highlights take the colour of the lamp.
    """
    own = min(max(tone.lightness, 0.3), 0.85)
    shade = np.power(np.maximum(lightness, 0) / own, 0.75)
    glare = np.clip((lightness - own) / (1 - own), 0, 1)
    return np.asarray(np.minimum(shade, 1.12) * (1 - glare**2), np.float32)


def paint(y: Floats, a: Floats, b: Floats) -> Array:
    """sRGB uint8 (..., 3) of luminance `y` and the hue of OKLab a, b; chroma shrinks until it fits sRGB."""
    rgb = _linear_rgb(y, a, b)
    out = np.flatnonzero(((rgb < 0) | (rgb > 1)).any(axis=-1))
    if out.size:
        rgb.reshape(-1, 3)[out] = _fitted(y.reshape(-1)[out], a.reshape(-1)[out], b.reshape(-1)[out])
    return np.asarray(_ENCODED[(np.clip(rgb, 0, 1) * 16384 + 0.5).astype(np.int32)])


def _linear_rgb(y: Floats, a: Floats, b: Floats) -> Floats:
    """Linear sRGB of luminance and OKLab a, b; Newton's method finds the lightness of that luminance."""
    shifts = [float(row[1]) * a + float(row[2]) * b for row in _LAB_TO_ROOTS]
    lightness = np.cbrt(y)
    for _ in range(2):
        roots = [lightness + shift for shift in shifts]
        value = sum(float(w) * r * r * r for w, r in zip(_LMS_TO_Y, roots, strict=True)) - y
        slope = sum(3 * float(w) * r * r for w, r in zip(_LMS_TO_Y, roots, strict=True))
        lightness = lightness - value / np.maximum(slope, 1e-4)
    cubes = np.stack([(lightness + shift) ** 3 for shift in shifts], axis=-1)
    rgb = np.asarray(cubes @ _LMS_TO_RGB.T.astype(np.float32), np.float32)
    # What Newton left over near black is a grey offset too small to change the hue.
    return rgb + (y - rgb @ LUMINANCE)[..., None]


def _fitted(y: Floats, a: Floats, b: Floats) -> Floats:
    """Linear sRGB of out-of-gamut colours, chroma scaled down by secant steps and a last straight cut."""
    scale = np.ones_like(y)
    rgb = _linear_rgb(y, a, b)
    for _ in range(3):
        scale = scale * _room(y, rgb)
        rgb = _linear_rgb(y, a * scale, b * scale)
    grey = y[..., None]
    return np.asarray(grey + (rgb - grey) * _room(y, rgb)[..., None], np.float32)


def _room(y: Floats, rgb: Floats) -> Floats:
    """The share of the way from grey `y` to `rgb` that stays inside [0, 1]."""
    low, high = rgb.min(axis=-1), rgb.max(axis=-1)
    under = np.where(low < 0, y / np.maximum(y - low, 1e-9), 1)
    over = np.where(high > 1, (1 - y) / np.maximum(high - y, 1e-9), 1)
    return np.asarray(np.clip(np.minimum(under, over), 0, 1), np.float32)
