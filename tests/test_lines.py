import cv2
import numpy as np
import pytest

from wanflow.pixels.lines import NONE, along_lines
from wanflow.pixels.writing import LINE

SHAPE = 180, 260


def bar(degrees: float, strength: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
    """Noisy evidence with a faint bar, and the bar's middle, (h, w) bool."""
    mask = np.zeros(SHAPE, np.uint8)
    turn = np.array([np.cos(np.deg2rad(degrees)), -np.sin(np.deg2rad(degrees))])
    ends = [tuple(int(v) for v in np.array([130, 90]) + side * 70 * turn) for side in (-1, 1)]
    cv2.line(mask, *ends, 1, 22)
    noise = np.random.default_rng(0).normal(-2, 3, SHAPE)
    return (noise + strength * mask).astype(np.float32), cv2.erode(mask, np.ones((9, 9), np.uint8)) > 0


@pytest.mark.parametrize("degrees", [0, 30, -45, 90])
def test_a_faint_line_stands_out_in_any_direction(degrees: float) -> None:
    found, middle = bar(degrees)
    out = along_lines(found)
    assert np.median(out[middle]) > 2
    assert np.median(out[middle]) > np.median(out) + 1.5


def test_a_wide_area_is_no_line() -> None:
    found = np.full(SHAPE, -3, np.float32)
    found[30:150, 60:200] = 6
    assert along_lines(found)[60:120, 110:150].max() < LINE


def test_where_no_bar_fits_none_is_told() -> None:
    assert (along_lines(np.zeros((20, 20), np.float32)) == NONE).all()
