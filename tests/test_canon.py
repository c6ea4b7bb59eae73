import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanflow.canon import canonical, digest

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)


def shuffled(value):
    """The same value with every map written in the opposite order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in reversed(value)}
    return [shuffled(item) for item in value] if isinstance(value, list) else value


@given(VALUES)
def test_order_of_a_map_does_not_matter(value):
    assert digest(shuffled(value)) == digest(value)


@given(VALUES, VALUES)
def test_different_values_have_different_digests(one, other):
    assert (digest(one) == digest(other)) == (canonical(one) == canonical(other))
    assert (canonical(one) == canonical(other)) == (repr(shuffled_to_order(one)) == repr(shuffled_to_order(other)))


def shuffled_to_order(value):
    if isinstance(value, dict):
        return {key: shuffled_to_order(value[key]) for key in sorted(value)}
    return [shuffled_to_order(item) for item in value] if isinstance(value, list) else value


@given(st.dictionaries(st.text(), SCALARS, min_size=1, max_size=5), st.data())
def test_changing_any_value_changes_the_digest(values, data):
    name = data.draw(st.sampled_from(sorted(values)))
    assert digest(values | {name: [values[name]]}) != digest(values)


def test_one_and_one_point_nought_and_their_text_differ():
    assert len({canonical(value) for value in (1, 1.0, "1", True)}) == 4


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_what_json_can_not_say_is_refused(value):
    with pytest.raises(ValueError, match="JSON"):
        canonical(value)


@given(VALUES)
def test_canonical_text_is_json_of_the_value(value):
    assert json.loads(canonical(value)) == value


def test_canonical_text_is_compact_and_sorted():
    assert canonical({"b": [1, 2.5, None], "a": "é"}) == '{"a":"é","b":[1,2.5,null]}'


def test_digests_stay_the_same_forever():
    assert digest({"a": 1}) == "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"
