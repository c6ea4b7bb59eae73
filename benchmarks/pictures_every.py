"""What every function of the draft engine holds: same bytes twice, its input kept, proxies framed, 2 CPU-s at 512 px.

``python benchmarks/pictures.py --only 8``; with ``--large`` also time and memory of every function at 4096 x 4096.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from photographs import PHOTOS, photographs

from wanflow.functions import catalog
from wanflow.pixels.engine import Edited, EditRequest, Fidelity, Picture, apply, functions
from wanflow.pixels.stamp import BLACK, YELLOW, frame_width

Row = tuple[str, str, str]
SIDES = {"left_scale": 1.5, "right_scale": 1.5}
# The dearer of what may be asked; others get their defaults and this prompt.
PROMPT = "Change the subject to blue, make the background darker and warmer"
ASKED = {
    "wan/super_resolution": {"upscale_factor": 2},
    "wan/expand": SIDES,
    "wan/stylization_all": {"prompt": "French picture book", "strength": 1.0},
    "wan/stylization_local": {"prompt": "Change the subject to fluffy style"},
    "wan/description_edit_with_mask": {"prompt": ""},
    "local/fit": {"max_side": 500},
    "local/convert": {"format": "webp"},
    "local/crop": {"ratio": "16:9"},
    "local/label": {"text": "Label 标签"},
    "local/mask": {"threshold": 128, "grow": 9},
    "local/pad": {"ratio": "2:1", "fill": "blur"},
    "local/resize": {"scale": 0.9},
    "local/rotate": {"angle": 20},
}


def request(name: str, rgb: np.ndarray, **more: object) -> EditRequest:
    """What a function's inputs and parameters allow: as many images as it takes, a disc for a mask."""
    rules = catalog.functions()[name]
    parameters = {key: rule["default"] for key, rule in rules.properties.items() if "default" in rule}
    if "prompt" in rules.properties:
        parameters["prompt"] = PROMPT
    parameters |= {**ASKED.get(name, {}), **more}
    one = Picture(rgb)
    images = (one, one) if "images" in rules.inputs else (one,) if "image" in rules.inputs else ()
    height, width = rgb.shape[:2]
    disc = cv2.circle(np.zeros_like(rgb), (width // 2, height // 2), min(height, width) // 8, (255, 255, 255), -1)
    mask = Picture(disc) if rules.inputs.get("mask", {}).get("required") else None
    return EditRequest(name, images, mask, parameters, seed=3)


def framed(made: Edited, mask: Picture | None) -> bool:
    """Does a proxy wear the stamp's stripes, along the picture's border or within a mask along its outline?"""
    rim = np.zeros((made.picture.size[1] + 2, made.picture.size[0] + 2), np.uint8)
    rim[1:-1, 1:-1] = 1 if mask is None or made.free is not None else mask.rgb[..., 0] > 127
    depth = cv2.distanceTransform(rim, cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1]
    width = max(frame_width(*made.picture.size) // 2, 1) if made.free is not None or mask is None else 2
    edge = made.picture.rgb[(depth > 0) & (depth <= width)].astype(int)
    yellow, black = ((np.abs(edge - colour).max(axis=1) < 40).mean() for colour in (YELLOW, BLACK))
    return bool(yellow > 0.2 and black > 0.2)


def squares(folder: Path) -> list[np.ndarray]:
    return [cv2.resize(rgb, (512, 512), interpolation=cv2.INTER_AREA) for _, rgb in photographs(folder)]


def measure(folder: Path = PHOTOS) -> list[Row]:
    """Rows of metric, goal and measured value, at 512 x 512."""
    names, photos = sorted(functions()), squares(folder)
    same = kept = proxies = stamped = 0
    spent: dict[str, float] = {}
    for name in names:
        alike = untouched = True
        for rgb in photos:
            before = rgb.copy()
            start = time.process_time()
            first = apply(request(name, rgb))
            spent[name] = max(spent.get(name, 0.0), time.process_time() - start)
            alike &= np.array_equal(first.picture.rgb, apply(request(name, rgb.copy())).picture.rgb)
            untouched &= np.array_equal(rgb, before)
            needed = request(name, rgb, prompt="add a dancing elephant") if _has_prompt(name) else request(name, rgb)
            needs_model = apply(needed)
            if needs_model.fidelity is Fidelity.PROXY:
                proxies += 1
                stamped += framed(needs_model, needed.mask)
        same += alike
        kept += untouched
    return [
        ("same bytes twice, functions", "all", f"{same} of {len(names)}"),
        ("input kept, functions", "all", f"{kept} of {len(names)}"),
        ("proxies striped, at the border or within the mask, pictures", "all", f"{stamped} of {proxies}"),
        *((f"{name}: CPU-s at 512 x 512, worst photograph", "<= 2", f"{spent[name]:.2f}") for name in names),
    ]


def _has_prompt(name: str) -> bool:
    return "prompt" in catalog.functions()[name].properties


def large(folder: Path = PHOTOS) -> list[Row]:
    """Seconds and peak memory at 4096 x 4096 of every function, each in a process of its own."""
    rows = []
    for name in sorted(functions()):
        command = [sys.executable, __file__, str(folder), "--job", name]
        made = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        rows.append((f"{name}: 4096 x 4096", "<= 90 s, 1500 MB", f"{made[0]} s, {made[1]} MB"))
    return rows


def _job(folder: Path, name: str) -> None:
    _, first = next(photographs(folder))
    rgb = cv2.resize(first, (4096, 4096), interpolation=cv2.INTER_LINEAR)
    start = time.process_time()
    apply(request(name, rgb))
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    spent = time.process_time() - start
    print(f"{spent:.1f} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit:.0f}")


if __name__ == "__main__":
    _job(Path(sys.argv[1]), sys.argv[-1])
