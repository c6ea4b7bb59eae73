"""Time, memory and size of a report as a run grows: 3 steps x 1,000 and 10,000 rows, every picture another one.

The small copies of pictures are put in place before, so that what is measured is the report and not WebP; each is made
once and kept, and takes some 20 to 100 ms of a core. Every figure is of a whole process: seconds of wall and CPU, peak
resident memory, and that of a no-op run beside it, whose record names all its rows.

    python benchmarks/report.py [ROWS ...]
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from itertools import count
from pathlib import Path

from PIL import Image
from plan_scale import Figure, Seeder, make_project, measure, png

from wanflow import api
from wanflow.model import Blob, Call, Result
from wanflow.reporting.views import LARGE, SMALL
from wanflow.store.blobs import Blobs
from wanflow.store.upkeep import THUMBNAILS

SIZES = (1_000, 10_000)
WANFLOW = (sys.executable, "-m", "wanflow.cli")
_NUMBERS = count(10**9)


class Painter(Seeder):
    """Hands back another picture each time."""

    async def perform(self, call: Call) -> Result:
        raw = png(next(_NUMBERS))
        sha256 = hashlib.sha256(raw).hexdigest()
        path = Blobs(self.workers.store).path(sha256)  # without waiting for the disk
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
        return Result((Blob(sha256, 512, 512, "PNG", len(raw)),), "real")


def seeded(folder: Path, rows: int) -> None:
    """A project whose rows are done, with the small copies of all its pictures."""
    make_project(folder, rows)
    options = api.Options(backends={"draft": lambda services: Painter(services.workers)})
    api.run(folder / "recipe.yaml", options)
    small = {side: folder / f"{side}.webp" for side in (SMALL, LARGE)}
    for side, path in small.items():
        Image.linear_gradient("L").resize((side, side)).save(path, "WEBP", quality=80)
    store = folder / ".wanflow"
    digests = {path.name for path in (store / "objects").glob("??/*")}
    digests |= {Blobs(store).put(path.read_bytes()) for path in (folder / "photos").iterdir()}
    for sha256 in digests:
        for side, path in small.items():
            target = store / THUMBNAILS / sha256[:2] / f"{sha256}-{side}.webp"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def told(name: str, figure: Figure, rows: int) -> None:
    each = f"{1000 * figure.cpu_s / rows:6.2f} ms CPU a row"
    print(f"  {name:<28}{figure.wall_s:8.2f} s {figure.cpu_s:8.2f} s CPU {figure.peak_mb:7.0f} MB  {each}")


def sizes(folder: Path) -> str:
    pages = sorted((folder / "data").glob("rows-*.js"))
    parts = {
        "index.html": (folder / "index.html").stat().st_size,
        "index.js": (folder / "data" / "index.js").stat().st_size,
        "largest page of rows": max(page.stat().st_size for page in pages),
    }
    return ", ".join(f"{name} {size / 1e6:.2f} MB" for name, size in parts.items())


def main() -> None:
    for rows in [int(text) for text in sys.argv[1:]] or SIZES:
        with tempfile.TemporaryDirectory(prefix="wanflow-report-") as name:
            folder = Path(name) / "p"
            seeded(folder, rows)
            print(f"{rows:,} rows x 3 steps")
            told("report of a whole run", measure([*WANFLOW, "report"], folder, 1), rows)
            print(f"    {sizes(folder / 'report')}")
            told("no-op run", measure([*WANFLOW, "run", "recipe.yaml"], folder), rows)
            told("report of the no-op run", measure([*WANFLOW, "report"], folder, 1), rows)
            told("compared with the first", measure([*WANFLOW, "report", "--compare", "previous"], folder, 1), rows)


if __name__ == "__main__":
    main()
