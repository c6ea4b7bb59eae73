"""Which part of a picture a prompt means: the region that it names, or the subject, agreed on by two finders.

One finder goes by colour (`subject`), one by light alone (`scene`). Where they agree the subject is sure; where they
don't, the surer one is taken and the doubt is told.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from wanflow.errors import quoted
from wanflow.pixels.engine import Array
from wanflow.pixels.lexicon import Kind, Role, tokens
from wanflow.pixels.masks import Mask, closed, opened, small_lightness
from wanflow.pixels.regions import find
from wanflow.pixels.scene import SURE, Guess, Scene
from wanflow.pixels.subject import Subject, completed, find_subject, recut
from wanflow.pixels.told import HOW, at_size

# Regions of one look and some size; lamps and clouds are neither.
RECUT = (Kind.GROUND, Kind.GRASS, Kind.FOLIAGE, Kind.WATER, Kind.HAIR, Kind.SKIN, Kind.CLOTHES)
LEAST = 0.45
AGREED = 0.6
SHARP = 0.8
# Speech around the style ("... plank style") that names nothing in the picture.
_IDLE = frozenset(
    (
        *("style", "styles", "look", "effect", "texture", "material", "made", "turn", "convert", "change", "make"),
        *("transform", "render", "give", "set", "put", "it", "its", "sculpture", "art", "like", "please"),
        *("风格", "材质", "效果", "质感", "样式", "改", "换", "转", "变", "将", "请", "做"),
    )
)
_THINGS = (Kind.SUBJECT, Kind.OTHER, Kind.PERSON)


@dataclass(frozen=True, slots=True)
class Target:
    """The wanted part (h, w) and what has to be said about how it was found."""

    mask: Mask
    warnings: tuple[str, ...] = ()


def find_target(rgb: Array, prompt: str, told: Mask | None = None) -> Target:
    """The part of (h, w, 3) uint8 that the prompt names, or that was told by a mask of any size; never empty.

    Raises nothing.
    """
    word, kind = asked(prompt)
    if told is not None and kind is not Kind.WHOLE:
        mask = at_size(told, rgb.shape)
        return Target(~mask if kind in (Kind.BACKGROUND, Kind.SURFACE) and not mask.all() else mask)
    if kind is Kind.WHOLE:
        return Target(np.ones(rgb.shape[:2], bool))
    scene = Scene(small_lightness(rgb))
    if kind in (*_THINGS, Kind.BACKGROUND, Kind.SURFACE, Kind.PART):
        return _thing(rgb, scene, word, kind)
    region = find(scene, [kind])[kind]
    mask = cv2.resize(region.mask, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR) > 0.5
    if region.confidence < 0.2 or not mask.any():
        found = _thing(rgb, scene, "", Kind.SUBJECT)
        instead = f"no {quoted(word)} was found in the picture; the main subject was changed instead"
        return Target(found.mask, (instead, *found.warnings))
    if kind in RECUT:
        mask = recut(rgb, mask)
    doubt = f"where the {quoted(word)} is was only guessed; look at the picture before using it; {HOW}"
    return Target(mask, () if region.confidence >= SURE else (doubt,))


def asked(prompt: str) -> tuple[str, Kind]:
    """The first region word, the last of a pair ("car door"); else an unknown noun; else the subject."""
    stream = tokens(prompt)
    whole = False
    for at, token in enumerate(stream):
        if token.role is Role.REGION and token.name != Kind.WHOLE:
            pair = stream[at + 1] if at + 1 < len(stream) and stream[at + 1].role is Role.REGION else token
            token = token if pair.name == Kind.WHOLE else pair
            return token.word, Kind(token.name)
        whole = whole or token.role is Role.REGION
    nouns = [t.word for t in stream if t.role is Role.NOUN and t.word not in _IDLE]
    if whole:
        return "picture", Kind.WHOLE
    return (nouns[0], Kind.OTHER) if nouns else ("", Kind.SUBJECT)


def _thing(rgb: Array, scene: Scene, word: str, kind: Kind) -> Target:
    """The subject, or what is behind it; a centre oval where nothing stands out."""
    mask, sure = _subject(rgb, scene)
    name = quoted(word) if word else "the subject"
    warnings = []
    if sure < LEAST:
        mask = _oval(mask.shape)
        warnings.append(f"no clear subject was found, so the middle of the picture was changed for {name}; {HOW}")
    elif sure < AGREED:
        warnings.append(f"where {name} is was only guessed; look at the picture before using it; {HOW}")
    elif sure < SHARP:
        warnings.append(f"the outline of {name} may be rough; look at the picture before using it")
    if kind is Kind.OTHER:
        warnings.append(f"{name} is not a word known here; the main subject was changed")
    if kind is Kind.PART:
        warnings.append(f"a part such as {quoted(word)} can't be found here; the main subject was changed; {HOW}")
    if kind in (Kind.BACKGROUND, Kind.SURFACE):
        mask = ~mask if not mask.all() else mask
    return Target(mask, tuple(warnings))


def _subject(rgb: Array, scene: Scene) -> tuple[Mask, float]:
    """The subject (h, w) and how sure from 0 to 1."""
    colour, light = find_subject(rgb), scene.thing
    by_light = cv2.resize(light.mask.astype(np.float32), rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR) > 0.5
    either = (colour.mask | by_light).sum()
    agreed = (colour.mask & by_light).sum() / max(int(either), 1)
    if agreed >= AGREED:
        return completed(rgb, _joined(colour.mask, by_light)), float(agreed)
    # Two finders that see different things are at best half sure.
    if light_wins(colour, Guess(by_light, light.confidence)):
        return completed(rgb, _filled(by_light)), min(light.confidence, AGREED - 0.01)
    return completed(rgb, _filled(colour.mask)), min(colour.confidence, AGREED - 0.01)


def light_wins(colour: Subject, light: Guess) -> bool:
    """Whether the subject seen by lightness is to be believed, masks of one shape: the surer one, or the whole of
    which colour sees only parts, such as a cat's eyes.
    """
    parts = (colour.mask & light.mask).sum() > 0.9 * colour.mask.sum()
    return light.confidence > (0.8 if parts else 1.0) * colour.confidence


def _joined(first: Mask, second: Mask) -> Mask:
    """`first`, with the parts of `second` that cling to it, as the rim of a cup does; holes are filled."""
    together = _filled(first | second)
    # Opened, so that a building behind the camera doesn't hang on to it by a thread.
    added = opened(together & ~first, 1 + 2 * max(1, min(first.shape) // 80)).astype(np.uint8)
    _, label = cv2.connectedComponents(added)
    kernel = np.ones((3, 3), np.uint8)
    rim = (cv2.dilate(first.astype(np.uint8), kernel, iterations=2) > 0) & (added > 0)
    # The outline of a part against all else, and its share that touches `first`.
    edge = (added > 0) & (cv2.erode(added, kernel) == 0)
    count = int(label.max()) + 1
    touching = np.bincount(label[edge & rim], minlength=count)
    whole = np.maximum(np.bincount(label[edge], minlength=count), 1)
    clings = touching / whole > 0.4
    clings[0] = False
    return np.asarray(first | clings[label])


def _filled(mask: Mask) -> Mask:
    """A mask without holes and without cracks thinner than a hundredth of the short side."""
    solid = closed(mask, 1 + 2 * max(1, min(mask.shape) // 200))
    padded = np.pad(~solid, 1, constant_values=True).astype(np.uint8)
    _, label = cv2.connectedComponents(padded, connectivity=4)
    return np.asarray((label != label[0, 0])[1:-1, 1:-1])


def _oval(shape: tuple[int, int]) -> Mask:
    y, x = ((np.arange(side, dtype=np.float32) + 0.5) * 2 / side - 1 for side in shape)
    return np.asarray((y[:, None] / 0.72) ** 2 + (x[None, :] / 0.72) ** 2 < 1)
