"""Limits per lane: how many jobs of one lane may be under way at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping


class Lanes:
    """Counts what is under way against each lane's slots; only lanes in `slots` exist."""

    def __init__(self, slots: Mapping[str, int]) -> None:
        self.slots = slots
        self._taken: Counter[str] = Counter()

    def open(self) -> Iterator[str]:
        """The lanes that have a free slot."""
        return (lane for lane, slots in self.slots.items() if self._taken[lane] < slots)

    def take(self, lane: str) -> None:
        """Occupy a slot."""
        self._taken[lane] += 1

    def free(self, lane: str) -> None:
        """Give a slot back."""
        self._taken[lane] -= 1
