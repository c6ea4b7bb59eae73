"""wan/doodle: the line art of a picture, or a sketch as it is, filled with flat washes; a stand-in for a painting.

The lines are real. What the prompt shows is not painted: only its colours are, into the cells that the lines close.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from wanflow.pixels.chroma import Tone, luminance, paint
from wanflow.pixels.engine import Array, Edited, EditRequest, Floats, Picture, edit
from wanflow.pixels.expand import flatten
from wanflow.pixels.lineart import ink_of_sketch, line_art
from wanflow.pixels.masks import Mask, disc, shrunk
from wanflow.pixels.regions import find
from wanflow.pixels.scene import Scene
from wanflow.pixels.stamp import stamped
from wanflow.pixels.words import Kind, Wish, parse

_STRIP_PIXELS = 1 << 19
NOT_PAINTED = "the lines are drawn and washed with colours; what the prompt describes was not painted"
NO_COLOUR = "the prompt names no colour known here, so the washes have colours of their own"

# Washes for prompts without colours: muted pigments that go with each other.
_PIGMENTS = (
    *(Tone(0.84, 0.060, 75), Tone(0.78, 0.070, 230), Tone(0.74, 0.075, 140), Tone(0.72, 0.090, 45)),
    *(Tone(0.86, 0.050, 105), Tone(0.70, 0.060, 300), Tone(0.80, 0.065, 15)),
)
_PAPER = Tone(0.965, 0.012, 85)

Labels = npt.NDArray[np.int32]


@edit("wan/doodle")
def doodle(request: EditRequest) -> Edited:
    """Lines, found or given, over washes from the prompt's palette; always a stamped proxy."""
    rgb, warnings = flatten(request.image)
    sketch = bool(request.parameters.get("is_sketch"))
    ink = ink_of_sketch(rgb) if sketch else line_art(rgb)
    labels = cells(shrunk(ink.astype(np.float32)))
    scene = None if sketch else Scene(np.cbrt(shrunk(luminance(rgb))))
    wishes = parse(request.prompt)
    washes = labels, _washes(labels, scene, wishes, request.seed)
    said = (NOT_PAINTED, *(() if wishes else (NO_COLOUR,)), *warnings)
    return stamped(Picture(_painted(ink, washes, request.seed)), request.prompt, *said)


def cells(ink: Floats) -> Labels:
    """The areas that lines (h, w, 0 is ink, 255 paper) close, numbered from 0.

    Balls of shrinking size fill the paper, so that a gap narrower than a ball closes its cell (Zhang et al. 2009).
    """
    free = ink > 150
    labels = np.zeros(ink.shape, np.int32)
    count = 0
    for size in _balls(max(ink.shape)):
        room = free & (labels == 0)
        core = cv2.erode(room.astype(np.uint8), disc(size), borderType=cv2.BORDER_REPLICATE)
        found, parts, stats, _ = cv2.connectedComponentsWithStats(core, connectivity=4)
        large = stats[:, cv2.CC_STAT_AREA] >= size
        large[0] = False
        number = np.where(large, count + np.cumsum(large), 0).astype(np.int32)
        count += int(large.sum())
        grown = cv2.dilate(number[parts].astype(np.float32), disc(size)).astype(np.int32)
        labels = np.where(room & (grown > 0), grown, labels)
        if found == 1 and not room.any():
            break
    return _flooded(labels, ink)


def _balls(side: int) -> list[int]:
    """Odd diameters of the balls, from a thirtieth of the long side down."""
    largest = max(3, side // 30)
    return sorted({max(3, largest // part) | 1 for part in (1, 2, 4)}, reverse=True)


def _flooded(labels: Labels, ink: Floats) -> Labels:
    """Every pixel in a cell: what no ball reached goes to the neighbour across the least ink."""
    if not labels.any():
        return np.zeros_like(labels)
    image = np.ascontiguousarray(np.dstack([np.clip(255 - ink, 0, 255).astype(np.uint8)] * 3))
    flooded = cv2.watershed(image, labels.copy())
    seeds = (flooded <= 0).astype(np.uint8)
    if seeds.all():  # so narrow a picture is all frame
        return np.zeros_like(labels)
    # The ridges between cells, and the frame, which the watershed never labels, take the nearest cell.
    _, nearest = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    names = np.zeros(int(nearest.max()) + 1, np.int32)
    names[nearest[seeds == 0]] = flooded[seeds == 0]
    return np.asarray(names[nearest] - 1, np.int32)


def _washes(labels: Labels, scene: Scene | None, wishes: Sequence[Wish], seed: int) -> list[Tone]:
    """The tone of each cell: that of the word whose region or place it lies in, else one of the palette's."""
    dice = np.random.default_rng(seed)
    area = np.bincount(labels.ravel())
    asked = [wish.tone for wish in wishes]
    palette = asked or [_PIGMENTS[n] for n in dice.permutation(len(_PIGMENTS))[:4]]
    # In a photograph the words have regions; a cell outside of them all stays paper instead of getting any colour.
    spare = [_PAPER] if scene and asked else palette
    placed = _in_regions(labels, scene, wishes) if scene else _in_places(labels, wishes)
    light = _mean(labels, scene.light) if scene else None
    tones = []
    for cell in range(len(area)):
        tone = placed.get(cell) or (
            _PAPER if area[cell] < 0.0004 * labels.size else spare[int(dice.integers(len(spare)))]
        )
        tones.append(_washed(tone, None if light is None else float(light[cell]), float(dice.uniform(-1, 1))))
    return tones


def _mean(labels: Labels, plane: Floats) -> Floats:
    """The mean of a plane over each cell."""
    area = np.maximum(np.bincount(labels.ravel()), 1)
    return np.asarray(np.bincount(labels.ravel(), plane.ravel()) / area, np.float32)


def _in_regions(labels: Labels, scene: Scene, wishes: Sequence[Wish]) -> dict[int, Tone]:
    """The tones of cells that lie for the greater part in the region of a wish."""
    regions = find(scene, [wish.kind for wish in wishes])
    found: dict[int, Tone] = {}
    for wish in wishes:
        region = regions[wish.kind]
        if region.confidence > 0:
            found |= {int(cell): wish.tone for cell in np.flatnonzero(_mean(labels, region.mask) > 0.5)}
    return found


def _in_places(labels: Labels, wishes: Sequence[Wish]) -> dict[int, Tone]:
    """Cells of a sketch whose place says what they are: above and at the edge is sky, the middle is the subject."""
    places = _places(labels)
    found: dict[int, Tone] = {}
    for wish in wishes:
        for cell in np.flatnonzero(places[_place(wish.kind)]):
            found.setdefault(int(cell), wish.tone)
    return found


def _place(kind: Kind) -> str:
    if kind in (Kind.SKY, Kind.CLOUD):
        return "above"
    if kind in (Kind.GROUND, Kind.GRASS, Kind.WATER, Kind.SURFACE):
        return "below"
    return "around" if kind in (Kind.BACKGROUND, Kind.FOLIAGE) else "all" if kind is Kind.WHOLE else "middle"


def _places(labels: Labels) -> dict[str, Mask]:
    """For each place, which cells lie there."""
    height, width = labels.shape
    count = int(labels.max()) + 1
    y, x = np.mgrid[:height, :width].astype(np.float32)
    down, across = _mean(labels, y / height), _mean(labels, x / width)
    edge = np.zeros(count, bool)
    edge[np.unique(np.concatenate([labels[0], labels[:, 0], labels[:, -1]]))] = True
    bottom = np.zeros(count, bool)
    bottom[np.unique(labels[-1])] = True
    middle = (np.abs(across - 0.5) < 0.32) & (np.abs(down - 0.5) < 0.36) & ~edge
    return {
        "above": edge & (down < 0.5),
        "below": (bottom | edge) & (down > 0.6),
        "around": (edge | bottom) & ~middle,
        "middle": middle,
        "all": np.ones(count, bool),
    }


def _washed(tone: Tone, light: float | None, chance: float) -> Tone:
    """A pigment thinned with water: light enough for the lines, following the picture's light where it has one."""
    target = 0.80 if light is None else 0.62 + 0.34 * light
    own = min(max(tone.lightness, 0.45), 0.94)
    lightness = min(0.45 * own + 0.55 * target + 0.02 * chance, 0.96)
    return Tone(lightness, min(tone.chroma, 0.13) * 0.9, (tone.hue_deg + 4 * chance) % 360)


def _painted(ink: Array, washes: tuple[Labels, list[Tone]], seed: int) -> Array:
    """Washes with the bleeding of watercolour under the lines, at the lines' size, one strip of rows at a time."""
    height, width = ink.shape
    out = cv2.resize(_pigment(*washes, seed), (width, height), interpolation=cv2.INTER_LINEAR)
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        share = 0.12 + 0.88 / 255 * ink[top : top + rows, :, None].astype(np.float32)
        out[top : top + rows] = (out[top : top + rows] * share + 0.5).astype(np.uint8)
    return np.asarray(out, np.uint8)


def _pigment(labels: Labels, tones: Sequence[Tone], seed: int) -> Array:
    """The washes without lines, (h, w, 3) uint8 at cell size."""
    colours = np.array([(tone.lightness, *tone.ab) for tone in tones], np.float32)
    lightness, a, b = (np.ascontiguousarray(colours[:, n])[labels] for n in range(3))
    noise = _noise(labels.shape, seed)
    # Pigment gathers where a wash dries last: along the edges of its cell.
    rim = cv2.morphologyEx(labels.astype(np.float32), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    edge = cv2.GaussianBlur(rim.astype(np.float32), (0, 0), max(labels.shape) / 160)
    strength = 1 + 0.2 * noise + 0.25 * edge
    y = np.clip(lightness - 0.035 * noise - 0.06 * edge, 0.05, 0.99) ** 3
    wash = paint(y.astype(np.float32), (a * strength).astype(np.float32), (b * strength).astype(np.float32))
    return np.asarray(cv2.GaussianBlur(wash, (0, 0), 0.7), np.uint8)


def _noise(shape: tuple[int, int], seed: int) -> Floats:
    """Cloudy noise about 0 with a spread of about 0.5, from three octaves."""
    dice = np.random.default_rng([seed, 1])
    total = np.zeros(shape, np.float32)
    for cells_across, weight in ((5, 1.0), (11, 0.6), (40, 0.35)):
        coarse = dice.standard_normal((cells_across, cells_across)).astype(np.float32)
        total += np.float32(weight) * cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)
    return total * np.float32(0.4)
