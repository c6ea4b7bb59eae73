"""Limits per lane: how many jobs may be under way at once, how often one may be started, and what refusals teach."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from wanflow.clock import Clock
from wanflow.model import Limits

# Requests bunch up on their way, so that the provider would see some closer together than they were sent.
MARGIN = 1.08
MARGIN_S = 0.01
SLOWEST_S = 30.0
NAP_S = 1.0
# After so many requests without a refusal, tasks may wait in the provider's queue again.
FORGIVEN = 100
TOO_FAST = ("RateQuota", "LimitRequests", "BurstRate")
# A lane that was told to slow down comes back by this much with every start that is not refused.
RECOVERY = 0.8


class Lanes:
    """Keeps the limits of each lane; only lanes in `limits` exist."""

    def __init__(self, limits: Mapping[str, Limits], clock: Clock) -> None:
        self._lanes = {name: _Lane(limit) for name, limit in limits.items()}
        self._taken: Counter[str] = Counter()
        self._clock = clock

    def __contains__(self, lane: str) -> bool:
        return lane in self._lanes

    def open(self) -> Iterator[str]:
        """The lanes that have a free slot."""
        return (name for name, lane in self._lanes.items() if self._taken[name] < lane.room)

    def take(self, lane: str) -> None:
        """Occupy a slot."""
        self._taken[lane] += 1

    def free(self, lane: str) -> None:
        """Give a slot back."""
        self._taken[lane] -= 1

    async def start(self, name: str, stopping: Callable[[], bool] = lambda: False) -> float:
        """Wait for the moment at which the holder of a slot may send its request, in order of asking; that moment.

        Ends early when `stopping` says that nothing more will be sent.
        """
        lane = self._lanes[name]
        async with lane.turn:
            # In short naps: a refusal of an earlier request, and a Ctrl-C, count for those who wait already.
            while not stopping() and (wait := lane.next_start - self._clock.monotonic()) > 0:
                await self._clock.sleep(min(wait, NAP_S))
            now = self._clock.monotonic()
            lane.next_start = now + lane.gap_s
        return now

    def accepted(self, name: str) -> None:
        """A request was taken: a lane that had slowed down comes back a little."""
        lane = self._lanes[name]
        lane.gap_s = max(lane.least_gap_s, lane.gap_s * RECOVERY)
        lane.taken += 1
        if lane.taken >= FORGIVEN:
            lane.ahead = lane.limits.ahead

    def refused(self, name: str, code: str, sent: float, retry_after_s: float | None) -> None:
        """A request was refused with a throttling code: wait, after a burst start more slowly, and where it came too
        early rather than too fast, keep no more tasks than there are slots for a while. `sent` is what `start` gave.
        """
        lane, now = self._lanes[name], self._clock.monotonic()
        if not code.endswith(TOO_FAST) and self._taken[name] > lane.limits.slots:
            lane.ahead = lane.taken = 0
        # Requests that were sent before the lane slowed down tell nothing of its new pace.
        if sent > lane.slowed and (code.endswith("BurstRate") or lane.gap_s > lane.least_gap_s):
            lane.gap_s, lane.slowed = min(SLOWEST_S, 2 * lane.gap_s), now
        pause = retry_after_s if retry_after_s is not None else max(1.0, 2 * lane.gap_s)
        lane.next_start = max(lane.next_start, now + pause)


class _Lane:
    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.ahead, self.taken = limits.ahead, 0
        self.least_gap_s = MARGIN / limits.per_second + MARGIN_S if limits.per_second else 0.0
        self.gap_s = self.least_gap_s
        self.next_start = self.slowed = float("-inf")
        self.turn = asyncio.Lock()

    @property
    def room(self) -> int:
        return self.limits.slots + self.ahead
