"""How long a run takes: its jobs are played through the lanes' limits as the loop would start them. Pure.

Within a lane the run starts jobs in order of rows, so many at once as there are slots and as fast as the rate allows; a
job waits for those that it needs. What a lane's jobs take is what was learnt of them, or what is documented. Of a long
run its beginning is played, and the fullest lane decides the rest.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from wanflow.limits.pace import least_gap_s
from wanflow.model import Limits, Terms

# Of more jobs than these only the first are played: then the lanes are full, and the rest is a matter of division.
PLAYED = 2_000
# Multiples of the golden ratio, less their whole part, are spread evenly over 0 to 1 wherever one stops.
GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True, slots=True)
class Work:
    """One job: its lane, its seconds, the numbers of the jobs before it in the list that it needs, and for how long its
    end goes unseen, in which its slot is free already.
    """

    lane: str
    seconds: float
    needs: Sequence[int] = ()
    unseen: float = 0.0


@dataclass(frozen=True, slots=True)
class LaneForecast:
    """What a lane has to do: `seconds` is how long it is at work if it never waits for another lane."""

    lane: str
    jobs: int
    limits: Limits
    seconds: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """The time of a run, and its lanes, the one that decides first.

    `seconds_doubled` is the time with twice that lane's limits, as a second account has them; `seconds_more_slots` with
    twice the jobs at once only, and `seconds_faster` with twice the rate of starts only.
    """

    seconds: float = 0.0
    lanes: tuple[LaneForecast, ...] = ()
    seconds_doubled: float = 0.0
    seconds_more_slots: float = 0.0
    seconds_faster: float = 0.0


def forecast(works: Sequence[Work], rest: Mapping[str, tuple[int, float]], limits: Mapping[str, Limits]) -> Forecast:
    """The forecast of a run; `works` are its first jobs, `rest` the number and the seconds of all others, by lane."""
    lanes = _lanes(works, rest, limits)
    if not lanes:
        return Forecast()
    decisive = lanes[0].lane
    one = limits[decisive]
    more_slots = replace(one, slots=2 * one.slots)
    rate = 2 * one.per_second if one.per_second else None
    others = [limits[decisive], replace(more_slots, per_second=rate), more_slots, replace(one, per_second=rate)]
    times = [duration(works, rest, {**limits, decisive: other}) for other in others]
    return Forecast(times[0], lanes, *times[1:])


def _lanes(
    works: Sequence[Work], rest: Mapping[str, tuple[int, float]], limits: Mapping[str, Limits]
) -> tuple[LaneForecast, ...]:
    alone = defaultdict[str, list[Work]](list)
    for work in works:
        alone[work.lane].append(replace(work, needs=()))
    found = []
    for lane in dict.fromkeys([*alone, *rest]):
        number, seconds = rest.get(lane, (0, 0.0))
        more = _full(number, seconds, limits[lane])
        found.append(LaneForecast(lane, len(alone[lane]) + number, limits[lane], played(alone[lane], limits) + more))
    return tuple(sorted(found, key=lambda lane: (-lane.seconds, lane.lane)))


def _full(jobs: int, seconds: float, limits: Limits) -> float:
    """How long a lane takes that never waits."""
    return max(seconds / max(limits.slots, 1), jobs * least_gap_s(limits))


def duration(works: Sequence[Work], rest: Mapping[str, tuple[int, float]], limits: Mapping[str, Limits]) -> float:
    """How long a run takes, in seconds; what it is told as in `forecast`."""
    more = max((_full(number, seconds, limits[lane]) for lane, (number, seconds) in rest.items()), default=0.0)
    return played(works, limits) + more


@dataclass(slots=True)
class _Lane:
    """The state of a lane while jobs are played."""

    free: int
    gap_s: float
    next_start: float = 0.0
    ready: list[int] = field(default_factory=list)


def played(works: Sequence[Work], limits: Mapping[str, Limits]) -> float:
    """When the last of these jobs is done, if each takes as long as is said, in seconds from the start."""
    lanes = {lane: _Lane(max(limits[lane].slots, 1), least_gap_s(limits[lane])) for lane in {w.lane for w in works}}
    missing = [len(work.needs) for work in works]
    waiters: defaultdict[int, list[int]] = defaultdict(list)
    for number, work in enumerate(works):
        for need in work.needs:
            waiters[need].append(number)
        if not work.needs:
            heapq.heappush(lanes[work.lane].ready, number)
    coming: list[tuple[float, bool, int]] = []  # when a job is done, or seen to be
    now = 0.0
    for idle in lanes.values():
        _start(idle, works, now, coming)
    while coming:
        now, is_seen, number = heapq.heappop(coming)
        touched = {works[number].lane}
        if not is_seen:
            lanes[works[number].lane].free += 1
            if works[number].unseen:
                heapq.heappush(coming, (now + works[number].unseen, True, number))
            is_seen = not works[number].unseen
        for waiter in waiters[number] if is_seen else ():
            missing[waiter] -= 1
            if not missing[waiter]:
                heapq.heappush(lanes[works[waiter].lane].ready, waiter)
                touched.add(works[waiter].lane)
        for lane in touched:
            _start(lanes[lane], works, now, coming)
    return now


def _start(lane: _Lane, works: Sequence[Work], now: float, coming: list[tuple[float, bool, int]]) -> None:
    while lane.ready and lane.free:
        number = heapq.heappop(lane.ready)
        begins = max(now, lane.next_start)
        lane.next_start = begins + lane.gap_s
        lane.free -= 1
        heapq.heappush(coming, (begins + works[number].seconds, False, number))


def varied(terms: Terms, number: int) -> float:
    """The seconds of the nth job of a kind: evenly spread over what such jobs take, in an order without a pattern.

    If all took the middle, they would end together, as jobs never do; the last slot is longer at work than the others.
    """
    return terms.seconds * (1 + terms.spread * (2 * (number * GOLDEN % 1) - 1))
