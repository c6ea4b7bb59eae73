"""Which few rows tell most about all: those with the largest, smallest, widest, narrowest picture and the longest and
shortest prompt, then rows spread evenly over the sizes. The same rows give the same sample.
"""

from __future__ import annotations

from collections.abc import Iterable
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
    by_size = sorted(every, key=lambda row: row.width * row.height)
    by_ratio = sorted(every, key=lambda row: row.width / row.height)
    by_words = sorted(every, key=lambda row: row.words)
    ends = [order[end] for order in (by_size, by_ratio, by_words) for end in (-1, 0) if order]
    # Halves, quarters, eighths: each more row stands as far from those before as it can.
    spread = [by_size[len(by_size) * odd // parts] for parts in _powers(count) for odd in range(1, parts, 2) if by_size]
    chosen = dict.fromkeys(row.key for row in (*ends, *spread, *by_size))
    return set(list(chosen)[:count])


def _powers(count: int) -> list[int]:
    return [2**power for power in range(1, count.bit_length() + 1)]
