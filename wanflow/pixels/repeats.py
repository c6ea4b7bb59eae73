"""A mark laid over a picture again and again at one spacing, found by laying the picture over itself.

What repeats stays and the photograph averages out (Dekel et al. 2017 do so over many pictures with one mark). Whether
what repeats is writing or a wall of bricks is not told here.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from wanflow.pixels.engine import Array, Bools, Floats

Shift = tuple[int, int]
# Shorter spacings are the picture's own grain; a grid is believed from so many shifts that agree on it within SLACK
# pixels. Fourteen photographs without tiles, also turned, shrunk and coded, had three at most; 11 of 13 with had four.
LEAST_SHIFT, LEAST_SHIFTS, SLACK = 24, 4, 2.5
# How far a likeness must stand above all others, in standard deviations; how steeply the grid's two steps must cross.
LEAST_LIKENESS, LEAST_CROSSING = 7.0, 0.3
MOST_PEAKS = 24
# The copies must overlap so far, to be counted and to be averaged.
COMPARED, AVERAGED = 0.3, 0.05
LEAST_COPIES = 4
# Ink stands off its surroundings by so many standard errors of the mean of all copies, (surely, still), and levels.
SURELY, STILL, LEVELS = 4.0, 2.2, 5.0
AROUND, GRAIN, MOST_LEVELS = 31, 0.8, 60.0
# A likeness takes 60 MB a megapixel; larger pictures are looked at smaller.
WORK_PIXELS = 1_100_000


@dataclass(frozen=True, slots=True)
class Repeats:
    """What repeats: its `strokes` (h, w) bool, and the picture with all copies averaged, (h, w, 3) uint8."""

    strokes: Bools
    average: Array


def find_repeats(rgb: Array) -> Repeats | None:
    """What comes again over a grid in (h, w, 3) uint8; both results are of at most WORK_PIXELS."""
    height, width = rgb.shape[:2]
    scale = (WORK_PIXELS / (height * width)) ** 0.5
    if scale < 1:
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    steps = grid(rgb)
    if steps is None:
        return None
    shifts = shifts_of(steps, rgb.shape[:2])
    mean, _, _ = over_copies(rgb.astype(np.float32), shifts)
    return Repeats(_ink(rgb, shifts), (mean + 0.5).astype(np.uint8))


def grid(rgb: Array) -> Floats | None:
    """The two steps (2, 2), each (x, y), at which a picture is like itself; None where no grid is sure."""
    found = _peaks(_likeness(_levelled(rgb)))
    if len(found) < LEAST_SHIFTS:
        return None
    crossing = np.abs(found[:, 0] * found[0, 1] - found[:, 1] * found[0, 0])
    lengths = np.hypot(*found.T)
    across = np.flatnonzero(crossing > LEAST_CROSSING * lengths * lengths[0])
    if not len(across):
        return None
    steps = found[[0, across[0]]]
    for _ in range(2):
        whole = np.round(found @ np.linalg.inv(steps))
        near = (np.hypot(*(whole @ steps - found).T) < SLACK) & whole.any(axis=1)
        if near.sum() < LEAST_SHIFTS or np.linalg.matrix_rank(whole[near]) < 2:
            return None
        steps = np.linalg.lstsq(whole[near], found[near], rcond=None)[0]
    return steps if abs(np.linalg.det(steps)) > LEAST_SHIFT**2 else None


def shifts_of(steps: Floats, shape: tuple[int, int]) -> list[Shift]:
    """Every (x, y) of the grid that leaves copies of a picture (h, w) enough of overlap."""
    height, width = shape
    most = int(max(shape) * np.abs(np.linalg.inv(steps)).sum()) + 1
    turns = np.stack(np.meshgrid(*[np.arange(-most, most + 1)] * 2), axis=-1).reshape(-1, 2)
    places = np.unique(np.round(turns @ steps).astype(int), axis=0)
    left = np.maximum(width - np.abs(places[:, 0]), 0) * np.maximum(height - np.abs(places[:, 1]), 0)
    return [(int(x), int(y)) for x, y in places[left > AVERAGED * height * width]]


def over_copies(plane: Floats, shifts: list[Shift]) -> tuple[Floats, Floats, Floats]:
    """Mean, variance (both like `plane`, (h, w) or (h, w, c)) and number (h, w) of a plane's shifted copies."""
    height, width = plane.shape[:2]
    total, squares = np.zeros_like(plane), np.zeros_like(plane)
    count = np.zeros((height, width), np.float32)
    for x, y in shifts:
        to = slice(max(-y, 0), height - max(y, 0)), slice(max(-x, 0), width - max(x, 0))
        part = plane[max(y, 0) : height + min(y, 0), max(x, 0) : width + min(x, 0)]
        total[to] += part
        squares[to] += part * part
        count[to] += 1
    number = count if plane.ndim == 2 else count[..., None]
    mean = total / number
    return mean, np.maximum(squares / number - mean * mean, 0), count


def _ink(rgb: Array, shifts: list[Shift]) -> Bools:
    """What stands off its surroundings in nearly all copies, (h, w); either all lighter or all darker."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    apart = np.clip(grey - cv2.blur(grey, (AROUND, AROUND)), -MOST_LEVELS, MOST_LEVELS)
    mean, varied, count = over_copies(cv2.GaussianBlur(apart, (0, 0), GRAIN), shifts)
    sure = mean / (np.sqrt(varied / np.maximum(count - 1, 1)) + 1)
    either = [_joined(sign * sure, (sign * mean > LEVELS) & (count >= LEAST_COPIES)) for sign in (1, -1)]
    return max(either, key=lambda strokes: float(np.abs(sure[strokes]).sum()))


def _joined(sure: Floats, allowed: Bools) -> Bools:
    """Connected parts of what may be ink that hold something surely ink."""
    count, labels = cv2.connectedComponents(((sure > STILL) & allowed).astype(np.uint8))
    keep = np.zeros(count, bool)
    keep[np.unique(labels[(sure > SURELY) & allowed])] = True
    keep[0] = False
    return np.asarray(keep[labels])


def _levelled(rgb: Array) -> Floats:
    """Lightness (h, w) with all parts equally strong, so that no strong edge speaks for the whole."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    apart = grey - cv2.blur(grey, (17, 17))
    spread = np.sqrt(np.maximum(cv2.blur(apart * apart, (33, 33)), 0)) + 4
    return np.asarray(np.clip(apart / spread, -3, 3), np.float32)


def _likeness(plane: Floats) -> Floats:
    """How like itself a plane (h, w) is at shifts up to its size, (2H, 2W) with none in the middle, in deviations."""
    height, width = plane.shape
    tall, wide = cv2.getOptimalDFTSize(2 * height), cv2.getOptimalDFTSize(2 * width)
    padded = np.zeros((tall, wide), np.float32)
    padded[:height, :width] = plane
    spectrum = cv2.dft(padded)
    power = cv2.mulSpectrums(spectrum, spectrum, 0, conjB=True)
    alike = np.roll(cv2.idft(power), (tall // 2, wide // 2), (0, 1))
    down, right = np.arange(tall) - tall // 2, np.arange(wide) - wide // 2
    overlap = np.maximum(height - np.abs(down), 0)[:, None] * np.maximum(width - np.abs(right), 0)[None]
    counted = (overlap > COMPARED * height * width) & (np.hypot(down[:, None], right[None]) > LEAST_SHIFT)
    # A sum of so many products has noise of the root of their number.
    alike = alike / np.sqrt(np.maximum(overlap, 1))
    alike = alike - cv2.blur(alike, (15, 15))
    spread = float(alike[counted].std()) if counted.any() else 0.0
    return np.where(counted, alike / (spread or 1.0), 0).astype(np.float32)


def _peaks(alike: Floats) -> Floats:
    """The shifts (n, 2) of one half plane that stand out most, as (x, y), the strongest first."""
    top = (alike == cv2.dilate(alike, np.ones((15, 15), np.uint8))) & (alike > LEAST_LIKENESS)
    middle = alike.shape[0] // 2, alike.shape[1] // 2
    top[: middle[0]] = False
    top[middle[0], : middle[1]] = False
    rows, columns = np.nonzero(top)
    best = np.argsort(-alike[rows, columns], kind="stable")[:MOST_PEAKS]
    return np.stack([columns[best] - middle[1], rows[best] - middle[0]], axis=1).astype(np.float32)
