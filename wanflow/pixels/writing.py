"""Which pixels of a picture are writing laid over it: the odds of ink at several sizes, summed, made into strokes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from wanflow.pixels.engine import Array, Bools, Floats, Hint
from wanflow.pixels.lines import along_lines
from wanflow.pixels.masks import disc
from wanflow.pixels.repeats import find_repeats
from wanflow.pixels.sameink import completed
from wanflow.pixels.spotting import odds
from wanflow.pixels.stamp import stamp_on
from wanflow.pixels.told import shown

NOWHERE = Hint()
# Looking costs 0.7 CPU-s a megapixel. Letters under about 10 pixels at this size are not seen.
WORK_PIXELS = 4_200_000
# The net knows letters of 10 to 70 pixels; larger ones are seen in the halved pictures. Writing is likely at several
# sizes, what only looks like it at one: the sum of three tells them apart better than the greatest.
SIZES, SUMMED = 4, 3
LEAST_SIDE = 96
# A busy picture has likely pixels everywhere: half of what four fifths of it stay below is taken off.
USUAL, USUAL_SHARE, LEAST_USUAL = 0.8, 0.5, -14.0
# A stroke is what is likely somewhere and possible throughout, (likely, possible): the likelier, the farther it is
# followed. Where much is CLEAR, more is to be expected; where a person says that there is some, little will do.
# Few clean photographs reach 8; texts over them mostly go beyond.
ALONE, WITH_OTHERS, HINTED = ((8.0, 1.0), (6.0, 4.0)), ((5.0, 2.0),), ((0.0, -2.0),)
CLEAR, CLEAR_SHARE = 8.0, 2e-4
# Along a line of letters that stands out by so much, what is possible at all is ink.
LINE, IN_LINE = 4.0, 1.0
# What repeats is writing if, all copies averaged, so much speaks for half of it: made-up dots and coins had -4 at most.
LIKE_WRITING = -3.0
# A line of letters is longer than high or of several parts; one or two squat parts have to be clear.
SQUAT, FEW, CLEAREST = 3.0, 2, 0.95
# What covers more than this is no writing on a picture but a picture that looks like writing.
MOST_COVERED = 0.4
# Pixels around a stroke that its soft edge and JPEG coding have changed.
RIM = 2


@dataclass(frozen=True, slots=True)
class Writing:
    """Where ink is: `strokes` (h, w) bool alone, `mask` (h, w) bool with their soft edges; each place's x, y, width,
    height.
    """

    strokes: Bools
    mask: Bools
    places: tuple[tuple[int, int, int, int], ...]


def find_writing(rgb: Array, hint: Hint = NOWHERE) -> Writing:
    """The writing on (h, w, 3) uint8 of any size; within the hint's region or mask alone, and keener, if it has one."""
    height, width = rgb.shape[:2]
    scale = min(1.0, (WORK_PIXELS / (height * width)) ** 0.5)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) if scale < 1 else rgb
    found = evidence(small)
    area = hinted(hint, (height, width))
    allowed = ~stamp_on(rgb) if area is None else area
    found = _within(found, allowed)
    strokes = _strokes(found, ALONE if area is None else HINTED)
    if area is None:
        strokes &= ~_blots(strokes, found)
    strokes |= _repeated(rgb, found.shape)
    strokes = completed(small, strokes) & _small(allowed, found.shape)
    if area is None and strokes.mean() > MOST_COVERED:
        strokes[:] = False
    boxes = tuple(
        (round(x / scale), round(y / scale), round(w / scale), round(h / scale)) for x, y, w, h in places(strokes)
    )
    rim = RIM
    if scale < 1:
        rim += round(1 / scale)
        strokes = cv2.resize(strokes.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) >= 0.5
    mask = cv2.dilate(strokes.astype(np.uint8), disc(2 * rim + 1)) > 0
    return Writing(strokes & allowed, mask & allowed, boxes)


def hinted(hint: Hint, shape: tuple[int, int]) -> Bools | None:
    """The hint as (h, w) bool; None without one. A region may reach over the picture's rim."""
    if hint.mask is not None:
        return shown(hint, shape)
    if hint.region is None:
        return None
    left, right = (min(max(x, 0), shape[1]) for x in hint.region[::2])
    top, bottom = (min(max(y, 0), shape[0]) for y in hint.region[1::2])
    area = np.zeros(shape, bool)
    area[top:bottom, left:right] = True
    return area


def evidence(rgb: Array) -> Floats:
    """How much speaks for ink (h, w), in log-odds over what is usual in this picture."""
    height, width = rgb.shape[:2]
    looks = [odds(rgb)]
    while len(looks) < SIZES and min(rgb.shape[:2]) >= 2 * LEAST_SIDE:
        rgb = cv2.resize(rgb, (rgb.shape[1] // 2, rgb.shape[0] // 2), interpolation=cv2.INTER_AREA)
        looks.append(cv2.resize(odds(rgb), (width, height), interpolation=cv2.INTER_LINEAR))
    count = min(SUMMED, len(looks))
    sums = [np.sum(looks[first : first + count], axis=0) for first in range(len(looks) - count + 1)]
    total = np.max(sums, axis=0) * np.float32(SUMMED / count)
    usual = max(float(np.quantile(total[::4, ::4], USUAL)), LEAST_USUAL)
    return np.asarray(total - np.float32(USUAL_SHARE * usual), np.float32)


def _strokes(found: Floats, bounds: Sequence[tuple[float, float]]) -> Bools:
    """Whatever one of the bounds (likely, possible) lets pass; where much is clear, the bounds for more as well."""
    if (found > CLEAR).mean() > CLEAR_SHARE:
        bounds = [*bounds, *WITH_OTHERS]
    in_line = (along_lines(found) > LINE) & (found > IN_LINE)
    return np.asarray(np.any([in_line, *(joined(found, *pair) for pair in bounds)], axis=0))


def _repeated(rgb: Array, shape: tuple[int, ...]) -> Bools:
    """The strokes (h, w) of a mark that is laid all over a picture at one spacing, at a given shape."""
    repeats = find_repeats(rgb)
    if repeats is None or not repeats.strokes.any():
        return np.zeros(shape, bool)
    if np.median(evidence(repeats.average)[repeats.strokes]) < LIKE_WRITING:
        return np.zeros(shape, bool)
    return _small(repeats.strokes, shape)


def joined(found: Floats, likely: float, possible: float) -> Bools:
    """The connected parts of what is possible that hold something likely."""
    count, labels = cv2.connectedComponents((found > possible).astype(np.uint8))
    keep = np.zeros(count, bool)
    keep[np.unique(labels[found > likely])] = True
    keep[0] = False
    return np.asarray(keep[labels])


def places(strokes: Bools) -> list[tuple[int, int, int, int]]:
    """Left, top, width and height of each place in which strokes stand together."""
    boxes = []
    for part, place in _places(strokes):
        x, y, width, height = cv2.boundingRect(place.astype(np.uint8))
        boxes.append((part[1].start + x, part[0].start + y, width, height))
    return boxes


def _places(strokes: Bools) -> Iterator[tuple[tuple[slice, slice], Bools]]:
    """Each place in which strokes stand together: a window, and its strokes (h, w) in there."""
    reach = max(9, round(0.02 * min(strokes.shape))) | 1
    near = cv2.dilate(strokes.astype(np.uint8), np.ones((reach, reach), np.uint8))
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(near)
    for label, (x, y, width, height, _) in enumerate(boxes.tolist()[1:], 1):
        part = slice(y, y + height), slice(x, x + width)
        yield part, strokes[part] & (labels[part] == label)


def _blots(strokes: Bools, found: Floats) -> Bools:
    """The places that are neither the shape of a line of letters nor clear: spoons, petals, leaves."""
    blots = np.zeros_like(strokes)
    for part, place in _places(strokes):
        _, sides, _ = cv2.minAreaRect(cv2.findNonZero(place.astype(np.uint8)))
        squat = max(sides) + 1 < SQUAT * (min(sides) + 1)
        few = cv2.connectedComponents(place.astype(np.uint8))[0] - 1 <= FEW
        if squat and few and np.quantile(found[part][place], CLEAREST) < CLEAR:
            blots[part] |= place
    return blots


def _within(found: Floats, area: Bools) -> Floats:
    """Evidence within an area, at any size of the same picture, and none elsewhere."""
    return np.where(_small(area, found.shape), found, np.float32(-99))


def _small(area: Bools, shape: tuple[int, ...]) -> Bools:
    """An area (h, w) of a picture at another size of it."""
    return np.asarray(cv2.resize(area.astype(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST) > 0)
