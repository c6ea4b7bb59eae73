"""The first fill, at the smallest size: known patches are laid from the rim inwards."""

from __future__ import annotations

import cv2
import numpy as np

from wanflow.pixels.nearest import exact
from wanflow.pixels.patches import RADIUS, SIDE, Level, gather, learn

# A first fill decides the layout, so a few are tried; at this size they cost little.
STARTS = 2
# Patch by patch is slow: a larger hole is first peeled at a smaller size, or only once where there is none.
MAX_PEELED = 30_000


def start(at: Level, locality: float, rng: np.random.Generator) -> None:
    """Peel several times and keep the fill whose patches are most like known ones."""
    descriptor = learn(at, locality, rng)
    described = descriptor.describe(at, at.sources)
    kept, least = at.pixels.copy(), np.inf
    for _ in range(STARTS if np.count_nonzero(at.hole) <= MAX_PEELED else 1):
        peel(at, rng)
        _, price = exact(descriptor.describe(at, at.targets), described)
        if price.mean() < least:
            kept, least = at.pixels.copy(), float(price.mean())
    at.pixels[:] = kept


def peel(at: Level, rng: np.random.Generator) -> None:
    """Fill the hole patch by patch from its rim, each by a known patch that fits what is known there (Efros
    & Freeman 2001).

    Whole patches are laid, not pixels: what a texture has rarely (a star, a leaf) then comes as often as it
    should.
    """
    height, width = at.shape
    hole = at.hole.reshape(height, width).copy()
    flat = hole.ravel()
    offsets = at.offsets
    sources = at.sources
    sources = sources if len(sources) <= 4000 else np.sort(rng.choice(sources, 4000, replace=False))
    patches = gather(at.pixels, sources, offsets)
    squares = (patches * patches).reshape(len(sources), -1, 3).sum(axis=2)
    while hole.any():
        known = cv2.boxFilter((~hole).astype(np.float32), -1, (SIDE, SIDE), normalize=False)
        # A pixel at the picture's rim is reached from the nearest centre whose patch is inside.
        y, x = np.nonzero(hole)
        y, x = np.clip(y, RADIUS, height - RADIUS - 1), np.clip(x, RADIUS, width - RADIUS - 1)
        first = int(np.argmax(known[y, x] + rng.random(len(y), dtype=np.float32) * 4))
        centre = int(y[first] * width + x[first])
        mask = (~flat[centre + offsets]).astype(np.float32)
        wanted = (at.pixels[centre + offsets] * mask[:, None]).ravel()
        cost = (squares @ mask - 2 * patches @ wanted + wanted @ wanted) / max(3 * mask.sum(), 1)
        close = np.flatnonzero(cost <= cost.min() * 1.1 + 1e-4)
        source = sources[rng.choice(close)]
        fresh = offsets[flat[centre + offsets]]
        at.pixels[centre + fresh] = at.pixels[source + fresh]
        flat[centre + fresh] = False
