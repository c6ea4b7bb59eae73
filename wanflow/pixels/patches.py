"""One level of the fill pyramid and its patches: which pixels are wanted, which may be copied, how a patch
is described."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from wanflow.pixels.engine import Bools, Floats

Index = npt.NDArray[np.int64]

RADIUS = 3
SIDE = 2 * RADIUS + 1
COMPONENTS = 20
CHUNK = 16384


@dataclass(frozen=True, slots=True)
class Level:
    """A picture at one size, flat: `pixels` (h*w, 3) float32 in [0, 1], `hole` (h*w,) bool, patch centres as
    flat indices.

    `usable` marks centres whose whole patch may be copied; `targets` are centres whose patch touches the
    hole.
    """

    shape: tuple[int, int]
    pixels: Floats
    hole: Bools
    usable: Bools
    targets: Index

    @property
    def sources(self) -> Index:
        """Flat indices of the centres that may be copied."""
        return np.flatnonzero(self.usable)

    @property
    def known(self) -> tuple[Index, Index]:
        """The rows and the columns that have a known pixel."""
        known = ~self.hole.reshape(self.shape)
        return np.flatnonzero(known.any(axis=1)), np.flatnonzero(known.any(axis=0))

    @property
    def offsets(self) -> Index:
        """Flat index steps from a patch's centre to its pixels, row by row."""
        steps = np.arange(-RADIUS, RADIUS + 1)
        return (steps[:, None] * self.shape[1] + steps[None, :]).ravel()


def inner(shape: tuple[int, int]) -> Bools:
    """(h, w) bool: centres whose patch lies wholly inside the picture."""
    mask = np.zeros(shape, bool)
    mask[RADIUS : shape[0] - RADIUS, RADIUS : shape[1] - RADIUS] = True
    return mask


def spread(mask: Bools) -> Bools:
    """`mask` (h, w) grown by one patch radius."""
    grown: Bools = cv2.dilate(mask.astype(np.uint8), np.ones((SIDE, SIDE), np.uint8)) > 0
    return grown


def level(picture: Floats, hole: Bools, source: Bools) -> Level:
    """A level from (h, w, 3) float32, the hole and the pixels that may be copied (both (h, w) bool)."""
    shape = hole.shape[0], hole.shape[1]
    inside = inner(shape)
    usable = inside & ~spread(hole | ~source)
    targets = np.flatnonzero(inside & spread(hole))
    return Level(shape, picture.reshape(-1, 3).copy(), hole.ravel(), usable.ravel(), targets)


def nearest_set(mask: Bools) -> Index:
    """For every pixel of (h, w) the flat index of the nearest pixel that is set; `mask` must have one."""
    _, labels = cv2.distanceTransformWithLabels(
        (~mask).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    place = np.zeros(int(labels.max()) + 1, np.int64)
    place[labels.ravel()[mask.ravel()]] = np.flatnonzero(mask)
    near: Index = place[labels]
    return near


def gather(pixels: Floats, centres: Index, offsets: Index) -> Floats:
    """Patches (n, 147) float32 around flat centres."""
    return np.take(pixels, centres[:, None] + offsets[None, :], axis=0).reshape(len(centres), 3 * len(offsets))


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Twenty principal components of a level's patches and two of place; distances are mean squared
    differences.

    A place beyond the known picture counts as the nearest in it: far out, too, it is best grown from what is there.
    """

    mean: Floats
    basis: Floats
    step: float

    def describe(self, at: Level, centres: Index) -> Floats:
        """(n, 22) float32 for flat centres of `at`."""
        out = np.empty((len(centres), self.basis.shape[1] + 2), np.float32)
        offsets = at.offsets
        for start in range(0, len(centres), CHUNK):
            part = slice(start, start + CHUNK)
            out[part, :-2] = (gather(at.pixels, centres[part], offsets) - self.mean) @ self.basis
        places = centres // at.shape[1], centres % at.shape[1]
        for column, place, known in zip((-2, -1), places, at.known, strict=True):
            out[:, column] = np.clip(place, known[0], known[-1]) * np.float32(self.step)
        return out


def learn(at: Level, locality: float, rng: np.random.Generator) -> Descriptor:
    """Fit the descriptor to the patches that may be copied; `locality` is the cost of a picture's length
    away.

    It is relative to the picture's contrast (a standard deviation of 0.25 counts as full): in a night sky a
    cost in grey levels would outweigh the stars.
    """
    sources = at.sources
    chosen = sources if len(sources) <= 4000 else np.sort(rng.choice(sources, 4000, replace=False))
    patches = gather(at.pixels, chosen, at.offsets)
    mean = patches.mean(axis=0)
    covariance = (patches - mean).T @ (patches - mean)
    _, vectors = np.linalg.eigh(covariance.astype(np.float64))
    basis = vectors[:, ::-1][:, :COMPONENTS] / np.sqrt(patches.shape[1])
    contrast = float(np.sqrt(np.trace(covariance) / covariance.shape[0] / len(patches)))
    step = locality * contrast * 4 / max(at.shape)
    return Descriptor(mean, np.ascontiguousarray(basis, np.float32), step)
