"""Tries one target on many inputs and counts: how slow the slowest was, how much memory, and which errors came.

A target is a module with `cases(random)`, which yields inputs without end, and `probe(case)`, which raises only what
wanflow says to its users. Anything else, or more than LIMIT_S for one input, is a find.
"""

from __future__ import annotations

import importlib
import itertools
import signal
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from wanflow.errors import EditError, WanflowError
from wanflow.language.expand import RowError
from wanflow.language.sandbox import TemplateError

HERE = Path(__file__).parent
OURS = (WanflowError, TemplateError, RowError)
LIMIT_S = 1.0
NO_TARGETS = ("__main__", "runner", "mutations", "test_fuzz")


@dataclass(slots=True)
class Tally:
    """What came of a target's inputs; `finds` are inputs with what is wrong about them."""

    target: str
    inputs: int = 0
    slowest_s: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)
    finds: list[tuple[Any, str]] = field(default_factory=list)


def targets() -> list[str]:
    """The modules beside this one that can be tried."""
    return sorted(path.stem for path in HERE.glob("*.py") if path.stem not in NO_TARGETS)


def tried(name: str, count: int, seed: int, most_finds: int = 20) -> Tally:
    """The target's first `count` inputs of this seed."""
    target, tally = importlib.import_module(name), Tally(name)
    for case in itertools.islice(target.cases(Random(f"{name} {seed}")), count):
        tally.inputs += 1
        began = time.process_time()
        if wrong := _outcome(target, case, tally.kinds):
            tally.finds.append((case, wrong))
        took = time.process_time() - began
        tally.slowest_s = max(tally.slowest_s, took)
        if took > LIMIT_S and not wrong:
            tally.finds.append((case, f"took {took:.1f} s"))
        if len(tally.finds) >= most_finds:
            break
    return tally


def _outcome(target: Any, case: Any, kinds: Counter[str]) -> str:
    """What is wrong with how the target took an input, or nothing."""
    try:
        with _ended_after(30):
            target.probe(case)
    except OURS as error:
        kinds.update(_kinds(error))
    except Exception as error:  # noqa: BLE001 - whatever else comes is what is looked for
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error)[:200]} ({Path(place.filename).name}:{place.lineno})"
    else:
        kinds["none"] += 1
    return ""


def _kinds(error: Exception) -> set[str]:
    if isinstance(error, EditError):
        return {error.code if error.code in ("BadAnswer",) or error.code.isalpha() else "code"}
    problems = getattr(error, "problems", None)
    return {problem.rule for problem in problems} if problems else {type(error).__name__}


class _ended_after:  # noqa: N801 - used like a function
    """Ends what takes so many seconds, where the system can."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds if hasattr(signal, "SIGALRM") else 0

    def __enter__(self) -> None:
        if self._seconds:
            signal.signal(signal.SIGALRM, _too_long)
            signal.alarm(self._seconds)

    def __exit__(self, *_: object) -> None:
        if self._seconds:
            signal.alarm(0)


def _too_long(*_: object) -> None:
    raise TimeoutError("did not end")


def peak_mb() -> float:
    """The most memory that this process ever had, in MB; 0 where the system doesn't say."""
    try:
        import resource
    except ImportError:
        return 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def shown(tally: Tally) -> str:
    """A line of figures, then what was found."""
    kinds = len(tally.kinds.keys() - {"none"})
    slowest, peak = f"{tally.slowest_s * 1e3:,.0f}", f"{peak_mb():,.0f}"
    line = f"{tally.target:14}{tally.inputs:>12,}{slowest:>12}{peak:>10}{kinds:>13}{len(tally.finds):>8}"
    return "\n".join([line, *(f"  {wrong}\n    {case!r:.2000}" for case, wrong in tally.finds)])
