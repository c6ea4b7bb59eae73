import itertools

from hypothesis import given
from hypothesis import strategies as st

from wanflow.language.graph import cycle, order, with_descendants

NAMES = list("abcdef")
NEEDS = st.fixed_dictionaries({name: st.lists(st.sampled_from(NAMES), max_size=2, unique=True) for name in NAMES})


def test_steps_stand_after_what_they_need_and_otherwise_as_written():
    assert order({"z": ["b"], "a": [], "b": ["a"], "c": []}) == ["a", "b", "z", "c"]


def test_a_cycle_is_named_with_its_first_step_repeated():
    assert cycle({"a": ["c"], "b": ["a"], "c": ["b"], "d": ["a"]}) in (
        ["a", "b", "c", "a"],
        ["b", "c", "a", "b"],
        ["c", "a", "b", "c"],
    )


def test_no_cycle_is_empty():
    assert cycle({"a": [], "b": ["a"]}) == []


def test_a_need_that_is_no_step_is_no_edge():
    assert order({"a": ["nothing"]}) == ["a"]
    assert cycle({"a": ["nothing"]}) == []


def test_descendants_include_the_step_itself_and_ignore_strangers():
    assert with_descendants({"a": [], "b": ["a"], "c": ["b"], "d": []}, ["b", "x"]) == {"b", "c"}


@given(NEEDS)
def test_every_graph_has_an_order_or_a_cycle(needs):
    if loop := cycle(needs):
        assert loop[0] == loop[-1]
        assert all(before in needs[after] for before, after in itertools.pairwise(loop))
    else:
        placed = order(needs)
        assert sorted(placed) == NAMES
        assert all(placed.index(need) < placed.index(step) for step, needed in needs.items() for need in needed)
