"""The long form: python tests/chaos [seed [scenario]], e.g. 3 clocks. Prints what was done, and how it ended."""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import scenarios

if __name__ == "__main__":
    good, began = True, time.monotonic()
    print(f"{'scenario':42}{'count':>7}{'jobs':>7}{'lost':>6}{'paid twice':>12}{'overspent':>11}{'hung':>6}", end="")
    print(f"{'a second':>10}{'at work':>9}{'throttled':>11}", flush=True)
    for found in scenarios.long(int(sys.argv[1]) if len(sys.argv) > 1 else 1, *sys.argv[2:]):
        figures = f"{found.count:7}{found.jobs:7}{found.lost:6}{found.paid_twice:12}{found.overspent:11}{found.hung:6}"
        rate = f"{found.fastest:10}{found.busiest:9}{found.throttled:11}"
        print(f"{found.scenario:42}{figures}{rate}{found.evidence}", flush=True)
        good = good and found.good
    print(f"in {time.monotonic() - began:.0f} s")
    sys.exit(not good)
