"""What a row of a recipe takes: a photograph of 1024 x 1024 coloured, enlarged by 2 and widened by 1.25 on all sides.

``python benchmarks/chain.py`` runs one row, and two with two workers, each by ``wanflow run`` in a new project. Wall
time means something on a quiet machine only; CPU-seconds are those of wanflow and all its workers, on Linux.
"""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

PHOTOS = Path(__file__).parents[1] / "tests" / "photos"
NAMES = ("astronaut", "coffee")
SIDE = 1024
ONE_ROW_S, TWO_ROWS = 25.0, 1.2
_PR_SET_CHILD_SUBREAPER = 36
RECIPE = """\
wanflow: 1
name: chain
manifest: {from: rows.csv}
steps:
  colour: {uses: wan/colorization, image: row.photo, with: {prompt: "blue background, brown clothes"}}
  detail: {uses: wan/super_resolution, image: steps.colour, with: {upscale_factor: 2}}
  wide:
    uses: wan/expand
    image: steps.detail
    with: {left_scale: 1.25, right_scale: 1.25, top_scale: 1.25, bottom_scale: 1.25}
outputs:
  wide: {image: steps.wide, to: "out/${{ row.id }}.png"}
"""

Row = tuple[str, str, str]


@dataclass(frozen=True)
class Spent:
    wall_s: float
    cpu_s: float


def make_project(folder: Path, rows: int) -> None:
    lines = ["id,photo"]
    for name in NAMES[:rows]:
        with Image.open(PHOTOS / f"{name}.jpg") as photo:
            grey = photo.convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        grey.save(folder / f"{name}.jpg", quality=90)
        lines.append(f"{name},{name}.jpg")
    (folder / "rows.csv").write_text("\n".join(lines) + "\n")
    (folder / "recipe.yaml").write_text(RECIPE)


def _cpu_s() -> float:
    """CPU-seconds of everything that was waited for, once nothing is left to wait for."""
    while True:
        try:
            os.wait()
        except ChildProcessError:
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            return used.ru_utime + used.ru_stime


def run(rows: int) -> Spent:
    """`rows` rows with as many workers."""
    with tempfile.TemporaryDirectory() as folder:
        make_project(Path(folder), rows)
        before, began = _cpu_s(), time.perf_counter()
        command = [sys.executable, "-m", "wanflow.cli", "run", "recipe.yaml", "--jobs", str(rows)]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        wall = time.perf_counter() - began
        return Spent(wall, _cpu_s() - before)


def measure() -> list[Row]:
    """Rows of metric, goal and measured value; the best of two runs each."""
    if sys.platform == "linux":  # workers outlive the process that started them; then they are this one's to wait for
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    one, two = (min((run(rows) for _ in range(2)), key=lambda spent: spent.wall_s) for rows in (1, 2))
    return [
        ("one row: CPU-s", f"<= {ONE_ROW_S:g}", f"{one.cpu_s:.1f}"),
        ("one row: wall, s", f"<= {ONE_ROW_S:g}", f"{one.wall_s:.1f}"),
        ("two rows, two workers: CPU-s per row", "", f"{two.cpu_s / 2:.1f}"),
        ("two rows, two workers: wall over one row's", f"<= {TWO_ROWS:g}", f"{two.wall_s / one.wall_s:.2f}"),
    ]


def main() -> None:
    for metric, goal, measured in measure():
        print(f"{metric:48} {goal:>8} {measured:>8}")


if __name__ == "__main__":
    main()
