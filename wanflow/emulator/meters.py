"""How often something happens: the most within any second, and whether a limit allows one more."""

from __future__ import annotations

from collections import deque


class Meter:
    """Counts moments within the last second; `highest` is the most that any second held."""

    def __init__(self, highest: int = 0) -> None:
        self.highest = highest
        self._moments: deque[float] = deque()

    def add(self, now: float) -> None:
        """One more."""
        self._forget(now)
        self._moments.append(now)
        self.highest = max(self.highest, len(self._moments))

    def full(self, now: float, limit: float) -> bool:
        """Whether one more would be too many."""
        self._forget(now)
        return len(self._moments) >= limit

    def _forget(self, now: float) -> None:
        while self._moments and self._moments[0] <= now - 1:
            self._moments.popleft()
