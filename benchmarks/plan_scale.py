"""Time and peak memory of plan and no-op rerun as a project grows: 3 steps x 100 ... 33,334 rows, beside ninja.

Results are seeded by the real loop with a backend that hands back one stored picture, so that what is measured is
wanflow and not the editing. Every figure is of a whole process: seconds of wall and CPU, peak resident memory.

    python benchmarks/plan_scale.py [ROWS ...]
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wanflow import api
from wanflow.backends import draft
from wanflow.model import Blob, Call, Result
from wanflow.store.blobs import Blobs

SIZES = (100, 1_000, 10_000, 33_334)
STEPS = 3
RECIPE = """\
wanflow: 1
name: scale
params:
  low: {type: integer, default: 512}
manifest: {from: rows.csv}
steps:
  prep: {uses: local/fit, image: row.photo, with: {min_side: "${{ params.low }}"}}
  colour: {uses: wan/colorization, image: steps.prep, with: {prompt: "${{ row.colours }}"}}
  detail: {uses: wan/super_resolution, image: steps.colour}
outputs:
  master: {image: steps.detail, to: "out/${{ row.id }}.png"}
"""


@dataclass(frozen=True)
class Figure:
    wall_s: float
    cpu_s: float
    peak_mb: float


def png(number: int) -> bytes:
    """A 512 x 512 grey PNG of a few hundred bytes, different for every number."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    head = (512).to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    rows = zlib.compress((b"\0" + bytes(512)) * 512, 1)
    note = b"number\0" + str(number).encode()
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(kind, data) for kind, data in ((b"IHDR", head), (b"tEXt", note), (b"IDAT", rows), (b"IEND", b""))
    )


class Seeder(draft.DraftBackend):
    """The draft backend with editing left out."""

    async def perform(self, call: Call) -> Result:
        blobs = Blobs(self.workers.store)
        if not hasattr(self, "_result"):
            sha256 = blobs.put(png(0))
            self._result = Result((Blob(sha256, 512, 512, "PNG", len(png(0))),), "real")
        return self._result


def make_project(folder: Path, rows: int) -> None:
    (folder / "photos").mkdir(parents=True)
    with (folder / "rows.csv").open("w") as manifest:
        manifest.write("id,photo,colours\n")
        for number in range(rows):
            (folder / "photos" / f"{number:06}.png").write_bytes(png(number))
            manifest.write(f"{number:06},photos/{number:06}.png,blue sky over house {number}\n")
    (folder / "recipe.yaml").write_text(RECIPE)
    (folder / ".wanflow").mkdir()
    time.sleep(0.1)  # files younger than the clock's tick are read again


def seed(folder: Path) -> None:
    _, record = api.run(
        folder / "recipe.yaml", api.Options(backends={"draft": lambda services: Seeder(services.workers)})
    )
    assert record and record.exit_code == 0


def measure(command: Sequence[str | Path], folder: Path, times: int = 3) -> Figure:
    """The median run of a command, by wall time."""
    figures = []
    for _ in range(times):
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, (command, process.returncode)
        wall = time.perf_counter() - began
        figures.append(Figure(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024))
    return sorted(figures, key=lambda figure: figure.wall_s)[times // 2]


def make_ninja(folder: Path, rows: int) -> None:
    """The same shape for ninja: three chained copies of a small file per row."""
    (folder / "in").mkdir(parents=True)
    with (folder / "build.ninja").open("w") as build:
        build.write("rule copy\n  command = cp $in $out\n")
        for number in range(rows):
            (folder / "in" / f"{number:06}").write_text(str(number))
            source = f"in/{number:06}"
            for step in range(STEPS):
                target = f"s{step}/{number:06}"
                build.write(f"build {target}: copy {source}\n")
                source = target


def report(name: str, rows: int, figure: Figure) -> None:
    jobs = rows * STEPS
    print(
        f"{name:<34} {jobs:>7,} jobs  {figure.wall_s:7.2f} s wall  {figure.cpu_s:7.2f} s CPU  "
        f"{figure.wall_s / jobs * 1e6:8.1f} us/job  {figure.peak_mb:6.0f} MB",
        flush=True,
    )


def run(rows: int) -> dict[str, Figure]:
    base = Path(tempfile.mkdtemp(prefix="wanflow-scale-"))
    wanflow = [sys.executable, "-m", "wanflow.cli"]
    try:
        project, other = base / "project", base / "ninja"
        make_project(project, rows)
        figures = {"first plan, every photo read": measure([*wanflow, "plan", "recipe.yaml"], project, 1)}
        figures["cold run, editing left out"] = measure([sys.executable, __file__, "--seed", project], project, 1)
        figures["no-op run"] = measure([*wanflow, "run", "recipe.yaml"], project)
        figures["no-op plan"] = measure([*wanflow, "plan", "recipe.yaml"], project)
        stale = [*wanflow, "plan", "recipe.yaml", "-p", "low=513"]
        figures["plan, all stale"] = measure(stale, project)
        figures["plan, all stale, as JSON"] = measure([*stale, "--format", "json"], project)
        figures["plan, all stale, as Markdown"] = measure([*stale, "--format", "markdown"], project)
        figures["plan, all stale, as HTML"] = measure([*stale, "--format", "html"], project)
        if ninja := shutil.which("ninja", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}"):
            make_ninja(other, rows)
            figures["ninja -n, all stale"] = measure([ninja, "-n"], other)
            measure([ninja, "-j4"], other, 1)
            figures["ninja, no-op"] = measure([ninja], other)
        return figures
    finally:
        shutil.rmtree(base)


def main() -> None:
    if sys.argv[1:2] == ["--seed"]:
        seed(Path(sys.argv[2]))
        return
    for rows in [int(text) for text in sys.argv[1:]] or SIZES:
        figures = run(rows)
        for name, figure in figures.items():
            report(name, rows, figure)
        markdown, as_json = figures["plan, all stale, as Markdown"], figures["plan, all stale, as JSON"]
        print(f"  Markdown: {markdown.wall_s / as_json.wall_s:.2f} x the time of JSON\n", flush=True)
        if "ninja, no-op" in figures:
            ratio = figures["no-op run"].wall_s / figures["ninja, no-op"].wall_s
            stale = figures["plan, all stale"].wall_s / figures["ninja -n, all stale"].wall_s
            print(f"  no-op: {ratio:.2f} x ninja's wall; all stale: {stale:.2f} x ninja -n's\n", flush=True)


if __name__ == "__main__":
    main()
