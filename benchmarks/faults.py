"""How 300 paid tasks end when a tenth of all requests and tasks meets a fault: `python benchmarks/faults.py`.

Every kind of fault that the emulator knows, at once; the project is run until no run does anything new. Told are the
jobs by how they ended and by code, and the emulator's own count of what was paid twice.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import urllib.request
from collections import Counter
from pathlib import Path

from lane import project

from wanflow import api
from wanflow.clock import FastClock
from wanflow.emulator.chance import times
from wanflow.emulator.faults import KINDS, Fault
from wanflow.emulator.options import Options as Emulation
from wanflow.emulator.server import running
from wanflow.model import Status

MAX_RUNS = 5
HANGS = ("hang", "hang_after")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=300)
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--speed", type=float, default=50.0)
    parser.add_argument("--seed", type=int, default=1)
    flags = parser.parse_args()
    os.environ["DASHSCOPE_API_KEY"] = "sk-benchmark"
    emulation = Emulation(
        speed=flags.speed,
        paint="echo",
        service=times("uniform:5:15"),
        faults=(
            Fault(tuple(kind for kind in KINDS if kind not in HANGS), flags.rate * (1 - len(HANGS) / len(KINDS))),
            # An answer is waited for by the real clock; here the connection is cut after as long on the fast one.
            Fault(HANGS, flags.rate * len(HANGS) / len(KINDS), seconds=300.0),
        ),
        fault_seed=flags.seed,
    )
    with tempfile.TemporaryDirectory() as folder, running(emulation) as origin:
        os.environ["XDG_STATE_HOME"] = f"{folder}/state"
        Path(folder, "project").mkdir()
        project(Path(folder, "project"), flags.tasks)
        options = api.Options(backend="dashscope", base_url=f"{origin}/api/v1")
        for number in range(1, MAX_RUNS + 1):
            _, record = api.run(Path(folder, "project", "r.yaml"), options, clock=FastClock(flags.speed))
            assert record
            codes = Counter(outcome.error_code for outcome in record.outcomes if outcome.error_code)
            print(f"run {number}: exit {record.exit_code}, {dict(record.counts())}, {dict(codes)}", flush=True)
            if not record.counts()[Status.DONE]:
                break
        with urllib.request.urlopen(f"{origin}/__emulator__/stats") as answer:  # noqa: S310 - on loopback
            told = json.load(answer)
    print("faults met:", json.dumps(told["faults"], sort_keys=True))
    print(f"images billed {told['images_billed']}, duplicates {told['duplicates']}, paid twice {told['paid_twice']}")


if __name__ == "__main__":
    main()
