"""How long a run takes, played by hand-made jobs, and against the loop's own order of starts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wanflow.model import Limits, Terms
from wanflow.planning.forecast import Work, forecast, played, varied

LIMITS = {"a": Limits(2), "b": Limits(1), "rate": Limits(100, per_second=2)}
GAP = 0.51  # half a second, and the margin that the loop keeps


def chain(*lanes: str, rows: int = 1, seconds: float = 10.0) -> list[Work]:
    """Rows of steps that need each other."""
    return [
        Work(lane, seconds, [row * len(lanes) + place - 1] if place else [])
        for row in range(rows)
        for place, lane in enumerate(lanes)
    ]


@pytest.mark.parametrize(
    ("works", "seconds"),
    [
        ([], 0.0),
        (chain("a"), 10.0),
        (chain("a", rows=3), 20.0),
        (chain("a", "a", "a"), 30.0),
        (chain("a", "b", rows=4), 50.0),  # 10 s until b begins, then 4 in a row
        (chain("b", "a", rows=4), 50.0),  # b takes 40 s, and the last one goes on to a
        (chain("rate", rows=5), 10.0 + 4 * GAP),
        ([Work("a", 10.0), Work("a", 30.0), Work("a", 10.0), Work("b", 5.0, [0, 1, 2])], 35.0),
    ],
)
def test_jobs_are_played_through_their_lanes(works: list[Work], seconds: float) -> None:
    assert played(works, LIMITS) == pytest.approx(seconds)


def test_rows_come_one_after_the_other_as_in_a_run() -> None:
    # With one slot and rows first, a row of two is done before the next begins, so that b is fed early.
    works = [Work("b", 1.0), Work("b", 1.0, [0]), Work("a", 10.0, [1]), Work("b", 1.0), Work("b", 1.0, [3])]
    assert played(works, LIMITS) == 12.0


def test_the_fullest_lane_decides_and_more_of_it_helps() -> None:
    found = forecast(chain("a", "b", rows=4), {}, LIMITS)
    assert [(lane.lane, lane.jobs, lane.seconds) for lane in found.lanes] == [("b", 4, 40.0), ("a", 4, 20.0)]
    assert (found.seconds, found.seconds_doubled, found.seconds_more_slots) == (50.0, 30.0, 30.0)
    assert found.seconds_faster == 50.0


def test_where_the_rate_decides_only_a_higher_rate_helps() -> None:
    found = forecast(chain("rate", rows=100, seconds=1.0), {}, LIMITS)
    assert found.seconds == pytest.approx(1.0 + 99 * GAP)
    assert found.seconds_more_slots == found.seconds
    assert found.seconds_faster == found.seconds_doubled == pytest.approx(1.0 + 99 * 0.26)


def test_of_very_many_jobs_the_rest_is_divided() -> None:
    found = forecast(chain("a", rows=10), {"a": (1000, 10_000.0)}, LIMITS)
    assert found.seconds == 50.0 + 5_000.0
    assert found.lanes[0].jobs == 1010


def test_nothing_to_do_takes_no_time() -> None:
    assert forecast([], {}, LIMITS).seconds == 0.0


def test_an_end_that_goes_unseen_holds_up_only_what_waits_for_it() -> None:
    works = [Work("b", 10.0, unseen=4.0), Work("a", 10.0, [0]), Work("b", 10.0)]
    assert played(works, LIMITS) == 24.0


def test_jobs_take_as_long_as_they_do_on_average_but_not_all_alike() -> None:
    terms = Terms("real", None, 10.0, "a", Limits(2), spread=0.5)
    seconds = [varied(terms, number) for number in range(1000)]
    assert sum(seconds) / 1000 == pytest.approx(10.0, rel=0.005)
    assert (min(seconds), max(seconds)) == (pytest.approx(5.0, abs=0.1), pytest.approx(15.0, abs=0.1))
    assert varied(replace(terms, spread=0.0), 7) == 10.0


def test_a_lane_alone_takes_no_less_than_its_jobs_one_after_the_other() -> None:
    (lane,) = forecast([Work("a", 10.0)] * 3, {}, LIMITS).lanes
    assert (LIMITS["a"].slots, lane.seconds) == (2, 20.0)  # and not the 15 of an even share
