"""Regions that words name, as soft masks guessed from luminance: each kind of word has its own way.

Every region carries a confidence; the caller decides what to say below `SURE`. A door has no place.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from wanflow.pixels.engine import Floats
from wanflow.pixels.lexicon import Kind
from wanflow.pixels.masks import Mask, closed, disc, faded, opened, soften, touching
from wanflow.pixels.scene import SURE, Guess, Scene
from wanflow.pixels.subject import recut


@dataclass(frozen=True, slots=True)
class Region:
    """A soft mask (h, w) float32 in [0, 1] at working size, and how far it can be believed (0-1).

    `agreed` is how far two ways of looking saw the same outline (intersection over union), 1 for one way alone.
    """

    kind: Kind
    mask: Floats
    confidence: float
    agreed: float = 1.0


# Below this, a guess is no better than none.
FAINT = 0.2

# Found by place and lightness, these have ragged outlines.
_RECUT = (Kind.CLOTHES, Kind.GROUND, Kind.GRASS)
_PEOPLE = (Kind.HAIR, Kind.SKIN, Kind.CLOTHES)
# What lies in front is cut out of what lies behind.
_FRONT_TO_BACK = (
    *(
        Kind.PART,
        Kind.LIGHT,
        Kind.HAIR,
        Kind.SKIN,
        Kind.CLOTHES,
        Kind.PERSON,
        Kind.SUBJECT,
        Kind.OTHER,
        Kind.CLOUD,
    ),
    *(Kind.SKY, Kind.WATER, Kind.GRASS, Kind.GROUND, Kind.FOLIAGE, Kind.SURFACE, Kind.BACKGROUND, Kind.WHOLE),
)


def find(scene: Scene, kinds: Collection[Kind]) -> dict[Kind, Region]:
    """The wanted regions as soft masks that don't overlap, snapped to the picture's edges."""
    wanted = [kind for kind in _FRONT_TO_BACK if kind in set(kinds)]
    labels = np.zeros(scene.light.shape, np.int32)
    sure: dict[Kind, float] = {}
    for number, kind in enumerate(wanted, 1):
        guess = locate(scene, kind, wanted)
        if kind in _RECUT and guess.mask.any():
            mask = recut(scene.look, guess.mask)
            guess = Guess(mask if kind is Kind.CLOTHES else _unlike_removed(scene, mask), guess.confidence)
        free = guess.mask & (labels == 0)
        sure[kind] = guess.confidence if free.mean() > 0.0005 else 0.0
        labels[free] = number
    labels = _snapped(scene, labels)
    masks = {
        kind: soften(faded(labels == number, scene.light)[0], scene.light) for number, kind in enumerate(wanted, 1)
    }
    return {kind: Region(kind, mask, sure[kind]) for kind, mask in masks.items()}


def _unlike_removed(scene: Scene, mask: Mask) -> Mask:
    """A region without what stands in front of it and is too thin for a cut, as the legs of a tripod."""
    weight = mask.astype(np.float32)
    usual, share = (cv2.GaussianBlur(p, (0, 0), 6 * scene.scale) for p in (scene.light * weight, weight))
    near = cv2.GaussianBlur(scene.light, (0, 0), 1.0)
    return np.asarray(mask & (np.abs(near - usual / np.maximum(share, 1e-3)) < 0.13))


def locate(scene: Scene, kind: Kind, wanted: Collection[Kind] = ()) -> Guess:
    """The best guess for one kind of region among those wanted; confidence 0 says that there is none."""
    if kind is Kind.SKY:
        return scene.sky
    if kind in (Kind.GROUND, Kind.GRASS):
        return _ground(scene)
    if kind in (Kind.SUBJECT, Kind.OTHER):
        return scene.thing
    if kind is Kind.PERSON:
        return scene.subject
    if kind in (Kind.BACKGROUND, Kind.SURFACE):
        if scene.thing.confidence < FAINT:
            # A picture of no one thing is all background.
            return Guess(np.ones(scene.light.shape, bool), FAINT)
        return Guess(~scene.thing.mask, scene.thing.confidence)
    if kind is Kind.WHOLE:
        return Guess(np.ones(scene.light.shape, bool), 1.0)
    if kind is Kind.FOLIAGE:
        return _foliage(scene, wanted)
    finder = {Kind.LIGHT: _lights, Kind.CLOUD: _clouds, Kind.WATER: _water}.get(kind)
    if finder:
        return finder(scene)
    return _of_person(scene, kind) if kind in _PEOPLE else Guess(np.zeros(scene.light.shape, bool), 0.0)


def _ground(scene: Scene) -> Guess:
    """The ground, or doubtfully the lower third without the subject."""
    if scene.ground.confidence >= SURE:
        return scene.ground
    rest = (scene.down > 0.66) & ~scene.subject.mask & ~(scene.sky.mask if scene.open_sky else False)
    return Guess(np.asarray(rest), 0.3 if rest.mean() > 0.03 else 0.0)


def _water(scene: Scene) -> Guess:
    """A calm stretch in the lower half, wide and not the sky; doubtfully the ground."""
    sky = scene.sky.mask if scene.open_sky else np.zeros(scene.light.shape, bool)
    calm = opened(closed(scene.calm, 5) & (scene.down > 0.4) & ~sky, 5)
    if calm[:, :].any(0).mean() > 0.5 and calm.mean() > 0.08:
        return Guess(calm, 0.6)
    return Guess(_ground(scene).mask, 0.4)


def _foliage(scene: Scene, wanted: Collection[Kind]) -> Guess:
    """Leafy texture; else what is behind the subject, or the subject if a background is named too."""
    if scene.leafy.confidence >= SURE:
        return scene.leafy
    thing = scene.thing
    if Kind.BACKGROUND in wanted:
        return Guess(thing.mask, 0.9 * thing.confidence)
    return Guess(~thing.mask, 0.6 * thing.confidence)


def _lights(scene: Scene) -> Guess:
    """Bright spots that stand out from what is around them."""
    around = cv2.GaussianBlur(scene.light, (0, 0), 8 * scene.scale)
    # Where lamps burn, what they light up is no lamp.
    bar = max(0.5, float(np.median(scene.light)) + 0.2, 0.88 * float(np.percentile(scene.light, 99.9)))
    mask = cv2.dilate(((scene.light > bar) & (scene.light > around + 0.12)).astype(np.uint8), disc(5)) > 0
    share = float(mask.mean())
    return Guess(mask, 0.7 if 0.0005 < share < 0.15 else 0.3 if share else 0.0)


def _clouds(scene: Scene) -> Guess:
    """The brighter parts of the sky."""
    sky = scene.sky
    if not sky.mask.any():
        return Guess(sky.mask, 0.0)
    mask = sky.mask & (scene.smooth > float(np.median(scene.light[sky.mask])) + 0.03)
    return Guess(mask, 0.6 * sky.confidence if mask.mean() > 0.01 else 0.0)


def _of_person(scene: Scene, kind: Kind) -> Guess:
    """Hair is the dark and skin the bright of the head; clothes are the usual lightness of the rest."""
    head, figure = scene.head, scene.subject.mask
    if head.sum() < 20:
        return Guess(np.zeros_like(head), 0.0)
    sure = scene.subject.confidence
    if kind is Kind.CLOTHES:
        body = figure & ~head
        if not body.any():
            return Guess(figure, 0.5 * sure)
        usual = float(np.median(scene.light[body]))
        spread = float(np.median(np.abs(scene.light[body] - usual)))
        cloth = opened(body & (np.abs(scene.smooth - usual) < min(0.12 + 2.2 * spread, 0.28)), 3)
        return Guess(closed(cloth, 5), sure)
    codes = (scene.light[head] * 255).astype(np.uint8)
    bar = cv2.threshold(codes.reshape(-1, 1), 0, 255, cv2.THRESH_OTSU)[0] / 255
    bright = head & (scene.light > bar)
    if kind is Kind.HAIR:
        return Guess(opened(head & ~bright, 3), 0.8 * sure)
    # A chin or a bare neck goes on below the narrowest row.
    rows, columns = (np.flatnonzero(head.any(axis)) for axis in (1, 0))
    chin = np.zeros_like(head)
    chin[rows[-1] - 2 : rows[-1] + len(rows) // 3, columns[0] : columns[-1]] = True
    chin &= figure & (scene.light > bar)
    return Guess(closed(bright | touching(chin, bright), 3), 0.8 * sure)


def _snapped(scene: Scene, labels: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Labels (0 = no region) whose borders a watershed in a narrow band moves onto the nearest edges."""
    seeds = np.zeros_like(labels)
    for label in np.unique(labels):
        core = cv2.erode((labels == label).astype(np.uint8), disc(5), borderType=cv2.BORDER_REPLICATE)
        seeds[core > 0] = label + 1
    image = np.clip(cv2.GaussianBlur(scene.light, (0, 0), 0.8) * 255, 0, 255).astype(np.uint8)
    flooded = cv2.watershed(np.ascontiguousarray(np.dstack([image] * 3)), seeds)
    # Ridges (-1) and the frame that the watershed never labels keep what they were.
    return np.where(flooded > 0, flooded - 1, labels).astype(np.int32)
