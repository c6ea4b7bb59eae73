"""Measure deletion and expand against cv2.inpaint and a mirrored border on photographs:
``python benchmarks/pictures.py --only 2``.

Patch-Frechet is the Frechet distance (Dowson & Landau 1982) between two Gaussians: one fitted to the 5x5x3
patches (at full and half size) of the filled pixels, one to the true ones. It is taken band by band in a DCT
basis, each band relative to the truth's variance plus one grey level of noise, so that lost texture and
strange colours count alike; `UNIT` scales it so that a mirrored border scores about 0.35 and Telea's
diffusion about 0.72 on ten grown-back crops.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

# BLAS threads would be counted as CPU time without helping.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import cv2
import numpy as np
from photographs import PHOTOS, photographs

from wanflow.functions.sizes import expanded
from wanflow.pixels.engine import EditRequest, Picture
from wanflow.pixels.expand import expand
from wanflow.pixels.mask_edit import edit_with_mask
from wanflow.pixels.removal import grown
from wanflow.pixels.subject import find_subject

HOLES = 14
CROPS = 10
UNIT = 1.2
Row = tuple[str, str, str, str]
SCALES = {"left_scale": 1.5, "right_scale": 1.5, "top_scale": 1.5, "bottom_scale": 1.5}


def background_holes(pictures: list[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pictures with a disc-shaped hole away from the subject, spread over the pictures in turn."""
    spots = [_spots(p) for p in pictures]
    taken = 0
    for turn in range(max(map(len, spots), default=0)):
        for picture, own in zip(pictures, spots, strict=True):
            if turn < len(own) and taken < HOLES:
                taken += 1
                yield picture, own[turn]


def _spots(rgb: np.ndarray) -> list[np.ndarray]:
    """Discs at fixed places, off the subject, and not on a thing of its own: their colours are those around
    them."""
    height, width = rgb.shape[:2]
    radius = min(height, width) // 12
    near = cv2.dilate(find_subject(rgb).mask.astype(np.uint8), np.ones((radius, radius), np.uint8))
    lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    y, x = np.mgrid[0:height, 0:width]
    spots = []
    for cy, cx in ((0.2, 0.8), (0.75, 0.2), (0.2, 0.25), (0.8, 0.8), (0.5, 0.12), (0.5, 0.88)):
        distance = np.hypot(y - cy * height, x - cx * width)
        hole, ring = distance < radius, (distance >= radius) & (distance < 2 * radius)
        apart = np.abs(lab[hole].mean(0) - lab[ring].mean(0)).sum()
        if not near[hole].any() and apart < lab[ring].std(0).sum() * 0.5 + 2:
            spots.append(hole)
    return spots


def crops(pictures: list[np.ndarray]) -> Iterator[np.ndarray]:
    """Ten pictures: the given ones, then corners of them, three quarters in size."""
    parts: list[tuple[slice, slice]] = []
    taken = 0
    for corner in range(5):
        for picture in pictures:
            h, w = picture.shape[0] * 3 // 4, picture.shape[1] * 3 // 4
            parts = [
                (slice(None), slice(None)),
                (slice(0, h), slice(0, w)),
                (slice(-h, None), slice(-w, None)),
                (slice(0, h), slice(-w, None)),
                (slice(-h, None), slice(0, w)),
            ]
            if taken < CROPS:
                taken += 1
                yield picture[parts[corner]]


def psnr(a: np.ndarray, b: np.ndarray, where: np.ndarray) -> float:
    error = np.mean((a[where].astype(float) - b[where].astype(float)) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-3)))


def high(rgb: np.ndarray) -> np.ndarray:
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return grey - cv2.GaussianBlur(grey, (0, 0), 1.0)


def texture_ratio(made: np.ndarray, truth: np.ndarray, where: np.ndarray) -> float:
    return float(np.sqrt((high(made)[where] ** 2).mean() / max((high(truth)[where] ** 2).mean(), 1e-2)))


def _dct_patches(rgb: np.ndarray, where: np.ndarray) -> np.ndarray:
    lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2YCrCb)
    views = np.lib.stride_tricks.sliding_window_view(lab, (5, 5), axis=(0, 1))
    inside = np.lib.stride_tricks.sliding_window_view(where, (5, 5)).all(axis=(2, 3))
    chosen = views[inside]
    chosen = chosen[:: max(len(chosen) // 20000, 1)].astype(np.float64)
    k = np.arange(5)
    basis = np.cos(np.pi * (2 * k[None] + 1) * k[:, None] / 10) * np.sqrt(np.where(k[:, None] == 0, 0.2, 0.4))
    return np.einsum("ai,ncij,bj->ncab", basis, chosen, basis, optimize=True)


def frechet(made: np.ndarray, truth: np.ndarray, where: np.ndarray) -> float:
    distances = []
    for scale in (1, 2):
        size = made.shape[1] // scale, made.shape[0] // scale
        a, b = (cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in (made, truth))
        w = cv2.resize(where.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
        one, two = _dct_patches(a, w), _dct_patches(b, w)
        if len(one) < 50:
            continue
        i, j = np.mgrid[0:5, 0:5]
        bands = [np.maximum(i, j) == band for band in range(5)]
        distances += [_gaussians(one[:, :, band], two[:, :, band]) for band in bands]
    return UNIT * float(np.mean(distances)) if distances else 0.0


def _gaussians(one: np.ndarray, two: np.ndarray) -> float:
    one, two = one.reshape(len(one), -1), two.reshape(len(two), -1)
    c1, c2 = np.cov(one.T), np.cov(two.T)
    values, vectors = np.linalg.eigh(c2)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ c1 @ root), 0)).sum()
    gap = ((one.mean(0) - two.mean(0)) ** 2).sum() + np.trace(c1) + np.trace(c2) - 2 * cross
    return float(gap / (np.trace(c2) + one.shape[1] / 255**2))


def mirror_likeness(made: np.ndarray, inside: tuple[slice, slice], where: np.ndarray) -> float:
    """Correlation of the grown border's detail with the mirrored picture's."""
    height, width = made.shape[:2]
    (rows, columns), crop = inside, made[inside]
    pads = (rows.start, height - rows.stop), (columns.start, width - columns.stop), (0, 0)
    mirrored = np.pad(crop, pads, mode="symmetric")
    a, b = (_detail(p)[where] for p in (made, mirrored))
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum() + 1e-9))


def _detail(rgb: np.ndarray) -> np.ndarray:
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return grey - cv2.GaussianBlur(grey, (0, 0), 8)


def telea(rgb: np.ndarray, hole: np.ndarray) -> np.ndarray:
    return cv2.inpaint(np.where(hole[..., None], 0, rgb).astype(np.uint8), hole.astype(np.uint8), 3, cv2.INPAINT_TELEA)


def deleted(rgb: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The picture after wan/description_edit_with_mask was asked to take away what is in the hole."""
    mask = Picture(np.repeat(np.where(hole, np.uint8(255), np.uint8(0))[..., None], 3, axis=2))
    asked = {"prompt": "remove it"}
    return edit_with_mask(EditRequest("wan/description_edit_with_mask", (Picture(rgb),), mask, asked)).picture.rgb


def deletion(pictures: list[np.ndarray]) -> list[Row]:
    """Figures within the mask, in which a black disc lay; the mask is told exactly."""
    figures: dict[str, list[tuple[float, float, float]]] = {"ours": [], "telea": []}
    untouched = True
    for rgb, hole in background_holes(pictures):
        covered = np.where(hole[..., None], 0, rgb).astype(np.uint8)
        made = {"ours": deleted(covered, hole), "telea": telea(covered, hole)}
        # The function takes a rim with it, because masks are drawn too tight.
        untouched &= bool((made["ours"] == rgb)[~grown(hole)].all())
        for name, picture in made.items():
            seen = psnr(picture, rgb, hole), frechet(picture, rgb, hole), texture_ratio(picture, rgb, hole)
            figures[name].append(seen)
    if not figures["ours"]:
        return [("deletion: no even spot off the subject", "", "not measured", "")]
    ours, diffused = np.array(figures["ours"]), np.array(figures["telea"])
    count = f"{len(ours)} holes"
    return [
        (
            f"deletion PSNR, {count}",
            ">= Telea + 2 dB",
            f"{ours[:, 0].mean():.2f}",
            f"{diffused[:, 0].mean():.2f}",
        ),
        ("deletion patch-Frechet", "<= 0.30", f"{ours[:, 1].mean():.3f}", f"{diffused[:, 1].mean():.3f}"),
        (
            "deletion texture, median",
            ">= 0.6",
            f"{np.median(ours[:, 2]):.2f}",
            f"{np.median(diffused[:, 2]):.2f}",
        ),
        ("deletion keeps all but the mask and its rim", "yes", "yes" if untouched else "NO", ""),
    ]


def growing(pictures: list[np.ndarray]) -> list[Row]:
    figures: dict[str, list[tuple[float, float]]] = {"ours": [], "mirror": [], "telea": []}
    exact = True
    for truth in crops(pictures):
        height, width = truth.shape[:2]
        h, w = round(height / 1.5), round(width / 1.5)
        crop = truth[(height - h) // 2 :, (width - w) // 2 :][:h, :w]
        ours = expand(EditRequest("wan/expand", (Picture(crop),), parameters=SCALES)).picture.rgb
        full_h, full_w = ours.shape[:2]
        _, _, left, top = expanded(w, h, SCALES)
        inside = slice(top, top + h), slice(left, left + w)
        exact &= bool((ours[inside] == crop).all())
        aligned = cv2.copyMakeBorder(truth, 2, 2, 2, 2, cv2.BORDER_REPLICATE)
        dy, dx = 2 + (height - h) // 2 - top, 2 + (width - w) // 2 - left
        aligned = aligned[dy : dy + full_h, dx : dx + full_w]
        where = np.ones((full_h, full_w), bool)
        where[inside] = False
        pads = (top, full_h - h - top), (left, full_w - w - left), (0, 0)
        made = {
            "ours": ours,
            "mirror": np.pad(crop, pads, mode="symmetric"),
            "telea": telea(np.pad(crop, pads), where),
        }
        for name, picture in made.items():
            figures[name].append((frechet(picture, aligned, where), mirror_likeness(picture, inside, where)))
    means = {name: np.array(rows).mean(axis=0) for name, rows in figures.items()}
    detail = " ".join(f"{row[0]:.2f}" for row in figures["ours"])
    beside = f"mirror {means['mirror'][0]:.3f}, Telea {means['telea'][0]:.3f}"
    return [
        ("expand patch-Frechet", "<= 0.25", f"{means['ours'][0]:.3f}", beside),
        ("expand patch-Frechet below mirror's", f"<= {means['mirror'][0]:.3f}", f"{means['ours'][0]:.3f}", ""),
        ("expand patch-Frechet, each", "", detail, " ".join(f"{row[0]:.2f}" for row in figures["mirror"])),
        ("expand mirror likeness", "<= 0.12", f"{means['ours'][1]:.3f}", f"mirror {means['mirror'][1]:.2f}"),
        ("expand keeps the picture", "yes", "yes" if exact else "NO", ""),
    ]


def _big(folder: Path, side: int) -> np.ndarray:
    _, first = next(photographs(folder))
    return cv2.resize(first, (side, side), interpolation=cv2.INTER_CUBIC)


def _delete_megapixel(folder: Path) -> None:
    rgb = _big(folder, 1024)
    hole = np.zeros((1024, 1024), bool)
    hole[400:629, 500:729] = True
    deleted(rgb, hole)


def _delete_large(folder: Path) -> None:
    rgb = _big(folder, 4096)
    hole = np.zeros((4096, 4096), bool)
    hole[1600:2516, 1600:2516] = True
    deleted(rgb, hole)


def _expand_side(side: int) -> Callable[[Path], None]:
    return lambda folder: void(expand(EditRequest("wan/expand", (Picture(_big(folder, side)),), parameters=SCALES)))


def void(_: object) -> None:
    """Drop a result."""


JOBS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "deletion, 1 Mpx, 5 % hole": ("<= 5 CPU-s", _delete_megapixel),
    "deletion, 4096 px, 5 % hole": ("<= 90 s, 1500 MB", _delete_large),
    "expand 512 -> 768": ("<= 2 CPU-s", _expand_side(512)),
    "expand 1024 -> 1536": ("<= 5 CPU-s, 900 MB", _expand_side(1024)),
    "expand 4096 -> 6144": ("<= 90 s, 1500 MB", _expand_side(4096)),
}


def costs(folder: Path) -> list[Row]:
    """CPU seconds and peak memory, each in a process of its own."""
    rows = []
    for name, (goal, _) in JOBS.items():
        command = [sys.executable, __file__, str(folder), "--job", name]
        measured = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        rows.append((name, goal, measured, ""))
    return rows


def _run_job(folder: Path, name: str) -> None:
    import resource  # not on Windows, where only the costs can't be measured

    start = time.process_time()
    JOBS[name][1](folder)
    spent = time.process_time() - start
    print(f"{spent:.1f} CPU-s, {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def measure(folder: Path = PHOTOS) -> list[Row]:
    """Rows of metric, goal, measured, baseline."""
    pictures = [rgb for _, rgb in photographs(folder)]
    return [*deletion(pictures), *growing(pictures), *costs(folder)]


if __name__ == "__main__":
    _run_job(Path(sys.argv[1]), sys.argv[-1])
