"""What every function of the draft engine holds: same bytes twice, its input kept, proxies framed, 2 CPU-s at 512 px.

``python benchmarks/pictures_every.py [folder]``; default tests/photos. With ``--large`` instead time and memory of
every function at 4096 x 4096, each in a process of its own.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from wanflow import catalog
from wanflow.pixels.engine import Edited, EditRequest, Fidelity, Picture, apply, functions
from wanflow.pixels.stamp import BLACK, YELLOW, frame_width

Row = tuple[str, str, str]
PHOTOS = Path(__file__).parents[1] / "tests" / "photos"
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


def framed(made: Edited) -> bool:
    """Is the outermost rim of a picture striped in the stamp's two colours?"""
    width, height = made.picture.size
    rim = made.picture.rgb[: max(frame_width(width, height) // 2, 1)].astype(int)
    yellow, black = ((np.abs(rim - colour).max(axis=2) < 40).mean() for colour in (YELLOW, BLACK))
    return bool(yellow > 0.2 and black > 0.2)


def photographs(folder: Path) -> list[np.ndarray]:
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    return [np.asarray(Image.open(path).convert("RGB").resize((512, 512))) for path in paths]


def measure(folder: Path = PHOTOS) -> list[Row]:
    """Rows of metric, goal and measured value, at 512 x 512."""
    names, photos = sorted(functions()), photographs(folder)
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
            needs_model = apply(request(name, rgb, prompt="add a dancing elephant")) if _has_prompt(name) else first
            if needs_model.fidelity is Fidelity.PROXY and needs_model.free is not None:
                proxies += 1
                stamped += framed(needs_model)
        same += alike
        kept += untouched
    return [
        ("same bytes twice, functions", "all", f"{same} of {len(names)}"),
        ("input kept, functions", "all", f"{kept} of {len(names)}"),
        ("proxies with the frame, pictures", "all", f"{stamped} of {proxies}"),
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
    rgb = cv2.resize(photographs(folder)[0], (4096, 4096), interpolation=cv2.INTER_LINEAR)
    start = time.process_time()
    apply(request(name, rgb))
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    spent = time.process_time() - start
    print(f"{spent:.1f} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what every function holds.")
    parser.add_argument("folder", type=Path, nargs="?", default=PHOTOS)
    parser.add_argument("--large", action="store_true", help="time and memory at 4096 x 4096")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        _job(options.folder, options.job)
        return
    for metric, goal, measured in (large if options.large else measure)(options.folder):
        print(f"{metric:60} {goal:>18} {measured:>16}", flush=True)


if __name__ == "__main__":
    main()
