from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from wanflow.pixels.engine import Edited, EditRequest, Fidelity, Hint, Picture, apply, foreseen, functions
from wanflow.pixels.stamp import stamp_on
from wanflow.pixels.stylize import stylize_all, stylize_local
from wanflow.pixels.told import HOW

PHOTOS = Path(__file__).parent / "photos"
WHOLE = ("Convert to French picture book style", "Convert to gold foil art style")
MATERIALS = (
    *("ice", "cloud", "chinese festive lantern", "wooden", "blue and white porcelain"),
    *("fluffy", "weaving", "balloon"),
)


def photo(name: str, side: int = 192) -> np.ndarray:
    picture = Image.open(PHOTOS / f"{name}.jpg").convert("RGB")
    picture.thumbnail((side, side))
    return np.asarray(picture)


def flower(side: int = 160) -> np.ndarray:
    """A bright round thing with petals on a dark blurred ground."""
    y, x = np.indices((side, side), np.float32) / side - 0.5
    radius, turn = np.hypot(x, y), np.arctan2(y, x)
    petals = 150 + 60 * np.cos(9 * turn) * np.sin(30 * radius)
    thing = np.dstack([petals + 30, petals - 10, 0.4 * petals])
    ground = np.dstack([20 + 40 * x, 60 - 40 * y, 50 + 30 * x])
    return np.where((radius < 0.31)[..., None], thing, ground).clip(0, 255).astype(np.uint8)


def whole(rgb: np.ndarray, prompt: str = WHOLE[0], strength: float = 1.0, seed: int = 0) -> Edited:
    parameters = {"prompt": prompt, "strength": strength}
    return stylize_all(EditRequest("wan/stylization_all", (Picture(rgb),), None, parameters, seed))


def local(rgb: np.ndarray, prompt: str, mask: np.ndarray | None = None, seed: int = 0) -> Edited:
    name = "wan/stylization_local"
    return apply(EditRequest(name, (Picture(rgb),), None, {"prompt": prompt}, seed, Hint(mask=mask)))


def lab(rgb: np.ndarray) -> np.ndarray:
    return cv2.cvtColor((rgb / 255).astype(np.float32), cv2.COLOR_RGB2LAB)


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    error = np.mean((first.astype(np.float64) - second) ** 2)
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def hues(rgb: np.ndarray, mask: np.ndarray, least: float = 4) -> np.ndarray:
    """CIELab hues in degrees of the chromatic pixels inside."""
    a, b = (lab(rgb)[..., n][mask] for n in (1, 2))
    return (np.degrees(np.arctan2(b, a)) % 360)[np.hypot(a, b) > least]


def disc(rgb: np.ndarray, share: float = 0.33) -> np.ndarray:
    height, width = rgb.shape[:2]
    y, x = np.indices((height, width))
    return np.hypot(y - height / 2, x - width / 2) < share * min(height, width)


@pytest.mark.parametrize("prompt", WHOLE)
def test_strength_zero_keeps_every_byte(prompt: str) -> None:
    rgb = photo("astronaut")
    assert np.array_equal(whole(rgb, prompt, 0.0).picture.rgb, rgb)


@pytest.mark.parametrize("prompt", WHOLE)
@pytest.mark.parametrize("name", ["astronaut", "rocket"])
def test_more_strength_is_farther_from_the_photograph(name: str, prompt: str) -> None:
    rgb = photo(name, 150)
    apart = [psnr(whole(rgb, prompt, strength).picture.rgb, rgb) for strength in (0, 0.1, 0.25, 0.5, 0.75, 1)]
    assert all(near > far for near, far in pairwise(apart))


@pytest.mark.parametrize("name", ["astronaut", "camera", "chelsea", "coffee", "rocket", "hubble_deep_field"])
def test_gold_foil_is_gold_all_over(name: str) -> None:
    result = whole(photo(name), WHOLE[1]).picture.rgb
    found = hues(result, np.ones(result.shape[:2], bool))
    assert found.size > 0.9 * result[..., 0].size
    assert ((found > 50) & (found < 100)).mean() >= 0.95


@pytest.mark.parametrize("name", ["astronaut", "camera", "coffee"])
def test_gold_foil_has_dark_lacquer_and_bright_metal(name: str) -> None:
    light = lab(whole(photo(name), WHOLE[1]).picture.rgb)[..., 0]
    assert (light < 25).mean() > 0.03
    assert (light > 75).mean() > 0.02


@pytest.mark.parametrize("prompt", WHOLE)
def test_a_white_picture_stays_light_and_a_black_one_dark(prompt: str) -> None:
    white, black = (whole(np.full((120, 150, 3), level, np.uint8), prompt).picture.rgb for level in (255, 0))
    assert np.median(lab(white)[20:-20, 20:-20, 0]) > 60
    assert np.median(lab(black)[20:-20, 20:-20, 0]) < 35


def test_a_picture_book_has_a_paper_border() -> None:
    result = lab(whole(photo("rocket")).picture.rgb)
    border = np.concatenate([result[0], result[-1], result[:, 0], result[:, -1]])
    assert np.median(border[:, 0]) > 90
    assert np.median(np.hypot(border[:, 1], border[:, 2])) < 12


def test_a_grey_photograph_gets_the_tints_of_a_page() -> None:
    result = lab(whole(photo("camera")).picture.rgb)
    dark, bright = result[..., 0] < 35, result[..., 0] > 75
    assert np.median(result[..., 2][dark]) < -3
    assert np.median(result[..., 2][bright]) > 3


@pytest.mark.parametrize("material", MATERIALS)
def test_outside_the_grown_subject_every_byte_stays(material: str) -> None:
    rgb = photo("astronaut")
    mask = disc(rgb)
    result = local(rgb, f"Change the face to {material} style", mask).picture.rgb
    away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    far = away > 0.05 * min(mask.shape)
    assert np.array_equal(result[far], rgb[far])
    assert psnr(result[mask], rgb[mask]) < 30


@pytest.mark.parametrize("material", MATERIALS)
def test_a_subject_at_the_left_border_does_not_reach_the_right_one(material: str) -> None:
    rgb = photo("coffee")
    mask = np.zeros(rgb.shape[:2], bool)
    mask[:60, :80] = True
    result = local(rgb, material, mask).picture.rgb
    assert np.array_equal(result[:, -60:], rgb[:, -60:])
    assert np.array_equal(result[-60:], rgb[-60:])


@pytest.mark.parametrize("name", ["astronaut", "chelsea"])
@pytest.mark.parametrize(
    ("material", "low", "high", "least"),
    [
        ("ice", 200, 300, 0.92),
        ("blue and white porcelain", 200, 310, 0.92),
        ("chinese festive lantern", -10, 100, 0.94),
        ("wooden", -10, 100, 0.94),
    ],
)
def test_a_material_has_its_own_hue(name: str, material: str, low: float, high: float, least: float) -> None:
    rgb = photo(name)
    mask = disc(rgb)
    found = (hues(local(rgb, material, mask).picture.rgb, mask) - low) % 360
    assert found.size > 0.5 * mask.sum()
    assert (found < high - low).mean() >= least


@pytest.mark.parametrize("name", ["astronaut", "rocket"])
def test_a_cloud_is_bright_and_faintly_blue(name: str) -> None:
    rgb = photo(name)
    mask = disc(rgb)
    inside = lab(local(rgb, "cloud", mask).picture.rgb)[mask]
    assert 80 <= inside[:, 0].mean() <= 86
    assert 5 <= np.hypot(inside[:, 1], inside[:, 2]).mean() <= 9


@pytest.mark.parametrize("name", ["astronaut", "rocket"])
def test_a_balloon_has_small_white_highlights(name: str) -> None:
    rgb = photo(name)
    mask = disc(rgb)
    light = lab(local(rgb, "balloon", mask).picture.rgb)[mask][:, 0]
    assert 0.02 <= (light > 97).mean() <= 0.03


def test_a_subject_on_its_ground_is_found() -> None:
    rgb = flower()
    result = local(rgb, "Change the flower to blue and white porcelain style")
    changed = (result.picture.rgb != rgb).any(axis=2)
    truth = disc(rgb, 0.31)
    assert (changed & truth).sum() / (changed | truth).sum() >= 0.9
    said = 'things are not recognised here: the main subject, x 31, y 31, width 99, height 99, was taken for "flower"; '
    assert result.warnings == (said + HOW,)
    assert local(rgb, "Change the subject to blue and white porcelain style").warnings == ()


def test_the_ground_around_a_subject_can_be_changed() -> None:
    rgb = flower()
    changed = (local(rgb, "把背景变成冰雕风格").picture.rgb != rgb).any(axis=2)
    assert changed[~disc(rgb, 0.36)].mean() > 0.95
    assert changed[disc(rgb, 0.25)].mean() < 0.05


def test_a_sky_named_is_the_part_changed() -> None:
    rgb = photo("camera", 400)
    changed = (local(rgb, "Change the sky to ice").picture.rgb != rgb).any(axis=2)
    assert changed[:30].mean() > 0.9
    assert changed[-80:].mean() < 0.02


def test_a_calm_area_is_not_said_to_be_the_sky_unless_it_looks_like_one() -> None:
    (warning,) = local(photo("coffee", 400), "turn the sky into ice").warnings
    assert "the calm area at the top" in warning and 'was taken for "sky"' in warning
    assert local(photo("camera", 400), "turn the sky into ice").warnings == ()


def stamped(result: Edited, rgb: np.ndarray) -> bool:
    """Is this a proxy that wears the stamp and holds no edit?"""
    kept = (result.picture.rgb == rgb)[rgb.shape[0] // 4 : rgb.shape[0] // 2, rgb.shape[1] // 4 : -rgb.shape[1] // 4]
    return result.fidelity is Fidelity.PROXY and bool(stamp_on(result.picture.rgb).any() and kept.all())


@pytest.mark.parametrize(
    ("name", "prompt", "thing"),
    [
        ("astronaut", "Change the lamps to wooden style", "lamp"),
        ("chelsea", "change the door to wooden style", "door"),
        ("hubble_deep_field", "change the house to wooden style", "house"),
        ("rocket", "change the wyvern to ice style", "wyvern"),
    ],
)
def test_what_is_not_found_with_confidence_is_stamped_with_the_way_to_point(name: str, prompt: str, thing: str) -> None:
    rgb = photo(name, 400)
    result = local(rgb, prompt)
    assert stamped(result, rgb)
    assert result.warnings == (f'"{thing}" was not found with confidence, so nothing was changed; {HOW}',)
    pointed = local(rgb, prompt, disc(rgb))
    assert (pointed.fidelity, pointed.warnings) == (Fidelity.APPROXIMATE, ())


@pytest.mark.parametrize(
    "prompt",
    [
        *("make the flower zorbified", "asdf qwer", "do not change the flower to ice", "不要把花变成冰"),
        "make the flower ice. make the ground wooden",
    ],
)
def test_a_prompt_without_one_known_style_is_stamped_with_the_names_of_the_known(prompt: str) -> None:
    rgb = flower(512)
    result = local(rgb, prompt)
    assert stamped(result, rgb)
    assert all(name in result.warnings[0] for name in MATERIALS)
    assert foreseen("wan/stylization_local", {"prompt": prompt}) is Fidelity.PROXY


@pytest.mark.parametrize("prompt", ["the flower, ice", "Change the flower to glass, keep the rest as it is", "冰雕"])
def test_the_plan_foresees_a_style_that_is_known(prompt: str) -> None:
    assert foreseen("wan/stylization_local", {"prompt": prompt}) is Fidelity.APPROXIMATE
    assert local(flower(), prompt).fidelity is Fidelity.APPROXIMATE


def test_the_whole_picture_can_be_asked_for() -> None:
    rgb = photo("rocket")
    assert (local(rgb, "Change the whole picture to weaving").picture.rgb != rgb).any(axis=2).mean() > 0.9


def test_a_doubtful_subject_is_warned_of() -> None:
    (warning,) = local(photo("astronaut", 512), "the woman to ice").warnings
    assert '"woman" is was only guessed, x 0, y 197, width 366, height 315;' in warning and HOW in warning


def test_a_rough_outline_is_warned_of() -> None:
    assert any("may be rough" in warning for warning in local(photo("coffee", 600), "the cup, ice").warnings)


def test_an_unknown_thing_is_taken_for_the_subject_and_that_is_said() -> None:
    result = local(flower(), "change the wyvern to ice style")
    assert 'was taken for "wyvern"' in result.warnings[0]
    assert np.array_equal(result.picture.rgb, local(flower(), "change the flower to ice style").picture.rgb)


def test_an_unknown_style_of_the_whole_is_warned_of_with_the_names_of_the_known() -> None:
    warning = whole(flower(), "make the flower zorbified").warnings[0]
    assert all(name in warning for name in ("french picture book", "gold foil art"))


def test_a_black_mask_is_not_used_and_that_is_said() -> None:
    rgb = flower()
    result = local(rgb, "the flower in ice", np.zeros(rgb.shape[:2], bool))
    assert "the hint's mask has no white, so it was not used" in result.warnings
    assert np.array_equal(result.picture.rgb, local(rgb, "the flower in ice").picture.rgb)


def test_a_mask_of_another_size_fits_the_picture() -> None:
    rgb = photo("coffee")
    mask = np.zeros((40, 60), bool)
    mask[10:30, 20:40] = True
    changed = (local(rgb, "wooden", mask).picture.rgb != rgb).any(axis=2)
    height, width = changed.shape
    assert changed[height // 2 - 20 : height // 2 + 20, width // 2 - 20 : width // 2 + 20].all()
    assert not changed[: height // 8].any()


@pytest.mark.parametrize("prompt", WHOLE)
def test_a_seed_decides_the_whole_page(prompt: str) -> None:
    rgb = photo("coffee", 160)
    first, again, other = (whole(rgb, prompt, 0.7, seed).picture.rgb for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert 14 < psnr(first, other) < 60


@pytest.mark.parametrize("material", MATERIALS)
def test_a_seed_decides_the_grain_of_a_material(material: str) -> None:
    rgb = photo("coffee", 160)
    first, again, other = (local(rgb, material, disc(rgb), seed).picture.rgb for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("function", [whole, local])
def test_alpha_is_kept_and_the_input_is_not_changed(function) -> None:  # type: ignore[no-untyped-def]
    rgb = photo("coffee", 120)
    before, alpha = rgb.copy(), np.arange(rgb[..., 0].size, dtype=np.uint32).reshape(rgb.shape[:2]).astype(np.uint8)
    name, prompt = ("wan/stylization_all", WHOLE[1]) if function is whole else ("wan/stylization_local", "ice")
    result = functions()[name](EditRequest(name, (Picture(rgb, alpha),), None, {"prompt": prompt}, 1))
    assert result.picture.alpha is not None and np.array_equal(result.picture.alpha, alpha)
    assert result.picture.rgb.shape == rgb.shape
    assert np.array_equal(rgb, before)
    assert result.fidelity is Fidelity.APPROXIMATE


def test_a_picture_over_the_work_size_looks_like_its_small_copy_and_keeps_the_rest() -> None:
    small = photo("astronaut", 400)
    large = cv2.resize(small, (1400, 1400), interpolation=cv2.INTER_CUBIC)
    result = local(large, "wooden", disc(large, 0.15)).picture.rgb
    assert np.array_equal(result[~disc(large, 0.21)], large[~disc(large, 0.21)])
    back = cv2.resize(result, small.shape[1::-1], interpolation=cv2.INTER_AREA)
    again = local(small, "wooden", disc(small, 0.15)).picture.rgb
    light, light_again = (lab(rgb)[..., 0][disc(small, 0.14)] for rgb in (back, again))
    assert abs(light.mean() - light_again.mean()) < 4
    assert abs(light.std() - light_again.std()) < 4


@pytest.mark.parametrize("shape", [(1, 1), (3, 200)])
@pytest.mark.parametrize("prompt", [*WHOLE, *MATERIALS])
def test_any_shape_is_painted(shape: tuple[int, int], prompt: str) -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)
    function = whole if prompt in WHOLE else local
    assert function(rgb, prompt).picture.rgb.shape == rgb.shape


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    level=st.integers(0, 255),
    noise=st.booleans(),
    seed=st.integers(0, 99),
    prompt=st.sampled_from([*WHOLE, *MATERIALS]),
)
@settings(max_examples=15, deadline=None)
def test_flat_or_noisy_anything_is_painted(
    height: int, width: int, level: int, noise: bool, seed: int, prompt: str
) -> None:
    rgb = np.full((height, width, 3), level, np.uint8)
    if noise:
        rgb = np.random.default_rng(seed).integers(0, 256, rgb.shape, np.uint8)
    result = whole(rgb, prompt, seed=seed) if prompt in WHOLE else local(rgb, prompt, seed=seed)
    assert result.picture.rgb.shape == rgb.shape
    assert result.picture.rgb.dtype == np.uint8


def test_they_run_under_their_recipe_names() -> None:
    assert functions()["wan/stylization_all"] is stylize_all
    assert functions()["wan/stylization_local"] is stylize_local
