from __future__ import annotations

import numpy as np

from wanflow.pixels.patches import Level, level
from wanflow.pixels.shade import guessed_shade, membrane, surprise


def square_hole(side: int, depth: int) -> np.ndarray:
    hole = np.zeros((side, side), bool)
    hole[depth:-depth, depth:-depth] = True
    return hole


def grey_level(grey: np.ndarray, hole: np.ndarray) -> Level:
    return level(np.dstack([grey] * 3).astype(np.float32), hole, ~hole)


def striped(side: int = 96) -> np.ndarray:
    return np.tile(np.where(np.arange(side) % 8 < 4, 0.2, 0.8), (side, 1))


def test_a_membrane_over_a_slope_is_the_slope():
    slope = np.tile(np.linspace(0, 1, 80, dtype=np.float32), (80, 1))
    hole = square_hole(80, 25)
    film = membrane(np.dstack([np.where(hole, 0, slope)] * 3).astype(np.float32), hole)
    assert np.abs(film[hole][:, 0] - slope[hole]).max() < 0.03


def test_stripes_can_be_foretold_and_noise_can_not():
    hole, rng = square_hole(96, 36), np.random.default_rng(0)
    assert surprise(grey_level(striped(), hole), rng) < 0.01
    assert surprise(grey_level(rng.random((96, 96)), hole), rng) > 0.3


def test_stripes_keep_their_shades_and_noise_gives_some_away():
    hole, rng = square_hole(96, 36), np.random.default_rng(0)
    for grey, changes in ((striped(), False), (rng.random((96, 96)), True)):
        at = grey_level(grey, hole)
        taken = guessed_shade(at, at.pixels.reshape(96, 96, 3), rng)
        assert taken[hole].any() == changes
        assert not taken[~hole].any()


def test_a_hole_whose_surroundings_may_not_be_copied_surprises_nobody():
    hole = square_hole(96, 36)
    at = level(np.zeros((96, 96, 3), np.float32), hole, np.zeros((96, 96), bool))
    assert surprise(at, np.random.default_rng(0)) == 0


def test_lines_too_thin_for_a_membrane_take_the_shade_around():
    hole = np.zeros((512, 512), bool)
    hole[12:500:4, 12:500] = True
    film = membrane(np.full((512, 512, 3), 0.5, np.float32), hole)
    assert np.abs(film[hole] - 0.5).max() < 0.01
