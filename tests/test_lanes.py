from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from clocks import Stopwatch
from hypothesis import given
from hypothesis import strategies as st

from wanflow.lanes import FORGIVEN, MARGIN, MARGIN_S, Lanes
from wanflow.model import Limits


@pytest.fixture
def clock() -> Stopwatch:
    return Stopwatch()


def starts(lanes: Lanes, clock: Stopwatch, count: int) -> list[float]:
    """When so many requests, one after the other, may be sent."""

    async def all_of_them() -> list[float]:
        moments = []
        for _ in range(count):
            await lanes.start("paid")
            moments.append(clock.monotonic())
        return moments

    return asyncio.run(all_of_them())


def test_lane_is_open_until_its_slots_are_taken_and_after_one_is_given_back(clock: Stopwatch) -> None:
    lanes = Lanes({"here": Limits(2), "there": Limits(1)}, clock)
    lanes.take("here")
    assert list(lanes.open()) == ["here", "there"]
    lanes.take("here")
    lanes.take("there")
    assert list(lanes.open()) == []
    lanes.free("here")
    assert list(lanes.open()) == ["here"]


def test_lane_without_slots_never_opens(clock: Stopwatch) -> None:
    assert list(Lanes({"shut": Limits(0)}, clock).open()) == []


@given(
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 4)), st.lists(st.tuples(st.booleans(), st.integers(0, 9)))
)
def test_taking_only_open_lanes_never_overfills_one(slots: dict[str, int], moves: list[tuple[bool, int]]) -> None:
    lanes = Lanes({name: Limits(slots[name]) for name in slots}, Stopwatch())
    taken = Counter[str]()
    for take, choice in moves:
        open_ = list(lanes.open())
        assert open_ == [lane for lane in slots if taken[lane] < slots[lane]]
        if take and open_:
            lane = open_[choice % len(open_)]
            lanes.take(lane)
            taken[lane] += 1
        elif busy := sorted(lane for lane in taken if taken[lane]):
            lane = busy[choice % len(busy)]
            lanes.free(lane)
            taken[lane] -= 1


def test_requests_keep_the_rate(clock: Stopwatch) -> None:
    lanes = Lanes({"paid": Limits(2, per_second=2)}, clock)
    gap = 0.5 * MARGIN + MARGIN_S
    assert starts(lanes, clock, 4) == pytest.approx([0, gap, 2 * gap, 3 * gap])


def test_a_lane_without_a_rate_never_waits(clock: Stopwatch) -> None:
    assert starts(Lanes({"paid": Limits(2)}, clock), clock, 3) == [0, 0, 0]


def test_tasks_wait_ahead_until_the_provider_refuses_that(clock: Stopwatch) -> None:
    lanes = Lanes({"paid": Limits(2, per_second=2, ahead=1)}, clock)
    for _ in range(3):
        assert list(lanes.open()) == ["paid"]
        lanes.take("paid")
    lanes.refused("paid", "Throttling.Concurrency", clock.seconds, None)
    lanes.free("paid")
    assert list(lanes.open()) == []


def test_a_refusal_within_the_slots_keeps_the_tasks_ahead(clock: Stopwatch) -> None:
    lanes = Lanes({"paid": Limits(1, per_second=2, ahead=1)}, clock)
    lanes.take("paid")
    lanes.refused("paid", "Throttling.Concurrency", clock.seconds, None)
    assert list(lanes.open()) == ["paid"]


def test_a_refused_request_waits_as_long_as_the_provider_says(clock: Stopwatch) -> None:
    lanes = Lanes({"paid": Limits(2, per_second=2)}, clock)
    lanes.refused("paid", "Throttling.RateQuota", clock.seconds, 7.0)
    assert starts(lanes, clock, 1) == [7.0]


def test_after_a_burst_a_lane_starts_slowly_and_recovers(clock: Stopwatch) -> None:
    lanes = Lanes({"paid": Limits(2, per_second=2)}, clock)
    lanes.refused("paid", "Throttling.BurstRate", clock.seconds, 0)
    slow = starts(lanes, clock, 2)
    assert slow[1] - slow[0] == pytest.approx(2 * (0.5 * MARGIN + MARGIN_S))
    for _ in range(9):
        lanes.accepted("paid")
    # The wait that was set while the lane was slow still counts.
    late = starts(lanes, clock, 3)
    assert late[2] - late[1] == pytest.approx(0.5 * MARGIN + MARGIN_S)


def test_a_refused_rate_says_nothing_of_the_queue(clock: Stopwatch) -> None:
    lanes = Lanes({"paid": Limits(1, per_second=2, ahead=1)}, clock)
    lanes.take("paid")
    lanes.take("paid")
    lanes.refused("paid", "Throttling.RateQuota", clock.seconds, None)
    lanes.free("paid")
    assert list(lanes.open()) == ["paid"]


def test_a_refusal_holds_for_those_who_wait_already(clock: Stopwatch) -> None:
    lanes = Lanes({"paid": Limits(5, per_second=2)}, clock)
    sent: list[float] = []

    async def one() -> None:
        sent.append(await lanes.start("paid"))
        if len(sent) == 1:
            lanes.refused("paid", "Throttling.RateQuota", sent[0], 60.0)

    async def all_of_them() -> None:
        await asyncio.gather(*(one() for _ in range(3)))

    asyncio.run(all_of_them())
    gap = 0.5 * MARGIN + MARGIN_S
    assert sent == pytest.approx([0, 60, 60 + gap])


def test_many_refusals_of_one_burst_slow_a_lane_once(clock: Stopwatch) -> None:
    lanes = Lanes({"paid": Limits(5, per_second=2)}, clock)
    sent = starts(lanes, clock, 4)
    for moment in sent:
        lanes.refused("paid", "Throttling.BurstRate", moment, 0)
    late = starts(lanes, clock, 2)
    assert late[1] - late[0] == pytest.approx(2 * (0.5 * MARGIN + MARGIN_S))


def test_the_queue_is_tried_again_after_a_while(clock: Stopwatch) -> None:
    lanes = Lanes({"paid": Limits(0, per_second=2, ahead=1)}, clock)
    lanes.take("paid")
    lanes.refused("paid", "Throttling.Concurrency", 0.0, None)
    lanes.free("paid")
    assert list(lanes.open()) == []
    for _ in range(FORGIVEN):
        lanes.accepted("paid")
    assert list(lanes.open()) == ["paid"]


def test_a_lane_without_a_rate_pauses_when_told(clock: Stopwatch) -> None:
    lanes = Lanes({"paid": Limits(2)}, clock)
    lanes.refused("paid", "Throttling", 0.0, 5.0)
    assert starts(lanes, clock, 2) == [5, 5]


def test_nobody_waits_once_the_run_stops(clock: Stopwatch) -> None:
    lanes = Lanes({"paid": Limits(2, per_second=2)}, clock)
    lanes.refused("paid", "Throttling", 0.0, 3600.0)
    asyncio.run(lanes.start("paid", stopping=lambda: clock.seconds > 3))
    assert clock.seconds < 5
