"""Train the net of `wanflow.pixels.spotting` anew: ``python scripts/train_text_detector.py`` (30 minutes of a core).

All its fonts are needed: ``pip install -e '.[bench]'``.

It learns from made-up texts (`composites.py`) over public-domain and CC0 photographs (tests/photos/LICENSES.md,
scripts/training_data/LICENSES.md) and textures made here; seeded, so the same numpy, OpenCV, Pillow and fonts give
the same file on any x86-64 with AVX2. `--without NAME` leaves a photograph out, to be judged on it.

Verified with numpy 2.4.6, OpenCV 5.0.0, Pillow 13.0.0 on x86-64: courses 1 to 3 run twice, the second time in one go,
gave the same bytes after each; course 4, run twice from the file of course 3, gave the
weights shipped both times. With AVX-512 kernels the file differs from course 3 on, at the latest.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path

# Sums split over threads round differently; one thread gives the same weights on every run.
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
# So do the kernels for other processors, of which OpenBLAS takes the newest; this one is on every x86-64 since 2013.
os.environ["OPENBLAS_CORETYPE"] = "Haswell"

import numpy as np
from composites import INK, UNSURE, sample
from PIL import Image

from wanflow.pixels.spotting import WEIGHTS, cells, planes

HERE = Path(__file__).parent
PHOTOS = HERE.parent / "tests" / "photos"
TRAINED_ON = ("astronaut", "camera", "coffee", "hubble_deep_field", "rocket")
SIDE = 160
WIDTHS = (16, 24, 36, 40)
SEEN = 5
BATCH = 6
# Ink is a twentieth of the pixels; weighed so, the net neither misses thin strokes nor sees them everywhere.
INK_WEIGHT = 2.0
Net = dict[str, np.ndarray]


@dataclass(frozen=True)
class Stage:
    """One course of training: so many steps over so many examples, with a first step size; see `composites.sample`."""

    seed: int
    steps: int
    examples: int
    rate: float
    faint: float
    busy: bool


# The later courses are harder; begun with, they would teach slower.
STAGES = (
    Stage(1, 4000, 12_000, 3e-3, 0.45, False),
    Stage(2, 2600, 9000, 2e-3, 0.6, True),
    Stage(3, 1700, 6000, 2e-3, 0.6, True),
    Stage(4, 2000, 7000, 2e-3, 0.8, True),
)


def start(rng: np.random.Generator) -> Net:
    """He initialisation; what the coarser levels add starts small."""
    net: Net = {}

    def kernel(name: str, out: int, given: int, gain: float = 1.0) -> None:
        net[f"{name}.w"] = (rng.normal(0, gain * np.sqrt(2 / given), (out, given))).astype(np.float32)

    before = SEEN * 4
    for level, width in enumerate(WIDTHS):
        for part in "ab":
            kernel(f"down{level}{part}", width, before * 9)
            before = width
    for level in (2, 1, 0):
        kernel(f"up{level}", WIDTHS[level], WIDTHS[level + 1], 0.5)
        kernel(f"merge{level}", WIDTHS[level], WIDTHS[level] * 9)
    kernel("out", 4, WIDTHS[0] * 9, 0.1)
    for name in [name for name in net if not name.startswith("up")]:
        net[name[:-1] + "b"] = np.zeros((len(net[name]), 1), np.float32)
    net["out.b"] -= 2
    return net


class Pass:
    """One batch forwards and backwards; planes are (channels, batch, h, w)."""

    def __init__(self, net: Net) -> None:
        self.net, self.slopes = net, {}
        self.undo: list = []

    def kernel(self, name: str, x: np.ndarray, rectified: bool = True) -> np.ndarray:
        c, n, h, w = x.shape
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        around = np.stack([padded[:, :, dy : dy + h, dx : dx + w] for dy in range(3) for dx in range(3)])
        around = around.reshape(9 * c, -1)
        weights = self.net[f"{name}.w"]
        out = weights @ around + self.net[f"{name}.b"]
        if rectified:
            np.maximum(out, 0, out=out)

        def back(error: np.ndarray) -> np.ndarray:
            error = error.reshape(len(weights), -1)
            if rectified:
                error = error * (out > 0)
            self.slopes[f"{name}.w"] = error @ around.T
            self.slopes[f"{name}.b"] = error.sum(1, keepdims=True)
            if name == "down0a":
                return x  # nobody asks what the picture should have been
            spread = (weights.T @ error).reshape(3, 3, c, n, h, w)
            given = np.zeros_like(padded)
            for dy in range(3):
                for dx in range(3):
                    given[:, :, dy : dy + h, dx : dx + w] += spread[dy, dx]
            return given[:, :, 1:-1, 1:-1]

        self.undo.append(back)
        return out.reshape(-1, n, h, w)

    def down(self, x: np.ndarray) -> np.ndarray:
        c, n, h, w = x.shape
        parts = x.reshape(c, n, h // 2, 2, w // 2, 2)
        out = parts.max(axis=(3, 5))
        self.undo.append(
            lambda error: ((parts == out[:, :, :, None, :, None]) * error[:, :, :, None, :, None]).reshape(x.shape)
        )
        return out

    def up(self, name: str, x: np.ndarray) -> np.ndarray:
        c, n, h, w = x.shape
        weights = self.net[f"{name}.w"]
        mixed = (weights @ x.reshape(c, -1)).reshape(-1, n, h, 1, w, 1)

        def back(error: np.ndarray) -> np.ndarray:
            error = error.reshape(len(weights), n, h, 2, w, 2).sum(axis=(3, 5)).reshape(len(weights), -1)
            self.slopes[f"{name}.w"] = error @ x.reshape(c, -1).T
            return (weights.T @ error).reshape(x.shape)

        self.undo.append(back)
        return np.broadcast_to(mixed, (len(weights), n, h, 2, w, 2)).reshape(-1, n, 2 * h, 2 * w)

    def forward(self, x: np.ndarray) -> np.ndarray:
        kept = []
        for level in range(4):
            x = self.down(x) if level else x
            for part in "ab":
                x = self.kernel(f"down{level}{part}", x)
            kept.append(x)
        for level in (2, 1, 0):
            x = self.kernel(f"merge{level}", kept[level] + self.up(f"up{level}", x))
        return self.kernel("out", x, rectified=False)

    def backward(self, error: np.ndarray) -> Net:
        take = self.undo.pop
        error, sides = take()(error), {}
        for level in (0, 1, 2):
            error = sides[level] = take()(error)
            error = take()(error)
        for level in (3, 2, 1, 0):
            error = error + sides.get(level, 0)
            for _ in "ab":
                error = take()(error)
            error = take()(error) if level else error
        return self.slopes


def pool(stage: Stage, rng: np.random.Generator, without: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Examples of all sources in turn; some on made-up grounds."""
    paths = [PHOTOS / f"{name}.jpg" for name in TRAINED_ON if name != without]
    sources = [np.asarray(Image.open(path).convert("RGB")) for path in paths]
    textures = [np.asarray(Image.open(p).convert("RGB")) for p in sorted((HERE / "training_data").glob("*.png"))]
    made_up = [None] * (7 if stage.busy else 2)
    cycle = [*sources, *sources, textures[0], *sources, textures[1], *sources, textures[2], *made_up]
    return [sample(rng, cycle[i % len(cycle)], SIDE, stage.faint, stage.busy) for i in range(stage.examples)]


def batch(examples: list[tuple[np.ndarray, np.ndarray]], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Planes (20, n, side/2, side/2) and truths (4, n, side/2, side/2) of some examples, mirrored at random."""
    seen, truths = [], []
    for chosen in rng.integers(0, len(examples), BATCH):
        rgb, truth = examples[chosen]
        if rng.random() < 0.5:
            rgb, truth = 255 - rgb, truth
        if rng.random() < 0.3:
            rgb, truth = np.ascontiguousarray(rgb[::-1]), truth[::-1]
        seen.append(cells(planes(rgb)))
        truths.append(cells(truth[None]))
    return np.stack(seen, axis=1), np.stack(truths, axis=1)


def train(stage: Stage, net: Net | None, without: str) -> Net:
    """Adam with a cosine fall of the step over weighed cross-entropy; goes on from `net` if there is one."""
    rng = np.random.default_rng(stage.seed)
    examples = pool(stage, rng, without)
    print(f"{len(examples)} examples", flush=True)
    net = start(rng) if net is None else net
    first, second = ({k: np.zeros_like(w) for k, w in net.items()} for _ in range(2))
    running, began = 0.3, time.process_time()
    for step in range(1, stage.steps + 1):
        seen, truth = batch(examples, rng)
        run = Pass(net)
        chance = 1 / (1 + np.exp(-np.clip(run.forward(seen), -30, 30)))
        is_ink = truth == INK
        weight = (1 + (INK_WEIGHT - 1) * is_ink) * (truth != UNSURE)
        loss = -(weight * np.log(np.where(is_ink, chance, 1 - chance) + 1e-7)).mean()
        running += 0.01 * (float(loss) - running)
        slopes = run.backward((weight * (chance - is_ink) / truth[0].size * 0.25).astype(np.float32))
        rate = stage.rate * 0.5 * (1 + np.cos(np.pi * step / stage.steps)) * min(1, step / 100) + 1e-6
        norm = np.sqrt(sum(float((g * g).sum()) for g in slopes.values()))
        calm = min(1.0, 1.0 / (norm + 1e-9))
        for name, w in net.items():
            g, m, v = slopes[name] * calm, first[name], second[name]
            m += 0.1 * (g - m)
            v += 0.001 * (g * g - v)
            w -= rate * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
        if step % 100 == 0:
            print(f"  step {step}: loss {running:.4f}, {time.process_time() - began:.0f} CPU-s", flush=True)
    return net


def store(path: Path, net: Net) -> None:
    np.savez_compressed(path, **{name: net[name].astype(np.float16) for name in sorted(net)})


def load(path: Path) -> Net:
    with np.load(path) as stored:
        return {name: stored[name].astype(np.float32) for name in stored.files}


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the text detector anew.")
    parser.add_argument("--without", default="", choices=["", *TRAINED_ON])
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    parser.add_argument("--stages", type=int, nargs="+", default=[1, 2, 3, 4], help="3 4 goes on from what is in --out")
    wanted = parser.parse_args()
    for number in wanted.stages:
        net = load(wanted.out) if number > 1 else None
        store(wanted.out, train(STAGES[number - 1], net, wanted.without))


if __name__ == "__main__":
    main()
