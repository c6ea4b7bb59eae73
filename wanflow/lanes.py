"""Limits per lane: how many jobs may be under way at once, how often one may be started, and what refusals teach."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from wanflow.clock import Clock
from wanflow.model import Limits

# Requests bunch up on their way, so that the provider would see some closer together than they were sent.
MARGIN = 1.08
MARGIN_S = 0.01
SLOWEST_S = 30.0
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

    async def start(self, name: str) -> None:
        """Wait for the moment at which the holder of a slot may send its request; first come, first served."""
        lane = self._lanes[name]
        if not lane.gap_s:
            return
        now = self._clock.monotonic()
        moment = max(now, lane.next_start)
        lane.next_start = moment + lane.gap_s
        if moment > now:
            await self._clock.sleep(moment - now)

    def accepted(self, name: str) -> None:
        """A request was taken: a lane that had slowed down comes back a little."""
        lane = self._lanes[name]
        lane.gap_s = max(lane.least_gap_s, lane.gap_s * RECOVERY)

    def refused(self, name: str, code: str, retry_after_s: float | None) -> None:
        """A request was refused with a throttling code: wait, after a burst start more slowly, and where it came too
        early rather than too fast, keep no more tasks than there are slots.
        """
        lane = self._lanes[name]
        if not code.endswith(TOO_FAST) and self._taken[name] > lane.limits.slots:
            lane.ahead = 0  # this provider does not let tasks wait
        if code.endswith("BurstRate") or lane.gap_s > lane.least_gap_s:
            lane.gap_s = min(SLOWEST_S, 2 * lane.gap_s)
        pause = retry_after_s if retry_after_s is not None else max(1.0, 2 * lane.gap_s)
        lane.next_start = max(lane.next_start, self._clock.monotonic() + pause)


class _Lane:
    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.ahead = limits.ahead
        self.least_gap_s = MARGIN / limits.per_second + MARGIN_S if limits.per_second else 0.0
        self.gap_s = self.least_gap_s
        self.next_start = float("-inf")

    @property
    def room(self) -> int:
        return self.limits.slots + self.ahead
