"""Time and memory of every function at the ends of what it takes: ``python benchmarks/pictures_limits.py [name ...]``.

Each job (decode, edit, encode, store) has a process of its own, so that a peak is its own and imports count. This
process stays small, because a child's peak on Linux begins with its parent's.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

Row = tuple[str, str, str]
PHOTO = Path(__file__).parents[1] / "tests" / "photos" / "astronaut.jpg"
SIZES = ((512, 512), (512, 4096), (4096, 4096))
SMALL_PIXELS = 1_000_000  # the bound for small pictures holds where neither the one taken nor the one made has more
MOST_CPU_S, SMALL_CPU_S, MOST_MB = 90.0, 2.0, 1500

# The dearest of what a function may be asked; a function that isn't here gets its defaults and this prompt.
PROMPT = "Change the woman to blue, make the background darker and warmer"
COLOURS = ("red", "blue", "pink", "teal", "gold", "grey", "tan")
MANY_CHANGES = ", ".join(f"make the woman {colour} and the background {colour}" for colour in COLOURS)
TWICE = dict.fromkeys(("top_scale", "bottom_scale", "left_scale", "right_scale"), 2.0)
ASKED: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "local/fit": ({"max_side": 500}, {"min_side": 6000}),
    "wan/colorization": (
        {"prompt": ""},
        {"prompt": "blue background, ginger hair, orange clothes, pale skin, grey sky"},
    ),
    "wan/description_edit": tuple(
        {"prompt": prompt} for prompt in (PROMPT, "blur the background", "Add a hat", MANY_CHANGES)
    ),
    "wan/doodle": ({"is_sketch": False}, {"is_sketch": True}),
    "wan/expand": ({"left_scale": 1.25, "right_scale": 1.25}, TWICE),
    "wan/stylization_all": ({"prompt": "French picture book"}, {"prompt": "gold foil"}),
    "wan/stylization_local": tuple(
        {"prompt": f"Change the woman to {material} style"}
        for material in ("ice", "cloud", "lantern", "wooden", "porcelain", "fluffy", "weaving", "balloon")
    ),
    "wan/super_resolution": ({"upscale_factor": 1}, {"upscale_factor": 2}, {"upscale_factor": 4}),
}


def job(name: str, parameters: str, width: int, height: int) -> None:
    """Perform one job in this process and print its CPU-seconds and peak memory in MB; inputs lie in this folder."""
    from wanflow.backends.workers import perform
    from wanflow.model import Call

    inputs = {}
    for slot in json.loads(parameters).pop("", []):
        path = Path(f"{'mask' if slot == 'mask' else 'photo'}-{width}x{height}.png")
        inputs[slot] = (str(path), hashlib.sha256(path.read_bytes()).hexdigest())
    given = {key: value for key, value in json.loads(parameters).items() if key}
    perform(Call("k" * 64, name, given, inputs), Path("store"))
    used = resource.getrusage(resource.RUSAGE_SELF)
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    print(used.ru_utime + used.ru_stime, used.ru_maxrss / unit)


def _draw(folder: Path, width: int, height: int) -> None:
    """The photograph at this size with a grain that no enlargement leaves, and a mask of a disc."""
    import numpy as np
    from PIL import Image, ImageDraw

    with Image.open(PHOTO) as photo:
        large = np.asarray(photo.convert("RGB").resize((width, height), Image.Resampling.BICUBIC))
    grain = np.random.default_rng(0).integers(-6, 7, large.shape, np.int16)
    noisy = Image.fromarray((large + grain).clip(0, 255).astype(np.uint8))
    noisy.save(folder / f"photo-{width}x{height}.png", compress_level=1)
    mask = Image.new("L", (width, height))
    reach = min(width, height) // 6
    box = (width // 2 - reach, height // 2 - reach, width // 2 + reach, height // 2 + reach)
    ImageDraw.Draw(mask).ellipse(box, fill=255)
    mask.save(folder / f"mask-{width}x{height}.png")


def _requests(name: str) -> Iterator[Mapping[str, Any]]:
    """What a function is asked, defaults filled in; under "" the inputs that it takes."""
    from wanflow.functions.catalog import functions

    function = functions()[name]
    slots = [slot for slot in ("image", "mask") if slot in function.inputs]
    slots += ["images.0", "images.1", "images.2"] if "images" in function.inputs else []
    defaults = {key: rule["default"] for key, rule in function.properties.items() if "default" in rule}
    prompt = {"prompt": PROMPT} if "prompt" in function.properties else {}
    for asked in ASKED.get(name, ({},)):
        yield {"": slots, **defaults, **prompt, **asked}


def _made(name: str, size: tuple[int, int], given: Mapping[str, Any]) -> int:
    """How many pixels a plan promises, 0 where it would refuse."""
    from wanflow.functions.catalog import functions
    from wanflow.functions.sizes import SizeError, resulting
    from wanflow.pictures.images import MAX_PIXELS

    try:
        made = resulting(functions()[name].size, size if given[""] else None, given)
    except SizeError:
        return 0
    return made[0] * made[1] if made and made[0] * made[1] <= MAX_PIXELS else 0


def _measured(name: str, size: tuple[int, int], given: Mapping[str, Any], made: int, folder: str) -> Row:
    words = [sys.executable, __file__, "--job", name, json.dumps(given), *map(str, size)]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True)
    cpu_s, peak_mb = map(float, done.stdout.split())
    asked = " ".join(f"{key}={value}" for key, value in given.items() if key and key != "prompt_extend")
    most_s = SMALL_CPU_S if max(size[0] * size[1], made) <= SMALL_PIXELS else MOST_CPU_S
    missed = "" if cpu_s <= most_s and peak_mb <= MOST_MB else "  missed"
    label = f"{name} {size[0]}x{size[1]} {asked[:60]}"
    return label, f"<= {most_s:g} s, {MOST_MB} MB", f"{cpu_s:.1f} s, {peak_mb:.0f} MB{missed}"


def measured(names: Sequence[str] = ()) -> Iterator[Row]:
    """Rows as they are found, for the functions named or all."""
    from wanflow.functions.catalog import functions

    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            artist = multiprocessing.get_context("spawn").Process(target=_draw, args=(Path(folder), *size))
            artist.start()
            artist.join()
            for name in names or functions():
                for given in _requests(name):
                    if made := _made(name, size, given):
                        yield _measured(name, size, given, made, folder)


def measure(names: Sequence[str] = ()) -> list[Row]:
    """Rows of metric, goal and measured value."""
    return list(measured(names))


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure time and memory of every function at the ends.")
    parser.add_argument("names", nargs="*", help="functions, all without")
    parser.add_argument("--job", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        name, given, width, height = options.job
        job(name, given, int(width), int(height))
    else:
        for metric, goal, found in measured(options.names):
            print(f"{metric:92} {goal:>16} {found}", flush=True)


if __name__ == "__main__":
    main()
