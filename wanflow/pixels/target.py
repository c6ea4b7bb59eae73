"""Which part of a picture a prompt means: the region that it names, or the subject, agreed on by two finders.

One finder goes by colour (`subject`), one by light alone (`scene`). Where they agree the subject is sure; where they
don't, the surer one is taken and the doubt is told. None of them knows what a thing is.
"""

from __future__ import annotations

from collections.abc import Iterator
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
from wanflow.pixels.told import HOW, at_size, place

# Regions of one look and some size; lamps and clouds are neither.
RECUT = (Kind.GROUND, Kind.GRASS, Kind.FOLIAGE, Kind.WATER, Kind.HAIR, Kind.SKIN, Kind.CLOTHES)
AGREED = 0.6
SHARP = 0.9
ROUGH = "the outline of {} may be rough; look at the picture before using it"
# Speech around the style ("... plank style") that names nothing in the picture.
_IDLE = frozenset(
    (
        *("style", "styles", "look", "effect", "texture", "material", "made", "turn", "convert", "change", "make"),
        *("transform", "render", "give", "set", "put", "it", "its", "sculpture", "art", "like", "please"),
        *("风格", "材质", "效果", "质感", "样式", "改", "换", "转", "变", "将", "请", "做"),
    )
)
# These mean the main subject, whatever it is.
_ANYTHING = ("", "subject", "object", "product", "主体")
_TAKEN = {
    **dict.fromkeys((Kind.SUBJECT, Kind.OTHER, Kind.PERSON), "the main subject"),
    Kind.CLOTHES: "the main subject without its upper end",
    Kind.HAIR: "the dark part of the main subject's upper end",
    Kind.SKIN: "the bright part of the main subject's upper end",
    Kind.SURFACE: "all behind the main subject",
    Kind.SKY: "the calm area at the top",
    Kind.CLOUD: "the bright part of the calm area at the top",
    Kind.WATER: "the calm area below",
    Kind.GRASS: "the ground",
    Kind.FOLIAGE: "fine texture",
    Kind.LIGHT: "what is brightest",
}
_THINGS = (Kind.SUBJECT, Kind.OTHER, Kind.PERSON)


@dataclass(frozen=True, slots=True)
class Target:
    """The wanted part (h, w), None where it was not found, and what has to be said about how it was found."""

    mask: Mask | None
    warnings: tuple[str, ...] = ()


def find_target(rgb: Array, prompt: str, told: Mask | None, size: tuple[int, int]) -> Target:
    """The part of (h, w, 3) uint8 that the prompt names, or that was told by a mask of any size.

    Places are told in pixels of the picture of this width and height. Raises nothing.
    """
    word, kind = asked(prompt)
    if told is not None and kind is not Kind.WHOLE:
        mask = at_size(told, rgb.shape)
        return Target(~mask if kind in (Kind.BACKGROUND, Kind.SURFACE) and not mask.all() else mask)
    if kind is Kind.WHOLE:
        return Target(np.ones(rgb.shape[:2], bool))
    missing = Target(None, (f"{_name(word)} was not found with confidence, so nothing was changed; {HOW}",))
    # A door has no place; bright spots are rarely lamps, and a material on each of them is nobody's wish.
    if kind in (Kind.PART, Kind.LIGHT):
        return missing
    scene = Scene(small_lightness(rgb))
    if kind in (*_THINGS, Kind.BACKGROUND, Kind.SURFACE):
        return _thing(rgb, scene, word, kind, size) or missing
    region = find(scene, [kind])[kind]
    mask = cv2.resize(region.mask, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR) > 0.5
    if region.confidence < SURE or not mask.any():
        return missing
    if kind in RECUT:
        mask = recut(rgb, mask)
    return Target(mask, tuple(taken_for(word, kind, place(mask, size), open_sky=scene.open_sky)))


def taken_for(word: str, kind: Kind, at: str, *, open_sky: bool = False) -> Iterator[str]:
    """What to say of a word that a part of the picture, `at` a place, was taken for without knowing what it is."""
    known = word in _ANYTHING or (kind is Kind.SKY and open_sky)
    if kind in _TAKEN and not known:
        yield f"things are not recognised here: {_TAKEN[kind]}, {at}, was taken for {quoted(word)}; {HOW}"


def _name(word: str) -> str:
    return quoted(word) if word else "the subject"


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


def _thing(rgb: Array, scene: Scene, word: str, kind: Kind, size: tuple[int, int]) -> Target | None:
    """The subject, or what is behind it; None where nothing stands out."""
    mask, sure = _subject(rgb, scene)
    if sure < SURE:
        return None
    if kind in (Kind.BACKGROUND, Kind.SURFACE) and not mask.all():
        mask = ~mask
    at = place(mask, size)
    if sure < AGREED:
        return Target(mask, (guessed(word, at),))
    rough = (ROUGH.format(_name(word)),) if sure < SHARP else ()
    return Target(mask, (*rough, *taken_for(word, kind, at)))


def guessed(word: str, at: str) -> str:
    """What to say of a word whose place was guessed."""
    return f"where {_name(word)} is was only guessed, {at}; look at the picture before using it; {HOW}"


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
