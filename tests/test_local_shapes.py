"""local/resize, crop, pad and rotate against arithmetic of their own."""

from __future__ import annotations

import numpy as np
import pytest
from locally import done, refused, rgb
from projects import gradient

from wanflow.functions.geometry import cropped, padded, resized, rotated
from wanflow.pixels.engine import Picture

RGB = gradient(60, 40)


# -- resize


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ({"scale": 2.0}, (120, 80)),
        ({"scale": 0.01}, (1, 1)),
        ({"width": 30}, (30, 20)),
        ({"height": 30}, (45, 30)),
        ({"width": 7}, (7, 5)),
        ({"width": 30, "height": 30}, (30, 20)),
        ({"width": 30, "height": 30, "fit": "stretch"}, (30, 30)),
        ({"width": 30, "height": 30, "fit": "cover"}, (30, 30)),
        ({"width": 1, "height": 1}, (1, 1)),
    ],
)
def test_a_picture_gets_the_sides_that_are_asked(given: dict[str, object], made: tuple[int, int]) -> None:
    assert done("local/resize", RGB, **given).picture.size == made == resized((60, 40), given).kept.size


def test_what_covers_is_the_same_picture_and_cut_on_the_side_that_gravity_leaves() -> None:
    left = rgb("local/resize", RGB, width=40, height=40, fit="cover", gravity="left")
    right = rgb("local/resize", RGB, width=40, height=40, fit="cover", gravity="right")
    assert (left == RGB[:, :40]).all() and (right == RGB[:, 20:]).all()


def test_nearest_makes_no_new_colours() -> None:
    made = rgb("local/resize", RGB, scale=3.0, filter="nearest")
    assert (made == RGB.repeat(3, axis=0).repeat(3, axis=1)).all()


def test_box_averages() -> None:
    made = rgb("local/resize", RGB, scale=0.5, filter="box").astype(float)
    assert np.abs(made - RGB.reshape(20, 2, 30, 2, 3).mean(axis=(1, 3))).max() <= 1


@pytest.mark.parametrize("given", [{"width": 5, "fit": "cover"}, {"scale": 2.0, "gravity": "left"}])
def test_a_resize_that_contradicts_itself_is_refused(given: dict[str, object]) -> None:
    assert refused("local/resize", (60, 40), **given)[0] in ("fit", "gravity")


# -- crop


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({"box": [5, 6, 7, 8]}, np.s_[6:14, 5:12]),
        ({"box": [0, 0, 60, 40]}, np.s_[:, :]),
        ({"ratio": "1:1"}, np.s_[:, 10:50]),
        ({"ratio": "1:1", "gravity": "right"}, np.s_[:, 20:]),
        ({"ratio": "2:1", "gravity": "bottom"}, np.s_[10:, :]),
        ({"ratio": "1.5:1"}, np.s_[:, :]),
        ({"width": 10, "height": 10, "gravity": "bottom_right"}, np.s_[30:, 50:]),
        ({"width": 11}, np.s_[:, 24:35]),
    ],
)
def test_a_crop_is_that_part_pixel_for_pixel(given: dict[str, object], part: tuple[slice, slice]) -> None:
    alpha = RGB[..., 0]
    made = done("local/crop", Picture(RGB, alpha), **given).picture
    assert (made.rgb == RGB[part]).all() and (made.alpha == alpha[part]).all()
    assert made.size == cropped((60, 40), given).size


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"box": [50, 0, 11, 5]}, ("box", "box ends at 61 px, but the picture's width is 60 px")),
        ({"box": [0, 30, 10, 11]}, ("box", "box ends at 41 px, but the picture's height is 40 px")),
        ({"width": 61}, ("width", "width: 61 px can't be cut from a picture that has 60 px")),
        ({"ratio": "0:1"}, ("ratio", "the ratio 0:1 has a side of 0")),
        (
            {"box": [0, 0, 1, 1], "gravity": "top"},
            ("gravity", "gravity says nothing without ratio or width or height"),
        ),
    ],
)
def test_a_crop_outside_the_picture_is_refused_in_words(given: dict[str, object], said: tuple[str, str]) -> None:
    assert refused("local/crop", (60, 40), **given) == said


# -- pad


def test_padding_leaves_the_picture_as_it_is_and_fills_the_rest() -> None:
    made = rgb("local/pad", RGB, top=3, left=5, right=7, color="#ffcc00")
    expected = np.full((43, 72, 3), (255, 204, 0), np.uint8)
    expected[3:, 5:65] = RGB
    assert (made == expected).all()


@pytest.mark.parametrize(
    ("given", "canvas"),
    [
        ({"ratio": "1:1"}, ((60, 60), 0, 10)),
        ({"ratio": "1:1", "gravity": "top"}, ((60, 60), 0, 0)),
        ({"ratio": "16:9", "gravity": "right"}, ((71, 40), 11, 0)),
        ({"width": 100}, ((100, 40), 20, 0)),
        ({"width": 60, "height": 41}, ((60, 41), 0, 0)),
    ],
)
def test_a_canvas_is_the_smallest_that_is_asked(given: dict[str, object], canvas: object) -> None:
    size, left, top = padded((60, 40), given)
    assert (size, left, top) == canvas
    for fill in ("color", "blur", "mirror"):
        made = rgb("local/pad", RGB, fill=fill, **given)
        assert made.shape[1::-1] == size
        assert (made[top : top + 40, left : left + 60] == RGB).all()


def test_mirrored_edges_go_on_as_often_as_needed() -> None:
    made = rgb("local/pad", RGB, right=200, bottom=1, fill="mirror")
    period = np.concatenate([RGB, RGB[:, ::-1]], axis=1)
    wide = np.concatenate([period, period, period], axis=1)[:, :260]
    assert (made[:40] == wide).all() and (made[40] == wide[39]).all()


def test_a_blurred_ground_has_the_pictures_colours_and_no_detail() -> None:
    stripes = np.zeros((40, 40, 3), np.uint8)
    stripes[:, ::2] = (200, 100, 0)
    made = rgb("local/pad", stripes, left=40, right=40, fill="blur").astype(int)
    assert np.abs(made[:, 12:36] - (100, 50, 0)).max() <= 20


def test_a_transparent_picture_is_padded_with_nothing_and_keeps_its_alpha() -> None:
    alpha = RGB[..., 0]
    made = done("local/pad", Picture(RGB, alpha), left=2).picture
    assert made.alpha is not None and (made.alpha[:, 2:] == alpha).all() and not made.alpha[:, :2].any()
    solid = alpha > 0
    assert np.abs(made.rgb[:, 2:][solid].astype(int) - RGB[solid]).max() <= 1
    assert done("local/pad", Picture(RGB), left=2, color="transparent").picture.alpha is not None


@pytest.mark.parametrize(
    ("given", "name"),
    [({"width": 59}, "width"), ({"left": 1, "gravity": "top"}, "gravity"),
     ({"left": 1, "fill": "blur", "color": "red"}, "color")],
)  # fmt: skip
def test_padding_that_can_not_be_is_refused(given: dict[str, object], name: str) -> None:
    assert refused("local/pad", (60, 40), **given)[0] == name


# -- rotate


@pytest.mark.parametrize(("angle", "turns"), [(0, 0), (90, 3), (180, 2), (270, 1), (-90, 1), (360, 0), (-180.0, 2)])
def test_right_angles_lose_nothing(angle: float, turns: int) -> None:
    alpha = RGB[..., 0]
    made = done("local/rotate", Picture(RGB, alpha), angle=angle).picture
    assert (made.rgb == np.rot90(RGB, turns)).all() and (made.alpha == np.rot90(alpha, turns)).all()
    assert made.size == rotated((60, 40), {"angle": angle})


def test_a_picture_is_mirrored_before_it_is_turned() -> None:
    assert (rgb("local/rotate", RGB, flip="horizontal") == RGB[:, ::-1]).all()
    assert (rgb("local/rotate", RGB, flip="vertical", angle=90) == np.rot90(RGB[::-1], 3)).all()


@pytest.mark.parametrize("angle", [0.4, 12.5, 45, 89, 91, 200, 333, -3])
@pytest.mark.parametrize("keep", ["all", "size", "inside"])
def test_pixels_go_where_trigonometry_says(angle: float, keep: str) -> None:
    size = (160, 100)
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    slope = np.dstack([x, y * 2, 0 * x + 77]).astype(np.uint8)
    made = rgb("local/rotate", slope, angle=angle, keep=keep, **({"color": "#0000ff"} if keep != "inside" else {}))
    width, height = rotated(size, {"angle": angle, "keep": keep})
    assert made.shape == (height, width, 3)
    # The inverse by complex numbers: a turn clockwise, where y points down, multiplies by exp(i·angle).
    at_y, at_x = np.mgrid[0:height, 0:width] + 0.5
    turned = (at_x - width / 2 + 1j * (at_y - height / 2)) * np.exp(-1j * np.radians(angle))
    from_x, from_y = turned.real + size[0] / 2 - 0.5, turned.imag + size[1] / 2 - 0.5
    inside = (from_x > 2) & (from_x < size[0] - 3) & (from_y > 2) & (from_y < size[1] - 3)
    outside = (from_x < -2) | (from_x > size[0] + 1) | (from_y < -2) | (from_y > size[1] + 1)
    assert np.abs(made[..., 0][inside] - from_x[inside]).max() <= 1.1
    assert np.abs(made[..., 1][inside] - 2 * from_y[inside]).max() <= 1.6
    assert (made[outside] == (0, 0, 255)).all()
    assert keep != "inside" or (not outside.any() and np.abs(made[..., 2].astype(int) - 77).max() <= 1)


def test_corners_of_a_transparent_picture_are_transparent() -> None:
    made = done("local/rotate", Picture(RGB, np.full(RGB.shape[:2], 200, np.uint8)), angle=45).picture
    assert made.alpha is not None and made.alpha[0, 0] == 0 and made.alpha[made.size[1] // 2, made.size[0] // 2] == 200


@pytest.mark.parametrize(
    "given", [{"flip": "vertical", "keep": "all"}, {"angle": 90, "color": "red"},
              {"angle": 5, "keep": "inside", "color": "red"}],
)  # fmt: skip
def test_what_a_turn_has_no_use_for_is_refused(given: dict[str, object]) -> None:
    assert "says nothing" in refused("local/rotate", (60, 40), **given)[1]
