"""wan/description_edit_with_mask: deletion, colour, material and stamp inside the mask, and nothing outside it."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from wanflow.errors import EditError
from wanflow.pixels import codec
from wanflow.pixels.chroma import to_oklab
from wanflow.pixels.engine import Edited, EditRequest, Fidelity, Picture, foreseen, functions
from wanflow.pixels.mask_edit import SMEARS, TOO_SMALL, edit_with_mask
from wanflow.pixels.removal import grown
from wanflow.pixels.stamp import BLACK, YELLOW, frame_width

PHOTOS = Path(__file__).parent / "photos"
FUNCTION = "wan/description_edit_with_mask"
SUIT = [(60, 200), (110, 180), (180, 260), (300, 230), (345, 210), (340, 350), (290, 400), (250, 511), (40, 511)]
SHUTTLE = [(395, 0), (445, 0), (462, 60), (462, 240), (440, 280), (380, 290), (350, 235), (372, 190), (372, 60)]
PROMPTS = ["", "make the coat red", "black", "wooden", "blur it", "a cat with a hat"]


def photo(name: str = "astronaut") -> np.ndarray:
    return np.asarray(Image.open(PHOTOS / f"{name}.jpg").convert("RGB"))


def drawn(rgb: np.ndarray, shape: str, *places) -> np.ndarray:
    """A mask (h, w) bool with one shape in it."""
    image = Image.new("1", rgb.shape[1::-1], 0)
    getattr(ImageDraw.Draw(image), shape)(*places, fill=1)
    return np.asarray(image).astype(bool)


def as_mask(hole: np.ndarray) -> Picture:
    return Picture(np.repeat(hole.astype(np.uint8)[..., None] * 255, 3, axis=2))


def done(rgb, hole, prompt: str, seed: int = 0, alpha=None) -> Edited:
    mask = hole if isinstance(hole, Picture) else as_mask(hole)
    return edit_with_mask(EditRequest(FUNCTION, (Picture(rgb, alpha),), mask, {"prompt": prompt}, seed))


def striped(rgb: np.ndarray) -> float:
    """The share of pixels (n, 3) in one of the stamp's two colours."""
    away = [np.abs(rgb.astype(int) - colour).max(axis=-1) for colour in (YELLOW, BLACK)]
    return float((np.minimum(*away) < 40).mean())


def rim(hole: np.ndarray, width: int = 3) -> np.ndarray:
    return hole & (cv2.distanceTransform(np.pad(hole, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1] <= width)


# -- deletion


def test_deletion_takes_the_thing_away_and_keeps_the_rest_to_the_byte() -> None:
    before = photo()
    hole = drawn(before, "polygon", SHUTTLE)
    result = done(before, hole, "remove the shuttle")
    after, wide = result.picture.rgb, grown(hole)
    assert (result.fidelity, result.warnings) == (Fidelity.APPROXIMATE, ())
    assert np.array_equal(after[~wide], before[~wide])
    # The brown tank is gone; a light wall stands there.
    tank = after[20:150, 400:435].astype(int)
    assert (tank.min(axis=-1) > 110).mean() > 0.95
    assert (before[20:150, 400:435].min(axis=-1) > 110).mean() < 0.2


def test_the_rim_that_a_tight_mask_leaves_goes_too() -> None:
    before = np.full((120, 120, 3), 90, np.uint8)
    before += np.random.default_rng(0).integers(0, 9, before.shape, np.uint8)
    hole = drawn(before, "ellipse", [50, 50, 80, 80])
    before[grown(hole)] = (220, 30, 30)
    assert done(before, hole, "").picture.rgb[..., 0].max() < 110


@pytest.mark.parametrize("name", ["camera", "rocket"])
def test_background_that_touches_the_mask_is_kept(name: str) -> None:
    before = photo(name)
    hole = drawn(before, "ellipse", [60, 60, 110, 110])
    rim = grown(hole) & ~hole
    after = done(before, hole, "").picture.rgb
    assert np.array_equal(after[rim], before[rim])


def test_a_soft_edge_beyond_the_mask_goes_with_the_thing() -> None:
    before = np.full((300, 300, 3), 120, np.uint8)
    cover = cv2.GaussianBlur(drawn(before, "ellipse", [100, 100, 160, 160]).astype(np.float32), (0, 0), 0.8)
    before = (before + cover[..., None] * (np.array((250, 240, 20)) - before)).astype(np.uint8)
    after = done(before, cover > 0.5, "").picture.rgb.astype(int)
    assert np.abs(after - 120).max() <= 10  # the thing is up to 130 away


def test_a_thin_scratch_is_mended_and_a_described_background_is_told() -> None:
    before = photo("rocket")
    scratched = before.copy()
    hole = drawn(before, "line", [(20, 60), (600, 80)])
    scratched[hole] = 255
    after = done(scratched, hole, "").picture.rgb
    far = np.abs(after[hole].astype(int) - before[hole]).mean()
    assert far < 0.2 * np.abs(scratched[hole].astype(int) - before[hole]).mean()
    said = 'the mask was filled with what is around it; "blue sky" itself was not painted'
    assert done(scratched, hole, "blue sky").warnings == (said,)


def test_the_subject_is_not_copied_into_the_background() -> None:
    before = np.full((300, 450, 3), (60, 120, 200), np.uint8)
    before += np.random.default_rng(1).integers(0, 12, before.shape, np.uint8)
    cv2.circle(before, (225, 150), 70, (230, 40, 30), -1)
    hole = drawn(before, "rectangle", [20, 20, 100, 110])
    after = done(before, hole, "").picture.rgb[hole]
    assert after[:, 0].max() < 120


def test_a_hole_of_most_of_the_picture_is_filled_and_said() -> None:
    before = cv2.resize(photo("coffee"), (120, 80), interpolation=cv2.INTER_AREA)
    result = done(before, drawn(before, "rectangle", [0, 8, 119, 79]), "")
    assert result.warnings == ("the mask covers 90% of the picture; so large a hole is filled with mere texture",)


@pytest.mark.parametrize(
    ("name", "shape", "places", "warned"),
    [
        ("coffee", "ellipse", [160, 20, 410, 240], "x 160, y 20, width 251, height 221"),
        ("astronaut", "polygon", SUIT, "x 40, y 180, width 306, height 332"),
        ("astronaut", "ellipse", [300, 270, 511, 470], "x 300, y 270, width 212, height 201"),
        ("rocket", "rectangle", [300, 120, 350, 426], ""),
        ("rocket", "ellipse", [350, 20, 450, 120], ""),
        ("hubble_deep_field", "ellipse", [300, 300, 600, 600], ""),
        ("chelsea", "ellipse", [130, 60, 200, 120], ""),
    ],
)
def test_a_hole_too_wide_for_what_is_around_it_is_warned_of(name: str, shape: str, places, warned: str) -> None:
    rgb = photo(name)
    said = done(rgb, drawn(rgb, shape, places), "").warnings
    assert said == ((SMEARS.format(warned),) if warned else ())


def test_however_wide_a_hole_on_one_ground_is_not_warned_of() -> None:
    dice = np.random.default_rng(0)
    rgb = np.clip(dice.normal(120, 20, (200, 200, 3)), 0, 255).astype(np.uint8)
    hole = drawn(rgb, "ellipse", [30, 30, 170, 170])
    assert done(rgb, hole, "").warnings == ()


# -- colour and material


@pytest.mark.parametrize(
    ("prompt", "hue_deg"), [("make the suit blue", 257), ("改成绿色", 141), ("make it purple", 308)]
)
def test_a_colour_changes_hue_and_keeps_light_and_shade(prompt: str, hue_deg: float) -> None:
    before, hole = photo(), drawn(photo(), "polygon", SUIT)
    result = done(before, hole, prompt)
    after = result.picture.rgb
    assert result.fidelity is Fidelity.APPROXIMATE
    assert np.array_equal(after[~hole], before[~hole])
    found = to_oklab(after[300:340, 60:120])
    turn = (np.degrees(np.arctan2(found[..., 2], found[..., 1])) - hue_deg + 180) % 360 - 180
    assert (np.abs(turn) <= 25).mean() >= 0.9
    light = [cv2.cvtColor((rgb / 255).astype(np.float32), cv2.COLOR_RGB2LAB)[hole][:, 0] for rgb in (before, after)]
    assert np.abs(light[1] - light[0]).mean() <= 0.3


def test_a_named_thing_is_said_not_to_be_drawn() -> None:
    before, hole = photo(), drawn(photo(), "polygon", SUIT)
    assert done(before, hole, "make the suit blue").warnings == (
        'all that is in the mask was recoloured; no "suit" was looked for or drawn',
    )
    assert done(before, hole, "blue").warnings == ()


@pytest.mark.parametrize(("prompt", "low", "high"), [("white", 190, 255), ("black", 0, 75)])
def test_white_and_black_are_reached_with_shades_in_them(prompt: str, low: int, high: int) -> None:
    before, hole = photo(), drawn(photo(), "polygon", SUIT)
    cloth = (slice(300, 340), slice(60, 120))
    after = done(before, hole, prompt).picture.rgb[cloth].astype(int)
    assert low <= after.mean() <= high
    assert (after.max(axis=-1) - after.min(axis=-1)).mean() < 12
    shades = np.corrcoef(after.mean(axis=-1).ravel(), before[cloth].astype(int).mean(axis=-1).ravel())[0, 1]
    assert shades > 0.9


@pytest.mark.parametrize("prompt", ["wooden", "变成冰", "青花瓷", "make it brighter", "black and white"])
def test_other_changes_stay_inside_the_mask(prompt: str) -> None:
    before = photo("coffee")
    hole = drawn(before, "ellipse", [160, 20, 410, 240])
    result = done(before, hole, prompt)
    assert result.fidelity is Fidelity.APPROXIMATE
    assert np.array_equal(result.picture.rgb[~hole], before[~hole])
    assert (result.picture.rgb[hole] != before[hole]).any(axis=-1).mean() > 0.8


# -- what needs a model


@pytest.mark.parametrize("prompt", ["a cat with a hat", "一只戴着草帽的橘猫", "a red rose"])
def test_a_new_thing_is_stamped_inside_the_mask_and_nowhere_else(prompt: str) -> None:
    before, hole = photo(), drawn(photo(), "polygon", SUIT)
    result = done(before, hole, prompt)
    after = result.picture.rgb
    assert result.fidelity is Fidelity.PROXY
    assert np.array_equal(after[~hole], before[~hole])
    assert striped(after[rim(hole)]) > 0.8 > 3 * striped(before[rim(hole)])
    assert result.warnings[0].startswith(f'"{prompt}" needs a generative model;')


def test_the_stamp_shows_the_request() -> None:
    before, hole = photo(), drawn(photo(), "polygon", SUIT)
    first, second = (done(before, hole, prompt).picture.rgb for prompt in ("a cat", "a very long dog"))
    assert not np.array_equal(first, second)


def test_a_mask_too_small_for_letters_stamps_the_whole_picture_and_says_so() -> None:
    before = photo()
    result = done(before, drawn(before, "ellipse", [330, 180, 352, 200]), "a star")
    assert result.warnings[-1] == TOO_SMALL
    assert striped(result.picture.rgb[: frame_width(512, 512)].reshape(-1, 3)) > 0.8


def test_half_of_a_prompt_is_done_under_the_stamp() -> None:
    before = photo("coffee")
    hole = drawn(before, "ellipse", [160, 20, 410, 240])
    result = done(before, hole, "make it blue and add a spoon")
    assert result.fidelity is Fidelity.PROXY
    assert to_oklab(result.picture.rgb[200:230, 250:300])[..., 2].mean() < 0


@pytest.mark.parametrize(
    ("prompt", "best"),
    [("", "approximate"), ("make the coat red", "approximate"), ("a cat", "proxy"), ("a red rose", "proxy")],
)
def test_the_plan_can_foresee_it(prompt: str, best: str) -> None:
    assert foreseen(FUNCTION, {"prompt": prompt}) == best


# -- masks of every make


def coded(hole: np.ndarray, make: str) -> bytes:
    grey = Image.fromarray(hole.astype(np.uint8) * 255)
    buffer = io.BytesIO()
    if make == "jpeg":
        grey.save(buffer, "JPEG", quality=75)
    elif make == "16-bit":
        Image.fromarray(hole.astype(np.uint16) * 65535).save(buffer, "PNG")
    elif make == "rgba":
        clear = Image.fromarray(np.where(hole, 255, 90).astype(np.uint8))
        Image.merge("RGBA", (grey, grey, grey, clear)).save(buffer, "PNG")
    else:
        grey.convert({"1-bit": "1", "palette": "P", "grey": "L", "rgb": "RGB"}[make]).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("make", ["1-bit", "palette", "grey", "rgb", "rgba", "16-bit", "jpeg"])
def test_a_mask_of_any_make_says_the_same(make: str) -> None:
    before = cv2.resize(photo(), (160, 160), interpolation=cv2.INTER_AREA)
    hole = drawn(before, "rectangle", [40, 40, 79, 79])
    mask = codec.decode(coded(hole, make))
    result = done(before, mask, "blue")
    assert np.array_equal(result.picture.rgb, done(before, hole, "blue").picture.rgb)
    said = {"rgba": ("the mask's transparency was not looked at; its colours count",)}
    assert result.warnings == said.get(make, ())


def test_a_feathered_mask_is_cut_in_the_middle_and_said() -> None:
    before = cv2.resize(photo(), (160, 160), interpolation=cv2.INTER_AREA)
    soft = np.clip(np.add.outer(np.zeros(160), np.arange(160) * 255 / 159), 0, 255).astype(np.uint8)
    result = done(before, Picture(np.repeat(soft[..., None], 3, axis=2)), "blue")
    assert np.array_equal(result.picture.rgb[:, :80], before[:, :80])
    assert result.warnings == (
        "93 % of the mask is neither black nor white; each such pixel was taken for the nearer of the two",
    )


EYES = np.eye(64, dtype=bool)


@pytest.mark.parametrize(
    ("mask", "code"),
    [
        (as_mask(np.zeros((64, 64))), "MaskBlack"),
        (as_mask(np.ones((64, 64))), "MaskWhite"),
        (as_mask(np.ones((64, 65))), "MaskSize"),
        (Picture(np.full((64, 64, 3), 255, np.uint8), EYES.astype(np.uint8) * 255), "MaskAlpha"),
        (Picture(np.full((64, 64, 3), 100, np.uint8)), "MaskGrey"),
        (None, "MaskMissing"),
    ],
)
def test_a_mask_that_says_nothing_is_refused(mask: Picture | None, code: str) -> None:
    picture = Picture(np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(EditError) as caught:
        edit_with_mask(EditRequest(FUNCTION, (picture,), mask, {"prompt": ""}))
    assert caught.value.code == code


# -- hostile pictures


def holes(height: int, width: int) -> dict[str, np.ndarray]:
    """Masks at the edge of what a mask can be."""
    one = np.zeros((height, width), bool)
    one[height // 2, width // 3] = True
    frame = np.ones((height, width), bool)
    frame[height // 4 : -height // 4, width // 4 : -width // 4] = False
    most = np.ones((height, width), bool)
    most[: max(height // 10, 1)] = False
    rest = np.ones((height, width), bool)
    rest[0, 0] = False
    dots = np.random.default_rng(0).random((height, width)) < 0.05
    dots[0, 0] = True
    return {"one pixel": one, "touches all borders": frame, "90 %": most, "all but one pixel": rest, "dots": dots}


@pytest.mark.parametrize("kind", holes(8, 8))
@pytest.mark.parametrize("prompt", ["", "make the coat red", "black", "wooden", "a cat with a hat"])
def test_any_hole_in_any_plain_picture_is_edited(kind: str, prompt: str) -> None:
    hole = holes(36, 54)[kind]
    for level in (0, 128, 255):
        before = np.full((36, 54, 3), level, np.uint8)
        after = done(before, hole, prompt).picture.rgb
        assert (after.shape, after.dtype) == (before.shape, np.uint8)
        if prompt == "":
            assert np.abs(after.astype(int) - level).max() <= 1


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    seed=st.integers(0, 99),
    share=st.floats(0.001, 0.999),
    prompt=st.sampled_from(PROMPTS),
)
@settings(max_examples=40, deadline=None)
def test_any_noise_with_any_mask_is_edited_or_refused(height, width, seed, share, prompt) -> None:
    dice = np.random.default_rng(seed)
    noise, hole = dice.integers(0, 256, (height, width, 3), np.uint8), dice.random((height, width)) < share
    try:
        result = done(noise, hole, prompt)
    except EditError as error:
        assert error.code in ("MaskBlack", "MaskWhite")
        return
    assert result.picture.rgb.shape == noise.shape


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_very_long_picture_is_edited(prompt: str) -> None:
    before = np.tile(photo("chelsea")[:32, :128], (1, 8, 1))
    hole = drawn(before, "rectangle", [300, 10, 360, 25])
    assert done(before, hole, prompt).picture.rgb.shape == before.shape


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_same_request_gives_the_same_bytes_and_inputs_are_kept(prompt: str) -> None:
    before = cv2.resize(photo("coffee"), (150, 100), interpolation=cv2.INTER_AREA)
    mask = as_mask(drawn(before, "ellipse", [40, 10, 100, 60]))
    copies = before.copy(), mask.rgb.copy()
    before.setflags(write=False)
    mask.rgb.setflags(write=False)
    first, second = (done(before, mask, prompt, seed=5).picture.rgb for _ in range(2))
    assert np.array_equal(first, second)
    assert np.array_equal(before, copies[0]) and np.array_equal(mask.rgb, copies[1])


@pytest.mark.parametrize("prompt", ["", "make the coat red", "a cat"])
def test_transparency_is_kept_but_under_a_stamp(prompt: str) -> None:
    before = photo("coffee")[:120, :200]
    hole = drawn(before, "ellipse", [60, 30, 170, 100])
    alpha = np.arange(before[..., 0].size, dtype=np.uint32).reshape(before.shape[:2]).astype(np.uint8)
    kept = done(before, hole, prompt, alpha=alpha).picture.alpha
    assert np.array_equal(kept[~hole], alpha[~hole])
    assert np.array_equal(kept[hole], alpha[hole]) == (prompt != "a cat")


def test_it_runs_under_its_recipe_name() -> None:
    assert functions()[FUNCTION] is edit_with_mask


def test_the_sides_of_a_rectangle_are_as_soft_as_any_outline() -> None:
    rgb = np.full((1000, 1000, 3), 120, np.uint8)
    hole = np.zeros((1000, 1000), bool)
    hole[400:600, 400:600] = True
    notched = hole.copy()
    notched[[399, 500, 500, 600], [500, 399, 600, 500]] = True
    straight, other = (done(rgb, shape, "blue").picture.rgb.astype(int) for shape in (hole, notched))
    assert np.abs(straight[390:410, 420:480] - other[390:410, 420:480]).max() <= 1
    assert np.abs(straight[400, 450] - 120).max() < 0.7 * np.abs(straight[450, 450] - 120).max()


def test_the_pictures_border_is_no_outline() -> None:
    rgb = np.full((1000, 1000, 3), 120, np.uint8)
    hole = np.zeros((1000, 1000), bool)
    hole[:200, 400:600] = True
    blue = done(rgb, hole, "blue").picture.rgb
    assert (blue[0, 500] == blue[100, 500]).all()
