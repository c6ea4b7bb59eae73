"""Multi-scale patch fill: complete a hole with pieces of the same picture (after Wexler et al. 2007, Barnes
et al. 2009).

A hole is peeled at a small size, then every larger size alternates "find the most similar known patch" and
"let the patches vote". It knows texture and position only; what is cut off by the hole is not invented.
"""

from __future__ import annotations

import math
from itertools import pairwise

import cv2
import numpy as np

from wanflow.pixels.carry import carry
from wanflow.pixels.engine import Array, Bools, Floats
from wanflow.pixels.nearest import EXACT_PAIRS, Search, exact
from wanflow.pixels.patches import RADIUS, SIDE, Index, Level, learn, level, nearest_set
from wanflow.pixels.peel import MAX_PEELED, start
from wanflow.pixels.poisson import correction
from wanflow.pixels.shade import guessed_shade

# Above these a level is too slow or too large to search; its source map is carried up from a smaller one.
MAX_UNKNOWN = 75_000
MAX_SEARCHED = 1_300_000
# A hole that is too thin for a smaller level is peeled where it is last seen, each target compared with each source;
# beyond so many pairs it is diffused, which across a pixel or two is as good.
MAX_PAIRS = 1e8
# The side of the known part at which the hole is first peeled.
COARSEST = 48
FIRST_ROUNDS = 8
ROUNDS = 4
LAST_ROUNDS = 2
SOFTNESS = 0.5
# A patch that overlaps known pixels is dearer than one amid copied ones, which agree with themselves; unless it is
# heard first all the same, the hole's rim stays a seam.
HEARD = 0.9
# How strongly seam removal holds on to the copied colours. A hole that is open to the picture's rim has no
# far side to meet: there a weak hold lets a dark coat at the border bleed into the sky.
OPEN_SCREEN = 0.015
CLOSED_SCREEN = 0.003


def fill(rgb: Array, hole: Bools, source: Bools | None = None, *, locality: float = 0.3, seed: int = 0) -> Array:
    """Complete `hole` (h, w) bool of (h, w, 3) uint8 from its other pixels, or from those in `source` (h, w)
    bool.

    Pixels outside the hole are returned byte for byte. `locality` is how much a picture's length away costs,
    in units of the picture's contrast. Where no patch can be copied, diffusion fills in.
    """
    if not hole.any():
        return rgb.copy()
    allowed = ~hole if source is None else source & ~hole
    top, bottom, left, right = window(hole, allowed)
    part = slice(top, bottom), slice(left, right)
    out = rgb.copy()
    out[part] = _fill_window(rgb[part], hole[part], allowed[part], locality, seed)
    return out


def window(hole: Bools, allowed: Bools) -> tuple[int, int, int, int]:
    """Top, bottom, left, right of the part that is worth searching: the hole and its size around it."""
    height, width = hole.shape
    rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
    margin = max(int(rows[-1] - rows[0]), int(columns[-1] - columns[0]), 256)
    top, bottom = max(int(rows[0]) - margin, 0), min(int(rows[-1]) + margin + 1, height)
    left, right = max(int(columns[0]) - margin, 0), min(int(columns[-1]) + margin + 1, width)
    enough = np.count_nonzero(allowed[top:bottom, left:right]) >= 2 * np.count_nonzero(hole)
    return (top, bottom, left, right) if enough else (0, height, 0, width)


def _fill_window(rgb: Array, hole: Bools, allowed: Bools, locality: float, seed: int) -> Array:
    levels = pyramid(rgb, hole, allowed)
    if not levels:
        return diffuse(rgb, hole)
    rng = np.random.default_rng(seed)
    copied = _searched(levels, locality, rng)
    last = levels[-1]
    pixels = last.pixels.reshape(*last.shape, 3)
    low_hole = last.hole.reshape(last.shape)
    open_hole = reaches_rim(hole)
    screen = OPEN_SCREEN if open_hole else CLOSED_SCREEN
    seams = correction(pixels, low_hole, ~last.hole, copied.reshape(last.shape), screen)
    if not open_hole:
        seams -= guessed_shade(last, pixels + seams, rng)
    if last.shape == hole.shape:
        return np.where(hole[..., None], to_bytes(pixels + seams), rgb)
    return carry(rgb, hole, allowed, copied.reshape(last.shape), pixels, seams, low_hole)


def _searched(levels: list[Level], locality: float, rng: np.random.Generator) -> Index:
    """Fill every level after the one before; returns the last one's pixel map (h*w,)."""
    start(levels[0], locality, rng)
    field, copied = settle(levels[0], None, locality, rng, FIRST_ROUNDS)
    for small, large in pairwise(levels):
        rounds = LAST_ROUNDS if large is levels[-1] else ROUNDS
        field, copied = settle(large, grow(field, small, large), locality, rng, rounds)
    soften(levels[-1], field)
    return copied


def reaches_rim(hole: Bools) -> bool:
    """Whether the hole touches the picture's rim, so that its far side is not held by known pixels."""
    return bool(hole[0].any() or hole[-1].any() or hole[:, 0].any() or hole[:, -1].any())


def to_bytes(pixels: Floats) -> Array:
    """Floats in [0, 1] as rounded, clipped bytes."""
    return (np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8)


def diffuse(rgb: Array, hole: Bools, method: int = cv2.INPAINT_NS) -> Array:
    """Diffusion after Bertalmio et al. 2001 (or, by `method`, Telea 2004), for what no patch fits into; all known
    pixels kept.
    """
    if len(rgb) == 1:  # OpenCV reads stray memory in a picture of one row, not in one of one column
        return diffuse(rgb.transpose(1, 0, 2), hole.T, method).transpose(1, 0, 2)
    filled = cv2.inpaint(np.ascontiguousarray(rgb), hole.astype(np.uint8), 3, method)
    return np.where(hole[..., None], filled, rgb)


def pyramid(rgb: Array, hole: Bools, allowed: Bools) -> list[Level]:
    """Levels from the one where the hole is peeled to the largest that is searched, each with a pixel of it;
    empty where diffusion has to do.
    """
    height, width = hole.shape
    unknown = np.count_nonzero(hole)
    scale = min(1.0, math.sqrt(MAX_UNKNOWN / unknown), math.sqrt(MAX_SEARCHED / hole.size))
    known = math.sqrt(np.count_nonzero(allowed))
    levels: list[Level] = []
    while True:
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        at = shrink(rgb, hole, allowed, size)
        if at is not None and not at.hole.any():
            return levels[::-1] if levels and _pairs(levels[-1]) <= MAX_PAIRS else []
        if at is None or not at.usable.any():
            break
        levels.append(at)
        peeled = known * scale / 2 < COARSEST and np.count_nonzero(at.hole) <= MAX_PEELED
        if peeled or min(size) // 2 < SIDE + 2:
            break
        scale /= 2
    return levels[::-1]


def _pairs(at: Level) -> int:
    return len(at.targets) * len(at.sources)


def shrink(rgb: Array, hole: Bools, allowed: Bools, size: tuple[int, int]) -> Level | None:
    """The level of width and height `size`; unknown pixels don't colour their neighbours."""
    height, width = hole.shape
    if min(size) < SIDE:
        return None
    if size == (width, height):
        return level(rgb.astype(np.float32) / np.float32(255), hole, allowed)
    known = (~hole).astype(np.float32)
    share = cv2.resize(known, size, interpolation=cv2.INTER_AREA)
    may = cv2.resize(allowed.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    masked = np.where(hole[..., None], np.uint8(0), rgb)
    mixed = cv2.resize(masked, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    picture: Floats = np.clip(mixed / np.maximum(share, 1e-3)[..., None], 0, 1).astype(np.float32)
    return level(picture, share < 0.5, may > 0.6)


def grow(field: Index, small: Level, large: Level) -> Index:
    """The source map of `small` (flat, -1 where no target) carried to `large`; sources that don't exist
    there are moved."""
    (low_h, low_w), (height, width) = small.shape, large.shape
    y, x = large.targets // width, large.targets % width
    low_y = np.clip(y * low_h // height, RADIUS, low_h - RADIUS - 1)
    low_x = np.clip(x * low_w // width, RADIUS, low_w - RADIUS - 1)
    near = nearest_set((field >= 0).reshape(small.shape))
    low = near[low_y, low_x]
    source = field[low]
    sy = y + np.rint((source // low_w - low // low_w) * (height / low_h)).astype(np.int64)
    sx = x + np.rint((source % low_w - low % low_w) * (width / low_w)).astype(np.int64)
    place = np.clip(sy, 0, height - 1) * width + np.clip(sx, 0, width - 1)
    out = np.full(height * width, -1, np.int64)
    out[large.targets] = nearest_set(large.usable.reshape(height, width)).ravel()[place]
    return out


def settle(
    at: Level, field: Index | None, locality: float, rng: np.random.Generator, rounds: int
) -> tuple[Index, Index]:
    """Alternate search and vote from `field` (None: from the pixels); returns the patch map and the pixel
    map, (h*w,).

    The pixel map says where each pixel was copied from, itself where it is known.
    """
    descriptor = learn(at, locality, rng)
    sources = at.sources
    described = descriptor.describe(at, sources)
    row = np.zeros(len(at.hole), np.int64)
    row[sources] = np.arange(len(sources))
    search = Search(at.shape, at.usable, row, described, rng)
    all_pairs = field is None or len(at.targets) * len(sources) <= EXACT_PAIRS
    if field is None:
        field = np.full(len(at.hole), -1, np.int64)
    else:
        vote_best(at, field, np.zeros(len(at.targets), np.float32))
    copied = np.arange(len(at.hole))
    known = cv2.blur((~at.hole).astype(np.float32).reshape(at.shape), (SIDE, SIDE)).ravel()
    weight = 1 - np.float32(HEARD) * known[at.targets]
    for _ in range(rounds):
        wanted = descriptor.describe(at, at.targets)
        if all_pairs:
            best, price = exact(wanted, described)
            found = sources[best]
        else:
            found, price = search.improve(at.targets, wanted, field, 1)
        field = np.full(len(at.hole), -1, np.int64)
        field[at.targets] = found
        copied = vote_best(at, field, price * weight)
    return field, copied


def soften(at: Level, field: Index) -> None:
    """Move each unknown pixel half-way to the mean of what all patches over it say: hides the cuts between
    pieces."""
    total = np.zeros_like(at.pixels)
    count = np.zeros(len(at.hole), np.float32)
    sources = field[at.targets]
    for step in at.offsets:
        total[at.targets + step] += at.pixels[sources + step]
        count[at.targets + step] += 1
    unknown = np.flatnonzero(at.hole)
    mean = total[unknown] / np.maximum(count[unknown], 1)[:, None]
    at.pixels[unknown] += SOFTNESS * (mean - at.pixels[unknown])


def vote_best(at: Level, field: Index, price: Floats) -> Index:
    """Copy each unknown pixel from the patch over it whose `price` (one per target) is least; returns the
    pixel map.

    A mean of all patches would blur texture.
    """
    cost = np.full(len(at.hole), np.inf, np.float32)
    cost[at.targets] = price
    unknown = np.flatnonzero(at.hole)
    steps = at.offsets[_best_step(at, cost)]
    origin = field[unknown - steps] + steps
    at.pixels[unknown] = at.pixels[origin]
    copied = np.arange(len(at.hole))
    copied[unknown] = origin
    return copied


def _best_step(at: Level, cost: Floats) -> Index:
    """For each unknown pixel, which place of its best patch it is; whole rows are compared, which is faster
    than lists."""
    hole = at.hole.reshape(at.shape)
    rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    prices = np.pad(cost.reshape(at.shape), RADIUS, constant_values=np.inf)
    least = np.full((bottom - top, right - left), np.inf, np.float32)
    best = np.zeros(least.shape, np.int64)
    for number in range(SIDE * SIDE):
        # The centre of the patch that has this pixel at place (dy, dx) lies at (-dy, -dx); the pad adds
        # RADIUS.
        dy, dx = SIDE - 1 - number // SIDE, SIDE - 1 - number % SIDE
        price = prices[top + dy : bottom + dy, left + dx : right + dx]
        better = price < least
        np.copyto(least, price, where=better)
        np.copyto(best, number, where=better)
    return best[hole[top:bottom, left:right]]
