import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from projects import gradient

from wanflow.functions.sizes import SizeError, fitted
from wanflow.pixels import engine, resize
from wanflow.pixels.engine import EditRequest, Picture


def fit(picture: Picture, **limits: int) -> Picture:
    return engine.apply(EditRequest("local/fit", (picture,), None, limits)).picture


def test_reduced_picture_looks_like_the_original() -> None:
    found = fit(Picture(gradient(256, 128)), max_side=64)
    assert found.size == (64, 32)
    assert np.abs(found.rgb[2:-2, 2:-2].astype(int)[..., 0] - gradient(64, 32)[2:-2, 2:-2, 0]).max() <= 4


def test_picture_inside_the_limits_is_untouched() -> None:
    picture = Picture(gradient())
    assert fit(picture, min_side=10, max_side=100) is picture


def test_reducing_does_not_alias() -> None:
    stripes = np.zeros((64, 256, 3), np.uint8)
    stripes[:, ::2] = 255
    found = fit(Picture(stripes), max_side=64).rgb[:, 4:-4].astype(int)
    assert np.abs(found - 127).max() <= 8


def test_colour_hidden_under_transparency_does_not_leak() -> None:
    rgb = np.zeros((32, 32, 3), np.uint8)
    rgb[:, :16, 0], rgb[:, 16:, 1] = 255, 255
    alpha = np.full((32, 32), 255, np.uint8)
    alpha[:, 16:] = 0
    found = fit(Picture(rgb, alpha), max_side=8)
    assert found.alpha is not None
    seen = found.alpha > 0
    assert seen.any()
    assert found.rgb[seen][:, 1].max() == 0


def test_lossless_is_handed_on() -> None:
    assert not resize.resized(Picture(gradient(), lossless=False), (8, 8)).lossless


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 4096), st.integers(1, 4096))
def test_fitted_size_keeps_both_limits_or_says_that_none_does(width: int, height: int, low: int, high: int) -> None:
    try:
        size = fitted(width, height, {"min_side": low, "max_side": high})
    except SizeError:
        assert max(width, height) * low > min(width, height) * (high - 1) or low > high
        return
    assert low <= min(size)
    assert max(size) <= high


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1)])
def test_thinnest_pictures_can_be_reduced_and_enlarged(size: tuple[int, int]) -> None:
    picture = Picture(gradient(*size))
    assert max(fit(picture, max_side=100).size) <= 100
    assert min(fit(picture, min_side=3).size) >= 3
