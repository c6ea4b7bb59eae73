import numpy as np
import pytest

from wanflow.pixels.masks import enclosed, faded


def disc(side: int = 200, radius: float = 0.3) -> np.ndarray:
    y, x = np.indices((side, side)) / side - 0.5
    return np.asarray(np.hypot(x, y) < radius)


def grain(shape: tuple[int, ...], spread: float) -> np.ndarray:
    return np.random.default_rng(2).normal(0, spread, shape).astype(np.float32)


def test_an_edge_that_the_picture_has_stays_sharp_and_holds() -> None:
    mask = disc()
    soft, held = faded(mask, 0.3 + 0.3 * mask.astype(np.float32) + grain(mask.shape, 0.02))
    assert held > 0.95
    assert np.array_equal(soft > 0.5, mask)
    assert ((soft > 0.05) & (soft < 0.95)).mean() < 0.01


def test_an_edge_through_even_texture_fades_and_does_not_hold() -> None:
    mask = disc()
    soft, held = faded(mask, 0.5 + grain(mask.shape, 0.02))
    assert held < 0.1
    assert np.abs(np.diff(soft, axis=1)).max() < 0.15
    assert soft[100, 100] == 1 and soft[0, 0] == 0


def test_an_edge_of_colour_alone_holds_too() -> None:
    mask = disc()
    light, colour = 0.5 + grain(mask.shape, 0.02), 0.1 * mask.astype(np.float32)
    soft, held = faded(mask, light, colour)
    assert held > 0.9
    assert np.array_equal(soft > 0.5, mask)


def test_a_mask_without_a_rim_is_left_alone() -> None:
    for value in (False, True):
        soft, held = faded(np.full((20, 30), value), np.full((20, 30), 0.5, np.float32))
        assert (soft == value).all() and held == 1


def test_the_same_mask_fades_to_the_same_bits() -> None:
    light = 0.5 + grain((200, 200), 0.02)
    first = faded(disc(), light)[0]
    assert all(np.array_equal(faded(disc(), light.copy())[0], first) for _ in range(5))


@pytest.mark.parametrize(("slot", "inside"), [(40, True), (140, False)])
def test_the_inside_of_a_cup_belongs_to_it_but_not_what_lies_before_a_hook(slot: int, inside: bool) -> None:
    shape = np.zeros((200, 200), bool)
    shape[20:180, 20:180] = True
    shape[20:150, 100 - slot // 2 : 100 + slot // 2] = False
    assert bool(enclosed(shape)[60, 100]) is inside
    assert enclosed(shape)[shape].all()
