"""What the formats of a plan cost beside each other: a plan of 100,000 jobs that are all new, photos read before.

Every figure is of a whole process, the formats in turn so that they share what else the machine does. Run:
python benchmarks/plan_formats.py [ROWS]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from plan_scale import STEPS, make_project

FORMATS = ("json", "markdown", "text", "html")


def main() -> None:
    rows = int(sys.argv[1]) if sys.argv[1:] else 33_334
    with tempfile.TemporaryDirectory(prefix="wanflow-formats-") as folder:
        project = Path(folder) / "project"
        make_project(project, rows)
        command = [sys.executable, "-m", "wanflow.cli", "plan", "recipe.yaml", "--backend", "dashscope", "--format"]
        subprocess.run([*command, "text"], cwd=project, check=True, stdout=subprocess.DEVNULL)
        seconds: dict[str, list[float]] = {form: [] for form in FORMATS}
        sizes: dict[str, int] = {}
        for _ in range(3):
            for form in FORMATS:
                began = time.perf_counter()
                done = subprocess.run([*command, form], cwd=project, check=True, capture_output=True)
                seconds[form].append(time.perf_counter() - began)
                sizes[form] = len(done.stdout.decode())
        best = {form: min(times) for form, times in seconds.items()}
        print(f"{rows * STEPS:,} jobs")
        for form in FORMATS:
            ratio = best[form] / best["json"]
            print(f"{form:10} {best[form]:6.2f} s  {ratio:5.2f} x JSON  {sizes[form]:>12,} characters", flush=True)


if __name__ == "__main__":
    main()
