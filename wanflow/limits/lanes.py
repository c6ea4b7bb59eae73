"""How many jobs of this run may be under way at once in each lane."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from wanflow.model import Limits


class Lanes:
    """Keeps the slots of each lane; only lanes in `limits` exist. An account's other runs are its ledger's concern."""

    def __init__(self, limits: Mapping[str, Limits]) -> None:
        self._limits = limits
        self._taken: Counter[str] = Counter()

    def __contains__(self, lane: str) -> bool:
        return lane in self._limits

    def open(self) -> Iterator[str]:
        """The lanes that have a free slot."""
        return (name for name, limit in self._limits.items() if self._taken[name] < limit.slots + limit.ahead)

    def take(self, lane: str) -> None:
        """Occupy a slot."""
        self._taken[lane] += 1

    def free(self, lane: str) -> None:
        """Give a slot back."""
        self._taken[lane] -= 1

    def use(self) -> Iterator[tuple[str, int, int]]:
        """Each lane, its slots, and how many are taken; those of jobs that only wait at the provider count, too."""
        return ((name, limit.slots, self._taken[name]) for name, limit in self._limits.items())
