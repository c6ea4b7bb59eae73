"""How well a plan foretells the time of its run: three recipes over two lanes each, on the emulator.

The emulator draws the seconds of each task from what is documented of its model (uniform between its two numbers), so
the plan, which knows only their middle, can't be exact. Seconds are the emulated clock's.
Run: python benchmarks/forecast.py [--rows 30] [--speed 10] [--seed 0]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from wanflow import api
from wanflow.clock import FastClock
from wanflow.emulator.options import Options as Emulation
from wanflow.emulator.server import running

HEAD = "wanflow: 1\nmanifest: {from: rows.csv}\nsteps:\n"
COLOUR = '{uses: wan/colorization, image: %s, with: {prompt: "sky number ${{ row.id }}"}}'
CARD = '{uses: wan/i2i, model: wan2.5-i2i-preview, images: [%s], with: {prompt: "card number ${{ row.id }}"}}'
LARGE = "{uses: wan/super_resolution, image: %s, with: {upscale_factor: 1}}"
CHAIN = f"  card: {CARD % 'row.photo'}\n  colour: {COLOUR % 'steps.card'}\n  large: {LARGE % 'steps.colour'}\n"
RECIPES = {
    "side by side": f"  colour: {COLOUR % 'row.photo'}\n  card: {CARD % 'row.photo'}\n",
    "one after the other": f"  colour: {COLOUR % 'row.photo'}\n  card: {CARD % 'steps.colour'}\n",
    "there and back": CHAIN,
}


def project(folder: Path, recipe: str, rows: int) -> Path:
    pixels = np.random.default_rng(1).integers(0, 255, (8, 8, 3)).astype(np.uint8)
    Image.fromarray(pixels).resize((512, 512)).save(folder / "a.png")
    (folder / "rows.csv").write_text("id,photo\n" + "".join(f"{n},a.png\n" for n in range(rows)))
    (folder / "r.yaml").write_text(HEAD + recipe)
    return folder / "r.yaml"


def measured(recipe: str, rows: int, speed: float, seed: int) -> tuple[float, float, str]:
    """What was foretold, what it took, and which lane was said to decide."""
    with tempfile.TemporaryDirectory() as folder, running(Emulation(speed=speed, paint="echo", seed=seed)) as origin:
        file = project(Path(folder), recipe, rows)
        options = api.Options(backend="dashscope", base_url=f"{origin}/api/v1")
        plan = api.plan(file, options)
        _, record = api.run(file, options, clock=FastClock(speed))
        assert record
        assert record.exit_code == 0, list(record.json())
        return plan.forecast.seconds, (record.finished - record.started).total_seconds(), plan.forecast.lanes[0].lane


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=30)
    parser.add_argument("--speed", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    flags = parser.parse_args()
    os.environ["DASHSCOPE_API_KEY"] = "sk-benchmark"
    for name, recipe in RECIPES.items():
        with contextlib.redirect_stdout(sys.stderr):
            foretold, took, lane = measured(recipe, flags.rows, flags.speed, flags.seed)
        off = foretold / took - 1
        print(f"{name:20} foretold {foretold:6.1f} s  took {took:6.1f} s  {off:+6.1%}  decided by {lane}", flush=True)


if __name__ == "__main__":
    main()
