import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from wanflow.pixels import enlarge as module
from wanflow.pixels.engine import Array, EditRequest, Fidelity, Picture, apply
from wanflow.pixels.enlarge import enlarge, sharpen

CHELSEA = Path(__file__).parent / "photos" / "chelsea.jpg"  # never trained on


def photo() -> Array:
    return np.asarray(Image.open(CHELSEA).convert("RGB").crop((0, 0, 444, 300)))


def shrunk(rgb: Array, factor: int) -> Array:
    h, w = rgb.shape[:2]
    return np.asarray(Image.fromarray(rgb).resize((w // factor, h // factor), Image.Resampling.BICUBIC))


def lanczos(rgb: Array, factor: int) -> Array:
    h, w = rgb.shape[:2]
    return np.asarray(Image.fromarray(rgb).resize((w * factor, h * factor), Image.Resampling.LANCZOS))


def grey(rgb: Array) -> np.ndarray:
    return np.asarray(Image.fromarray(rgb).convert("L"), np.float64)


def psnr(a: Array, b: Array) -> float:
    return float(10 * np.log10(255**2 / max(1e-9, ((grey(a) - grey(b)) ** 2).mean())))


def request(picture: Picture, factor: int) -> EditRequest:
    return EditRequest("wan/super_resolution", (picture,), parameters={"upscale_factor": factor})


def noise(h: int, w: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, 256, (h, w, 3), np.uint8)


@pytest.mark.parametrize(("factor", "gain"), [(2, 0.5), (3, 0.3), (4, 0.25)])
def test_an_unseen_photograph_comes_closer_to_the_truth_than_by_lanczos(factor: int, gain: float) -> None:
    truth = photo()
    small = shrunk(truth, factor)
    assert psnr(enlarge(small, factor), truth) >= psnr(lanczos(small, factor), truth) + gain


@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("sigma", [0.0, 0.75, 1.0, 2.0])
def test_a_soft_photograph_loses_next_to_nothing(factor: int, sigma: float) -> None:
    truth = cv2.GaussianBlur(photo(), (0, 0), sigma * factor) if sigma else photo()
    small = shrunk(truth, factor)
    assert psnr(enlarge(small, factor), truth) >= psnr(lanczos(small, factor), truth) - 0.25


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_an_enlarged_picture_shrinks_to_the_one_given(factor: int) -> None:
    small = shrunk(photo(), factor)
    ours, plain = (psnr(shrunk(method(small, factor), factor), small) for method in (enlarge, lanczos))
    assert ours > max(plain, 44)


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_size_is_exactly_the_factor_alpha_follows_and_the_edit_is_real(factor: int) -> None:
    alpha = np.full((31, 45), 255, np.uint8)
    alpha[:, :20] = 0
    made = apply(request(Picture(noise(31, 45), alpha), factor))
    assert made.picture.rgb.shape == (31 * factor, 45 * factor, 3)
    assert made.picture.alpha is not None
    assert made.picture.alpha.shape == (31 * factor, 45 * factor)
    assert (made.picture.alpha[:, : 10 * factor] == 0).all()
    assert (made.picture.alpha[:, 30 * factor :] == 255).all()
    assert made.fidelity is Fidelity.REAL
    assert made.warnings == ()


def test_black_under_the_alpha_does_not_creep_into_the_colours_seen() -> None:
    rgb, alpha = np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40), np.uint8)
    rgb[10:30, 10:30], alpha[10:30, 10:30] = 200, 255
    made = apply(request(Picture(rgb, alpha), 2)).picture
    assert made.alpha is not None
    assert made.rgb[made.alpha > 0].min() >= 198


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (13, 200, 77)])
def test_one_colour_stays_that_colour(factor: int, colour: tuple[int, int, int]) -> None:
    flat = np.full((20, 33, 3), colour, np.uint8)
    assert (apply(request(Picture(flat), factor)).picture.rgb == np.array(colour)).all()


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_grey_pictures_stay_grey(factor: int) -> None:
    plane = cv2.GaussianBlur(noise(60, 50), (0, 0), 2)[..., 0]
    made = apply(request(Picture(np.dstack([plane] * 3)), factor)).picture.rgb
    assert (made == made[..., :1]).all()


@pytest.mark.parametrize("lossless", [True, False])
@pytest.mark.parametrize("factor", [1, 2])
def test_the_same_bytes_twice_and_the_input_untouched(factor: int, lossless: bool) -> None:
    given_rgb = shrunk(photo(), 2)
    given_rgb.flags.writeable = False
    wanted = request(Picture(given_rgb, lossless=lossless), factor)
    first = apply(wanted).picture.rgb.tobytes()
    assert apply(wanted).picture.rgb.tobytes() == first
    assert (given_rgb == shrunk(photo(), 2)).all()


@pytest.mark.parametrize("factor", [2, 3])
def test_strips_leave_no_seam(factor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    small = shrunk(photo(), 2)
    whole = enlarge(small, factor)
    monkeypatch.setattr(module, "STRIP_PIXELS", small.shape[1] * factor**2 * 17)
    # Pillow rounds between its two passes, and does them in either order as a strip's shape suggests.
    assert np.abs(enlarge(small, factor).astype(int) - whole).max() <= 3


def test_a_jpeg_is_not_projected_back_onto_its_own_artefacts() -> None:
    small = shrunk(photo(), 2)
    assert (enlarge(small, 2, lossless=False) != enlarge(small, 2)).any()


@given(st.integers(1, 24), st.integers(1, 24), st.sampled_from([1, 2, 3, 4]), st.booleans())
@settings(max_examples=25, deadline=None)
def test_any_noise_of_any_shape_is_enlarged(h: int, w: int, factor: int, lossless: bool) -> None:
    made = apply(request(Picture(noise(h, w), lossless=lossless), factor)).picture
    assert made.rgb.shape == (h * factor, w * factor, 3)
    assert made.rgb.dtype == np.uint8


def test_a_wide_strip_of_a_picture_is_enlarged() -> None:
    assert enlarge(noise(64, 2048), 2).shape == (128, 4096, 3)


def test_a_sharp_photograph_is_nearly_unchanged_by_factor_one() -> None:
    assert psnr(sharpen(photo()), photo()) >= 48


@pytest.mark.parametrize("sigma", [1.2, 1.6, 2.4])
def test_a_blurred_photograph_comes_back_closer_to_the_sharp_one(sigma: float) -> None:
    blurred = cv2.GaussianBlur(photo(), (0, 0), sigma)
    assert psnr(sharpen(blurred), photo()) >= psnr(blurred, photo()) + 0.4


def test_the_weights_are_small_enough_to_ship() -> None:
    assert module.WEIGHTS.stat().st_size < 100_000


@pytest.mark.skipif(sys.platform == "win32", reason="the resource module measures memory on POSIX only")
def test_memory_stays_near_the_output_size() -> None:
    code = (
        "import resource, sys, numpy as np\n"
        "from wanflow.pixels.enlarge import enlarge\n"
        "rgb = np.random.default_rng(0).integers(0, 256, (512, 2048, 3), np.uint8)\n"
        "enlarge(rgb[:32], 2)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "enlarge(rgb, 2)\n"
        "after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print((after - before) // (1024 if sys.platform != 'darwin' else 1 << 20))\n"
    )
    done = subprocess.check_output([sys.executable, "-c", code], text=True, timeout=60)
    assert int(done) < 300
