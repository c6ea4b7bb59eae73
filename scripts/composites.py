"""Text laid over pictures in many ways, with the truth of which pixels it covers: what the text detector learns from.

Fonts are Pillow's own (Aileron, CC0), the package's two (wanflow/pixels/fonts/LICENSES.md) and those of
TRAINING_PACKAGES (`pip install -e '.[bench]'`), all under the SIL Open Font License or Apache-2.0.
"""

from __future__ import annotations

import importlib.util
import io
import lzma
import sys
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from wanflow.functions.glyphs import HANZI

FONTS = Path(__file__).parent.parent / "wanflow" / "pixels" / "fonts"
TRAINING_PACKAGES = {
    "font_roboto": tuple(f"Roboto-{cut}.ttf" for cut in ("Regular", "Bold", "Light", "Italic", "Black")),
    "font_source_serif_pro": ("SourceSerifPro-Regular.ttf", "SourceSerifPro-Bold.ttf"),
    "font_hanken_grotesk": ("HankenGrotesk-Medium.otf", "HankenGrotesk-Bold.otf", "HankenGrotesk-Light.otf"),
    "font_amatic_sc": ("AmaticSC-Bold.ttf",),
}  # fmt: skip
WORDS = """
Sample preview copyright photo stock images draft confidential Best wishes from the sea 2024 summer sale www
example com all rights reserved studio do not copy proof WATERMARK Holiday travel Journal breaking news live
subtitle hello world Nature club No. 17 (c) @user id #1234 12:45 GET 50% OFF Lorem ipsum dolor sit amet
""".split()  # noqa: SIM905
SENTENCES = """
版权所有 请勿转载 样张 水印 仅供参考 摄影 图片来自网络 今日特价 欢迎光临 内部资料 严禁外传 春天来了
新闻快讯
""".split()  # noqa: SIM905
GROUND, UNSURE, INK = 0, 1, 2
PLAIN_HANZI = [char for char in HANZI if "\u4e00" <= char <= "\u9fff"]


def shipped(name: str) -> bytes:
    """A font of the package."""
    return lzma.decompress((FONTS / f"{name}.ttf.xz").read_bytes())


@cache
def files() -> tuple[list[bytes | None], list[bytes]]:
    """Latin and Chinese fonts as bytes; None is Pillow's own. Exits where one is missing: it would teach less."""
    latin: list[bytes | None] = [None, None, shipped("latin")]
    for package, names in TRAINING_PACKAGES.items():
        found = importlib.util.find_spec(package)
        if not found or not found.origin:
            sys.exit(f"{package} is not installed; all the fonts come with: pip install -e '.[bench]'")
        latin += [(Path(found.origin).parent / "files" / name).read_bytes() for name in names]
    return latin, [shipped("hanzi")]


@cache
def font(kind: int, number: int, size: int) -> ImageFont.FreeTypeFont:
    raw = files()[kind][number]
    if raw is None:
        return ImageFont.load_default(size)
    return ImageFont.truetype(io.BytesIO(raw), size, layout_engine=ImageFont.Layout.BASIC)


def phrase(rng: np.random.Generator, chinese: bool) -> str:
    """A few words."""
    if chinese:
        made = "".join(rng.choice(PLAIN_HANZI, int(rng.integers(2, 9))))
        return str(rng.choice(SENTENCES)) if rng.random() < 0.4 else made
    if rng.random() < 0.15:
        return "".join(
            rng.choice(list("ABCDEFGHKLMNPRSTUVWXYZ0123456789abcdefghikmnoprstuvwyz"), int(rng.integers(3, 10)))
        )
    text = " ".join(rng.choice(WORDS, int(rng.integers(1, 5))))
    return (text, text.upper(), text.title(), "© " + text)[int(rng.integers(4))]


def letters(rng: np.random.Generator, size: int, stroke: int) -> tuple[np.ndarray, np.ndarray]:
    """Coverage of a phrase and of it with an outline of `stroke` pixels, two (h, w) in [0, 1]."""
    chinese = rng.random() < 0.35
    kind = int(chinese)
    face = font(kind, int(rng.integers(len(files()[kind]))), size)
    lines = [phrase(rng, chinese) for _ in range(1 if rng.random() < 0.75 else int(rng.integers(2, 4)))]
    text = "\n".join(lines)
    bold = size // 18 if chinese and rng.random() < 0.4 else 0
    probe = ImageDraw.Draw(Image.new("L", (1, 1)))
    box = probe.multiline_textbbox((0, 0), text, font=face, stroke_width=stroke + bold)
    pad = 3
    shape = int(box[2] - box[0]) + 2 * pad, int(box[3] - box[1]) + 2 * pad
    place = pad - box[0], pad - box[1]
    planes = []
    for width in (bold, stroke + bold):
        plane = Image.new("L", shape)
        ImageDraw.Draw(plane).multiline_text(place, text, fill=255, font=face, stroke_width=width, align="center")
        planes.append(np.asarray(plane, np.float32) / 255)
    return planes[0], planes[1]


def turned(plane: np.ndarray, degrees: float) -> np.ndarray:
    h, w = plane.shape
    rad = np.deg2rad(degrees)
    wide = int(abs(w * np.cos(rad)) + abs(h * np.sin(rad))) + 2
    tall = int(abs(w * np.sin(rad)) + abs(h * np.cos(rad))) + 2
    matrix = cv2.getRotationMatrix2D((w / 2, h / 2), degrees, 1)
    matrix[:, 2] += (wide - w) / 2, (tall - h) / 2
    return cv2.warpAffine(plane, matrix, (wide, tall), flags=cv2.INTER_LINEAR)


def laid(plane: np.ndarray, shape: tuple[int, int], top: int, left: int, out: np.ndarray | None = None) -> np.ndarray:
    """`plane` at a place of a canvas (h, w), cut at its rim."""
    out = np.zeros(shape, np.float32) if out is None else out
    y0, x0 = max(top, 0), max(left, 0)
    y1, x1 = min(top + plane.shape[0], shape[0]), min(left + plane.shape[1], shape[1])
    if y1 > y0 and x1 > x0:
        np.maximum(out[y0:y1, x0:x1], plane[y0 - top : y1 - top, x0 - left : x1 - left], out=out[y0:y1, x0:x1])
    return out


def placed(rng: np.random.Generator, shape: tuple[int, int], size: int, stroke: int) -> tuple[np.ndarray, np.ndarray]:
    """Coverage of letters and of their outline over a canvas (h, w): one line, a turned one, or tiles."""
    height, width = shape
    planes = letters(rng, size, stroke)
    how = rng.random()
    degrees = 0.0 if how < 0.6 else float(rng.choice([30, -30, 45, -45, 20, 90, rng.uniform(-45, 45)]))
    if degrees:
        planes = turned(planes[0], degrees), turned(planes[1], degrees)
    tall, wide = planes[1].shape
    if how > 0.8 or (how > 0.55 and degrees == 0):
        step_y, step_x = int(tall + size * rng.uniform(0.1, 2.5)), int(wide + size * rng.uniform(0.2, 3))
        shift = int(step_x * rng.choice([0, 0.5]))
        spots = [
            (y, x + shift * (row % 2))
            for row, y in enumerate(range(-int(rng.integers(tall)), height, step_y))
            for x in range(-int(rng.integers(wide)) - shift, width, step_x)
        ]
    else:
        spots = [
            (
                int(rng.integers(-tall // 4, max(height - tall * 3 // 4, 1))),
                int(rng.integers(min(width - wide, 0) - wide // 8, max(width - wide, 0) + wide // 8 + 1)),
            )
        ]
    out = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for y, x in spots:
        for plane, canvas in zip(planes, out, strict=True):
            laid(plane, shape, y, x, canvas)
    return out


def colour(rng: np.random.Generator, under: np.ndarray) -> np.ndarray:
    """An ink for a ground (n, 3): mostly white, black, grey or strong; at times near the ground's own."""
    how = rng.random()
    if how < 0.35:
        return np.full(3, 255.0) if rng.random() < 0.7 else np.full(3, rng.uniform(215, 255))
    if how < 0.5:
        return np.full(3, rng.uniform(0, 30))
    if how < 0.6:
        return np.full(3, rng.uniform(30, 225))
    if how < 0.9:
        return np.asarray(rng.choice([0.0, 255.0, rng.uniform(0, 255)], 3))
    return np.clip(under.mean(0) + rng.choice([-1, 1]) * rng.uniform(25, 70, 3), 0, 255)


def overlaid(rng: np.random.Generator, ground: np.ndarray, faint: float) -> tuple[np.ndarray, np.ndarray]:
    """A picture (h, w, 3) uint8 with text over it, and how much of each pixel the text covers, (h, w) in [0, 1]."""
    shape = ground.shape[:2]
    size = int(np.exp(rng.uniform(np.log(10), np.log(72))))
    clear = rng.random() < faint
    plain = clear or rng.random() < 0.5
    stroke = 0 if plain else int(rng.integers(1, max(2, size // 12) + 1))
    core, whole = placed(rng, shape, size, stroke)
    covered = whole > 0.5
    under = ground[covered] if covered.any() else ground.reshape(-1, 3)
    ink = colour(rng, under.astype(np.float32))
    out = ground.astype(np.float32)
    truth = whole.copy()
    alpha = float(rng.uniform(0.14, 0.8)) if clear else 1.0
    if rng.random() < 0.25:
        alpha_shade, reach = alpha * rng.uniform(0.4, 0.95), int(rng.integers(1, max(2, size // 12) + 1))
        shade = np.roll(whole, (reach, int(rng.choice([-1, 1])) * reach), (0, 1))
        blur = rng.uniform(0, 1.5) if rng.random() < 0.7 else 0
        shade = cv2.GaussianBlur(shade, (0, 0), blur) if blur > 0.3 else shade
        dark = 0.0 if ink.mean() > 90 else 255.0
        out += (shade * alpha_shade)[..., None] * (dark - out)
        truth = np.maximum(truth, shade * min(1, alpha_shade / alpha))
    if not clear and rng.random() < 0.12:
        band = cv2.dilate(whole, np.ones((size, size)), borderType=cv2.BORDER_CONSTANT)
        out += (band * rng.uniform(0.2, 0.6))[..., None] * (rng.choice([0.0, 255.0]) - out)
    if stroke:
        rim = np.zeros(3) if ink.mean() > 110 else np.full(3, 255.0)
        rim = np.asarray(rng.uniform(0, 255, 3)) if rng.random() < 0.2 else rim
        out += (whole * alpha)[..., None] * (rim - out)
    out += (core * alpha)[..., None] * (ink - out)
    return (np.clip(out, 0, 255) + 0.5).astype(np.uint8), truth


def strewn(rng: np.random.Generator, ground: np.ndarray) -> np.ndarray:
    """A picture with things that are no text: lines, blades, windows, discs, seen through a lens."""
    height, width = ground.shape[:2]
    canvas, mask = ground.copy(), np.zeros((height, width), np.uint8)
    kind = rng.integers(5)
    base = rng.integers(0, 256, 3)
    for _ in range(int(rng.integers(1, 40))):
        ink = [int(c) for c in np.clip(base + rng.normal(0, 25, 3), 0, 255)]
        x, y = (int(v) for v in rng.integers(-20, max(height, width), 2))
        thick = int(rng.integers(1, 7))
        if kind == 0:
            end = x + int(rng.normal(0, 60)), y + int(rng.normal(0, 60))
            for image, value in ((canvas, ink), (mask, 255)):
                cv2.line(image, (x, y), end, value, thick, cv2.LINE_AA)
        elif kind == 1:
            points = np.cumsum(rng.normal(0, 14, (9, 2)), 0).astype(np.int32) + np.array((x, y))
            for image, value in ((canvas, ink), (mask, 255)):
                cv2.polylines(image, [points], False, value, thick, cv2.LINE_AA)
        elif kind == 2:
            corner = x + int(rng.integers(4, 40)), y + int(rng.integers(4, 40))
            for image, value in ((canvas, ink), (mask, 255)):
                cv2.rectangle(image, (x, y), corner, value, -1 if rng.random() < 0.6 else thick)
        elif kind == 3:
            for image, value in ((canvas, ink), (mask, 255)):
                cv2.circle(image, (x, y), int(rng.integers(1, 16)), value, -1 if thick % 2 else thick, cv2.LINE_AA)
        else:
            pitch = int(rng.integers(5, 40))
            for image, value in ((canvas, ink), (mask, 255)):
                image[y % pitch :: pitch] = value
                if thick % 2:
                    image[:, x % pitch :: pitch] = value
            break
    blur = float(rng.uniform(0.5, 1.6))
    share = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), blur)[..., None]
    lit = canvas * rng.normal(1, 0.04, (height, width, 1)).clip(0.8, 1.2)
    lit = cv2.GaussianBlur(np.clip(lit, 0, 255).astype(np.float32), (0, 0), blur)
    return (ground * (1 - share) + lit * share + 0.5).clip(0, 255).astype(np.uint8)


def texture(rng: np.random.Generator, side: int) -> np.ndarray:
    """A made-up ground (side, side, 3): clouds of noise at several scales, or a gradient."""
    out = np.zeros((side, side, 3), np.float32) + rng.uniform(0, 255, 3)
    if rng.random() < 0.5:
        out += np.linspace(-1, 1, side)[:, None, None] * rng.uniform(-90, 90, 3)
    for step in (1, 2, 4, 8, 16, 32):
        n = side // step + 2
        noise = rng.normal(0, 1, (n, n, 1 if rng.random() < 0.7 else 3)).astype(np.float32) * rng.exponential(9)
        grown = cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC)
        out += grown.reshape(side, side, -1)
    return out.clip(0, 255).astype(np.uint8)


def leaves(rng: np.random.Generator, side: int) -> np.ndarray:
    """A made-up bush: small blades in layers, the later the lighter."""
    out = texture(rng, side) // 2
    count, base, long = side * side // 40, rng.uniform(40, 220, 3), rng.uniform(2.5, 9)
    for number in range(count):
        x, y = (int(v) for v in rng.integers(-4, side + 4, 2))
        light = rng.normal(0.35 + 0.75 * number / count, 0.2)
        ink = [int(c) for c in np.clip(base * light + rng.normal(0, 12, 3), 0, 255)]
        axes = max(1, int(rng.normal(long, long / 3))), max(1, int(rng.normal(long / 2.5, 1)))
        cv2.ellipse(out, (x, y), axes, float(rng.uniform(0, 180)), 0, 360, ink, -1, cv2.LINE_AA)
    return cv2.GaussianBlur(out, (0, 0), float(rng.uniform(0.45, 1.3)))


def facade(rng: np.random.Generator, side: int) -> np.ndarray:
    """A made-up building: bands of posts, windows and tiles, lit from above, seen at a slant."""
    wide = side * 3 // 2
    out = texture(rng, wide)
    top = 0
    while top < wide:
        tall, pitch = int(rng.integers(4, 44)), int(rng.integers(5, 48))
        ink, post = (rng.uniform(0, 255, 3) for _ in range(2))
        band = slice(top, min(top + tall, wide))
        share = rng.uniform(0.15, 0.8)
        on = ((np.arange(wide) + int(rng.integers(pitch))) % pitch < share * pitch)[None, :, None]
        lit = np.linspace(rng.uniform(0.7, 1.2), rng.uniform(0.5, 1), band.stop - band.start)[:, None, None]
        grain = rng.normal(1, 0.05, (band.stop - band.start, wide, 1))
        if rng.random() < 0.75:
            out[band] = np.clip(np.where(on, ink, post) * lit * grain, 0, 255)
        top += tall + int(rng.integers(0, 9))
    slant = cv2.getRotationMatrix2D((wide / 2, wide / 2), float(rng.normal(0, 8)), float(rng.uniform(0.9, 1.2)))
    out = cv2.warpAffine(out, slant, (wide, wide), borderMode=cv2.BORDER_REFLECT)
    edge = (wide - side) // 2
    return cv2.GaussianBlur(out[edge : edge + side, edge : edge + side], (0, 0), float(rng.uniform(0.45, 1.2)))


def ground(rng: np.random.Generator, photo: np.ndarray | None, side: int, busy: bool) -> np.ndarray:
    """A square piece of a photograph, changed in scale, place, turn and colours, or made up."""
    if photo is None:
        return (texture, leaves, facade)[int(rng.integers(3)) if busy else 0](rng, side)
    scale = float(np.exp(rng.uniform(np.log(0.4), np.log(1.5))))
    piece = min(int(side / scale), *photo.shape[:2])
    y, x = (int(rng.integers(0, n - piece + 1)) for n in photo.shape[:2])
    cut = photo[y : y + piece, x : x + piece]
    how = cv2.INTER_AREA if piece > side else cv2.INTER_CUBIC
    out = cv2.resize(cut, (side, side), interpolation=how)
    out = np.rot90(out, int(rng.integers(4)) if rng.random() < 0.3 else 0)
    out = out[:, ::-1] if rng.random() < 0.5 else out
    if rng.random() < 0.4:
        out = out[..., rng.permutation(3)]
    if rng.random() < 0.5:
        low, high = rng.uniform(-20, 60), rng.uniform(190, 290)
        out = low + (out / 255.0) ** np.exp(rng.uniform(-0.7, 0.7)) * (high - low)
    if rng.random() < 0.15:
        out = np.repeat(np.asarray(out).mean(2, keepdims=True), 3, 2)
    return np.ascontiguousarray(np.clip(out, 0, 255).astype(np.uint8))


def recoded(rng: np.random.Generator, rgb: np.ndarray) -> np.ndarray:
    """A picture after one JPEG coding."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=int(rng.integers(65, 97)), subsampling=int(rng.choice([0, 2])))
    return np.asarray(Image.open(buffer).convert("RGB"))


def sample(
    rng: np.random.Generator, photo: np.ndarray | None, side: int, faint: float, busy: bool
) -> tuple[np.ndarray, np.ndarray]:
    """One square example: picture (side, side, 3) and truth (side, side) of INK, GROUND, UNSURE; a third are bare.

    `faint` is the share of translucent texts; `busy` makes up bushes and buildings too.
    """
    shrink = 2 if rng.random() < 0.3 else 1
    bare = ground(rng, photo, side * shrink, busy)
    if rng.random() < 0.35:
        bare = strewn(rng, bare)
    made, cover = bare, np.zeros(bare.shape[:2], np.float32)
    if rng.random() < 0.66:
        made, cover = overlaid(rng, bare, faint)
    if shrink == 2:
        bare, made, cover = (
            cv2.resize(plane, (side, side), interpolation=cv2.INTER_AREA) for plane in (bare, made, cover)
        )
    unlike = np.abs(made.astype(np.int16) - bare).max(axis=2)
    # Rims may be called either way, and what can't be seen can't be asked for.
    truth = np.where(cover > 0.4, np.where(unlike > 7, INK, UNSURE), np.where(cover > 0.06, UNSURE, GROUND))
    if rng.random() < 0.45:
        made = recoded(rng, made)
    return made, truth.astype(np.uint8)
