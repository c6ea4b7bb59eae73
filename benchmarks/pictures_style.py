"""The numbers that the two stylizations hold, on photographs: ``python benchmarks/pictures.py --only 6``."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from photographs import PHOTOS, photographs

from wanflow.pixels.engine import EditRequest, Picture
from wanflow.pixels.materials import MATERIALS
from wanflow.pixels.picture_book import ink_lines
from wanflow.pixels.strokes import cover, painted
from wanflow.pixels.stylize import stylize_all, stylize_local
from wanflow.pixels.target import find_target
from wanflow.pixels.textures import unit_of

Row = tuple[str, str, str]
WHOLE = {"picture book": "Convert to French picture book style", "gold foil": "Convert to gold foil art style"}
STRENGTHS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)


def whole(rgb: np.ndarray, prompt: str, strength: float = 1.0) -> np.ndarray:
    parameters = {"prompt": prompt, "strength": strength}
    return stylize_all(EditRequest("wan/stylization_all", (Picture(rgb),), None, parameters)).picture.rgb


def local(rgb: np.ndarray, material: str) -> np.ndarray:
    parameters = {"prompt": f"Change the subject to {material} style"}
    return stylize_local(EditRequest("wan/stylization_local", (Picture(rgb),), None, parameters)).picture.rgb


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    error = float(np.mean((first.astype(np.float64) - second) ** 2))
    return 10 * np.log10(255**2 / error) if error else float("inf")


def lch(rgb: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """CIELab lightness, chroma and hue in degrees of the pixels in `mask`."""
    light, a, b = cv2.cvtColor((rgb / 255).astype(np.float32), cv2.COLOR_RGB2LAB)[mask].T
    return light, np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360


def hue_share(rgb: np.ndarray, mask: np.ndarray, low: float, high: float) -> float:
    """The share of chromatic pixels (chroma above 4) with a hue from `low` to `high` degrees; 0 where none is."""
    _, chroma, hue = lch(rgb, mask)
    within = (hue - low) % 360 <= high - low
    return float(within[chroma > 4].sum() / max((chroma > 4).sum(), 1))


def mean_light(rgb: np.ndarray, mask: np.ndarray) -> float:
    return float(lch(rgb, mask)[0].mean())


def mean_chroma(rgb: np.ndarray, mask: np.ndarray) -> float:
    return float(lch(rgb, mask)[1].mean())


def white_share(rgb: np.ndarray, mask: np.ndarray) -> float:
    return float(100 * (lch(rgb, mask)[0] > 97).mean())


def blue(rgb: np.ndarray, mask: np.ndarray) -> float:
    return hue_share(rgb, mask, 200, 310)


def warm(rgb: np.ndarray, mask: np.ndarray) -> float:
    return hue_share(rgb, mask, -10, 100)


Signature = tuple[str, str, Callable[[np.ndarray, np.ndarray], float]]
SIGNATURES: Mapping[str, tuple[Signature, ...]] = {
    "ice": (("blue hue share", ">= 0.92", blue),),
    "blue and white porcelain": (("blue hue share", ">= 0.92", blue),),
    "chinese festive lantern": (("warm hue share", ">= 0.94", warm),),
    "wooden": (("warm hue share", ">= 0.94", warm),),
    "cloud": (("mean L*", "80-86", mean_light), ("mean chroma", "5-9", mean_chroma)),
    "balloon": (("share of L* > 97, %", "2-3", white_share),),
}


def flower(side: int = 640) -> tuple[np.ndarray, np.ndarray]:
    """A bright thing on a dark ground, and its mask; photographs carry no truth of their own."""
    y, x = np.indices((side, side), np.float32) / side - 0.5
    radius, turn = np.hypot(x, y), np.arctan2(y, x)
    truth = radius < 0.29 + 0.03 * np.cos(9 * turn)
    petals = 150 + 60 * np.cos(9 * turn) * np.sin(30 * radius)
    thing = np.dstack([petals + 30, petals - 10, 0.4 * petals])
    ground = np.dstack([20 + 40 * x, 60 - 40 * y, 50 + 30 * x])
    return np.where(truth[..., None], thing, ground).clip(0, 255).astype(np.uint8), truth


def whole_rows(photos: Mapping[str, np.ndarray]) -> list[Row]:
    rows, gold, ink = [], {}, {}
    for style, prompt in WHOLE.items():
        falling = same = 0
        for rgb in photos.values():
            apart = [psnr(whole(rgb, prompt, strength), rgb) for strength in STRENGTHS]
            falling += all(near > far for near, far in pairwise(apart))
            same += apart[0] == float("inf")
        rows.append((f"{style}: strength 0 keeps every byte", "all", f"{same} of {len(photos)}"))
        rows.append((f"{style}: PSNR falls at every strength", "all", f"{falling} of {len(photos)}"))
    for name, rgb in photos.items():
        everywhere = np.ones(rgb.shape[:2], bool)
        gold[name] = hue_share(whole(rgb, WHOLE["gold foil"]), everywhere, 50, 100)
        wash = painted(np.asarray(rgb / np.float32(255), np.float32), max(1.2, 0.3 * unit_of(rgb)))
        ink[name] = 100 * cover(ink_lines(wash, unit_of(rgb)))
    rows.append(("gold foil: gold-hued share, worst", ">= 95 %", f"{100 * min(gold.values()):.1f} %"))
    rows.append(("picture book: ink cover", "3-15 %", f"{min(ink.values()):.1f}-{max(ink.values()):.1f} %"))
    return rows


def local_rows(photos: Mapping[str, np.ndarray]) -> list[Row]:
    rows: list[Row] = []
    targets = {name: find_target(rgb, "the subject", None, rgb.shape[1::-1]).mask for name, rgb in photos.items()}
    found = {name: mask for name, mask in targets.items() if mask is not None}
    rows.append(("photographs in which a subject is found; the others are stamped", "", ", ".join(found)))
    for material in MATERIALS:
        kept, values = 0, []
        for name, mask in found.items():
            rgb = photos[name]
            result = local(rgb, material)
            away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
            far = away > 0.05 * min(mask.shape)
            kept += bool(np.array_equal(result[far], rgb[far]))
            values.append([measured(result, mask) for _, _, measured in SIGNATURES.get(material, ())])
        rows.append((f"{material}: outside subject + 5 % kept", "all", f"{kept} of {len(found)}"))
        for (label, goal, _), measured in zip(SIGNATURES.get(material, ()), zip(*values, strict=True), strict=False):
            rows.append((f"{material}: {label}", goal, f"{min(measured):.2f}-{max(measured):.2f}"))
    rgb, truth = flower()
    mask = find_target(rgb, "the flower", None, rgb.shape[1::-1]).mask
    assert mask is not None
    rows.append(("subject IoU, one drawn flower", ">= 0.9", f"{(mask & truth).sum() / (mask | truth).sum():.3f}"))
    return rows


def speed(edit: Callable[[np.ndarray], np.ndarray], rgb: np.ndarray, side: int) -> tuple[float, float]:
    """CPU-seconds and peak memory of the process in MB for a square of this side."""
    large = cv2.resize(rgb, (side, side), interpolation=cv2.INTER_CUBIC)
    start = time.process_time()
    edit(large)
    return time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def speed_rows(rgb: np.ndarray) -> list[Row]:
    rows = []
    edits = {style: lambda large, prompt=prompt: whole(large, prompt) for style, prompt in WHOLE.items()}
    edits |= {material: lambda large, material=material: local(large, material) for material in MATERIALS}
    for side, goal_s in ((512, 2), (1024, 3), (4096, 90)):
        found = {name: speed(edit, rgb, side) for name, edit in edits.items()}
        slowest = max(found, key=lambda name: found[name][0])
        peak_mb = max(mb for _, mb in found.values())
        rows.append((f"CPU-s at {side} x {side}, slowest ({slowest})", f"<= {goal_s}", f"{found[slowest][0]:.2f}"))
        rows.append((f"peak memory at {side} x {side}, MB", "<= 1500", f"{peak_mb:.0f}"))
    return rows


def measure(folder: Path = PHOTOS) -> list[Row]:
    """Rows of metric, goal and measured value."""
    photos = dict(photographs(folder))
    some = photos.get("astronaut", next(iter(photos.values())))
    return [*whole_rows(photos), *local_rows(photos), *speed_rows(some)]
