"""When tasks are asked after, in virtual time: few queries, little delay, one limit, nobody forgotten."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lane_sim import simulate

from wanflow.backends.dashscope.cadence import IDLE_GAP_S, QUERIES_PER_S, Cadence, Kind, Times
from wanflow.wire.answers import TaskStatus

EDIT = Kind("wanx2.1-imageedit", "wan/expand", 1, 2, (5.0, 15.0))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("times", [True, False], ids=["told", "untold"])
def test_a_lane_with_tasks_ahead_is_kept_full_with_few_queries(seed, times):
    report = simulate(EDIT, tasks=60, slots=2, ahead=3, service=(5, 15), times=times, seed=seed)
    assert report.makespan_s <= 1.03 * report.bound_s
    assert report.polls <= 4 * 60
    assert report.busiest_second <= QUERIES_PER_S + 1


def test_a_service_that_runs_fast_is_learnt(seed=0):
    report = simulate(EDIT, tasks=60, slots=2, ahead=3, service=(0.25, 0.75), rps=40, latency_s=0.005, times=False)
    assert report.makespan_s <= 1.03 * report.bound_s
    assert report.polls <= 4 * 60


def test_more_slots_than_was_said_are_found_out():
    report = simulate(EDIT, tasks=60, slots=4, ahead=4, service=(5, 15), rps=5)
    assert report.makespan_s <= 1.1 * report.bound_s


def test_a_task_is_first_asked_after_when_the_quickest_of_its_kind_would_be_done():
    cadence = Cadence()
    for number in range(6):
        cadence.add(str(number), EDIT, 100.0 * number)
        cadence.asked(str(number), 100.0 * number + 6)
        told = Times(0.0, 0.0, 5.0 + number / 10)
        cadence.answered(str(number), TaskStatus.SUCCEEDED, 100.0 * number + 6, told)
    cadence.add("new", EDIT, 1000.0)
    assert cadence.next() == (1005.0, "new")


def test_a_task_behind_others_is_hardly_asked_after_until_its_turn():
    cadence = Cadence()
    for name in ("a", "b", "c"):
        cadence.add(name, EDIT, 0.0)
    cadence.asked("a", 0.5)
    cadence.asked("b", 0.6)
    assert cadence.next() == (IDLE_GAP_S, "c")
    cadence.answered("a", TaskStatus.SUCCEEDED, 8.0, Times(0.0, 0.0, 7.5))
    due, name = cadence.next()
    assert (name, 7.5 < due < 15) == ("c", True)


def test_failed_tasks_free_their_slot_and_teach_nothing():
    cadence = Cadence()
    for name in ("a", "b", "c"):
        cadence.add(name, EDIT, 0.0)
    cadence.asked("a", 0.5)
    cadence.asked("b", 0.5)
    cadence.answered("a", TaskStatus.FAILED, 0.6, Times())
    assert cadence._seen == {}
    assert cadence.next()[0] < IDLE_GAP_S


def test_queries_that_fail_are_asked_again_ever_later_but_never_too_late():
    cadence = Cadence()
    cadence.add("a", EDIT, 0.0)
    now, waits = 0.0, []
    for _ in range(12):
        cadence.asked("a", now)
        cadence.unanswered("a", now)
        due = cadence.next()[0]
        waits.append(due - now)
        now = due
    assert waits[:4] == [1, 2, 4, 8] and max(waits) == waits[-1] == IDLE_GAP_S
    cadence.unanswered("a", now, 90.0)
    assert cadence.next()[0] == now + 90.0


def test_when_all_queries_are_too_many_everybody_waits():
    cadence = Cadence()
    cadence.add("a", EDIT, 0.0)
    cadence.add("b", EDIT, 0.0)
    cadence.asked("a", 5.0)
    cadence.unanswered("a", 5.0, 20.0, everybody=True)
    assert cadence.next() == (25.0, "b")


def test_times_that_cannot_be_are_not_believed():
    cadence = Cadence()
    cadence.add("a", EDIT, 0.0)
    cadence.asked("a", 1.0)
    # The provider's clock seems to run 20 times as fast: it says that an hour was spent in a second.
    cadence.answered("a", TaskStatus.SUCCEEDED, 1.0, Times(0.0, 0.0, 3600.0))
    assert max(cadence._seen[EDIT]) <= 1.0


@given(st.integers(0, 10_000), st.integers(1, 40))
def test_no_second_sees_more_queries_than_allowed_and_every_task_has_its_turn(seed, tasks):
    chance, cadence, now = random.Random(seed), Cadence(), 0.0
    for number in range(tasks):
        kind = Kind(chance.choice("ab"), "f", 1, chance.choice([1, 2, 50]), (0.1, 0.2))
        cadence.add(str(number), kind, 0.0)
    asked, names = [], set()
    while len(names) < tasks and len(asked) < 5000:
        due, name = cadence.next()
        now = max(now, due)
        asked.append(now)
        names.add(name)
        cadence.asked(name, now)
        status = chance.choice([TaskStatus.PENDING, TaskStatus.RUNNING])
        cadence.answered(name, status, now + chance.random() / 10, Times())
    assert len(names) == tasks
    for first in range(len(asked) - 16):
        assert asked[first + 16] - asked[first] > 1.0
