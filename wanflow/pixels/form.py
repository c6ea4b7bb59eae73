"""The body that a material covers: what a subject's outline and its own light and shade say of its shape.

A material is a function of a `Form` that returns paint (h, w, 3) and cover (h, w), both in [0, 1]; cover may
reach over the outline, the caller cuts it off at 4 % of the picture's short side.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import cv2
import numpy as np

from wanflow.pixels.engine import Floats
from wanflow.pixels.masks import Mask
from wanflow.pixels.strokes import Flow, combed, flow, ink, painted
from wanflow.pixels.textures import Dice, blur

Paint = tuple[Floats, Floats]


class Form:
    """A subject in a piece of a picture: sRGB (h, w, 3) in [0, 1], its mask (h, w) in [0, 1], and a seeded generator.

    `unit` is one hundredth of the whole picture's short side, `size` the subject's own width, both in pixels.
    """

    def __init__(self, rgb: Floats, mask: Floats, unit: float, dice: Dice) -> None:
        self.rgb, self.mask, self.unit, self.dice = rgb, mask, unit, dice

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rgb.shape[0], self.rgb.shape[1]

    @cached_property
    def inside(self) -> Mask:
        """The hard mask, never empty."""
        hard = self.mask > 0.5
        return hard if hard.any() else np.ones_like(hard)

    @cached_property
    def depth(self) -> Floats:
        """Pixels to the outline; 0 outside. The picture's own border is no outline."""
        return self._distance(self.inside)

    @cached_property
    def away(self) -> Floats:
        """Pixels from the subject; 0 inside."""
        return self._distance(~self.inside)

    @staticmethod
    def _distance(mask: Mask) -> Floats:
        far = np.float32(max(mask.shape))
        if mask.all():
            return np.full(mask.shape, far)
        return np.asarray(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5), np.float32)

    @cached_property
    def size(self) -> float:
        """How wide the subject is: the side of a square of its area, at least 8 units."""
        return max(float(np.sqrt(self.inside.sum())), 8 * self.unit)

    def bulge(self, reach: float) -> Floats:
        """Height in pixels of the outline blown up: a quarter circle of radius `reach` pixels, then flat."""
        share = 1 - np.minimum(self.depth, reach) / reach
        # Round in the middle of a thin part too: the distance alone has a ridge there.
        return blur(np.asarray(reach * np.sqrt(1 - share * share), np.float32), 0.18 * reach)

    @cached_property
    def body(self) -> Floats:
        """The colours (h, w, 3) as flat strokes: no grain, edges kept."""
        return painted(self.rgb, max(1.2, 0.5 * self.unit))

    @cached_property
    def lab(self) -> Floats:
        """CIELab (h, w, 3) of the body."""
        return np.asarray(cv2.cvtColor(self.body, cv2.COLOR_RGB2LAB), np.float32)

    @cached_property
    def tone(self) -> Floats:
        """The body's lightness stretched over the subject: 0 its darkest, 1 its lightest, 0.6 if it has but one."""
        light = self.lab[..., 0]
        low, high = (float(v) for v in np.percentile(light[self.inside][::3], (2, 98)))
        room = max(high - low, 1e-3)
        sure = min(1.0, room / 22)
        return np.asarray(0.6 * (1 - sure) + sure * np.clip((light - low) / room, 0, 1), np.float32)

    @cached_property
    def along(self) -> Flow:
        """The flow of the tone."""
        return flow(self.tone, 0.5 * self.unit)

    @cached_property
    def lines(self) -> Floats:
        """The subject's drawing as lines (h, w), without its outline against the background."""
        tone = combed(self.tone, self.along, 0.6 * self.unit)
        drawn = ink(tone, max(0.8, 0.16 * self.unit), self.along)
        return np.asarray(drawn * (self.depth > 0.5 * self.unit), np.float32)

    def relief(self, depth: float) -> Floats:
        """Height in pixels that the subject's own light and shade suggests: light is high."""
        return np.asarray(depth * blur(self.tone, 0.25 * self.unit), np.float32)


Material = Callable[[Form], Paint]
