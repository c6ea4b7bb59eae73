"""Measure wan/remove_watermark on texts laid over photographs: ``python benchmarks/pictures.py --only 4``.

Twelve kinds of text, four times each, over the photographs in turn; beside it stand leaving the picture as it is and
cv2.inpaint (Telea) over the text's whole box, which is told where the text is. Photographs that the detector was
trained on are left out, so with the default folder one is left. Fonts that it was not trained with are used where they
are installed: Source Sans Pro (``pip install -e '.[bench]'``) and Noto Sans CJK (Debian's fonts-noto-cjk, or in
mplfonts), both under the SIL Open Font License.
"""

from __future__ import annotations

import importlib.util
import io
import lzma
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# BLAS threads would be counted as CPU time without helping.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import cv2
import numpy as np
from photographs import PHOTOS, held_out
from PIL import Image, ImageDraw, ImageFont

from wanflow.pixels.engine import Array, EditRequest, Picture, apply

Row = tuple[str, str, str, str]
FONTS = Path(__file__).resolve().parents[1] / "wanflow" / "pixels" / "fonts"
DEBIAN_CJK = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
SEMIBOLD = "files/SourceSansPro-Semibold.ttf"
SEED = 20_260
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
ENGLISH = ("Golden Harbour", "Photo by M. Adler", "PREVIEW ONLY", "www.lakeside-pictures.net", "Sold out!", "June 1998")
CHINESE = ("山水之间", "未经许可禁止使用", "摄影师张伟", "二〇二四年夏", "新品上市", "本台记者报道")


@dataclass(frozen=True)
class Composite:
    """A photograph and the same with text; `text` (h, w) bool is where the text is seen."""

    kind: str
    truth: Array
    rgb: Array
    text: np.ndarray

    @property
    def opaque(self) -> bool:
        return KINDS[self.kind].alpha[1] == 1


@dataclass(frozen=True)
class Kind:
    """How a text is drawn; sizes are shares of the shorter side, `at` of what is left of width and height."""

    at: tuple[float, float]
    size: tuple[float, float]
    ink: tuple[int, int, int] | None = WHITE
    alpha: tuple[float, float] = (1, 1)
    rim: tuple[int, int, int] | None = None
    shadow: bool = False
    degrees: float = 0
    tiled: bool = False
    lines: int = 1


KINDS = {
    "corner": Kind((0.96, 0.96), (0.045, 0.06)),
    "dark corner": Kind((0.04, 0.05), (0.05, 0.07), BLACK),
    "caption": Kind((0.5, 0.93), (0.05, 0.06), rim=BLACK, lines=2),
    "outline": Kind((0.5, 0.4), (0.09, 0.12), None, rim=WHITE),
    "drop shadow": Kind((0.3, 0.2), (0.07, 0.1), shadow=True),
    "colour": Kind((0.6, 0.6), (0.07, 0.11), None),
    "small": Kind((0.9, 0.05), (0.034, 0.036)),
    "title": Kind((0.5, 0.1), (0.13, 0.17), (255, 221, 64)),
    "pale centre": Kind((0.5, 0.5), (0.1, 0.16), alpha=(0.35, 0.55)),
    "dark centre": Kind((0.5, 0.5), (0.1, 0.14), BLACK, alpha=(0.35, 0.5)),
    "tiles": Kind((0, 0), (0.05, 0.07), alpha=(0.3, 0.5), degrees=30, tiled=True),
    "pale slant": Kind((0.5, 0.5), (0.1, 0.13), alpha=(0.35, 0.5), degrees=-30),
}


def unseen_font(chinese: bool) -> Path | None:
    """A font that was not trained with, if one is installed."""
    if chinese and DEBIAN_CJK.exists():
        return DEBIAN_CJK
    package, name = ("mplfonts", "fonts/NotoSansCJKsc-Regular.otf") if chinese else ("font_source_sans_pro", SEMIBOLD)
    found = importlib.util.find_spec(package)
    return Path(found.origin).parent / name if found and found.origin else None


@cache
def face(chinese: bool, size: int) -> ImageFont.FreeTypeFont:
    """A font that was not trained with, or the package's own."""
    if unseen := unseen_font(chinese):
        return ImageFont.truetype(str(unseen), size)
    packed = (FONTS / f"{'hanzi' if chinese else 'latin'}.ttf.xz").read_bytes()
    return ImageFont.truetype(io.BytesIO(lzma.decompress(packed)), size)


def drawn(text: str, size: int, rim: int) -> tuple[np.ndarray, np.ndarray]:
    """Coverage of a text and of it with a rim of so many pixels, (h, w) in [0, 1]."""
    font = face(not text.isascii(), size)
    box = ImageDraw.Draw(Image.new("L", (1, 1))).multiline_textbbox(
        (0, 0), text, font=font, stroke_width=rim, align="center"
    )
    shape = int(box[2] - box[0]) + 4, int(box[3] - box[1]) + 4
    planes = []
    for width in (0, rim):
        plane = Image.new("L", shape)
        ImageDraw.Draw(plane).multiline_text(
            (2 - box[0], 2 - box[1]), text, fill=255, font=font, stroke_width=width, align="center"
        )
        planes.append(np.asarray(plane, np.float32) / 255)
    return planes[0], planes[1]


def spread(plane: np.ndarray, kind: Kind, shape: tuple[int, int]) -> np.ndarray:
    """A text's coverage over the whole picture (h, w)."""
    height, width = shape
    reach = int(np.hypot(height, width)) + 2
    if kind.tiled:
        tile = np.pad(plane, ((0, plane.shape[0] * 2), (0, plane.shape[1] // 2)))
        canvas = np.tile(tile, (reach // tile.shape[0] + 2, reach // tile.shape[1] + 2))[:reach, :reach]
    else:
        canvas = np.zeros((reach, reach), np.float32)
        h, w = min(plane.shape[0], height), min(plane.shape[1], width)
        top = (reach - height) // 2 + round((height - h) * kind.at[1])
        left = (reach - width) // 2 + round((width - w) * kind.at[0])
        canvas[top : top + h, left : left + w] = plane[:h, :w]
    if kind.degrees:
        turn = cv2.getRotationMatrix2D((reach / 2, reach / 2), kind.degrees, 1)
        canvas = cv2.warpAffine(canvas, turn, (reach, reach))
    top, left = (reach - height) // 2, (reach - width) // 2
    return canvas[top : top + height, left : left + width]


def composite(name: str, truth: Array, rng: np.random.Generator) -> Composite:
    kind = KINDS[name]
    height, width = truth.shape[:2]
    size = max(round(min(height, width) * rng.uniform(*kind.size)), 11)
    said = rng.choice(CHINESE if rng.random() < 0.4 else ENGLISH, kind.lines, replace=False)
    rim = max(1, size // 14) if kind.rim else 0
    core, whole = (spread(plane, kind, (height, width)) for plane in drawn("\n".join(said), size, rim))
    ink = np.array(kind.ink or rng.choice([0, 40, 128, 220, 255], 3), np.float32)
    alpha = rng.uniform(*kind.alpha)
    out, cover = truth.astype(np.float32), whole
    if kind.shadow:
        reach = max(1, size // 16)
        shade = cv2.GaussianBlur(np.roll(whole, (reach, reach), (0, 1)), (0, 0), 1) * 0.7
        out, cover = out * (1 - shade[..., None]), np.maximum(whole, shade)
    if kind.rim:
        rim_ink = np.array(kind.rim if kind.ink else (WHITE if ink.mean() < 128 else BLACK), np.float32)
        out += (whole * alpha)[..., None] * (rim_ink - out)
    out += (core * alpha)[..., None] * (ink - out)
    rgb = (np.clip(out, 0, 255) + 0.5).astype(np.uint8)
    seen = np.abs(rgb.astype(np.int16) - truth).max(axis=2) > 7
    return Composite(name, truth, rgb, (cover > 0.5) & seen)


def composites(pictures: list[Array]) -> Iterator[Composite]:
    """Every kind four times, over the pictures in turn; left out where its ink can't be seen, as white on snow."""
    rng = np.random.default_rng(SEED)
    for turn in range(4):
        for number, name in enumerate(KINDS):
            made = composite(name, pictures[(number + turn * 5) % len(pictures)], rng)
            if made.text.any():
                yield made


def removed(rgb: Array) -> Array:
    """The picture after wan/remove_watermark."""
    return apply(EditRequest("wan/remove_watermark", (Picture(rgb),))).picture.rgb


def boxed(sample: Composite) -> Array:
    """The text's whole box given up and diffused over (Telea 2004)."""
    rows, columns = np.flatnonzero(sample.text.any(axis=1)), np.flatnonzero(sample.text.any(axis=0))
    hole = np.zeros(sample.text.shape, np.uint8)
    hole[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = 1
    return cv2.inpaint(sample.rgb, hole, 3, cv2.INPAINT_TELEA)


def psnr(a: Array, b: Array, where: np.ndarray) -> float:
    error = np.mean((a[where].astype(float) - b[where].astype(float)) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-3)))


@dataclass(frozen=True)
class Result:
    """What became of one composite: shares of text pixels and of others changed, PSNR of the text's pixels."""

    sample: Composite
    made: Array
    recall: float
    touched: float
    before: float
    after: float
    after_box: float


def judged(sample: Composite, remove: Callable[[Array], Array] = removed) -> Result:
    made = remove(sample.rgb)
    changed = (made != sample.rgb).any(axis=2)
    near = cv2.dilate(sample.text.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    before, after, box = (psnr(p, sample.truth, sample.text) for p in (sample.rgb, made, boxed(sample)))
    return Result(sample, made, float(changed[sample.text].mean()), float((changed & ~near).mean()), before, after, box)


def composite_rows(results: list[Result]) -> list[Row]:
    solid, pale = (np.array([r.recall for r in results if r.sample.opaque is kind]) for kind in (True, False))
    before, after, box = (np.array([getattr(r, name) for r in results]) for name in ("before", "after", "after_box"))
    touched, gain, boxed_gain = 100 * np.mean([r.touched for r in results]), after - before, box - before
    return [
        (f"opaque text: mean recall, {len(solid)} texts", ">= 0.9", f"{solid.mean():.3f}", "as it is 0"),
        ("opaque text: median recall", ">= 0.97", f"{np.median(solid):.3f}", "as it is 0"),
        ("translucent, tiled: mean recall", ">= 0.7", f"{pale.mean():.3f}", f"median {np.median(pale):.3f}"),
        ("text's pixels: gain of PSNR, dB", ">= 9", f"{gain.mean():.2f}", f"box {boxed_gain.mean():.1f}"),
        ("touched far from text, mean %", "<= 1", f"{touched:.3f}", ""),
    ]


def clean_rows(pictures: list[Array]) -> list[Row]:
    shares, spent = [], []
    for rgb in pictures:
        began = time.process_time()
        shares.append(100 * float((removed(rgb) != rgb).any(axis=2).mean()))
        spent.append((time.process_time() - began) * 512 * 512 / (rgb.shape[0] * rgb.shape[1]))
    return [
        ("clean photographs: mean removed %", "<= 0.4", f"{np.mean(shares):.3f}", ""),
        ("clean photographs: most removed %", "<= 2", f"{np.max(shares):.3f}", ""),
        ("CPU-s of 512x512, mean", "<= 2", f"{np.mean(spent):.2f}", ""),
    ]


def measure(folder: Path = PHOTOS) -> list[Row]:
    """Every number to hold of wan/remove_watermark, on the held-out photographs of `folder`."""
    pictures = [rgb for _, rgb in held_out(folder)]
    results = [judged(sample) for sample in composites(pictures)] if pictures else []
    if {result.sample.opaque for result in results} != {True, False}:
        return [("remove_watermark: no photograph it was not trained on", "", "not measured", "")]
    fonts = "unseen" if unseen_font(False) and unseen_font(True) else "known"
    return [*composite_rows(results), *clean_rows(pictures), ("fonts, to the detector", "", fonts, "pictures_text.py")]
