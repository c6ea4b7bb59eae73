"""A lane of the provider in virtual time: slots, a queue, a limit of submissions a second; asked as a cadence says."""

from __future__ import annotations

import heapq
import itertools
import random
from dataclasses import dataclass, field

from wanflow.backends.dashscope.cadence import Cadence, Kind, Times
from wanflow.wire.answers import TaskStatus

SKEW_S = 1_000_000.0  # the provider's clock is not ours


@dataclass
class Report:
    makespan_s: float
    bound_s: float
    polls: int
    delays_s: list[float] = field(default_factory=list)
    busiest_second: int = 0


@dataclass
class Lane:
    """What the provider does with tasks: in order of submission, `slots` at once."""

    slots: int
    free_at: list[float] = field(default_factory=list)
    begin: dict[str, float] = field(default_factory=dict)
    end: dict[str, float] = field(default_factory=dict)
    submitted: dict[str, float] = field(default_factory=dict)

    def submit(self, task_id: str, now: float, service_s: float) -> None:
        began = now if len(self.free_at) < self.slots else max(now, heapq.heappop(self.free_at))
        self.submitted[task_id], self.begin[task_id] = now, began
        self.end[task_id] = began + service_s
        heapq.heappush(self.free_at, began + service_s)

    def ask(self, task_id: str, now: float, *, times: bool) -> tuple[TaskStatus, Times]:
        submitted, began, ended = self.submitted[task_id], self.begin[task_id], self.end[task_id]
        if now >= ended:
            status, known = TaskStatus.SUCCEEDED, Times(submitted, began, ended)
        elif now >= began:
            status, known = TaskStatus.RUNNING, Times(submitted, began)
        else:
            status, known = TaskStatus.PENDING, Times(submitted)
        if not times:
            return status, Times()
        return status, Times(*(None if t is None else t + SKEW_S for t in (known.submitted, known.began, known.ended)))


def simulate(
    kind: Kind,
    *,
    tasks: int,
    slots: int,
    ahead: int,
    service: tuple[float, float],
    rps: float = 2.0,
    latency_s: float = 0.1,
    times: bool = True,
    seed: int = 0,
) -> Report:
    """Submit so that `slots + ahead` are under way, ask as the cadence says, until all are known to be done."""
    random_ = random.Random(seed)
    services = [random_.uniform(*service) for _ in range(tasks)]
    lane, cadence = Lane(slots), Cadence()
    now, next_submit, polls = 0.0, 0.0, 0
    asked_at: list[float] = []
    delays: list[float] = []
    todo = iter(enumerate(services))
    upcoming = next(todo, None)
    under_way: set[str] = set()
    while upcoming or under_way:
        turn = cadence.next()
        may_submit = upcoming is not None and len(under_way) < slots + ahead
        if may_submit and (turn is None or next_submit <= turn[0]):
            number, service_s = upcoming
            now = max(now, next_submit)
            lane.submit(str(number), now, service_s)
            cadence.add(str(number), kind, now)
            under_way.add(str(number))
            next_submit, upcoming = now + 1 / rps, next(todo, None)
            continue
        due, task_id = turn
        now = max(now, due)
        cadence.asked(task_id, now)
        polls += 1
        asked_at.append(now)
        status, known = lane.ask(task_id, now, times=times)
        now += latency_s
        cadence.answered(task_id, status, now, known)
        if status.is_over:
            under_way.discard(task_id)
            delays.append(now - lane.end[task_id])
    busiest = max(sum(1 for b in asked_at[i:] if b < a + 1.0) for i, a in enumerate(asked_at))
    return Report(now, sum(services) / slots, polls, delays, busiest)


if __name__ == "__main__":
    kind = Kind("m", "f", 1, 2, (5.0, 15.0))
    for ahead, times, fast in itertools.product((0, 3), (True, False), (1, 20)):
        r = simulate(
            kind,
            tasks=60,
            slots=2,
            ahead=ahead,
            service=(5 / fast, 15 / fast),
            rps=2.0 * fast,
            times=times,
            latency_s=0.1 / fast,
        )
        mean = sum(r.delays_s) / len(r.delays_s)
        print(
            f"ahead {ahead} times {times} x{fast}: makespan {r.makespan_s / r.bound_s:.3f} x bound, "
            f"{r.polls / 60:.2f} polls a task, delay {mean:.2f} s, busiest second {r.busiest_second}"
        )
