"""What luminance alone tells of a scene: its sky, its ground, its leaves and the subject in front of them.

Evidence is position and texture: a calm area hanging from the top is sky, a wide one from the bottom ground,
edges without direction are leaves, what the centre has and the border lacks is the subject.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from wanflow.pixels.engine import Array, Floats
from wanflow.pixels.masks import Mask, closed, disc, faded, opened, shrunk, touching
from wanflow.pixels.subject import completed

SUBJECT_PIXELS = 48_000
SURE = 0.5
_CLUSTERS = 10


@dataclass(frozen=True, slots=True)
class Guess:
    """A hard mask (h, w) and how far it can be believed (0-1)."""

    mask: Mask
    confidence: float


class Scene:
    """The features and guesses of one picture, from its OKLab lightness (h, w) at working size.

    Where the subject was told, as a mask of that shape, it is not guessed.
    """

    def __init__(self, lightness: Floats, told: Mask | None = None) -> None:
        self.light, self.told = lightness, told
        self.height, self.width = lightness.shape
        self.scale = max(lightness.shape) / 100

    @cached_property
    def detail(self) -> Floats:
        """Local deviation from a two-pixel blur: 0.002 in a clear sky, 0.03 in grass."""
        return np.asarray(np.abs(self.light - cv2.GaussianBlur(self.light, (0, 0), 2.0)), np.float32)

    @cached_property
    def busy(self) -> Floats:
        """Texture, averaged over one hundredth of the long side."""
        return np.asarray(cv2.GaussianBlur(self.detail, (0, 0), self.scale), np.float32)

    @cached_property
    def smooth(self) -> Floats:
        """Lightness, averaged likewise."""
        return np.asarray(cv2.GaussianBlur(self.light, (0, 0), self.scale), np.float32)

    @cached_property
    def look(self) -> Array:
        """Lightness, its surroundings and texture as the three channels of a picture (h, w, 3)."""
        planes = np.dstack([self.light, cv2.GaussianBlur(self.light, (0, 0), 2.0), 3 * np.sqrt(self.busy)])
        return np.asarray(np.clip(planes * 255, 0, 255), np.uint8)

    @cached_property
    def order(self) -> Floats:
        """How much edges run one way (structure tensor coherence): frames 0.6, leaves 0.4."""
        across, down = (cv2.Sobel(self.light, cv2.CV_32F, *d) for d in ((1, 0), (0, 1)))
        xx, yy, xy = (cv2.GaussianBlur(p, (0, 0), 2.0) for p in (across * across, down * down, across * down))
        coherence = np.sqrt((xx - yy) ** 2 + 4 * xy**2) / (xx + yy + 1e-4)
        return np.asarray(cv2.GaussianBlur(coherence, (0, 0), 2 * self.scale), np.float32)

    @cached_property
    def leafy(self) -> Guess:
        """Dense texture without direction that reaches the frame: leaves, hedges, rough grass."""
        dense = cv2.GaussianBlur(self.busy, (0, 0), 1.5 * self.scale) > 0.022
        mask = opened(dense & (self.order < 0.46) & ~self.sky.mask, 5)
        frame = np.zeros_like(mask)
        frame[:2], frame[-2:], frame[:, :2], frame[:, -2:] = True, True, True, True
        mask = closed(touching(mask, mask & frame), 9)
        return Guess(mask, 0.7 if mask.mean() > 0.05 else 0.0)

    @cached_property
    def across(self) -> Floats:
        """Position from 0 at the left to 1 at the right."""
        row = (np.arange(self.width, dtype=np.float32) + 0.5) / self.width
        return np.broadcast_to(row, self.light.shape)

    @cached_property
    def down(self) -> Floats:
        """Position from 0 at the top to 1 at the bottom."""
        column = (np.arange(self.height, dtype=np.float32) + 0.5) / self.height
        return np.broadcast_to(column[:, None], self.light.shape)

    @cached_property
    def calm(self) -> Mask:
        """Neither texture nor edge; the bar rises a little with the picture's own grain."""
        grain = float(np.clip(0.010 + 1.2 * np.percentile(self.detail, 10), 0.014, 0.024))
        slope = cv2.magnitude(*(cv2.Sobel(self.light, cv2.CV_32F, *d, scale=0.125) for d in ((1, 0), (0, 1))))
        flat = (cv2.GaussianBlur(self.detail, (0, 0), 1.5) < grain) & (slope < 2 * grain)
        return np.asarray(opened(flat, 3))

    @cached_property
    def sky(self) -> Guess:
        """The calm area that hangs from the upper edge."""
        rows = max(2, self.height // 50)
        mask = self._grown(closed(touching(self.calm, self._upper(self.calm, rows)), 3), self.light, 7)
        share, above, below = float(mask.mean()), float(mask[:rows].mean()), float(mask[-rows:].mean())
        doubt = min(1.0, share / 0.12) * min(1.0, above / 0.5) * (1.0 if below < 0.3 else 0.4)
        return Guess(mask, doubt if share > 0.02 else 0.0)

    @staticmethod
    def _upper(mask: Mask, rows: int) -> Mask:
        out = np.zeros_like(mask)
        out[:rows] = mask[:rows]
        return out

    def _grown(self, mask: Mask, plane: Floats, reach: int, alike: float = 0.05) -> Mask:
        """A mask that stops short of every edge takes the neighbours that are as light as itself."""
        window = (2 * reach + 1, 2 * reach + 1)
        weight = cv2.blur(mask.astype(np.float32), window)
        usual = cv2.blur(np.where(mask, plane, np.float32(0)), window) / np.maximum(weight, 1e-3)
        near = cv2.dilate(mask.astype(np.uint8), disc(2 * reach - 3)) > 0
        return np.asarray(mask | (near & (np.abs(plane - usual) < alike) & (weight > 0.02)))

    @property
    def open_sky(self) -> bool:
        """Is this a daylight landscape sky beyond reasonable doubt? A studio wall or a dark night isn't."""
        sky = self.sky
        rows = max(2, self.height // 50)
        if sky.confidence < 0.9 or sky.mask[:rows].mean() < 0.8:
            return False
        corner = max(1, self.height // 12), max(1, self.width // 12)
        left, right = sky.mask[: corner[0], : corner[1]], sky.mask[: corner[0], -corner[1] :]
        if min(left.mean(), right.mean()) < 0.5:
            return False
        columns = max(2, self.width // 25)
        ends = [float(side.mean()) for side in (sky.mask[:, :columns], sky.mask[:, -columns:])]
        under = self.light[~sky.mask & (self.down > 0.5)]
        bright = float(np.median(self.light[sky.mask]))
        return max(ends) < 0.68 and bright > 0.62 and under.size > 0 and bright > float(np.median(under)) + 0.08

    @cached_property
    def clusters(self) -> npt.NDArray[np.int32]:
        """Pixels grouped by lightness, surroundings and texture (k-means with a fixed seed)."""
        features = np.dstack([self.light, self.smooth, 1.2 * np.sqrt(self.busy)]).reshape(-1, 3).astype(np.float32)
        step = max(1, len(features) // 12_000)
        sample = np.ascontiguousarray(features[::step])
        cv2.setRNGSeed(1)
        count = min(_CLUSTERS, len(sample))
        _, _, centres = cv2.kmeans(sample, count, None, (3, 20, 1e-3), 1, cv2.KMEANS_PP_CENTERS)
        far = np.stack([((features - centre) ** 2).sum(1) for centre in centres])
        return np.asarray(far.argmin(0).reshape(self.light.shape), np.int32)

    @cached_property
    def ground(self) -> Guess:
        """What spreads wide from the lower edge to a side; a coat narrows upwards."""
        found = np.zeros(self.light.shape, bool)
        best = 0.0
        for mask in self._grounds():
            confidence = self._level(mask)
            if confidence >= SURE or best < min(confidence, SURE):
                found = found | mask if best >= SURE else mask
                best = max(best, confidence)
        # A median keeps the edge of the coat that stands on the grass; a mean would leave a rim of neither.
        flat = cv2.medianBlur((self.light * 255).astype(np.uint8), 5).astype(np.float32) / 255
        found = self._grown(closed(found, 5), flat, max(3, round(2.5 * self.scale)), 0.07)
        return Guess(found & ~self.sky.mask, best)

    def _grounds(self) -> Iterator[Mask]:
        """For each sort of pixel common at the lower edge, the connected area that looks like it."""
        band = max(2, self.height // 12)
        wide = cv2.GaussianBlur(self.busy, (0, 0), 2 * self.scale)
        # Under an open sky the ground recedes: its texture gets finer, and little of it may show.
        strict, narrow = (0.35, 0.25) if self.open_sky else (1.0, 0.4)
        for label in np.unique(self.clusters[-band:]):
            seeds = self.clusters[-band:] == label
            if seeds.mean() < 0.12:
                continue
            tone, rough = np.median(self.smooth[-band:][seeds]), np.median(wide[-band:][seeds])
            excess = (wide - rough) / (0.008 + 0.35 * rough)
            excess = np.where(excess < 0, strict * excess, excess)
            far = ((self.smooth - tone) / 0.09) ** 2 + excess**2
            alike = (far < 2.3) & ~self.sky.mask & ((self.order < 0.56) | (self.busy < 0.02))
            mask = opened(alike, 1 + 2 * round(1.2 * self.scale))
            rows = np.flatnonzero(mask.mean(1) > narrow)
            mask[: rows[0] if rows.size else self.height] = False
            low = np.zeros_like(mask)
            low[-band:] = mask[-band:]
            yield touching(mask, low)

    def _level(self, mask: Mask) -> float:
        """How much a mask looks like ground: wide near its own top, reaching a side, low in the picture."""
        rows = np.flatnonzero(mask.any(1))
        if rows.size < 3 or mask.mean() < 0.04:
            return 0.0
        deep = self.height - rows[0]
        upper = mask[rows[0] + deep // 3]
        span = float(np.ptp(np.flatnonzero(upper)) / self.width) if upper.any() else 0.0
        side = max(float(mask[rows[0] :, :3].any(1).mean()), float(mask[rows[0] :, -3:].any(1).mean()))
        low = 1 - float(mask[: self.height // 3].mean()) * 3
        return float(np.clip((span - 0.4) / 0.3, 0, 1) * np.clip((side - 0.25) / 0.4, 0, 1) * np.clip(low, 0, 1))

    @cached_property
    def saliency(self) -> Floats:
        """How much a pixel's sort lives in the centre and not along the upper and side edges, 0-1."""
        middle = np.exp(-0.5 * (((self.across - 0.5) / 0.27) ** 2 + ((self.down - 0.55) / 0.30) ** 2))
        sides = (self.across < 0.05) | (self.across > 0.95) | (self.down < 0.05)
        edge = sides + 0.35 * (self.down > 0.95)
        labels = self.clusters.ravel()
        centre, border = (
            np.bincount(labels, place.ravel(), _CLUSTERS) / (place.sum() + 1e-6) for place in (middle, edge)
        )
        ratio = (centre / (centre + border + 1e-6)).astype(np.float32)
        raw = ratio[self.clusters] * (0.45 + 0.55 * middle)
        # Once much of the picture is known to be sky or ground, what is left of the middle is the subject.
        behind = self._behind
        sure = np.float32(np.clip((behind.mean() - 0.15) / 0.4, 0, 0.75))
        raw = raw * (1 - sure) + sure * (0.35 + 0.65 * middle)
        raw[behind] *= 0.15
        raw = cv2.GaussianBlur(raw.astype(np.float32), (0, 0), 1.2 * self.scale)
        return np.asarray((raw - raw.min()) / (np.ptp(raw) + 1e-6), np.float32)

    @property
    def _behind(self) -> Mask:
        sky = self.sky.mask
        if not self.open_sky:
            # Out of focus or bare: calmer than short fur or cloth that reaches the upper edge.
            core = cv2.erode(sky.astype(np.uint8), disc(9)) > 0
            weight = cv2.GaussianBlur(core.astype(np.float32), (0, 0), 2 * self.scale)
            within = cv2.GaussianBlur(np.where(core, self.detail, np.float32(0)), (0, 0), 2 * self.scale)
            bare = (core & (within < 0.0055 * weight)).astype(np.uint8)
            sky = sky & (cv2.dilate(bare, disc(19)) > 0)
        for guess in (self.ground, self.leafy):
            if guess.confidence >= SURE:
                sky = sky | guess.mask
        return np.asarray(sky)

    @cached_property
    def subject(self) -> Guess:
        """The figure in the middle: saliency seeds a watershed and GrabCut, and both vote."""
        if self.told is not None:
            return Guess(self.told, 1.0)
        bar = cv2.threshold((self.saliency * 255).astype(np.uint8), 0, 255, cv2.THRESH_OTSU)[0] / 255
        small = shrunk(self.light, SUBJECT_PIXELS)
        size = small.shape[::-1]
        saliency = cv2.resize(self.saliency, size, interpolation=cv2.INTER_AREA)
        behind = cv2.resize(self._behind.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5
        mask = _cut(small, saliency, behind, float(bar))
        full = cv2.resize(mask.astype(np.float32), self.light.shape[::-1], interpolation=cv2.INTER_LINEAR) > 0.5
        full = _main_parts(full, self.saliency)
        return Guess(full, self._distinct(full))

    @cached_property
    def thing(self) -> Guess:
        """The subject as an object: what its outline nearly encloses, the inside of a cup, belongs to it."""
        if self.told is not None:
            return self.subject
        mask = completed(self.look, self.subject.mask)
        return Guess(mask & ~(self._behind & ~self.subject.mask), self.subject.confidence)

    def _distinct(self, mask: Mask) -> float:
        """How well a mask stands out: size, saliency inside against outside, edges along its outline."""
        share = float(mask.mean())
        if not 0.01 < share < 0.9:
            return 0.0
        apart = float(self.saliency[mask].mean() - self.saliency[~mask].mean())
        rim = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
        rim[:2], rim[-2:], rim[:, :2], rim[:, -2:] = False, False, False, False
        edge = cv2.dilate(self.detail, np.ones((5, 5), np.uint8))
        sharp = float((edge[rim] > 0.02).mean()) if rim.any() else 0.0
        size = min(1.0, share / 0.04) * min(1.0, (0.9 - share) / 0.45)
        # Fur and star fields have edges everywhere: a thing is lighter or darker than what is around it.
        _, held = faded(mask, self.light)
        return float(np.clip(1.6 * apart, 0, 1) * size * (0.4 + 0.6 * sharp) * (0.3 + 0.7 * held) * min(1, 2 * held))

    @cached_property
    def head(self) -> Mask:
        """The upper end of the subject down to its neck, or 22 % of its height where no neck shows."""
        mask = self.subject.mask
        out = np.zeros_like(mask)
        rows = np.flatnonzero(mask[:, self.width // 4 : -(self.width // 4)].any(1))
        if rows.size < 8:
            return out
        top, tall = int(rows[0]), int(rows[-1] - rows[0])
        spans = list(_spans(mask[top : top + tall // 2], self.width))
        neck = _neck([right - left for left, right in spans], tall)
        # A shoulder that rises beside the head is no part of it.
        upper = np.array(spans[: max(1, round(0.6 * neck))])
        middle = float(np.median(upper.mean(1)))
        reach = 0.65 * float(np.percentile(np.ptp(upper, axis=1), 75))
        first, last = max(0, round(middle - reach)), round(middle + reach)
        for row, (left, right) in zip(range(top, top + neck), spans, strict=False):
            out[row, max(left, first) : min(right, last)] = True
        out &= mask
        return out


def _spans(rows: Mask, width: int) -> Iterator[tuple[int, int]]:
    """Left and right end, row by row, of the run that continues the one above, from the middle."""
    centre = width / 2
    for row in rows:
        ends = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(np.int8), [0]])))
        if ends.size == 0:
            return
        left, right = min(zip(ends[::2], ends[1::2], strict=True), key=lambda e: abs((e[0] + e[1]) / 2 - centre))
        centre += 0.3 * ((left + right) / 2 - centre)
        yield int(left), int(right)


def _neck(widths: list[int], tall: int) -> int:
    """The row where a figure, from the top, is narrowest between its head and its shoulders."""
    peak, valley, at = 0, 0, 0
    for row, width in enumerate(widths):
        if not valley:
            peak = max(peak, width)
            if row > 0.05 * tall and width < 0.85 * peak:
                valley, at = width, row
        elif width < valley:
            valley, at = width, row
        elif width > 1.25 * valley:
            return round(1.12 * at)
    return max(2, round(0.22 * tall))


def _cut(light: Floats, saliency: Floats, behind: Mask, bar: float) -> Mask:
    """Subject pixels by GrabCut and by watershed from the same seeds: either, where salient; else both."""
    image = np.dstack([light, cv2.GaussianBlur(light, (0, 0), 2.0), saliency])
    image = np.clip(image * 255, 0, 255).astype(np.uint8)
    front = (saliency > bar + 0.5 * (1 - bar)) & ~behind
    back = behind | (saliency < 0.5 * bar)
    if front.sum() < 10 or back.sum() < 10:
        return np.asarray((saliency > bar) & ~behind)
    trimap = np.where(saliency > bar, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    trimap[back], trimap[front] = cv2.GC_BGD, cv2.GC_FGD
    cv2.setRNGSeed(1)
    cv2.grabCut(image, trimap, None, np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_MASK)
    grabbed = (trimap == cv2.GC_FGD) | (trimap == cv2.GC_PR_FGD)
    markers = np.where(front, 1, np.where(back, 2, 0)).astype(np.int32)
    flooded = cv2.watershed(np.ascontiguousarray(np.dstack([image[..., 0]] * 3)), markers) == 1
    return np.asarray((grabbed & flooded) | ((grabbed | flooded) & (saliency > bar)))


def _main_parts(mask: Mask, saliency: Floats) -> Mask:
    """The parts with at least an eighth of the best part's weight, small holes filled."""
    mask = closed(opened(mask, 5), 7)
    count, labels = cv2.connectedComponents(mask.astype(np.uint8))
    weight = np.bincount(labels.ravel(), saliency.ravel() ** 2, count)
    weight[0] = 0
    kept = (weight >= max(weight.max() / 8, 1e-6))[labels]
    holes, hole_of, stats, _ = cv2.connectedComponentsWithStats((~kept).astype(np.uint8), connectivity=4)
    small = stats[:, cv2.CC_STAT_AREA] < 0.02 * mask.size
    small[0] = False
    return np.asarray(kept | small[hole_of]) if holes > 1 else np.asarray(kept)
