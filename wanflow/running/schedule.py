"""Who may start next and who is blocked, row by row, so that finished pictures come early. No clock, no I/O."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Sequence

Job = tuple[int, int]  # place of the row, place of the step


class Schedule:
    """Jobs that wait, by lane; a job starts when all jobs that it needs are done.

    `lanes` gives each step's lane; `waiting` each waiting job and the waiting jobs that it needs, of whatever row.
    """

    def __init__(self, lanes: Sequence[str], waiting: Iterable[tuple[Job, Sequence[Job]]]) -> None:
        self._lanes = lanes
        self._ready: dict[str, list[Job]] = {lane: [] for lane in lanes}
        self._missing: dict[Job, int] = {}
        self._waiters: dict[Job, list[Job]] = {}
        self._again: deque[Job] = deque()
        for job, needs in waiting:
            self._add(job, needs)
        for heap in self._ready.values():
            heapq.heapify(heap)

    def _add(self, job: Job, needs: Sequence[Job]) -> None:
        if not needs:
            self._ready[self._lanes[job[1]]].append(job)
            return
        self._missing[job] = len(needs)
        for need in needs:
            self._waiters.setdefault(need, []).append(job)

    def again(self, job: Job) -> None:
        """A job that was taken already is to start anew, before any that was not."""
        self._again.append(job)

    def take(self, lanes: Iterable[str]) -> Job | None:
        """The next job, in order of rows, that may start in one of these lanes."""
        lanes = list(lanes)
        if self._again and self._lanes[self._again[0][1]] in lanes:
            return self._again.popleft()
        heads = [heap[0] for lane in lanes if (heap := self._ready.get(lane))]
        if not heads:
            return None
        job = min(heads)
        return heapq.heappop(self._ready[self._lanes[job[1]]])

    def done(self, job: Job) -> None:
        """A job has its picture; what needed only it may start."""
        for waiter in self._waiters.pop(job, ()):
            if waiter not in self._missing:
                continue  # blocked already by another job that it needs
            self._missing[waiter] -= 1
            if not self._missing[waiter]:
                del self._missing[waiter]
                heapq.heappush(self._ready[self._lanes[waiter[1]]], waiter)

    def parked(self, job: Job, waits: Callable[[Job], bool]) -> list[Job]:
        """A job is done, but some of those that need it have to wait for a person; returns every job that can't start
        because of that, directly or not; the others may.
        """
        waiters = self._waiters.pop(job, [])
        self._waiters[job] = [waiter for waiter in waiters if waits(waiter)]
        blocked = self.failed(job)
        self._waiters[job] = [waiter for waiter in waiters if not waits(waiter)]
        self.done(job)
        return blocked

    def failed(self, job: Job) -> list[Job]:
        """A job has no picture; returns every job that can't start because of it, directly or not."""
        blocked: list[Job] = []
        for waiter in self._waiters.pop(job, ()):
            if self._missing.pop(waiter, None) is not None:
                blocked += [waiter, *self.failed(waiter)]
        return blocked
