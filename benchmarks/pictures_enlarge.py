"""Measure wan/super_resolution against Pillow's Lanczos: ``python benchmarks/pictures_enlarge.py [folder]``.

Each photograph is made small by Pillow's bicubic, enlarged again, and compared with itself in luminance.
Those that the nets were trained on are left out, so with the default folder one photograph is left.
"""

from __future__ import annotations

import argparse
import io
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from wanflow.pixels.engine import Array
from wanflow.pixels.enlarge import enlarge, sharpen

PHOTOS = Path(__file__).parent.parent / "tests" / "photos"
TRAINED_ON = {"astronaut", "camera", "coffee", "hubble_deep_field", "rocket"}
LONGEST = 1024  # a centre crop: the figures need content, not size


@dataclass(frozen=True)
class Figure:
    """One number to hold: `goal` is a bound from below (`at_least`) or above; `baseline` is Pillow's."""

    metric: str
    goal: float
    measured: float
    baseline: float
    at_least: bool = True

    @property
    def beside(self) -> str:
        return f"{self.baseline:.3f}"

    @property
    def held(self) -> bool:
        return self.measured >= self.goal if self.at_least else self.measured <= self.goal


def photographs(folder: Path) -> Iterator[Image.Image]:
    """The held-out pictures of a folder, by name."""
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"} and path.stem not in TRAINED_ON:
            full = Image.open(path).convert("RGB")
            w, h = min(full.width, LONGEST), min(full.height, LONGEST)
            left, top = (full.width - w) // 2, (full.height - h) // 2
            yield full.crop((left, top, left + w, top + h))


def grey(picture: Image.Image | Array) -> np.ndarray:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    return np.asarray(image.convert("L"), np.float32)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(1e-9, float(((a - b)[4:-4, 4:-4] ** 2).mean()))))


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Structural similarity with an 11-pixel Gaussian window; Wang et al. 2004."""

    def mean(x: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.GaussianBlur(x, (11, 11), 1.5))

    ma, mb = mean(a), mean(b)
    va, vb, both = mean(a * a) - ma * ma, mean(b * b) - mb * mb, mean(a * b) - ma * mb
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    value = (2 * ma * mb + c1) * (2 * both + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2))
    return float(value[8:-8, 8:-8].mean())


def small_and_truth(photo: Image.Image, factor: int, quality: int | None) -> tuple[Image.Image, Image.Image]:
    """The photograph made small (and JPEG-coded), and the part of it that the small one shows."""
    truth = photo.crop((0, 0, photo.width // factor * factor, photo.height // factor * factor))
    small = truth.resize((truth.width // factor, truth.height // factor), Image.Resampling.BICUBIC)
    if quality is not None:
        coded = io.BytesIO()
        small.save(coded, "JPEG", quality=quality)
        small = Image.open(coded).convert("RGB")
    return small, truth


def compared(folder: Path, factor: int, quality: int | None) -> np.ndarray:
    """Per photograph: PSNR and SSIM by Lanczos, then by the engine."""
    rows = []
    for photo in photographs(folder):
        small, truth = small_and_truth(photo, factor, quality)
        ours = grey(enlarge(np.asarray(small), factor, lossless=quality is None))
        plain = grey(small.resize(truth.size, Image.Resampling.LANCZOS))
        exact = grey(truth)
        rows.append((psnr(plain, exact), ssim(plain, exact), psnr(ours, exact), ssim(ours, exact)))
    return np.array(rows)


def quality_figures(folder: Path) -> list[Figure]:
    figures = []
    for factor, quality, goal in ((2, None, 1.1), (2, 85, 0.5), (3, None, 0.7), (4, None, 0.6)):
        rows = compared(folder, factor, quality)
        gain, base = rows[:, 2] - rows[:, 0], rows.mean(axis=0)
        kind = "PNG" if quality is None else f"JPEG {quality}"
        figures.append(Figure(f"x{factor} {kind}: mean gain, dB", goal, float(gain.mean()), float(base[0])))
        if (factor, quality) == (2, None):
            figures.append(Figure("x2 PNG: least gain, dB", 0.3, float(gain.min()), float(base[0])))
            figures.append(Figure("x2 PNG: SSIM gain", 0.016, float(base[3] - base[1]), float(base[1])))
    return figures


def sharpening_figures(folder: Path) -> list[Figure]:
    kept, won = [], []
    for photo in photographs(folder):
        # Made small, any photograph is sharp.
        sharp = np.asarray(photo.resize((photo.width // 2, photo.height // 2), Image.Resampling.LANCZOS))
        blurred = cv2.GaussianBlur(sharp, (0, 0), 1.4)
        kept.append(min(99.0, psnr(grey(sharpen(sharp)), grey(sharp))))
        won.append(psnr(grey(sharpen(blurred)), grey(sharp)) - psnr(grey(blurred), grey(sharp)))
    return [
        Figure("x1: sharp picture kept, least dB", 45, min(kept), 99.0),
        Figure("x1: blur of 1.4 taken back, least gain, dB", 0.0, min(won), 0.0),
    ]


def cost_figures() -> list[Figure]:
    """CPU-seconds and peak memory (this process's, imports included) of 1024x1024 to 2048x2048."""
    rgb = np.asarray(Image.effect_noise((1024, 1024), 60).convert("RGB"))
    started = time.process_time()
    Image.fromarray(rgb).resize((2048, 2048), Image.Resampling.LANCZOS)
    plain, started = time.process_time() - started, time.process_time()
    enlarge(rgb, 2)
    spent = time.process_time() - started
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return [
        Figure("1024² to 2048²: CPU-s", 3.0, spent, plain, at_least=False),
        Figure("1024² to 2048²: peak MB", 500.0, peak, 0.0, at_least=False),
    ]


def measure(folder: Path = PHOTOS) -> list[Figure]:
    """Every number to hold of wan/super_resolution, on the held-out photographs of `folder`."""
    return [*cost_figures(), *quality_figures(folder), *sharpening_figures(folder)]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure wan/super_resolution against Lanczos.")
    parser.add_argument("folder", type=Path, nargs="?", default=PHOTOS)
    print(f"{'metric':44} {'goal':>9} {'measured':>9} {'Lanczos':>9}")
    for figure in measure(parser.parse_args().folder):
        goal = f"{'>=' if figure.at_least else '<='} {figure.goal:g}"
        mark = "" if figure.held else "  missed"
        print(f"{figure.metric:44} {goal:>9} {figure.measured:9.3f} {figure.baseline:9.3f}{mark}")


if __name__ == "__main__":
    main()
