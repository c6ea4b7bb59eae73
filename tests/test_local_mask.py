"""local/mask and local/composite against arithmetic of their own."""

from __future__ import annotations

import numpy as np
import pytest
from locally import done, planned, refused, rgb
from projects import gradient

from wanflow.errors import EditError
from wanflow.functions.maskrules import fault
from wanflow.pixels import edit_mask
from wanflow.pixels.engine import Picture
from wanflow.pixels.local.canvas import BLACK_MASK
from wanflow.pixels.local.mask import STRETCHED

RGB = gradient(60, 40)
Y, X = np.mgrid[0:40, 0:60] + 0.5
GREY = np.rint(RGB @ [0.299, 0.587, 0.114])


def white(**given: object) -> np.ndarray:
    made = rgb("local/mask", RGB, **given)
    assert made.shape == RGB.shape and set(np.unique(made)) <= {0, 255}
    assert (made == made[..., :1]).all()
    return made[..., 0] == 255


def test_a_box_is_white_in_these_pixels() -> None:
    expected = np.zeros((40, 60), bool)
    expected[6:14, 5:12] = True
    assert (white(box=[5, 6, 7, 8]) == expected).all()
    assert (white(box=[5, 6, 7, 8], invert=True) == ~expected).all()


@pytest.mark.parametrize("box", [[0, 0, 60, 40], [10, 5, 31, 20], [3, 3, 1, 1], [7, 7, 2, 30]])
def test_an_ellipse_fills_its_box(box: list[int]) -> None:
    x, y, width, height = box
    away = ((X - x - width / 2) / (width / 2)) ** 2 + ((Y - y - height / 2) / (height / 2)) ** 2
    made = white(ellipse=box)
    inner = ((X - x - width / 2) / max(width / 2 - 1, 0.1)) ** 2 + (
        (Y - y - height / 2) / max(height / 2 - 1, 0.1)
    ) ** 2
    outside = np.ones((40, 60), bool)
    outside[y : y + height, x : x + width] = False
    assert made[inner < 1].all() and not made[outside].any()
    assert abs(int(made.sum()) - int((away <= 1).sum())) <= width + height
    part = made[y : y + height, x : x + width]
    assert part.any(axis=0).all() and part.any(axis=1).all()
    assert (part == part[::-1]).all() and (part == part[:, ::-1]).all()


@pytest.mark.parametrize(
    "corners",
    [
        [[5, 6], [12, 6], [12, 14], [5, 14]],
        [[0, 0], [60, 0], [60, 40], [0, 40]],
        [[3, 2], [55, 10], [30, 39]],
        [[10, 0], [50, 40], [50, 0], [10, 40]],
        [[0, 40], [60, 40], [30, 40]],
    ],
)
def test_a_polygon_holds_the_pixels_whose_centres_lie_inside(corners: list[list[int]]) -> None:
    inside = np.zeros((40, 60), bool)
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        if y0 != y1:
            crossed = (y0 > Y) != (y1 > Y)
            inside ^= crossed & (x0 + (Y - y0) * (x1 - x0) / (y1 - y0) <= X)
    assert (white(polygon=corners) == inside).all()


def test_a_border_is_so_wide_on_every_side() -> None:
    assert (white(border=4) == (np.minimum.reduce([X, Y, 60 - X, 40 - Y]) < 4)).all()


def test_a_threshold_takes_what_is_at_least_so_bright() -> None:
    made = white(threshold=120)
    assert made[GREY > 121].all() and not made[GREY < 119].any()


def test_transparent_parts_count_as_white_paper() -> None:
    black = Picture(np.zeros((4, 6, 3), np.uint8), np.repeat([[0, 0, 0, 255, 255, 255]], 4, axis=0).astype(np.uint8))
    assert (rgb("local/mask", black, threshold=200)[0, :, 0] == [255, 255, 255, 0, 0, 0]).all()
    assert (rgb("local/mask", black, alpha=128)[0, :, 0] == [255, 255, 255, 0, 0, 0]).all()


def test_a_picture_without_transparency_gives_no_mask_of_it() -> None:
    with pytest.raises(EditError, match="the image has no transparency"):
        done("local/mask", RGB, alpha=128)


def test_another_picture_is_brought_to_the_images_size() -> None:
    small = np.zeros((20, 30, 3), np.uint8)
    small[:, :15] = 200
    made = done("local/mask", RGB, mask=small, from_image=100)
    assert made.picture.size == (60, 40) and not made.warnings
    assert (made.picture.rgb[:, :29] == 255).all() and (made.picture.rgb[:, 31:] == 0).all()
    assert STRETCHED in done("local/mask", RGB, mask=small[:10], from_image=100).warnings


@pytest.mark.parametrize("grow", [1, 5, -1, -3])
def test_white_grows_and_shrinks_on_all_sides_alike(grow: int) -> None:
    made = white(box=[20, 10, 15, 12], grow=grow)
    dx, dy = np.maximum.reduce([20.5 - X, X - 34.5, 0 * X]), np.maximum.reduce([10.5 - Y, Y - 21.5, 0 * Y])
    within = np.minimum.reduce([X - 20, 35 - X, Y - 10, 22 - Y])
    expected = np.hypot(dx, dy) <= grow if grow > 0 else within > -grow
    assert (made == expected).all()


def test_what_is_made_is_a_mask_that_every_step_takes() -> None:
    for given in ({"box": [1, 1, 5, 5]}, {"polygon": [[0, 0], [30, 0], [0, 30]]}, {"ellipse": [3, 3, 30, 20]}):
        assert fault(edit_mask.facts(done("local/mask", RGB, **given).picture)) is None


def test_a_mask_of_one_colour_is_told() -> None:
    assert done("local/mask", RGB, box=[0, 0, 60, 40]).warnings == ("the mask is white all over",)
    assert done("local/mask", RGB, box=[0, 0, 1, 1], grow=-5).warnings == ("the mask is black all over",)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"box": [0, 0, 61, 5]}, ("box", "box ends at 61 px, but the picture's width is 60 px")),
        ({"ellipse": [0, 0, 6, 50]}, ("ellipse", "ellipse ends at 50 px, but the picture's height is 40 px")),
        (
            {"polygon": [[0, 0], [61, 3], [4, 4]]},
            ("polygon", "polygon has a point at 61,3, outside the picture's 60x40 px"),
        ),
        ({"border": 20}, ("border", "a border of 20 px leaves nothing of 60x40 px")),
        ({"from_image": 9}, ("from_image", "from_image needs a picture to read, and there is no mask:")),
    ],
)
def test_a_shape_outside_the_picture_is_refused_in_words(given: dict[str, object], said: tuple[str, str]) -> None:
    assert refused("local/mask", (60, 40), **given) == said


def test_a_second_picture_without_a_use_is_refused() -> None:
    sizes = {"image": (60, 40), "mask": (60, 40)}
    assert refused("local/mask", sizes, border=3)[1] == "the picture in mask: is read only with from_image"
    assert planned("local/mask", {"image": None}, border=3) is None


# -- composite

RED = np.full((10, 20, 3), (255, 0, 0), np.uint8)


@pytest.mark.parametrize(
    ("given", "left", "top"),
    [
        ({}, 20, 15),
        ({"gravity": "top_left"}, 0, 0),
        ({"gravity": "bottom_right", "offset": [3, 4]}, 37, 26),
        ({"gravity": "top_left", "offset": [3, 4]}, 3, 4),
        ({"offset": [-5, 5]}, 15, 20),
        ({"gravity": "bottom_right", "offset": [-15, 0]}, 55, 30),
    ],
)
def test_a_picture_is_laid_where_gravity_and_offset_say(given: dict[str, object], left: int, top: int) -> None:
    expected = RGB.copy()
    expected[top : top + 10, left : left + 20] = (255, 0, 0)
    assert (rgb("local/composite", RGB, RED, **given) == expected).all()


def test_opacity_alpha_and_mask_weigh_together() -> None:
    alpha = np.full((40, 60), 128, np.uint8)
    over = Picture(np.full((40, 60, 3), 250, np.uint8), alpha)
    mask = np.zeros((40, 60, 3), np.uint8)
    mask[:, 30:] = 255
    made = rgb("local/composite", RGB, over, mask=mask, opacity=0.5).astype(float)
    share = 128 / 255 * 0.5
    assert (made[:, :30] == RGB[:, :30]).all()
    assert np.abs(made[:, 30:] - ((1 - share) * RGB[:, 30:] + share * 250)).max() <= 1.5


@pytest.mark.parametrize(("opacity", "which"), [(0.0, 0), (1.0, 1)])
def test_all_or_nothing_is_exact(opacity: float, which: int) -> None:
    other = gradient(60, 40, seed=3)
    assert (rgb("local/composite", RGB, other, opacity=opacity) == (RGB, other)[which]).all()


def test_a_feathered_mask_goes_from_one_picture_to_the_other() -> None:
    mask = np.zeros((40, 60, 3), np.uint8)
    mask[:, 30:] = 255
    black, light = np.zeros_like(RGB), np.full_like(RGB, 200)
    made = rgb("local/composite", black, light, mask=mask, feather=8)[20, :, 0].astype(int)
    assert (np.diff(made) >= 0).all() and made[10] == 0 and made[50] == 200 and 80 < made[29] < 120


def test_the_lower_pictures_transparency_is_kept_where_nothing_lies() -> None:
    below = Picture(RGB, np.zeros((40, 60), np.uint8))
    made = done("local/composite", below, RED, gravity="top_left").picture
    assert made.alpha is not None and made.alpha[:10, :20].min() == 255 and not made.alpha[10:].any()
    assert done("local/composite", Picture(RGB), RED).picture.alpha is None


def test_a_scale_is_a_share_of_the_lower_pictures_width() -> None:
    made = rgb("local/composite", np.zeros_like(RGB), RED, scale=0.5, gravity="top_left")
    assert (made[:15, :30] == (255, 0, 0)).all() and not made[15:].any() and not made[:, 30:].any()


def test_a_black_mask_is_told() -> None:
    made = done("local/composite", RGB, RED, mask=np.zeros_like(RGB))
    assert made.warnings == (BLACK_MASK,) and (made.picture.rgb == RGB).all()


def test_what_would_not_be_seen_is_refused() -> None:
    sizes = {"image": (60, 40), "images.0": (20, 10)}
    name, said = refused("local/composite", sizes, gravity="top_left", offset=[60, 0])
    assert (name, said) == ("offset", "the picture laid over it would lie at 60,0, outside the 60x40 px below")
    assert refused("local/composite", sizes, feather=3)[1] == "feather says nothing without a mask"
    assert planned("local/composite", sizes | {"images.0": None}, offset=[60, 0]) == (60, 40)
