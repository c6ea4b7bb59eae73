from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from wanflow.limits.lanes import Lanes
from wanflow.model import Limits


def test_lane_is_open_until_its_slots_are_taken_and_after_one_is_given_back() -> None:
    lanes = Lanes({"here": Limits(2), "there": Limits(1)})
    lanes.take("here")
    assert list(lanes.open()) == ["here", "there"]
    lanes.take("here")
    lanes.take("there")
    assert list(lanes.open()) == []
    lanes.free("here")
    assert list(lanes.open()) == ["here"]


def test_lane_without_slots_never_opens() -> None:
    assert list(Lanes({"shut": Limits(0)}).open()) == []


@given(
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 4)), st.lists(st.tuples(st.booleans(), st.integers(0, 9)))
)
def test_taking_only_open_lanes_never_overfills_one(slots: dict[str, int], moves: list[tuple[bool, int]]) -> None:
    lanes = Lanes({name: Limits(slots[name], ahead=1) for name in slots})
    taken = Counter[str]()
    for take, choice in moves:
        open_ = list(lanes.open())
        assert open_ == [lane for lane in slots if taken[lane] < slots[lane] + 1]
        if take and open_:
            lane = open_[choice % len(open_)]
            lanes.take(lane)
            taken[lane] += 1
        elif busy := sorted(lane for lane in taken if taken[lane]):
            lane = busy[choice % len(busy)]
            lanes.free(lane)
            taken[lane] -= 1
