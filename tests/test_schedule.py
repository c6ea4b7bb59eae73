from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from wanflow.limits.lanes import Lanes
from wanflow.model import Limits
from wanflow.running.schedule import Job, Schedule

CHAIN = {0: [], 1: [0], 2: [1]}


def schedule_of(rows, lanes):
    return Schedule(lanes, [((r, s), [(r, need) for need in needs]) for r, steps in rows for s, needs in steps.items()])


def test_earlier_row_goes_first_so_that_pictures_come_early() -> None:
    schedule = schedule_of([(1, CHAIN), (0, CHAIN)], ["a", "a", "a"])
    order = []
    while job := schedule.take(["a"]):
        order.append(job)
        schedule.done(job)
    assert order == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


def test_job_waits_for_all_it_needs() -> None:
    schedule = schedule_of([(0, {0: [], 1: [], 2: [0, 1]})], ["a"] * 3)
    first, second = schedule.take(["a"]), schedule.take(["a"])
    assert (first, second, schedule.take(["a"])) == ((0, 0), (0, 1), None)
    schedule.done((0, 0))
    assert schedule.take(["a"]) is None
    schedule.done((0, 1))
    assert schedule.take(["a"]) == (0, 2)


def done_in_order(schedule: Schedule) -> list[Job]:
    found = []
    while job := schedule.take(["a"]):
        found.append(job)
        schedule.done(job)
    return found


def test_failure_blocks_what_needs_it_and_nothing_else() -> None:
    schedule = schedule_of([(0, {**CHAIN, 3: []}), (1, CHAIN)], ["a"] * 4)
    assert schedule.take(["a"]) == (0, 0)
    assert schedule.failed((0, 0)) == [(0, 1), (0, 2)]
    assert done_in_order(schedule) == [(0, 3), (1, 0), (1, 1), (1, 2)]


def test_job_with_two_failed_needs_is_blocked_once() -> None:
    schedule = schedule_of([(0, {0: [], 1: [], 2: [0, 1]})], ["a"] * 3)
    schedule.take(["a"]), schedule.take(["a"])
    assert schedule.failed((0, 0)) == [(0, 2)]
    assert schedule.failed((0, 1)) == []


def test_job_blocked_by_one_need_stays_blocked_when_another_is_done() -> None:
    schedule = schedule_of([(0, {0: [], 1: [], 2: [0, 1]})], ["a"] * 3)
    schedule.take(["a"]), schedule.take(["a"])
    assert schedule.failed((0, 0)) == [(0, 2)]
    schedule.done((0, 1))
    assert schedule.take(["a"]) is None


def test_full_lane_does_not_hold_up_another() -> None:
    schedule = schedule_of([(0, {0: [], 1: []})], ["paid", "here"])
    assert schedule.take(["here"]) == (0, 1)
    assert schedule.take(["nowhere"]) is None


@st.composite
def work(draw):
    lanes = draw(st.lists(st.sampled_from("ab"), min_size=1, max_size=6))
    rows = []
    for row in range(draw(st.integers(0, 5))):
        steps = sorted(draw(st.sets(st.integers(0, len(lanes) - 1))))
        subset = [draw(st.sets(st.sampled_from(steps[:n]))) if n else set() for n in range(len(steps))]
        rows.append((row, {step: sorted(needs) for step, needs in zip(steps, subset, strict=True)}))
    return rows, lanes


@settings(max_examples=200, deadline=None)
@given(work(), st.randoms(use_true_random=False))
def test_needs_come_first_every_job_ends_once_and_no_lane_is_overfull(given_work, dice) -> None:
    rows, lane_of = given_work
    slots = {"a": 1, "b": 2}
    lanes = Lanes({lane: Limits(count) for lane, count in slots.items()})
    schedule = schedule_of(rows, lane_of)
    needs = {(row, step): [(row, need) for need in wanted] for row, steps in rows for step, wanted in steps.items()}
    under_way: list[Job] = []
    done: set[Job] = set()
    ends: Counter[Job] = Counter()
    while True:
        while job := schedule.take(lanes.open()):
            under_way.append(job)
            lanes.take(lane_of[job[1]])
            assert set(needs[job]) <= done
            assert all(sum(lane_of[j[1]] == lane for j in under_way) <= most for lane, most in slots.items())
        if not under_way:
            break
        job = under_way.pop(dice.randrange(len(under_way)))
        lanes.free(lane_of[job[1]])
        ends[job] += 1
        if dice.random() < 0.3:
            ends.update(schedule.failed(job))
        else:
            done.add(job)
            schedule.done(job)
    assert ends == Counter(needs.keys())  # each exactly once
