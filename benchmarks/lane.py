"""How well the provider's slots are kept busy: wanflow beside the official SDK's own loop, on the emulator.

60 tasks of 5 to 15 s for an account with 2 slots and 2 submissions a second, at 20 times the speed. The lower bound is
the sum of all service times by the number of slots. Run: python benchmarks/lane.py [--tasks 60] [--speed 20]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from wanflow import api
from wanflow.clock import FastClock
from wanflow.emulator.chance import times
from wanflow.emulator.options import Options as Emulation
from wanflow.emulator.server import running

MODEL = "wanx2.1-imageedit"
RECIPE = """\
wanflow: 1
manifest: {from: rows.csv}
steps:
  colour: {uses: wan/colorization, image: row.photo, with: {prompt: "sky number ${{ row.id }}"}}
"""
SDK = """\
import os, sys
from concurrent.futures import ThreadPoolExecutor
import dashscope
from dashscope import ImageSynthesis
dashscope.base_http_api_url = os.environ["DASHSCOPE_HTTP_BASE_URL"]
def one(n):
    answer = ImageSynthesis.call("wanx2.1-imageedit", f"sky number {n}", function="colorization",
                                 base_image_url="file://" + os.path.abspath("a.png"), n=1)
    return answer.output.task_status
with ThreadPoolExecutor(2) as pool:
    ended = list(pool.map(one, range(int(sys.argv[1]))))
assert set(ended) == {"SUCCEEDED"}, ended
"""


def project(folder: Path, tasks: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (8, 8, 3)).astype(np.uint8)
    Image.fromarray(pixels).resize((512, 512)).save(folder / "a.png")
    (folder / "rows.csv").write_text("id,photo\n" + "".join(f"{n},a.png\n" for n in range(tasks)))
    (folder / "r.yaml").write_text(RECIPE)


def with_wanflow(folder: Path, origin: str, tasks: int, speed: float) -> None:
    options = api.Options(backend="dashscope", base_url=f"{origin}/api/v1")
    _, record = api.run(folder / "r.yaml", options, clock=FastClock(speed))
    assert record
    assert record.exit_code == 0, list(record.json())


def with_sdk(folder: Path, origin: str, tasks: int, speed: float) -> None:
    environment = os.environ | {"DASHSCOPE_HTTP_BASE_URL": f"{origin}/api/v1"}
    subprocess.run([sys.executable, "-c", SDK, str(tasks)], cwd=folder, env=environment, check=True)


def measured(work: Any, tasks: int, speed: float, refuse: bool) -> dict[str, Any]:
    """The emulator's own figures after `work`; seconds are the emulated clock's."""
    options = Emulation(speed=speed, paint="echo", service=times("uniform:5:15"), refuse_excess=refuse)
    with tempfile.TemporaryDirectory() as folder, running(options) as origin:
        project(Path(folder), tasks)
        work(Path(folder), origin, tasks, speed)
        with urllib.request.urlopen(f"{origin}/__emulator__/stats") as answer:  # noqa: S310 - on loopback
            told = json.load(answer)
    model = told["models"][MODEL]
    took = model["last_ended"] - model["first_submitted"]
    return {
        "makespan / bound": took / (model["service_seconds"] / model["slots"]),
        "polls a task": told["polls"]["mean"],
        "most running": model["max_running"],
        "submissions in a second": model["max_submissions_per_second"],
        "queries in a second": told["max_queries_per_second"]["query"],
        "refused": sum(told["refused"].values()) if told["refused"] else 0,
        "paid twice": told["paid_twice"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=60)
    parser.add_argument("--speed", type=float, default=20.0)
    flags = parser.parse_args()
    os.environ["DASHSCOPE_API_KEY"] = "sk-benchmark"
    cases = {
        "wanflow": (with_wanflow, False),
        "wanflow, no queue": (with_wanflow, True),
        "SDK call(), 2 threads": (with_sdk, False),
    }
    for name, (work, refuse) in cases.items():
        with contextlib.redirect_stdout(sys.stderr):
            figures = measured(work, flags.tasks, flags.speed, refuse)
        print(f"{name:24}", "  ".join(f"{key} {value:.4g}" for key, value in figures.items()), flush=True)


if __name__ == "__main__":
    main()
