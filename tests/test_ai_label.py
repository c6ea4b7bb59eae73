import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanflow.functions.glyphs import HANZI, LATIN
from wanflow.pixels.ai_label import TEXT, labelled


def grey(height: int, width: int, level: int) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def luminance(levels: np.ndarray) -> np.ndarray:
    share = levels / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def test_the_fonts_have_every_letter() -> None:
    assert set(TEXT) <= set(LATIN + HANZI)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_letters_stand_out_from_what_is_around_them_on_any_ground(level: int) -> None:
    rgb, _ = labelled(grey(800, 1000, level), None)
    light = luminance(rgb[..., 0])
    y, x = np.nonzero(rgb[..., 0] > 240) if level != 255 else np.nonzero(rgb[..., 0] < 250)
    box = light[y.min() : y.max() + 1, x.min() : x.max() + 1]
    letters, ground = np.percentile(box, 99), np.percentile(box, 10)
    assert (letters + 0.05) / (ground + 0.05) > 4.5


@pytest.mark.parametrize(("height", "width"), [(512, 512), (1000, 4000), (4096, 512)])
def test_letters_are_three_hundredths_of_the_short_side_and_at_the_bottom_right(height: int, width: int) -> None:
    rgb, _ = labelled(grey(height, width, 0), None)
    y, x = np.nonzero(rgb[..., 0] > 200)
    short = min(height, width)
    assert 0.02 * short < y.max() - y.min() + 1 < 0.035 * short
    assert height - 0.06 * short < y.max() < height - 0.005 * short
    assert width - 0.06 * short < x.max() < width - 0.005 * short


def test_nothing_else_is_changed() -> None:
    before = np.random.default_rng(1).integers(0, 256, (600, 600, 3), dtype=np.uint8)
    rgb, _ = labelled(before, None)
    assert np.array_equal(rgb[:560], before[:560])
    assert np.array_equal(rgb[:, :480], before[:, :480])


def test_what_a_stamp_takes_stays_free() -> None:
    before = grey(600, 600, 90)
    rgb, _ = labelled(before, None, (20, 20, 580, 500))
    y, x = np.nonzero((rgb != before).any(axis=2))
    assert (x.max() < 580) and (y.max() < 500) and (y.min() > 450)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 255))
def test_any_size_is_labelled_and_the_input_is_kept(height: int, width: int, level: int) -> None:
    before = grey(height, width, level)
    rgb, alpha = labelled(before, before[..., 0].copy())
    assert rgb.shape == before.shape and alpha is not None and alpha.shape == before.shape[:2]
    assert (before == level).all()
