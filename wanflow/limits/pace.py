"""How fast and how far ahead a lane may send, what refusals teach, and when to look after tasks. Pure; times are the
caller's, in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from wanflow.model import Limits

MARGIN_S = 0.01
SLOWEST_S = 30.0
# No wish of the provider holds a lane up for longer; what seems to was said by a clock that was set back since.
LONGEST_S = 600.0
# After so many requests without a refusal, tasks may wait in the provider's queue again.
FORGIVEN = 100
TOO_FAST = ("RateQuota", "LimitRequests", "BurstRate")
# A lane that was told to slow down comes back by this much with every start that is not refused.
RECOVERY = 0.8
# Looks after a task that split the span between the quickest and the slowest of its kind.
PARTS = 4
LEAST_LOOK_S, WIDEST_LOOK_S = 0.2, 10.0


@dataclass(slots=True)
class Pace:
    """What is to be remembered of a lane: the gap between two requests, how many tasks may wait at the provider, how
    many requests it took since it last refused one for being too many, when the next may go out, and when it last
    slowed down.
    """

    gap_s: float
    ahead: int
    taken: int = 0
    next_start: float = 0.0
    slowed: float = 0.0

    @classmethod
    def of(cls, limits: Limits) -> Pace:
        """The pace of a lane that knows nothing but its limits."""
        return cls(least_gap_s(limits), limits.ahead)

    def wait_s(self, now: float) -> float:
        """How long the next request has to wait."""
        wait_s = self.next_start - now
        return wait_s if 0 < wait_s <= LONGEST_S else 0.0

    def started(self, now: float) -> None:
        """A request goes out."""
        self.next_start = now + self.gap_s

    def heard(self, now: float) -> None:
        """A request was answered: the gap counts from then, since it may have been long on its way, as the first on a
        new connection is, and the provider counts when requests come.
        """
        self.next_start = max(self.next_start, now + self.gap_s)

    def accepted(self, limits: Limits) -> None:
        """A request was taken: a lane that had slowed down comes back a little."""
        self.gap_s = max(least_gap_s(limits), self.gap_s * RECOVERY)
        self.taken += 1
        if self.taken >= FORGIVEN:
            self.ahead = limits.ahead

    def refused(
        self, limits: Limits, code: str, *, under_way: int, sent: float, now: float, retry_after_s: float | None
    ) -> None:
        """A request that was sent at `sent` was refused with a throttling code while `under_way` others were not done:
        wait, after a burst start more slowly, and where it came too early rather than too fast, keep no more tasks than
        there are slots for a while.
        """
        if not code.endswith(TOO_FAST) and under_way >= limits.slots:
            self.ahead = self.taken = 0
        # Requests that were sent before the lane slowed down tell nothing of its new pace.
        if sent > self.slowed and (code.endswith("BurstRate") or self.gap_s > least_gap_s(limits)):
            self.gap_s, self.slowed = min(SLOWEST_S, 2 * self.gap_s), now
        pause = min(retry_after_s if retry_after_s is not None else max(1.0, 2 * self.gap_s), LONGEST_S)
        self.next_start = max(self.next_start, now + pause)


def least_gap_s(limits: Limits) -> float:
    """The time between two requests that the provider's rate allows, with a margin."""
    return 1 / limits.per_second + MARGIN_S if limits.per_second else 0.0


def look_gap_s(shortest_s: float, longest_s: float) -> float:
    """The time between two looks after a task, when those of its kind take from the shortest to the longest."""
    return min(max((longest_s - shortest_s) / PARTS, LEAST_LOOK_S), WIDEST_LOOK_S)
