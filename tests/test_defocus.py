import numpy as np
import pytest

from wanflow.pixels.defocus import defocus


def noise(height: int = 65, width: int = 90) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_no_depth_leaves_every_byte():
    rgb = noise()
    assert (defocus(rgb, np.zeros((7, 9), np.float32)) == rgb).all()


def test_an_octave_more_is_more_blurred_at_the_same_brightness():
    rgb = noise()
    blurred = [defocus(rgb, np.full(rgb.shape[:2], depth, np.float32)) for depth in (0, 0.5, 1, 2, 3)]
    spread = [picture.std() for picture in blurred]
    assert spread == sorted(spread, reverse=True)
    assert spread[-1] < 0.2 * spread[0]
    assert np.ptp([picture.mean() for picture in blurred]) < 2


def test_only_where_there_is_depth_anything_changes():
    rgb = noise(64, 64)
    depth = np.zeros((64, 64), np.float32)
    depth[:, 32:] = 2
    made = defocus(rgb, depth)
    assert (made[:, :32] == rgb[:, :32]).all()
    assert made[:, 40:].std() < 0.5 * rgb.std()


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 2), (3, 50)])
def test_slivers_keep_their_size_and_colour(shape: tuple[int, int]):
    rgb = np.full((*shape, 3), (9, 99, 199), np.uint8)
    assert (defocus(rgb, np.full(shape, 4, np.float32)) == rgb).all()
