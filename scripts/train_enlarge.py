"""Train the nets of `wanflow.pixels.enlarge` anew: ``python scripts/train_enlarge.py`` (four minutes of one core).

Only public-domain and CC0 pictures are read (scripts/training_data/LICENSES.md); seeded, so the same numpy and
Pillow give the same file on any x86-64 with AVX2, byte for byte. The net sees a patch of luminance and
predicts what Lanczos misses; it is trained on what users bring: pictures made small by several kernels, half of
them JPEG-coded.
"""

from __future__ import annotations

import argparse
import io
import os
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

# Sums split over threads round differently; one thread gives the same weights on every run.
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
# So do the kernels for other processors, of which OpenBLAS takes the newest; this one is on every x86-64 since 2013.
os.environ["OPENBLAS_CORETYPE"] = "Haswell"

import numpy as np
from PIL import Image, ImageFilter

HERE = Path(__file__).parent
PHOTOS = HERE.parent / "tests" / "photos"
TRAINED_ON = ("astronaut", "camera", "coffee", "hubble_deep_field", "rocket")
WEIGHTS = HERE.parent / "wanflow" / "pixels" / "weights" / "enlarge.npz"
SIDE = 9
HIDDEN = (96, 48)
STEPS = {2: 50_000, 3: 30_000, 4: 20_000}  # held-out photographs still gained beyond four times fewer steps
RATE = 5e-3  # at 2e-3 training is slower, at 1.2e-2 it ends worse
# Blurs of the soft copies; the stronger one halves what a soft JPEG loses at three times, and costs others 0.01 dB.
SOFT = {2: (0.8,), 3: (0.8, 1.6), 4: (0.8, 1.6)}
# Differences of neighbours and what Lanczos misses are small numbers; scaled to about one they train faster.
IN_SCALE, OUT_SCALE = 6.0, 20.0
KERNELS = (Image.Resampling.BICUBIC, Image.Resampling.BICUBIC, Image.Resampling.BOX, Image.Resampling.LANCZOS)


@dataclass
class Samples:
    """Patches (n, SIDE²) in 0-255, what Lanczos misses there (n, factor²) in 0-1, and which were coded."""

    patches: np.ndarray
    targets: np.ndarray
    coded: np.ndarray


def sources(blurs: tuple[float, ...]) -> list[Image.Image]:
    """Luminance of the training pictures: full size, 0.7 and 0.5 (sharper than cameras) and out of focus."""
    paths = [PHOTOS / f"{name}.jpg" for name in TRAINED_ON] + sorted((HERE / "training_data").glob("*.png"))
    pictures = []
    for path in paths:
        full = Image.open(path).convert("L")
        for scale in (1.0, 0.7, 0.5):
            size = round(full.width * scale), round(full.height * scale)
            pictures.append(full.resize(size, Image.Resampling.LANCZOS) if scale < 1 else full)
        pictures += [full.filter(ImageFilter.GaussianBlur(sigma)) for sigma in blurs]
    return pictures


def recode(small: Image.Image, quality: int) -> Image.Image:
    """The picture after one JPEG coding."""
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("L")


def pairs(factor: int, rng: np.random.Generator) -> Samples:
    """Each training picture made small in random ways, `factor` times as it is and as often JPEG-coded."""
    patches, targets, coded = [], [], []
    half = SIDE // 2
    for picture in sources(SOFT[factor]):
        for turn in range(factor * 2):
            shift = rng.integers(0, factor, 2)
            w = (picture.width - shift[0]) // factor
            h = (picture.height - shift[1]) // factor
            truth = picture.crop((shift[0], shift[1], shift[0] + w * factor, shift[1] + h * factor))
            small = truth.resize((w, h), KERNELS[rng.integers(len(KERNELS))])
            is_coded = turn % 2 == 1
            if is_coded:
                small = recode(small, int(rng.integers(70, 96)))
            big = small.resize(truth.size, Image.Resampling.LANCZOS)
            miss = (np.asarray(truth, np.float32) - np.asarray(big, np.float32)) / 255
            padded = np.pad(np.asarray(small, np.float32) / 255, half, mode="edge")
            views = np.lib.stride_tricks.sliding_window_view(padded, (SIDE, SIDE))
            cells = miss.reshape(h, factor, w, factor).transpose(0, 2, 1, 3)
            # A flat sky teaches nothing that a tenth of it does not.
            busy = np.ptp(views, axis=(2, 3)) > 0.04
            keep = rng.random((h, w)) < np.where(busy, 0.7, 0.1)
            patches.append((views[keep] * 255).astype(np.uint8).reshape(-1, SIDE * SIDE))
            targets.append(cells[keep].reshape(-1, factor * factor).astype(np.float16))
            coded.append(np.full(len(targets[-1]), is_coded))
    return Samples(np.concatenate(patches), np.concatenate(targets), np.concatenate(coded))


def symmetries(side: int) -> list[np.ndarray]:
    """The eight turns and mirrors of a square, as orders of its cells."""
    grid = np.arange(side * side).reshape(side, side)
    return [np.rot90(g, k).ravel() for g in (grid, grid[:, ::-1]) for k in range(4)]


def start(factor: int, rng: np.random.Generator) -> list[np.ndarray]:
    """He initialisation; the last layer starts near zero, so that training starts from Lanczos."""
    sizes = (SIDE * SIDE + 1, *HIDDEN, factor * factor)
    net = []
    for i, (n, m) in enumerate(pairwise(sizes)):
        gain = np.sqrt(2 / n) if i < len(HIDDEN) else 0.01
        net += [rng.normal(0, gain, (m, n)).astype(np.float32), np.zeros((m, 1), np.float32)]
    return net


def forward(net: list[np.ndarray], x: np.ndarray) -> list[np.ndarray]:
    """Inputs and activations of every layer, the residual last."""
    steps = [x]
    for i in range(0, len(net), 2):
        y = net[i] @ steps[-1] + net[i + 1]
        steps.append(np.maximum(y, 0) if i < len(net) - 2 else y)
    return steps


def gradients(net: list[np.ndarray], steps: list[np.ndarray], error: np.ndarray) -> list[np.ndarray]:
    """Back-propagation of d(loss)/d(output)."""
    out: list[np.ndarray] = []
    for i in range(len(net) - 2, -1, -2):
        out[:0] = [error @ steps[i // 2].T, error.sum(1, keepdims=True)]
        if i:
            error = (net[i].T @ error) * (steps[i // 2] > 0)
    return out


def train(factor: int, steps: int, batch: int, seed: int) -> list[np.ndarray]:
    """Adam with a cosine fall of the step; patches are turned and mirrored at random."""
    rng = np.random.default_rng(seed)
    data = pairs(factor, rng)
    print(f"x{factor}: {len(data.targets)} patches", flush=True)
    net = start(factor, rng)
    first, second = [np.zeros_like(w) for w in net], [np.zeros_like(w) for w in net]
    turns_in, turns_out = symmetries(SIDE), symmetries(factor)
    centre = SIDE * SIDE // 2
    running = 1.0
    for step in range(1, steps + 1):
        chosen = rng.integers(0, len(data.targets), batch)
        turn = rng.integers(8)
        patch = data.patches[chosen].T[turns_in[turn]].astype(np.float32) / 255
        x = np.concatenate([(patch - patch[centre]) * IN_SCALE, data.coded[None, chosen].astype(np.float32)])
        target = data.targets[chosen].T[turns_out[turn]].astype(np.float32) * OUT_SCALE
        trace = forward(net, x)
        miss = trace[-1] - target
        running += 0.001 * (float((miss**2).mean() / max((target**2).mean(), 1e-9)) - running)
        slopes = gradients(net, trace, miss / batch)
        rate = RATE * 0.5 * (1 + np.cos(np.pi * step / steps)) * min(1, step / 200) + 1e-6
        for w, g, m, v in zip(net, slopes, first, second, strict=True):
            m += 0.1 * (g - m)
            v += 0.001 * (g * g - v)
            w -= rate * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
        if step % 10_000 == 0:
            print(f"  step {step}: error left {running:.4f}", flush=True)
    net[0][:, :-1] *= IN_SCALE
    net[4] /= OUT_SCALE
    return net


def store(path: Path, factor: int, net: list[np.ndarray]) -> None:
    """Put one factor's net beside the others in the file, so that an interrupted run keeps what is done."""
    arrays = {}
    if path.exists():
        with np.load(path) as stored:
            arrays = dict(stored)
    arrays |= {f"x{factor}.{i}": w.astype(np.float16) for i, w in enumerate(net)}
    np.savez_compressed(path, **{name: arrays[name] for name in sorted(arrays)})


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the enlarging nets anew.")
    parser.add_argument("--factors", type=int, nargs="+", default=[2, 3, 4])
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    wanted = parser.parse_args()
    for factor in wanted.factors:
        store(wanted.out, factor, train(factor, STEPS[factor], wanted.batch, seed=factor))


if __name__ == "__main__":
    main()
