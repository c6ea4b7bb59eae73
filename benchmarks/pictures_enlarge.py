"""Measure wan/super_resolution against Pillow's Lanczos: ``python benchmarks/pictures.py --only 1``.

Each photograph is made small by Pillow's bicubic, enlarged again, and compared with itself in luminance.
Those that the nets were trained on are left out, so with the default folder one photograph is left.
"""

from __future__ import annotations

import io
import resource
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from photographs import PHOTOS, held_out_crops
from PIL import Image

from wanflow.pixels.engine import Array
from wanflow.pixels.enlarge import enlarge, sharpen

Row = tuple[str, str, str, str]


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
    for photo in held_out_crops(folder):
        small, truth = small_and_truth(photo, factor, quality)
        ours = grey(enlarge(np.asarray(small), factor, lossless=quality is None))
        plain = grey(small.resize(truth.size, Image.Resampling.LANCZOS))
        exact = grey(truth)
        rows.append((psnr(plain, exact), ssim(plain, exact), psnr(ours, exact), ssim(ours, exact)))
    return np.array(rows)


def quality(folder: Path) -> list[Row]:
    rows = []
    for factor, coding, goal in ((2, None, 1.1), (2, 85, 0.5), (3, None, 0.7), (4, None, 0.6)):
        found = compared(folder, factor, coding)
        gain, (lanczos, likeness, _, ours) = found[:, 2] - found[:, 0], found.mean(axis=0)
        kind, beside = "PNG" if coding is None else f"JPEG {coding}", f"Lanczos {lanczos:.3f}"
        rows.append(
            (f"x{factor} {kind}: mean gain, dB, {len(gain)} held out", f">= {goal}", f"{gain.mean():.3f}", beside)
        )
        if (factor, coding) == (2, None):
            rows.append(("x2 PNG: least gain, dB", ">= 0.3", f"{gain.min():.3f}", beside))
            rows.append(("x2 PNG: SSIM gain", ">= 0.016", f"{ours - likeness:.4f}", f"Lanczos {likeness:.3f}"))
    return rows


def sharpening(folder: Path) -> list[Row]:
    kept, won = [], []
    for photo in held_out_crops(folder):
        # Made small, any photograph is sharp.
        sharp = np.asarray(photo.resize((photo.width // 2, photo.height // 2), Image.Resampling.LANCZOS))
        blurred = cv2.GaussianBlur(sharp, (0, 0), 1.4)
        kept.append(min(99.0, psnr(grey(sharpen(sharp)), grey(sharp))))
        won.append(psnr(grey(sharpen(blurred)), grey(sharp)) - psnr(grey(blurred), grey(sharp)))
    return [
        ("x1: sharp picture kept, least dB", ">= 45", f"{min(kept):.2f}", ""),
        ("x1: blur of 1.4 taken back, least gain, dB", ">= 0", f"{min(won):.3f}", ""),
    ]


def costs() -> list[Row]:
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
        ("1024² to 2048²: CPU-s", "<= 3", f"{spent:.2f}", f"Lanczos {plain:.2f}"),
        ("1024² to 2048²: peak MB", "<= 500", f"{peak:.0f}", ""),
    ]


def measure(folder: Path = PHOTOS) -> list[Row]:
    """Every number to hold of wan/super_resolution, on the held-out photographs of `folder`."""
    if next(held_out_crops(folder), None) is None:
        return [*costs(), ("super_resolution: no photograph it was not trained on", "", "not measured", "")]
    return [*costs(), *quality(folder), *sharpening(folder)]
