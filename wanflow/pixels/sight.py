"""Where an edit by words goes: the regions of a picture in colour, found by colour and by lightness."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from wanflow.pixels.chroma import to_oklab
from wanflow.pixels.engine import Array, Bools, Floats
from wanflow.pixels.masks import Mask, at_shape, faded, guided, small_lightness, soften
from wanflow.pixels.regions import FAINT, Region, find
from wanflow.pixels.scene import Scene
from wanflow.pixels.subject import Subject, find_subject, recut
from wanflow.pixels.target import RECUT, light_wins
from wanflow.pixels.told import at_size
from wanflow.pixels.words import Kind

_LIKELY = 0.3
_SUBJECTS = (Kind.SUBJECT, Kind.OTHER, Kind.PERSON)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a change goes: gain and offset of the guided filter at working size, None for everywhere."""

    gain: Floats
    offset: Floats


class Sight:
    """What is seen in the picture before any change; found once, whatever the number of changes.

    Where the subject was told, as a (h, w) mask, it is not looked for.
    """

    def __init__(self, rgb: Array, told: Bools | None = None) -> None:
        self.rgb, self.told = rgb, told

    @cached_property
    def light(self) -> Floats:
        """OKLab lightness at working size."""
        return small_lightness(self.rgb)

    @cached_property
    def scene(self) -> Scene:
        """What luminance alone tells."""
        return Scene(self.light, None if self.told is None else at_size(self.told, self.light.shape))

    @cached_property
    def subject(self) -> Subject:
        """What colour tells of the subject."""
        if self.told is not None:
            return Subject(at_size(self.told, self.light.shape), 1.0)
        return find_subject(at_shape(self.rgb, self.light.shape))

    def place(self, region: Region) -> Place:
        """How a region's mask follows the lightness of the full picture."""
        return Place(*guided(region.mask, self.light, calm=1e-3))

    def region(self, kind: Kind) -> Region:
        """A subject by colour or by luminance, whichever is surer; else by luminance, as in a grey picture."""
        if kind not in (*_SUBJECTS, Kind.BACKGROUND, Kind.SURFACE):
            return self._by_light(kind)
        subject, thing = self.subject, self.scene.thing
        if kind in _SUBJECTS:
            mask = thing.mask if light_wins(subject, thing) else subject.mask
        else:
            # A face and a coat differ in colour: what either way of looking takes for the subject is no background.
            mask = ~(subject.mask | thing.mask) if thing.confidence >= _LIKELY else ~subject.mask
        sure = max(subject.confidence, thing.confidence) if mask.any() else 0.0
        if kind not in _SUBJECTS and sure < FAINT:
            # A picture of no one thing is all background.
            mask, sure = np.ones_like(mask), FAINT
        either = int((subject.mask | thing.mask).sum())
        agreed = float((subject.mask & thing.mask).sum() / max(either, 1))
        return Region(kind, self._soft(mask), sure, agreed)

    @cached_property
    def colour(self) -> Floats:
        """OKLab at working size (h, w, 3), its a and b doubled: a step in them is seen as well as one in lightness."""
        return to_oklab(at_shape(self.rgb, self.light.shape)) * np.array([1, 2, 2], np.float32)

    def _soft(self, mask: Mask) -> Floats:
        """A mask that fades where neither lightness nor colour bears its rim out."""
        planes = [np.ascontiguousarray(self.colour[..., n]) for n in range(3)]
        return soften(faded(mask, *planes)[0], self.light)

    def _by_light(self, kind: Kind) -> Region:
        """A region found as in a grey picture, its outline cut again by colour."""
        region = find(self.scene, [kind])[kind]
        if kind not in RECUT or region.confidence < FAINT:
            return region
        mask = recut(at_shape(self.rgb, self.light.shape), region.mask > 0.5)
        return replace(region, mask=self._soft(mask))
