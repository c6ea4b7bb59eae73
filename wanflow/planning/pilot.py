"""Which few rows tell most about all: those with the largest, smallest, widest, narrowest picture and the longest and
shortest prompt, then rows spread evenly over the sizes. The same rows give the same sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Facts:
    """What a row is judged by: its picture in pixels, and the length of its longest prompt in characters."""

    key: str
    width: int
    height: int
    words: int


def sample(rows: Iterable[Facts], count: int) -> set[str]:
    """The keys of at most so many rows; of equal ones the first is taken."""
    every = list(rows)
    if not every:
        return set()
    judged: tuple[Callable[[Facts], float], ...] = (_pixels, _ratio, lambda row: row.words)
    ends = [pick(every, key=fact) for fact in judged for pick in (max, min)]
    by_size = sorted(every, key=_pixels)
    # The middle, then quarters, then eighths: each more row stands as far from those before as it can.
    parts = [2**power for power in range(1, count.bit_length() + 1)]
    spread = [by_size[len(by_size) * odd // part] for part in parts for odd in range(1, part, 2)]
    chosen = dict.fromkeys(row.key for row in (*ends, *spread, *by_size))
    return set(list(chosen)[:count])


def _pixels(row: Facts) -> float:
    return row.width * row.height


def _ratio(row: Facts) -> float:
    return row.width / row.height
