"""The numbers that colorization holds, on photographs made grey: ``python benchmarks/pictures.py --only 5``."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
from photographs import PHOTOS, photographs

from wanflow.pixels.chroma import to_oklab
from wanflow.pixels.colorize import colorize
from wanflow.pixels.engine import EditRequest, Picture
from wanflow.pixels.lexicon import lexicon
from wanflow.pixels.masks import small_lightness
from wanflow.pixels.regions import find
from wanflow.pixels.scene import SURE, Scene
from wanflow.pixels.words import parse

Row = tuple[str, str, str]
PROMPTS = {
    "camera": "blue sky, green grass, brown coat",
    "astronaut": "orange spacesuit, blue background",
    "coffee": "brown wooden table, white cup",
    "chelsea": "ginger cat",
    "rocket": "dark blue sky, orange flames",
}
EVERYWHERE = "purple subject, green background"


def grey(rgb: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def painted(rgb: np.ndarray, prompt: str) -> np.ndarray:
    return colorize(EditRequest("wan/colorization", (Picture(rgb),), None, {"prompt": prompt})).picture.rgb


def lab(rgb: np.ndarray) -> np.ndarray:
    return cv2.cvtColor((rgb / 255).astype(np.float32), cv2.COLOR_RGB2LAB)


def hue_shares(rgb: np.ndarray, result: np.ndarray, prompt: str) -> Iterator[tuple[str, float]]:
    """For every surely found region, the share of its chromatic pixels within 25 degrees of the asked hue."""
    scene = Scene(small_lightness(rgb))
    wishes = [wish for wish in parse(prompt) if wish.tone.chroma > 0]
    regions = find(scene, {wish.kind for wish in parse(prompt)})
    oklab = to_oklab(result)
    hue = np.degrees(np.arctan2(oklab[..., 2], oklab[..., 1]))
    chromatic = np.hypot(oklab[..., 1], oklab[..., 2]) > 0.02
    for wish in wishes:
        mask = cv2.resize(regions[wish.kind].mask, rgb.shape[1::-1]) > 0.5
        inside = mask & chromatic
        if regions[wish.kind].confidence >= SURE and inside.sum() > 100:
            turn = (hue[inside] - wish.tone.hue_deg + 180) % 360 - 180
            yield wish.region, float((np.abs(turn) <= 25).mean())


def word_table() -> tuple[int, int]:
    """How many of all colour and region words are understood, and how many there are."""
    right = total = 0
    for name, words in lexicon()["colours"].items():
        for prompt in [f"a {word} coat" for word in words["en"]] + [f"{word}色的外套" for word in words["zh"]]:
            total += 1
            right += [wish.colour for wish in parse(prompt)] == [name]
    for kind, words in lexicon()["regions"].items():
        for prompt in [f"the {word} is green" for word in words["en"]] + [f"{word}是绿色" for word in words["zh"]]:
            total += 1
            right += [wish.kind for wish in parse(prompt)] in (
                [kind],
                ["clothes"] if kind == "person" else [],
            )
    return right, total


def green_or_blue(rgb: np.ndarray) -> float:
    """The share of pixels with a visible green or blue (CIELab hue 105-330 degrees, chroma above 3)."""
    result = lab(rgb)
    hue = np.degrees(np.arctan2(result[..., 2], result[..., 1])) % 360
    return float(((np.hypot(result[..., 1], result[..., 2]) > 3) & (hue > 105) & (hue < 330)).mean())


def speed(rgb: np.ndarray, side: int) -> tuple[float, float]:
    """CPU-seconds and peak memory of the process in MB for a square of this side."""
    large = cv2.resize(rgb, (side, side), interpolation=cv2.INTER_CUBIC)
    start = time.process_time()
    painted(large, PROMPTS["camera"])
    return time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def hue_rows(shares: Mapping[tuple[str, str], float]) -> list[Row]:
    """The shares of `hue_shares` by photograph and region; there may be no region that was surely found."""
    if not shares:
        return [("hue within 25 degrees: no region surely found", "", "not measured")]
    worst = min(shares, key=lambda key: shares[key])
    return [
        ("hue within 25 degrees, mean", ">= 90 %", f"{100 * np.mean(list(shares.values())):.1f} %"),
        (f"hue within 25 degrees, worst ({worst[0]}, {worst[1]})", ">= 90 %", f"{100 * shares[worst]:.1f} %"),
    ]


def measure(folder: Path = PHOTOS) -> list[Row]:
    """Rows of metric, goal and measured value."""
    changes, shares = [], {}
    photos = {name: grey(rgb) for name, rgb in photographs(folder)}
    for name, rgb in photos.items():
        for prompt in (PROMPTS.get(name, EVERYWHERE), EVERYWHERE, ""):
            result = painted(rgb, prompt)
            change = np.abs(lab(result)[..., 0] - lab(rgb)[..., 0])
            changes.append((float(change.mean()), float(np.percentile(change, 99))))
            shares.update({(name, region): s for region, s in hue_shares(rgb, result, prompt)})
    right, total = word_table()
    rows = [
        ("mean change of L*, worst", "<= 0.3", f"{max(mean for mean, _ in changes):.3f}"),
        ("99th percentile of it, worst", "<= 0.8", f"{max(high for _, high in changes):.3f}"),
        *hue_rows(shares),
        ("colour and region words understood", "all", f"{right} of {total}"),
    ]
    if "chelsea" in photos:
        share = green_or_blue(painted(photos["chelsea"], ""))
        rows.append(("green or blue on a grey cat", "0 %", f"{100 * share:.2f} %"))
    any_photo = photos.get("camera", next(iter(photos.values())))
    for side, goal_s, goal_mb in ((512, 2, 1500), (1024, 2, 1500), (4096, 90, 1500)):
        cpu_s, peak_mb = speed(any_photo, side)
        rows.append((f"CPU-seconds at {side} x {side}", f"<= {goal_s}", f"{cpu_s:.2f}"))
        rows.append((f"peak memory at {side} x {side}, MB", f"<= {goal_mb}", f"{peak_mb:.0f}"))
    return rows
