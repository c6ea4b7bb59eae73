"""One run over every kind of bad or odd picture: each is refused in words or comes out right; none stops the others."""

import json
import os

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms
from profiles import ADOBE_RGB, DISPLAY_P3, as_srgb, cmyk_profile, rgb_profile
from projects import (
    coded,
    gradient,
    jpeg_that_claims,
    photo,
    pixels_of,
    png_that_claims,
    small_project,
)

from wanflow.model import Status

MIXED = Image.fromarray(gradient(40, 30))
OTHER = Image.fromarray(gradient(40, 30, seed=5))
SIXTEEN = (gradient(40, 30)[..., 0].astype(np.uint16)) * 257


def several(kind: str, **settings) -> bytes:
    return coded(MIXED, kind, save_all=True, append_images=[OTHER], **settings)


def cut(raw: bytes) -> bytes:
    return raw[: len(raw) // 2]


def by_opencv(kind: str, pixels: np.ndarray) -> bytes:
    """16-bit and floating-point RGB, of which Pillow writes none."""
    _, raw = cv2.imencode(
        kind, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA)
    )
    return raw.tobytes()


def sixteen_bits(kind: str) -> bytes:
    return by_opencv(kind, gradient(40, 30).astype(np.uint16) * 257)


# What the plan says of a file: name -> (bytes, message after "row.photo: photos/NAME: ").
REFUSED: dict[str, tuple[bytes | None, str]] = {
    "missing.png": (None, "there is no such file"),
    "folder.png": (None, "this is a folder, not an image"),
    "loop.png": (None, "can't be read: Too many levels of symbolic links: loop.png"),
    "pipe.png": (None, "this is a device or a pipe, not a file"),
    "empty.png": (b"", "the file is empty"),
    "cut.jpg": (cut(coded(gradient(), "JPEG", quality=99)), "the image is damaged or cut short"),
    "cut.png": (cut(photo()), "the image is damaged or cut short"),
    "cut.webp": (cut(coded(gradient(), "WEBP")), "the image can't be opened; it is cut short, damaged or"),
    "cut.tif": (cut(coded(gradient(), "TIFF")), "the image is damaged or cut short"),
    "bomb.png": (png_that_claims(30_000, 30_000), "900 million pixels; at most 120 million are read"),
    "bomb.jpg": (jpeg_that_claims(30_000, 30_000), "900 million pixels; at most 120 million are read"),
    "cut.bmp": (cut(coded(gradient(), "BMP")), "the image is damaged or cut short"),
    "text.png": (b"this is not a picture\n" * 9, "this is not an image: it is text"),
    "page.jpg": (b"\n<!DOCTYPE html><html>404</html>", "this is not an image: it is a web page"),
    "zeros.png": (b"\0" * 500, "this is not an image: no known format (JPEG, PNG, BMP, TIFF, WEBP)"),
    "phone.heic": (
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 99,
        "this is not an image: HEIC and AVIF are not accepted; save it as JPEG or PNG",
    ),
    "new.avif": (
        b"\0\0\0\x1cftypavif\0\0\0\0avifmif1" + b"\0" * 99,
        "this is not an image: HEIC and AVIF are not accepted; save it as JPEG or PNG",
    ),
    "scan.pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + b"\0" * 99, "this is not an image: it is a PDF"),
    "moving.gif": (several("GIF"), "GIF is not accepted; save it as PNG"),
    "still.gif": (coded(MIXED, "GIF"), "GIF is not accepted; save it as PNG"),
    "moving.png": (several("PNG"), "the image has 2 frames; save the one you mean as PNG"),
    "moving.webp": (several("WEBP"), "the image has 2 frames; save the one you mean as PNG"),
    "pages.tif": (several("TIFF"), "the image has 2 pages; save the one you mean as PNG"),
    "float.tif": (
        coded(gradient()[..., 0].astype(np.float32) / 255, "TIFF"),
        "floating-point pixels are not accepted; save it with 8 bits a channel",
    ),
}


REFUSED["float-rgb.tif"] = (
    by_opencv(".tiff", gradient(40, 30).astype(np.float32) / 255),
    "this is not an image: a TIFF of a form that is not read; save it as PNG with 8 bits a channel",
)


def oriented(orientation: int) -> bytes:
    data = Image.Exif()
    data[0x0112] = orientation
    # By the EXIF standard: 6 is stored with its first row at the right side, 3 upside down.
    stored = {1: gradient(40, 30), 3: gradient(40, 30)[::-1, ::-1], 6: np.rot90(gradient(40, 30), 1)}[orientation]
    return coded(np.ascontiguousarray(stored), "JPEG", exif=data, quality=100, subsampling=0)


ADOBE, P3 = rgb_profile(ADOBE_RGB, 563 / 256), rgb_profile(DISPLAY_P3, 2.2)
GREY = np.repeat(gradient(40, 30)[..., :1], 3, axis=2)
INK = Image.new("CMYK", (40, 30), (255, 0, 0, 0))


def as_lab(colour: tuple[int, int, int]) -> Image.Image:
    """One sRGB colour as CIELAB, which print shops keep in TIFF."""
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    made = ImageCms.profileToProfile(Image.new("RGB", (40, 30), colour), srgb, lab, outputMode="LAB")
    assert made
    return made


# What comes out of local/fit inside its limits: name -> (bytes, pixels, tolerance).
RIGHT: dict[str, tuple[bytes, np.ndarray, float]] = {
    "plain.png": (coded(MIXED), gradient(40, 30), 0),
    "plain.bmp": (coded(MIXED, "BMP"), gradient(40, 30), 0),
    "one-page.tif": (coded(MIXED, "TIFF"), gradient(40, 30), 0),
    "packed.tif": (coded(MIXED, "TIFF", compression="tiff_lzw"), gradient(40, 30), 0),
    "wrong-ending.jpg": (coded(MIXED, compress_level=0), gradient(40, 30), 0),
    "grey.png": (coded(gradient(40, 30)[..., 0]), GREY, 0),
    "grey16.png": (coded(SIXTEEN), GREY, 0),
    "grey16.tif": (coded(SIXTEEN, "TIFF"), GREY, 0),
    "rgb16.png": (sixteen_bits(".png"), gradient(40, 30), 0),
    "rgb16.tif": (sixteen_bits(".tiff"), gradient(40, 30), 0),
    "bits.png": (coded(MIXED.convert("1")), pixels_of(coded(MIXED.convert("1"))), 0),
    "bits.tif": (coded(MIXED.convert("1"), "TIFF", compression="group4"), pixels_of(coded(MIXED.convert("1"))), 0),
    "grey-clear.png": (coded(MIXED.convert("LA")), pixels_of(coded(MIXED.convert("L"))), 0),
    "grey.jpg": (coded(MIXED.convert("L"), "JPEG", quality=100), pixels_of(coded(MIXED.convert("L"))), 1),
    "palette.png": (coded(MIXED.quantize(32)), pixels_of(coded(MIXED.quantize(32))), 0),
    "ink.tif": (coded(INK, "TIFF"), np.full((30, 40, 3), (0, 255, 255)), 0),
    "lab.tif": (coded(as_lab((180, 90, 60)), "TIFF"), np.full((30, 40, 3), (180, 90, 60)), 2),
    "upright.jpg": (oriented(1), gradient(40, 30), 4),
    "upside-down.jpg": (oriented(3), gradient(40, 30), 4),
    "sideways.jpg": (oriented(6), gradient(40, 30), 4),
    "cmyk.jpg": (coded(INK, "JPEG"), np.full((30, 40, 3), (0, 255, 255)), 1),
    "cmyk-press.jpg": (coded(INK, "JPEG", icc_profile=cmyk_profile()), np.full((30, 40, 3), 119), 1),
    "adobe.png": (coded(MIXED, icc_profile=ADOBE), as_srgb(gradient(40, 30), ADOBE_RGB, 563 / 256), 2),
    "p3.png": (coded(MIXED, icc_profile=P3), as_srgb(gradient(40, 30), DISPLAY_P3, 2.2), 2),
    "broken-profile.png": (coded(MIXED, icc_profile=b"\0" * 200), gradient(40, 30), 0),
    "dot.png": (coded(gradient(40, 30)[10:11, 10:11]), gradient(40, 30)[10:11, 10:11], 0),
    "line.png": (coded(gradient(40, 30)[:, 7:8]), gradient(40, 30)[:, 7:8], 0),
}
CLEAR = np.dstack([gradient(40, 30), gradient(40, 30)[..., 1]])


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("bad") / "project"
    files = {name: raw for name, (raw, _) in REFUSED.items() if raw is not None}
    files |= {name: raw for name, (raw, _, _) in RIGHT.items()}
    files |= {"clear.png": coded(CLEAR), "clear-palette.png": _clear_palette()}
    project = small_project(folder, files)
    (folder / "photos/folder.png").mkdir()
    (folder / "photos/loop.png").symlink_to("loop.png")
    os.mkfifo(folder / "photos/pipe.png")
    names = [*REFUSED, *files.keys() - REFUSED.keys()]
    lines = [f"{name.replace('.', '-')},photos/{name}" for name in names]
    (folder / "photos.csv").write_text("\n".join(["id,photo", *lines]) + "\n", encoding="utf-8")
    finished = project.command("run", "r.yaml", "--json")
    record = json.loads(finished.stdout)
    return project, finished, record, project.plan().problems


def _clear_palette() -> bytes:
    palette = Image.new("P", (3, 1))
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    palette.putdata([0, 1, 2])
    return coded(palette, transparency=1)


def test_run_ends_with_one_and_without_a_traceback(ran) -> None:
    _, finished, _, _ = ran
    assert finished.returncode == 1
    assert "Traceback" not in finished.stderr
    assert finished.stderr.count("Warning") == 0


@pytest.mark.parametrize("name", REFUSED)
def test_bad_file_is_refused_with_row_file_and_rule(ran, name: str) -> None:
    _, finished, _, problems = ran
    row = name.replace(".", "-")
    (problem,) = [problem for problem in problems if problem.rows == (row,)]
    assert problem.message.startswith(f"row.photo: photos/{name}: {REFUSED[name][1]}")
    assert problem.rule.startswith("image-")
    line = 2 + list(REFUSED).index(name)
    assert f"photos.csv:{line}:1: {problem.message} [{problem.rule}]\n    row {row}\n" in finished.stderr


@pytest.mark.parametrize("name", REFUSED)
def test_bad_file_leaves_no_output_and_a_refused_job(ran, name: str) -> None:
    project, _, record, _ = ran
    row = name.replace(".", "-")
    (outcome,) = [outcome for outcome in record["outcomes"] if outcome["job"] == f"{row}/small"]
    assert outcome["status"] == Status.REFUSED
    assert outcome["error"]["message"].startswith(f"row.photo: photos/{name}: ")
    assert not project.out(f"{row}.png").exists()


@pytest.mark.parametrize("name", RIGHT)
def test_odd_file_comes_out_right(ran, name: str) -> None:
    project, _, _, _ = ran
    _, expected, tolerance = RIGHT[name]
    found = pixels_of(project.out(f"{name.replace('.', '-')}.png").read_bytes())
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= tolerance


def test_transparency_comes_out_as_it_went_in(ran) -> None:
    project, _, _, _ = ran
    with Image.open(project.out("clear-png.png")) as image:
        assert image.mode == "RGBA"
        assert (np.asarray(image) == CLEAR).all()
    with Image.open(project.out("clear-palette-png.png")) as image:
        assert np.asarray(image)[0].tolist() == [[255, 0, 0, 255], [0, 255, 0, 0], [0, 0, 255, 255]]


def test_every_row_is_accounted_for(ran) -> None:
    _, _, record, _ = ran
    totals = record["totals"]
    assert (totals["refused"], totals["run"]) == (len(REFUSED), len(RIGHT) + 2)
    assert totals["jobs"] == totals["refused"] + totals["run"]


TAKES = "wan/colorization takes 512 to 4096 px a side"
STEP = "Put a local/fit step before it, with: "
CROP = "It is longer than 8:1, so resizing can't help; crop it."


@pytest.mark.parametrize(
    ("name", "raw", "said", "hint"),
    [
        ("511.png", photo(width=511, height=700), f"511x700 px; {TAKES}", STEP + "{min_side: 512}."),
        ("4097.png", photo(width=4097, height=512), f"4097x512 px; {TAKES}", STEP + "{max_side: 4096}."),
        ("long.png", photo(width=4200, height=512), f"4200x512 px; {TAKES}", CROP),
        ("low.png", photo(width=4096, height=500), f"4096x500 px; {TAKES}", CROP),
        ("1.png", photo(width=1, height=1), f"1x1 px; {TAKES}", STEP + "{min_side: 512}."),
        (
            "10mb.bmp",
            coded(gradient(1900, 1900), "BMP"),
            "10.3 MiB; wan/colorization takes 10 MiB",
            STEP + "{max_side: 4096}.",
        ),
    ],
)
def test_picture_that_the_model_would_refuse_is_refused_by_the_plan(
    tmp_path, name: str, raw: bytes, said: str, hint: str
) -> None:
    step = "small: {uses: wan/colorization, image: row.photo}"
    project = small_project(tmp_path / "p", {name: raw, "good.png": photo(width=512, height=513)}, steps=[step])
    plan = project.plan()
    (problem,) = plan.problems
    assert (problem.message, problem.hint) == (f"photos/{name}: {said}", hint)
    assert (plan.totals.run, plan.totals.skip) == (1, 1)
    if hint.startswith(STEP):  # what it says helps, does
        fit = "fit: {uses: local/fit, image: row.photo, with: " + hint.removeprefix(STEP)[:-1] + "}"
        mended = [fit, step.replace("row.photo", "steps.fit")]
        assert small_project(tmp_path / "mended", {name: raw}, steps=mended).plan().problems == []


def test_largest_and_thinnest_picture_of_the_model_is_accepted(tmp_path) -> None:
    step = "small: {uses: wan/colorization, image: row.photo}"
    plan = small_project(tmp_path / "p", {"a.png": photo(width=512, height=4096)}, steps=[step]).plan()
    assert (plan.problems, plan.totals.run) == ([], 1)
