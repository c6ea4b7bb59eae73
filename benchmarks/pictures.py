"""Every number that the draft engine holds, in one table: ``python benchmarks/pictures.py [--photos DIR] [--large]``.

Each line is a measurement made now, every suite in a process of its own, beside its goal and, where one exists, what
Lanczos, Telea's inpainting or a mirrored border gives in the same run. Ends with 1 if a number is missed.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any

# Read when numpy is loaded: spinning threads would be counted as work.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

PHOTOS = Path(__file__).parents[1] / "tests" / "photos"
# Each has `measure(folder)`; the number is that of the design's list.
SUITES = {
    1: "pictures_enlarge",
    2: "pictures_fill",
    4: "pictures_text",
    5: "pictures_colour",
    6: "pictures_style",
    8: "pictures_every",
}
Row = tuple[str, str, str] | tuple[str, str, str, str]
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


def lines(number: int, rows: Iterable[Row]) -> Iterator[Line]:
    """What a suite measured, judged; the last of its four texts may be missing."""
    for row in rows:
        metric, goal, measured, beside = (*row, "")[:4]
        yield Line(number, metric, goal, measured, beside, *judged(goal, measured, beside))


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


def alone(module: str, what: str, folder: Path) -> list[Any]:
    """What a module's function finds in a folder, in a process of its own, so that its peak of memory is its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_called, module, what, folder).result()


def _called(module: str, what: str, folder: Path) -> list[Any]:
    found: list[Any] = getattr(import_module(module), what)(folder)
    return found


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
    if not options.photos.is_dir():
        parser.error(f"--photos {options.photos}: there is no such folder")
    names, notes = alone("photographs", "looked_through", options.photos)
    print(*notes, f"{len(names)} measured: {', '.join(names)}", sep="\n", flush=True)
    if not names:
        parser.error(f"--photos {options.photos}: there is no photograph in it that can be measured")
    print(f"#  {'what':60} {'measured':>16} {'goal':>18} {'':6} {'by':>8}  beside")
    found: list[Line] = []
    for number, module in SUITES.items():
        if options.only not in (None, number):
            continue
        parts = ("measure", "large") if options.large and module == "pictures_every" else ("measure",)
        for line in (line for part in parts for line in lines(number, alone(module, part, options.photos))):
            found.append(line)
            print(told(line), flush=True)
    missed = [line for line in found if line.held is False]
    print(f"{sum(line.held is True for line in found)} held, {len(missed)} missed")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
