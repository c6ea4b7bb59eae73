from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wanflow.pixels.picture_book import ink_lines
from wanflow.pixels.strokes import combed, cover, flow, ink, painted
from wanflow.pixels.textures import unit_of

PHOTOS = Path(__file__).parent / "photos"


def photo(name: str) -> np.ndarray:
    picture = Image.open(PHOTOS / f"{name}.jpg").convert("RGB")
    picture.thumbnail((400, 400))
    return np.asarray(picture, np.float32) / 255


@pytest.mark.parametrize("name", ["astronaut", "camera", "chelsea", "coffee", "rocket", "hubble_deep_field"])
def test_ink_covers_three_to_fifteen_percent_of_a_photograph(name: str) -> None:
    rgb = photo(name)
    assert 0.03 <= cover(ink_lines(painted(rgb, 1.7), unit_of(rgb))) <= 0.15


@pytest.mark.parametrize("level", [0.0, 0.4, 1.0])
def test_a_flat_picture_gets_no_line(level: float) -> None:
    assert cover(ink(np.full((90, 120), level, np.float32), 1.0)) == 0


def test_a_line_follows_the_dark_side_of_an_edge() -> None:
    light = np.full((120, 120), 0.2, np.float32)
    light[:, 60:] = 0.8
    lines = ink(light, 1.0)
    assert (lines[20:100, 55:60].max(axis=1) > 0.5).all()
    assert lines[20:100, 62:].max() == 0


def test_paint_calms_grain_and_keeps_edges() -> None:
    light = np.full((80, 80, 3), 0.3, np.float32)
    light[:, 40:] = 0.7
    noisy = light + np.random.default_rng(0).normal(0, 0.05, light.shape).astype(np.float32)
    result = painted(noisy, 3)
    assert result[:, 10:30].std() < 0.4 * noisy[:, 10:30].std()
    assert result[20:60, 43].mean() - result[20:60, 36].mean() > 0.35


def test_combing_along_stripes_keeps_them_and_across_would_not() -> None:
    stripes = np.tile(np.sin(np.arange(90, dtype=np.float32) * 0.8), (90, 1))
    noisy = stripes + np.random.default_rng(0).normal(0, 0.5, stripes.shape).astype(np.float32)
    result = combed(noisy.astype(np.float32), flow(stripes, 2.0), 8)
    inner = slice(20, 70)
    assert np.corrcoef(result[inner, inner].ravel(), stripes[inner, inner].ravel())[0, 1] > 0.97
