import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanflow.functions.sizes import SizeError, expanded, fitted, resulting

SIDE = st.integers(1, 9000)
SCALE = st.floats(1, 2)


def test_one_and_a_half_on_all_sides_is_one_and_a_half_times_the_size():
    scales = dict.fromkeys(["left_scale", "right_scale", "top_scale", "bottom_scale"], 1.5)
    assert expanded(1000, 800, scales) == (1500, 1200, 250, 200)


def test_a_picture_grows_only_on_the_sides_that_are_asked_for():
    assert expanded(1000, 800, {"left_scale": 2.0}) == (1500, 800, 500, 0)


def test_halves_go_up_as_a_person_rounds():
    assert expanded(10, 10, {"left_scale": 1.1, "right_scale": 1.2})[0] == 12


@given(SIDE, SIDE, SCALE, SCALE, SCALE, SCALE)
def test_the_picture_always_fits_into_its_expanded_frame(width, height, left, right, top, bottom):
    scales = {"left_scale": left, "right_scale": right, "top_scale": top, "bottom_scale": bottom}
    full_width, full_height, x, y = expanded(width, height, scales)
    assert 0 <= x <= full_width - width and 0 <= y <= full_height - height


@pytest.mark.parametrize(
    ("size", "limits", "result"),
    [
        ((300, 200), {"min_side": 512}, (768, 512)),
        ((3000, 2000), {"max_side": 1024}, (1024, 683)),
        ((800, 600), {"min_side": 512, "max_side": 1024}, (800, 600)),
        ((10_000, 1), {"max_side": 100}, (100, 1)),
    ],
)
def test_a_picture_is_changed_only_as_far_as_the_limits_ask(size, limits, result):
    assert fitted(*size, limits) == result


def test_limits_that_no_size_meets_are_named():
    with pytest.raises(SizeError) as caught:
        fitted(3000, 100, {"min_side": 512, "max_side": 1024})
    assert (
        str(caught.value) == "3000x100 can't have its shorter side at 512 px or more and its longer at 1024 px or less"
    )


@given(SIDE, SIDE, st.integers(1, 5000), st.integers(1, 5000))
def test_a_fitted_picture_meets_both_limits_or_is_refused(width, height, low, high):
    try:
        size = fitted(width, height, {"min_side": low, "max_side": high})
    except SizeError:
        return
    assert low <= min(size) and max(size) <= high


def test_each_rule_gives_its_size():
    assert resulting({"rule": "same"}, (5, 6), {}) == (5, 6)
    assert resulting({"rule": "scale", "by": "f"}, (5, 6), {"f": 4}) == (20, 24)
    assert resulting({"rule": "expand"}, (100, 100), {"top_scale": 2.0}) == (100, 150)
    assert resulting({"rule": "fit"}, (100, 100), {"max_side": 50}) == (50, 50)


NAMED = {
    "rule": "about",
    "pixels": 1638400,
    "names": {"1K": 1638400, "2K": 4194304},
    "multiple": 16,
    "min_pixels": 589824,
    "max_pixels": 4194304,
    "max_ratio": 4,
}


@pytest.mark.parametrize(
    ("wish", "before", "made"),
    [
        ("1000*1000", (700, 700), (1008, 1008)),
        ("1000*1000", None, (1008, 1008)),
        ("1039*1041", None, (1040, 1040)),
        ("1K", (1000, 500), (1808, 896)),
        ("2K", (1000, 1000), (2048, 2048)),
        ("2K", None, None),
        (None, (1000, 1000), (1280, 1280)),
    ],
)
def test_a_wish_is_rounded_and_named_as_the_model_does(wish, before, made):
    assert resulting(NAMED, before, {"size": wish}) == made
