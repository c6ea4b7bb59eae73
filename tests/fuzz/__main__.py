"""The long form: python tests/fuzz [--only NAME] [--count N] [--seed S].

Each target has a process of its own, whose memory is counted.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import runner

HEAD = f"{'target':14}{'inputs':>12}{'slowest ms':>12}{'peak MB':>10}{'error kinds':>13}{'finds':>8}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Try hostile inputs.")
    parser.add_argument("--only", choices=runner.targets())
    parser.add_argument("--count", type=int, default=10_000, help="inputs a target")
    parser.add_argument("--seed", type=int, default=1)
    said = parser.parse_args()
    if said.only:
        tally = runner.tried(said.only, said.count, said.seed)
        print(runner.shown(tally), flush=True)
        return bool(tally.finds)
    print(HEAD, flush=True)
    command = [sys.executable, str(Path(__file__).parent), "--count", str(said.count), "--seed", str(said.seed)]
    return max(subprocess.run([*command, "--only", name], check=False).returncode for name in runner.targets())


if __name__ == "__main__":
    sys.exit(main())
