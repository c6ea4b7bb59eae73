"""Every number that the draft engine holds, in one table: ``python benchmarks/pictures.py [--photos DIR] [--large]``.

Each line is a measurement made now, beside its goal and, where one exists, what Lanczos, Telea's inpainting or a
mirrored border gives in the same run. Ends with 1 if a number is missed.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

# Read when numpy is loaded: spinning threads would be counted as work.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

HERE = Path(__file__).parent
PHOTOS = HERE.parent / "tests" / "photos"
# Each has `measure(folder)`; the number is that of the design's list. Those that aren't there are left out.
SUITES = {
    1: ("pictures_enlarge", "super_resolution"),
    2: ("pictures_fill", "deletion and expand"),
    4: ("pictures_text", "remove_watermark"),
    5: ("pictures_colour", "colorization"),
    6: ("pictures_style", "stylizations"),
    8: ("pictures_every", "every function"),
}
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")


@dataclass(frozen=True)
class Line:
    """One number: what, goal, measured and what it is compared with, as text; `held` is None without a goal."""

    number: int
    metric: str
    goal: str
    measured: str
    beside: str
    held: bool | None
    apart: str = ""


def lines(number: int, rows: Sequence[Any]) -> Iterator[Line]:
    """What a suite measured, judged; rows are tuples of text or have the fields of `pictures_enlarge.Figure`."""
    for row in rows:
        if not isinstance(row, tuple):
            goal = f"{'>=' if row.at_least else '<='} {row.goal:g}"
            row = (row.metric, goal, f"{row.measured:.3f}", f"{row.baseline:.3f}")
        metric, goal, measured, beside = (*row, "")[:4]
        held, apart = judged(goal, measured, beside)
        yield Line(number, metric, goal, measured, beside, held, apart)


def judged(goal: str, measured: str, beside: str = "") -> tuple[bool | None, str]:
    """Whether a goal is held, and by how much at the worst; (None, "") for a goal that isn't one. Raises ValueError.

    Goals are "all" (measured "3 of 4"), "yes", "3-15 %", "0 %", ">= 0.6", ">= Telea + 2 dB" (`beside` is Telea's) and
    "<= 90 s, 1500 MB"; a measured range "1.2-3.4" counts with its worse end.
    """
    if not goal:
        return None, ""
    if goal in ("yes", "all"):
        done, wanted = _numbers(measured) if goal == "all" else (float(measured == "yes"), 1.0)
        return done == wanted, f"{done - wanted:+g}"
    bounds, parts = _numbers(goal), [_numbers(part) for part in measured.split(",")]
    if not bounds or not parts[0]:
        raise ValueError(f"can't judge {measured!r} by {goal!r}")
    if goal.startswith(">="):
        bound = bounds[0] + (float(beside) if " + " in goal else 0.0)
        room = [value - bound for value in parts[0]]
    elif goal.startswith("<="):
        # What is measured beyond the goal, such as memory where only time is bound, is only told.
        room = [bound - value for bound, part in zip(bounds, parts, strict=False) for value in part]
    else:
        low, high = (bounds[0], bounds[-1]) if len(bounds) > 1 else (0.0, bounds[0])
        room = [min(value - low, high - value) for value in parts[0]]
    return min(room) >= 0, f"{min(room):+.3g}"


def _numbers(text: str) -> list[float]:
    """The numbers in a text, both ends of a range."""
    return [float(number) for number in _NUMBER.findall(re.sub(r"(?<=\d)-(?=\d)", " ", text))]


def suites(folder: Path, with_large: bool) -> Iterator[tuple[int, str, Callable[[], Sequence[Any]]]]:
    """Number, title and measurement of the suites that are there."""
    sys.path.insert(0, str(HERE))
    for number, (module, title) in SUITES.items():
        if (HERE / f"{module}.py").exists():
            suite = import_module(module)
            yield number, title, lambda suite=suite: suite.measure(folder)
            if with_large and hasattr(suite, "large"):
                yield number, f"{title} at 4096 px", lambda suite=suite: suite.large(folder)
        else:
            print(f"{number}  {title}: not measured, there is no {module}.py")


def told(line: Line) -> str:
    verdict = "" if line.held is None else "held" if line.held else "MISSED"
    found = f"{line.metric:60} {line.measured:>16} {line.goal:>18} {verdict:6} {line.apart:>8}"
    return f"{line.number}  {found}  {line.beside}".rstrip()


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure every number that the draft engine holds.")
    parser.add_argument("--photos", type=Path, default=PHOTOS, help="a folder of other photographs")
    parser.add_argument("--large", action="store_true", help="also time and memory of every function at 4096 x 4096")
    parser.add_argument("--only", type=int, choices=sorted(SUITES), help="one number's suite")
    options = parser.parse_args()
    print(f"#  {'what':60} {'measured':>16} {'goal':>18} {'':6} {'by':>8}  beside")
    found: list[Line] = []
    for number, title, measure in suites(options.photos, options.large):
        if options.only in (None, number):
            start = time.process_time()
            for line in lines(number, measure()):
                found.append(line)
                print(told(line), flush=True)
            print(f"   ({title}: {time.process_time() - start:.0f} CPU-s here)", flush=True)
    missed = [line for line in found if line.held is False]
    print(f"{sum(line.held is True for line in found)} held, {len(missed)} missed")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
