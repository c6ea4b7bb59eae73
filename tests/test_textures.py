import cv2
import numpy as np
import pytest

from wanflow.pixels.textures import blur, cells, cloudy, lit, noise, ramp, screen, shifted, step


def dice(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("cell", [0.5, 3.0, 40.0, (30.0, 2.0)])
def test_noise_has_mean_0_and_deviation_1(cell: float) -> None:
    plane = noise((90, 140), cell, dice())
    assert plane.shape == (90, 140) and plane.dtype == np.float32
    assert abs(plane.mean()) < 1e-3
    assert abs(plane.std() - 1) < 1e-3


def test_a_wide_cell_makes_smoother_noise() -> None:
    fine, coarse = (np.abs(np.diff(noise((100, 100), cell, dice()))).mean() for cell in (2.0, 20.0))
    assert fine > 5 * coarse


def test_noise_follows_its_dice() -> None:
    first, again, other = (cloudy((50, 50), 8, dice(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_cells_have_walls_away_from_their_points() -> None:
    grid = cells((100, 160), 20, dice())
    assert len(np.unique(grid.label)) == 5 * 8
    assert (grid.point[grid.point == 0].size) == 5 * 8
    assert grid.wall[grid.point < 2].min() > 0
    assert grid.wall.min() == 0


def test_a_ramp_passes_through_its_stops() -> None:
    stops = ((0, 20, 5, -20), (0.5, 60, 0, 0), (1, 90, -5, 30))
    shades = ramp(np.array([[0, 0.5, 1]], np.float32), stops)
    lab = cv2.cvtColor(shades, cv2.COLOR_RGB2LAB)[0]
    assert np.allclose(lab, [stop[1:] for stop in stops], atol=1.0)


def test_a_slope_towards_the_lamp_is_brighter() -> None:
    hill = np.abs(np.arange(-40, 40, dtype=np.float32))[None, :].repeat(20, axis=0) * -0.5
    light = lit(hill, (-1, 0, 1)).diffuse
    assert light[10, 20] > light[10, 60] + 0.3


def test_a_shift_repeats_the_border_and_never_wraps() -> None:
    plane = np.zeros((10, 10), np.float32)
    plane[:, -1] = 1
    assert shifted(plane, -3, 0)[:, 0].max() == 0
    assert shifted(plane, 3, 0)[:, -1].min() == 1


@pytest.mark.parametrize("sigma", [1.0, 7.0, 30.0])
def test_a_wide_blur_is_nearly_the_slow_one(sigma: float) -> None:
    plane = noise((160, 200), 5, dice())
    slow = cv2.GaussianBlur(plane, (0, 0), sigma)
    inner = slice(60, 100)
    assert np.abs(blur(plane, sigma)[inner, inner] - slow[inner, inner]).max() < 0.15 * max(
        slow[inner, inner].std(), 0.2
    )


def test_a_step_rises_or_falls() -> None:
    plane = np.array([[0, 0.5, 1]], np.float32)
    assert step(plane, 0.2, 0.8).tolist() == [[0, 0.5, 1]]
    assert step(plane, 0.8, 0.2).tolist() == [[1, 0.5, 0]]


def test_a_screen_never_clips_and_never_darkens() -> None:
    under = np.full((2, 2, 3), 0.9, np.float32)
    over = screen(under, np.full((2, 2), 0.8, np.float32))
    assert (over >= under).all() and over.max() <= 1
