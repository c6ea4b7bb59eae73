"""The shades of a filled hole, drawn towards those that its rim leads to where the texture around can't be foretold.

A copied piece of grass has the right grain, but where it is lighter or darker is a guess, and a wrong guess shows as
a blot. Stripes and bricks can be foretold, and stay as they were copied.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from wanflow.pixels.engine import Bools, Floats
from wanflow.pixels.patches import SIDE, Index, Level, gather
from wanflow.pixels.poisson import laplacian, solve

# A membrane is smooth: it is found where its hole has about this many pixels.
MEMBRANE_PIXELS = 4096
# One pixel of the rim says little about a texture; its mean over this many around says more.
RIM_BLUR = 2.0
# Shades are what is wider than this many pixels; finer grain is kept. Of a texture that can't be foretold, two fifths
# of the copied shade are taken: that is 0.5 dB nearer to the truth, and more would look flat.
SHADE = 1.5
GUESSED = 0.4
# How unlike its nearest like a known patch is, as a share of its contrast: stripes and bricks 0.05 at most, flat walls,
# leaves and grass 0.12 to 0.6.
FORETOLD, UNFORETOLD = 0.06, 0.12
# Asked are that many patches within a few patches' sides of the hole, each about that many others.
AROUND = 61
ASKED = 400
COMPARED = 8000


def guessed_shade(at: Level, pixels: Floats, rng: np.random.Generator) -> Floats:
    """What to take from the filled `pixels` (h, w, 3) of `at`, zero outside its hole."""
    hole = at.hole.reshape(at.shape)
    share = GUESSED * float(np.clip((surprise(at, rng) - FORETOLD) / (UNFORETOLD - FORETOLD), 0, 1))
    if share == 0:
        return np.zeros_like(pixels)
    guess = np.where(hole[..., None], pixels - membrane(pixels, hole), np.float32(0))
    return np.where(hole[..., None], np.float32(share) * cv2.GaussianBlur(guess, (0, 0), SHADE), np.float32(0))


def surprise(at: Level, rng: np.random.Generator) -> float:
    """How unlike the nearest of all others the known patches around the hole are, as a share of their own contrast."""
    hole = at.hole.reshape(at.shape).astype(np.uint8)
    near = np.flatnonzero((cv2.dilate(hole, np.ones((AROUND, AROUND), np.uint8)) > 0).ravel() & at.usable)
    asked = near[:: max(len(near) // ASKED, 1)]
    others = at.sources
    others = others if len(others) <= COMPARED else np.sort(rng.choice(others, COMPARED, replace=False))
    wanted, offered = grain(at, asked), grain(at, others)
    apart = (wanted**2).sum(axis=1)[:, None] + (offered**2).sum(axis=1) - 2 * wanted @ offered.T
    width = at.shape[1]
    overlap = np.abs(asked[:, None] // width - others // width) < SIDE
    overlap &= np.abs(asked[:, None] % width - others % width) < SIDE
    nearest = np.where(overlap, np.inf, apart).min(axis=1, initial=np.inf)
    told = np.isfinite(nearest)
    return float(nearest[told].sum() / max(float((wanted[told] ** 2).sum()), 1e-9))


def grain(at: Level, centres: Index) -> Floats:
    """Patches (n, 147) around flat centres, each without its mean colour."""
    patches = gather(at.pixels, centres, at.offsets).reshape(len(centres), SIDE * SIDE, 3)
    plain: Floats = (patches - patches.mean(axis=1, keepdims=True)).reshape(len(centres), SIDE * SIDE * 3)
    return plain


def membrane(pixels: Floats, hole: Bools) -> Floats:
    """The blurred known pixels of (h, w, 3) continued into `hole` as a soap film; outside it means nothing."""
    height, width = hole.shape
    scale = min(1.0, math.sqrt(MEMBRANE_PIXELS / np.count_nonzero(hole)))
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    known = cv2.resize((~hole).astype(np.float32), size, interpolation=cv2.INTER_AREA)[..., None]
    seen = cv2.resize(np.where(hole[..., None], np.float32(0), pixels), size, interpolation=cv2.INTER_AREA)
    share = cv2.GaussianBlur(known, (0, 0), RIM_BLUR)[..., None]
    blurred = cv2.GaussianBlur(seen, (0, 0), RIM_BLUR) / np.maximum(share, 1e-3)
    free = (known < 0.5).astype(np.float32)
    fixed = blurred * (1 - free)
    film = fixed + solve(-laplacian(fixed, free, 0), free, 0)
    large: Floats = cv2.resize(film, (width, height), interpolation=cv2.INTER_LINEAR)
    return large
