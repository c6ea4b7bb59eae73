from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from wanflow.pixels.chroma import luminance
from wanflow.pixels.masks import WORK_PIXELS, guided, shrunk, soften
from wanflow.pixels.regions import find, locate
from wanflow.pixels.scene import SURE, Scene
from wanflow.pixels.words import Kind

PHOTOS = Path(__file__).parent / "photos"
FINDABLE = [kind for kind in Kind if kind is not Kind.PART]


def seen(name: str) -> Scene:
    grey = np.asarray(Image.open(PHOTOS / f"{name}.jpg").convert("L"))
    return Scene(shrunk(np.cbrt(luminance(np.repeat(grey[..., None], 3, axis=2)))))


@pytest.fixture(scope="module")
def camera() -> Scene:
    return seen("camera")


def disc_on_plain(height: int = 300, width: int = 400) -> np.ndarray:
    rng = np.random.default_rng(5)
    light = np.full((height, width), 0.35, np.float32)
    disc = cv2.circle(np.zeros((height, width), np.uint8), (width // 2, height // 2), 70, 1, -1) > 0
    light[disc] = 0.75 + rng.normal(0, 0.05, int(disc.sum())).astype(np.float32)
    return light


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_the_sky_of_a_landscape_is_its_calm_upper_part(camera: Scene) -> None:
    upper, lower = camera.sky.mask[: camera.height // 10], camera.sky.mask[camera.height // 2 :]
    assert upper.mean() > 0.95
    assert lower.mean() < 0.02
    assert camera.open_sky


def test_the_grass_of_a_landscape_is_its_wide_lower_part(camera: Scene) -> None:
    grass = locate(camera, Kind.GRASS)
    assert grass.confidence >= SURE
    assert grass.mask[camera.height * 6 // 10 :, camera.width * 7 // 10 :].mean() > 0.85
    assert not (grass.mask & camera.sky.mask).any()


def test_the_coat_is_dark_and_neither_sky_nor_grass(camera: Scene) -> None:
    coat = find(camera, [Kind.SKY, Kind.GROUND, Kind.CLOTHES])[Kind.CLOTHES]
    assert coat.confidence >= SURE
    assert np.median(camera.light[coat.mask > 0.5]) < 0.4


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
def test_a_picture_without_a_horizon_has_no_open_sky(name: str) -> None:
    assert not seen(name).open_sky


def test_a_night_sky_is_found_but_is_no_daylight_sky() -> None:
    scene = seen("rocket")
    assert scene.sky.confidence >= SURE
    assert not scene.open_sky


def test_a_disc_on_a_plain_ground_is_the_subject() -> None:
    light = disc_on_plain()
    assert overlap(Scene(light).subject.mask, light > 0.5) > 0.9
    assert Scene(light).subject.confidence >= SURE


def test_background_and_subject_share_the_picture_between_them() -> None:
    scene = Scene(disc_on_plain())
    regions = find(scene, [Kind.SUBJECT, Kind.BACKGROUND])
    total = regions[Kind.SUBJECT].mask + regions[Kind.BACKGROUND].mask
    assert np.abs(total - 1).max() < 0.05


def test_leaves_are_behind_a_flower_but_are_the_subject_before_a_named_background() -> None:
    scene = Scene(disc_on_plain())
    behind = find(scene, [Kind.SUBJECT, Kind.FOLIAGE])[Kind.FOLIAGE].mask
    before = find(scene, [Kind.BACKGROUND, Kind.FOLIAGE])[Kind.FOLIAGE].mask
    middle = scene.height // 2, scene.width // 2
    assert behind[middle] < 0.1 < 0.9 < before[middle]


def test_masks_of_all_kinds_stay_between_none_and_all(camera: Scene) -> None:
    regions = find(camera, FINDABLE)
    assert set(regions) == set(FINDABLE)
    assert all(region.mask.min() >= 0 and region.mask.max() <= 1 for region in regions.values())
    assert all(0 <= region.confidence <= 1 for region in regions.values())


def test_a_part_is_never_found(camera: Scene) -> None:
    assert locate(camera, Kind.PART).confidence == 0


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_an_empty_picture_has_no_confident_subject_ground_or_leaves(level: float) -> None:
    scene = Scene(np.full((120, 160), level, np.float32))
    found = [locate(scene, kind) for kind in (Kind.SUBJECT, Kind.HAIR, Kind.LIGHT)]
    assert all(guess.confidence < SURE for guess in found)
    assert not scene.open_sky


@pytest.mark.parametrize("size", [(8, 8), (9, 400), (400, 9), (64, 1172)])
def test_odd_shapes_are_searched_without_failing(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).random(size, np.float32)
    regions = find(Scene(noise), FINDABLE)
    assert all(np.isfinite(region.mask).all() for region in regions.values())


def test_the_same_picture_gives_the_same_regions() -> None:
    first, second = (find(seen("coffee"), FINDABLE) for _ in range(2))
    assert all(np.array_equal(first[kind].mask, second[kind].mask) for kind in FINDABLE)


def test_a_large_picture_is_searched_at_working_size() -> None:
    assert shrunk(np.zeros((1000, 3000), np.float32)).size <= WORK_PIXELS * 1.01


def test_a_guided_mask_moves_to_the_edge_of_its_guide() -> None:
    guide = np.zeros((40, 40), np.float32)
    guide[:, 20:] = 1
    mask = np.zeros_like(guide)
    mask[:, 18:] = 1
    soft = soften(mask, guide)
    assert soft[:, 20].min() - soft[:, 19].max() > 0.4


def test_a_mask_of_everything_stays_everything() -> None:
    guide = np.random.default_rng(2).random((30, 30), np.float32)
    gain, offset = guided(np.ones_like(guide), guide)
    assert gain * guide + offset == pytest.approx(1, abs=1e-4)


def test_a_field_of_stars_is_all_background() -> None:
    background = find(seen("hubble_deep_field"), [Kind.BACKGROUND])[Kind.BACKGROUND]
    assert background.mask.min() > 0.99
    assert background.confidence < SURE


def test_a_face_that_fills_the_picture_is_only_guessed() -> None:
    assert seen("chelsea").thing.confidence < SURE


def test_thin_legs_are_not_the_grass_behind_them(camera: Scene) -> None:
    grass = find(camera, [Kind.GRASS])[Kind.GRASS].mask
    leg = camera.light < 0.45
    leg[: int(0.7 * camera.height)] = False
    leg[:, : int(0.35 * camera.width)] = False
    assert leg.sum() > 200
    assert grass[leg].mean() < 0.35


@pytest.mark.parametrize("width", [1, 11])
def test_a_picture_too_narrow_for_corners_of_a_twelfth_has_a_sky_too(width: int) -> None:
    light = np.full((200, width), 0.3, np.float32) + np.arange(width, dtype=np.float32) % 2 / 4
    light[:90] = 0.9
    assert Scene(light).open_sky
