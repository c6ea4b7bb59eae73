"""The first ten minutes, timed: clone, make demo, a project of one's own photographs, plan, run, report, once more.

The clone is of this repository as committed, and its environment is its own, so packages are fetched as on a new
machine. With --here the environment of this interpreter is used instead, and nothing is fetched. What each command
prints is quoted, and tested, in docs/tutorial.md. Run: python benchmarks/newcomer.py [--here] [FOLDER of photographs]
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
PHOTOS = ROOT / "tests" / "photos"


def main() -> None:
    words = [word for word in sys.argv[1:] if word != "--here"]
    here = "--here" in sys.argv
    photos = Path(words[0]).resolve() if words else PHOTOS
    with tempfile.TemporaryDirectory(prefix="wanflow-newcomer-") as folder:
        clone = Path(folder) / "wanflow"
        binaries = Path(sys.executable).parent if here else clone / ".venv" / "bin"
        environment = {
            **{name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")},
            "PATH": f"{binaries}:{os.environ['PATH']}",
            "XDG_STATE_HOME": f"{folder}/state",
            **({"MAKEFLAGS": f"-- BIN={binaries} READY=", "PYTHONPATH": str(clone)} if here else {}),
        }
        steps = [
            (Path(folder), f"git clone --quiet {shlex.quote(str(ROOT))} wanflow"),
            (clone, "make demo"),
            (Path(folder), f"wanflow init my-photos --from {shlex.quote(str(photos))}"),
            (Path(folder) / "my-photos", "wanflow plan photos.yaml"),
            (Path(folder) / "my-photos", "wanflow run photos.yaml"),
            (Path(folder) / "my-photos", "wanflow report"),
            (Path(folder) / "my-photos", "wanflow run photos.yaml"),
        ]
        began = time.perf_counter()
        for place, command in steps:
            started = time.perf_counter()
            subprocess.run(shlex.split(command), cwd=place, env=environment, check=True, stdout=subprocess.DEVNULL)
            load, _, _ = os.getloadavg()
            print(f"{time.perf_counter() - started:7.1f} s  {command}  (load {load:.1f})", flush=True)
        print(
            f"{time.perf_counter() - began:7.1f} s  in all, {os.cpu_count()} cores, {len(list(photos.iterdir()))} files"
        )


if __name__ == "__main__":
    main()
