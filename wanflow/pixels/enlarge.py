"""wan/super_resolution: enlarge by 2-4 with a tiny trained net over Lanczos; 1 sharpens what is blurred.

Nothing is invented: the net only restores what a smooth enlargement loses; chroma stays Lanczos. Luminance
is ITU-R BT.601 (Pillow's "L"). Enlarging goes in strips of rows, so memory is the output and a little more.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from wanflow.pixels.engine import Array, Edited, EditRequest, Fidelity, Floats, Picture, edit

WEIGHTS = Path(__file__).with_name("weights") / "enlarge.npz"

# A look of the net costs 0.5-1.1 CPU-s per million input pixels; the mean of eight turned nets brings 0.05 dB
# over one: small pictures get up to eight, 512x512 two, 1024x1024 and larger one.
LOOKS_PIXELS = 1_040_000
# Four times in two steps of two is 0.07 dB better (0.12 on JPEG), but at this size it takes nearly 2 CPU-s.
TWO_STEPS_PIXELS = 270_000
# A first step that found less than this (squared levels) leaves the second only noise to find: one picture lost 1.4 dB.
FOUND = 1.0
# A strip of 4 million output pixels takes about 150 MB of working memory.
STRIP_PIXELS = 4_000_000
# Two rounds of back-projection reach 4 input rows each, and the weighing of the net's finds REACH.
HALO = 16
REACH = 8
# Squared levels: what the net finds is weighed against this error of its own. It costs sharp photographs 0.01 dB;
# those blurred by 0.75 input pixels, where a find is mostly wrong, win 0.4. JPEGs would lose 0.06 and are let be.
DOUBT = np.float32(0.5)
BACK_PROJECTIONS = 2
# The given picture is rounded, so a difference of half a level says little, and projecting it back adds noise:
# soft pictures lost up to 0.7 dB. The square of half a level, as a Wiener filter weighs noise.
ROUNDING = np.float32(0.25)
# Patches of 4096 pixels and their activations (1.5 MB) stay in the second-level cache.
BATCH_PIXELS = 4096

# On 14 photographs blurred by sigma 0-2.4: what the re-blur test finds -> strength, and -> the blur's sigma.
# So no photograph lost, blurred ones won 1.1-1.5 dB in the mean, and sharp ones kept 50 dB or more.
GATE = ([0.5, 0.62], [1.0, 0.0])
BLUR = ([0.25, 0.35, 0.45, 0.55, 0.62], [2.0, 1.5, 1.1, 0.7, 0.5])

# What the request has where the user wrote nothing; see schemas/functions/wan.super_resolution.json.
OWN_PROMPT = "Image super resolution"
PROMPT_IGNORED = "the draft engine enlarges and sharpens without reading the prompt"

Net = tuple[Floats, ...]


@lru_cache(maxsize=8)
def _net(factor: int, coded: bool) -> Net:
    """Weights and biases (w1, b1, w2, b2, w3, b3); the last bias keeps a flat picture as it is."""
    with np.load(WEIGHTS) as stored:
        w1, b1, w2, b2, w3 = (stored[f"x{factor}.{i}"].astype(np.float32) for i in range(5))
    b1 = b1 + w1[:, -1:] * coded
    w1 = w1[:, :-1].copy()
    # Training subtracts the centre pixel from its patch; the same subtraction lives in the centre's weight.
    centre = w1.shape[1] // 2
    w1[:, centre] -= w1.sum(axis=1)
    flat = np.maximum(w2 @ np.maximum(b1, 0) + b2, 0)
    return w1, b1, w2, b2, w3, -(w3 @ flat)


def _turned(net: Net, factor: int, turn: int) -> Net:
    """The net as it would see the picture turned by quarter `turn` % 4 and, from 4 on, mirrored."""

    def order(side: int) -> npt.NDArray[np.intp]:
        cells = np.arange(side * side).reshape(side, side)
        return np.rot90(cells[:, ::-1] if turn >= 4 else cells, turn % 4).ravel()

    w1, b1, w2, b2, w3, b3 = net
    seen, given = order(round(w1.shape[1] ** 0.5)), order(factor)
    return w1[:, seen], b1, w2, b2, w3[given], b3[given]


def _run(net: Net, patches: Floats) -> Floats:
    """What Lanczos misses, (factor², n), for patches (side², n) in [0, 1]."""
    w1, b1, w2, b2, w3, b3 = net
    for w, b in ((w1, b1), (w2, b2)):
        patches = w @ patches
        patches += b
        np.maximum(patches, 0, out=patches)
    return w3 @ patches + b3


def _missing(luminance: Floats, factor: int, nets: list[Net]) -> Floats:
    """What Lanczos misses, (h·factor, w·factor), of luminance with margins: the mean of what `nets` find."""
    side = round(nets[0][0].shape[1] ** 0.5)
    views = np.lib.stride_tricks.sliding_window_view(luminance, (side, side))
    h, w = views.shape[:2]
    out = np.empty((h, factor, w, factor), np.float32)
    rows = max(1, BATCH_PIXELS // w)
    for y in range(0, h, rows):
        part = views[y : y + rows]
        patches = np.ascontiguousarray(part.transpose(2, 3, 0, 1)).reshape(side * side, -1)
        total = sum(_run(net, patches) for net in nets) / np.float32(len(nets))
        out[y : y + rows] = total.reshape(factor, factor, -1, w).transpose(2, 0, 3, 1)
    return out.reshape(h * factor, w * factor)


def _grey(rgb: Array) -> Floats:
    """Luminance (h, w) in 0-255, unrounded."""
    grey: Floats = cv2.cvtColor(rgb.astype(np.float32), cv2.COLOR_RGB2GRAY)
    return grey


def _brightened(rgb: Array, change: Floats) -> Array:
    """`rgb` with `change` (in 0-255) added to all three channels: luminance moves and chroma stays."""
    step = np.rint(change).astype(np.int16)
    changed: Array = cv2.add(rgb, cv2.merge([step, step, step]), dtype=cv2.CV_8U)
    return changed


def _with_margin(rgb: Array, top: int, bottom: int, margin: int) -> Floats:
    """Luminance in [0, 1] of rows `top` to `bottom` and `margin` pixels around, edges repeated outside."""
    first, last = max(0, top - margin), min(len(rgb), bottom + margin)
    outside = (margin - (top - first), margin - (last - bottom), margin, margin)
    padded: Floats = cv2.copyMakeBorder(_grey(rgb[first:last]), *outside, cv2.BORDER_REPLICATE)
    return padded / np.float32(255)


def _resized(plane: Floats, size: tuple[int, int]) -> Floats:
    """A luminance plane at (width, height) `size`, bicubic, antialiased when it shrinks."""
    return np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BICUBIC))


def _back_projected(big: Floats, small: Floats) -> Floats:
    """`big` changed until it shrinks to `small` again; iterative back-projection after Irani & Peleg 1991."""
    for _ in range(BACK_PROJECTIONS):
        wrong = small - _resized(big, (small.shape[1], small.shape[0]))
        square = wrong * wrong
        wrong *= square / (square + ROUNDING)
        big = big + _resized(wrong, (big.shape[1], big.shape[0]))
    return big


def _weighed(change: Floats, factor: int) -> Floats:
    """`change` (in 0-255) by the share of its local energy that is not `DOUBT`; Wiener's weight."""
    side = 2 * REACH * factor + 1
    energy = cv2.blur(change * change, (side, side))
    weighed: Floats = change * (energy / (energy + DOUBT))
    return weighed


def _strip(rgb: Array, picture: Image.Image, rows: tuple[int, int], factor: int, nets: list[Net], exact: bool) -> Array:
    """The enlarged rows `rows`; `picture` is `rgb` for Pillow, whose Lanczos looks beyond a box itself."""
    top, bottom = max(0, rows[0] - HALO), min(len(rgb), rows[1] + HALO)
    width = rgb.shape[1]
    base = np.asarray(
        picture.resize((width * factor, (bottom - top) * factor), Image.Resampling.LANCZOS, box=(0, top, width, bottom))
    )
    margin = round(nets[0][0].shape[1] ** 0.5) // 2
    change = _missing(_with_margin(rgb, top, bottom, margin), factor, nets) * np.float32(255)
    if exact:
        smooth = _grey(base)
        change = _back_projected(smooth + _weighed(change, factor), _grey(rgb[top:bottom])) - smooth
    inner = slice((rows[0] - top) * factor, (rows[1] - top) * factor)
    return _brightened(base[inner], change[inner])


def _energy(rgb: Array, half: Array) -> float:
    """Mean squared difference in luminance between `half`, enlarged from `rgb`, and Lanczos."""
    smooth = Image.fromarray(rgb).resize((half.shape[1], half.shape[0]), Image.Resampling.LANCZOS)
    return float(np.square(_grey(half) - _grey(np.asarray(smooth))).mean())


def enlarge(rgb: Array, factor: int, lossless: bool = True) -> Array:
    """(h, w, 3) uint8 at exactly `factor` (2-4) times its size; back-projected only if it was `lossless`."""
    h, w = rgb.shape[:2]
    if factor == 4 and h * w <= TWO_STEPS_PIXELS:
        half = enlarge(rgb, 2, lossless)
        if not lossless or _energy(rgb, half) > FOUND:
            return enlarge(half, 2, lossless)
    looks = 1 << min(3, max(0, (LOOKS_PIXELS // (h * w)).bit_length() - 1))
    nets = [_turned(_net(factor, not lossless), factor, turn) for turn in range(looks)]
    picture = Image.fromarray(rgb)
    out = np.empty((h * factor, w * factor, 3), np.uint8)
    rows = max(1, STRIP_PIXELS // (w * factor**2))
    for top in range(0, h, rows):
        bottom = min(h, top + rows)
        out[top * factor : bottom * factor] = _strip(rgb, picture, (top, bottom), factor, nets, lossless)
    return out


def sharpness(grey: Floats) -> float:
    """Share of the variation that a re-blur destroys: 0.6-0.85 in sharp photographs; Crete et al. 2007."""
    lost, total = 0.0, 1e-3
    for axis, kernel in ((1, (9, 1)), (0, (1, 9))):
        before = np.abs(np.diff(grey, axis=axis))
        after = np.abs(np.diff(cv2.blur(grey, kernel), axis=axis))
        total += float(before.sum(dtype=np.float64))
        lost += float(np.maximum(before - after, 0).sum(dtype=np.float64))
    return lost / total


def sharpen(rgb: Array, lossless: bool = True) -> Array:
    """(h, w, 3) uint8 with its measured blur taken back (Van Cittert 1931); sharp pictures stay the same."""
    grey = _grey(rgb)
    found = sharpness(grey)
    strength = float(np.interp(found, *GATE))
    if strength == 0:
        return rgb.copy()
    sigma = float(np.interp(found, *BLUR))
    crisp = grey
    for _ in range(2 if lossless else 1):  # a second round would also sharpen the blocks of a JPEG
        crisp = crisp + (grey - cv2.GaussianBlur(crisp, (0, 0), sigma)) * np.float32(strength)
    return _brightened(rgb, crisp - grey)


def _without_dark_edges(rgb: Array, alpha: Array) -> Array:
    """`rgb` whose unseen pixels take the colours seen within 8 pixels, lest black creep in."""
    seen = (alpha > 0).astype(np.uint8)
    count = cv2.boxFilter(seen, cv2.CV_32F, (17, 17), normalize=False)
    total = cv2.boxFilter(rgb * seen[..., None], cv2.CV_32F, (17, 17), normalize=False)
    filled = rgb.copy()
    near = (seen == 0) & (count > 0.5)
    filled[near] = np.rint(total[near] / count[near][:, None]).astype(np.uint8)
    return filled


@edit("wan/super_resolution")
def super_resolution(request: EditRequest) -> Edited:
    """Enlarge by `upscale_factor` 2-4, or sharpen at 1; alpha is enlarged by Lanczos."""
    factor = int(request.parameters.get("upscale_factor", 1))
    rgb, alpha, lossless = request.image.rgb, request.image.alpha, request.image.lossless
    warnings = () if request.prompt.strip() in ("", OWN_PROMPT) else (PROMPT_IGNORED,)
    if factor == 1:
        return Edited(Picture(sharpen(rgb, lossless), alpha, lossless), Fidelity.REAL, warnings)
    if alpha is not None:
        rgb = _without_dark_edges(rgb, alpha)
        size = (alpha.shape[1] * factor, alpha.shape[0] * factor)
        alpha = np.asarray(Image.fromarray(alpha).resize(size, Image.Resampling.LANCZOS))
    return Edited(Picture(enlarge(rgb, factor, lossless), alpha, lossless), Fidelity.REAL, warnings)
